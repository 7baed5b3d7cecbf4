"""The contract between the kernel and its plugins: every hook, in the order of a request.

Hooks of one application are declared with pluggy, under the name ``trivet``. Every hook may be implemented by a
function or a coroutine function, on both protocols; ``@hookimpl(wrapper=True)`` turns a generator (or an
asynchronous generator) into a wrapper around all the others. An implementation may take fewer arguments than the
hook has.
"""

import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any, TypeVar, overload

import pluggy

F = TypeVar("F", bound=Callable[..., Any])


class HookimplMarker:
    """pluggy's marker, for asynchronous wrappers too.

    pluggy accepts generator functions only as wrappers. For an asynchronous one it is given a generator function of
    the same signature, which carries the real one; compiled chains run that.
    """

    def __init__(self, project_name: str) -> None:
        self._mark = pluggy.HookimplMarker(project_name)

    @overload
    def __call__(self, function: F, **options: Any) -> F: ...
    @overload
    def __call__(self, function: None = None, **options: Any) -> Callable[[F], F]: ...
    def __call__(self, function: Any = None, **options: Any) -> Any:
        """Mark ``function``, or return a decorator that does; the options are pluggy's."""
        if function is None:
            return functools.partial(self, **options)
        if options.get("wrapper") and inspect.isasyncgenfunction(function):
            function = _stand_in(function)
        return self._mark(function, **options)


def _stand_in(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def stand_in(*args: Any, **kwargs: Any) -> Generator[None, Any, Any]:
        yield
        raise TypeError(f"The asynchronous hook wrapper {function.__qualname__}() can only be run by a compiled chain.")

    stand_in.asynchronous = function  # type: ignore[attr-defined]
    return stand_in


#: Declares a hook of a plugin's own: see :func:`trivet_addhooks`.
hookspec = pluggy.HookspecMarker("trivet")
#: Marks a function as the implementation of the hook whose name it has.
hookimpl = HookimplMarker("trivet")

#: The version of this contract; raised when a hook changes its meaning or goes away.
CONTRACT_VERSION = 1


@hookspec
def trivet_addhooks(manager: Any) -> None:
    """Bring hooks of your own.

    Runs once, when the plugin is registered, before any other hook.

    :param manager: the application's :class:`~trivet.PluginManager`; call ``manager.add_hookspecs(module)``.

    ::

        @hookimpl
        def trivet_addhooks(manager):
            from types import SimpleNamespace

            @hookspec
            def shop_order_placed(order):
                '''Called after an order was stored.'''

            manager.add_hookspecs(SimpleNamespace(shop_order_placed=shop_order_placed))
    """


@hookspec
def trivet_setup(app: Any, options: Any) -> None:
    """Add routes, blueprints, converters, keys: whatever the plugin contributes to the application.

    Runs once per plugin when setup ends, in dependency order. A plugin's implementation is called with that
    plugin's own options.

    :param app: the application.
    :param options: the plugin's validated options, or ``None`` if its manifest declares none.

    ::

        @hookimpl
        def trivet_setup(app, options):
            @app.get("/ping")
            def ping():
                return "pong"
    """


@hookspec
def trivet_commands(app: Any) -> Any:
    """Return the click commands that the plugin adds to the ``trivet`` command.

    Runs when the command is used.

    :return: one click command, or a list of them.

    ::

        import click

        @hookimpl
        def trivet_commands(app):
            @click.command("greet")
            def greet():
                click.echo(f"Hello from {app.name}")

            return greet
    """


@hookspec
def trivet_shell_context(app: Any) -> Any:
    """Return a dictionary of names for ``trivet shell``.

    ::

        @hookimpl
        def trivet_shell_context(app):
            return {"routes": list(app.url_map.iter_rules())}
    """


@hookspec
def trivet_startup(app: Any) -> None:
    """Open what a serving process needs: pools, clients, background work.

    Runs once in every process that serves, after any fork, before its first request: at the start of the ASGI
    lifespan, or where there is none, when the first request arrives. May be ``async``.

    ::

        @hookimpl
        async def trivet_startup(app):
            app.extensions["started"] = True
    """


@hookspec
def trivet_shutdown(app: Any) -> None:
    """Close what :func:`trivet_startup` opened.

    Runs once at the end of the ASGI lifespan, or where there is none, when the process exits. Every
    implementation runs, whatever another one raises.

    ::

        @hookimpl
        def trivet_shutdown(app):
            app.extensions.pop("started", None)
    """


@hookspec(firstresult=True)
def trivet_handle_request(ctx: Any) -> Any:
    """Answer the whole request.

    Runs for every request and WebSocket handshake, after routing. The first value that is not ``None`` is the
    response; last of all the kernel's lifecycle is asked. A wrapper sees every answer, errors included.

    :param ctx: the request's context.
    :return: a response object, or ``None`` to leave the request to others.

    ::

        @hookimpl(wrapper=True)
        def trivet_handle_request(ctx):
            response = yield
            response.headers["X-Served-By"] = ctx.app.name
            return response
    """


@hookspec(firstresult=True)
def trivet_before_request(ctx: Any) -> Any:
    """Look at a routed request before its view.

    :return: ``None`` to go on; anything else answers instead of the view.

    ::

        @hookimpl
        def trivet_before_request(ctx):
            if ctx.header("X-Maintenance") == "on":
                return "Back soon.", 503
    """


@hookspec(firstresult=True)
def trivet_call_view(ctx: Any) -> Any:
    """Call the view: for injection, transactions, timing.

    Last of all the kernel calls ``view(**ctx.view_args)``. Not called where no rule matched.

    :return: what the view returned.

    ::

        @hookimpl(wrapper=True)
        def trivet_call_view(ctx):
            ctx.g.entered = True
            return (yield)
    """


@hookspec(firstresult=True)
def trivet_make_response(ctx: Any, value: Any) -> Any:
    """Turn what a view, a before-function or an error handler returned into a response.

    :param value: never a mere exception; whatever the view returned.
    :return: a response of the application's ``response_class``, or ``None`` to leave it to others.

    ::

        @hookimpl
        def trivet_make_response(ctx, value):
            if isinstance(value, complex):
                return ctx.app.response_class(f"{value.real} + {value.imag}i")
    """


@hookspec(firstresult=True)
def trivet_handle_error(ctx: Any, error: Exception) -> Any:
    """Answer an exception.

    Runs for every exception out of routing, before-functions, the view or after-functions, HTTP errors such as
    404 included.

    :return: anything a view may return, or ``None`` to leave the error to others.

    ::

        @hookimpl
        def trivet_handle_error(ctx, error):
            if isinstance(error, TimeoutError):
                return "Too slow.", 504
    """


@hookspec
def trivet_after_request(ctx: Any, response: Any) -> None:
    """Change a finished response: headers, cookies.

    Runs for every answer, errors included, unless one of these functions failed. The response is changed in
    place; ``response.become(other)`` replaces it whole.

    ::

        @hookimpl
        def trivet_after_request(ctx, response):
            response.headers["X-Handled-By"] = ctx.app.name
    """


@hookspec
def trivet_describe(app: Any) -> Any:
    """Return lines of text that ``trivet doctor`` shows for the plugin: its state, and what is wrong.

    :return: a list of strings; one that begins with ``"warning:"`` or ``"error:"`` counts as such.

    ::

        @hookimpl
        def trivet_describe(app):
            return [f"{len(app.view_functions)} views"]
    """


# Hooks that built-in plugins bring.


@hookspec
def trivet_template_context(ctx: Any) -> Any:
    """Return a dictionary of names for every template that is rendered; the template's own names win.

    ::

        @hookimpl
        def trivet_template_context(ctx):
            return {"site": ctx.app.name}
    """


@hookspec(firstresult=True)
def trivet_json_provider(app: Any) -> Any:
    """Return the object that reads and writes JSON for the application, made once.

    :return: a :class:`~trivet.json.provider.JSONProvider`.

    ::

        from trivet.json.provider import DefaultJSONProvider

        @hookimpl
        def trivet_json_provider(app):
            provider = DefaultJSONProvider(app)
            provider.sort_keys = False
            return provider
    """


@hookspec(firstresult=True)
def trivet_open_session(ctx: Any) -> Any:
    """Open the session of a request, when somebody first looks at it.

    :return: a mapping with the attributes of :class:`~trivet.sessions.SessionMixin`, or ``None``.

    ::

        from trivet.sessions import SecureCookieSession

        @hookimpl
        def trivet_open_session(ctx):
            if ctx.header("X-No-Session"):
                return SecureCookieSession()
    """


@hookspec(firstresult=True)
def trivet_save_session(ctx: Any, session: Any, response: Any) -> Any:
    """Write a session that was opened to the response.

    :return: ``True`` if it has been saved, ``None`` to leave it to others.

    ::

        @hookimpl
        def trivet_save_session(ctx, session, response):
            if ctx.header("X-No-Session"):
                return True
    """
