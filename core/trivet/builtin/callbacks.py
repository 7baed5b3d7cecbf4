"""The functions an application or blueprint registers around requests: before, after, teardown, error handlers."""

from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.routing.exceptions import RoutingException

from ..hookspecs import hookimpl
from ..kernel.chains import Bridge, is_coroutine_function, specialised
from ..kernel.errors import place_of

Function = Callable[..., Any]


class Callbacks:
    """Runs registered functions in Flask's documented order: the application's, then the blueprints', outside in
    before the view and inside out after it.

    What to run is flattened once for each line of blueprints, when setup ends.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    def watch_teardown(self) -> None:
        """See to it that teardown functions run; idle until there are some, so that their absence costs nothing."""
        if self.teardown not in self.app.closers:
            self.app.closers.append(self.teardown)

    # -- before

    @hookimpl
    @specialised("bind_before_request")
    def trivet_before_request(self, ctx: Any) -> Any:
        """Run the preprocessors and before-functions of the request's application and blueprints."""
        run = self.bind_before_request(ctx.plan.scopes, self.app.loops.bridge)
        return run(ctx) if run is not None else None

    def bind_before_request(self, scopes: tuple[str, ...], bridge: Bridge | None) -> Function | None:
        """Return what runs before a request of these blueprints, or ``None``."""
        app, names = self.app, (None, *reversed(scopes))
        preprocessors = _collect(app.url_value_preprocessors, names)
        functions = _collect(app.before_request_funcs, names)
        if not preprocessors and not functions:
            return None
        if bridge is not None:
            functions = tuple(_through(function, bridge) for function in functions)
        elif any(is_coroutine_function(function) for function in functions):
            return _before_async(preprocessors, functions)
        return _before(preprocessors, functions)

    # -- after

    @hookimpl(tryfirst=True)
    @specialised("bind_after_request")
    def trivet_after_request(self, ctx: Any, response: Any) -> None:
        """Run the after-functions, innermost blueprint first; each may return another response."""
        run = self.bind_after_request(ctx.plan.scopes, self.app.loops.bridge)
        if run is not None:
            run(ctx, response)

    def bind_after_request(self, scopes: tuple[str, ...], bridge: Bridge | None) -> Function | None:
        """Return what runs after a request of these blueprints, or ``None``."""
        functions = _collect(self.app.after_request_funcs, (*scopes, None), backwards=True)
        if not functions:
            return None
        if bridge is not None:
            functions = tuple(_through(function, bridge) for function in functions)
        elif any(is_coroutine_function(function) for function in functions):
            return _after_async(functions)
        return _after(functions)

    # -- errors

    @hookimpl
    @specialised("bind_handle_error")
    def trivet_handle_error(self, ctx: Any, error: Exception) -> Any:
        """Call the error handler that fits best, if there is one."""
        run = self.bind_handle_error(ctx.plan.scopes, self.app.loops.bridge)
        return run(ctx, error) if run is not None else None

    def bind_handle_error(self, scopes: tuple[str, ...], bridge: Bridge | None) -> Function | None:
        """Return what answers errors of these blueprints, or ``None`` if no handler is registered at all."""
        spec = self.app.error_handler_spec
        if not any(handlers for by_code in spec.values() for handlers in by_code.values()):
            return None
        find = self.find_handler

        def handle(ctx: Any, error: Exception) -> Any:
            if isinstance(error, RoutingException) or (ctx.failures > 1 and type(error) is not InternalServerError):
                return None  # a redirect out of routing is nobody's error; a handler's own error goes straight to 500
            handler = find(error, ctx)
            if handler is None:
                return None
            if bridge is not None:
                handler = _through(handler, bridge)
            return handler(error)

        if bridge is None and any(
            is_coroutine_function(handler)
            for by_code in spec.values()
            for handlers in by_code.values()
            for handler in handlers.values()
        ):

            async def handle_async(ctx: Any, error: Exception) -> Any:
                value = handle(ctx, error)
                return await value if hasattr(value, "__await__") else value

            return handle_async
        return handle

    def find_handler(self, error: Exception, ctx: Any) -> Function | None:
        """Return the handler for an error: by code before class, blueprint before application, nearest class first."""
        kind = type(error)
        code = error.code if isinstance(error, HTTPException) else None
        if code is None and isinstance(error, HTTPException):
            return None  # a response in the clothes of an exception
        scopes = (*self.app.error_scopes(ctx), None)
        spec = self.app.error_handler_spec
        for wanted in (code, None) if code is not None else (None,):
            for scope in scopes:
                handlers = spec[scope][wanted] if scope in spec and wanted in spec[scope] else None
                if not handlers:
                    continue
                for cls in kind.__mro__:
                    if cls in handlers:
                        return handlers[cls]  # type: ignore[no-any-return]
        return None

    # -- teardown

    def teardown(self, ctx: Any, error: BaseException | None) -> Any:
        """Run teardown functions when a context ends: the request's, innermost blueprint first, then the others."""
        app = self.app
        if not app.teardown_request_funcs and not app.teardown_appcontext_funcs:
            return None
        functions: list[Function] = []
        if ctx.has_request:
            scopes = ctx.plan.scopes if ctx.plan is not None else ()
            functions += _collect(app.teardown_request_funcs, (*scopes, None), backwards=True)
        if not ctx.within:
            functions += reversed(app.teardown_appcontext_funcs)
        if ctx.on_loop:
            return _teardown_async(functions, error)
        _teardown(functions, error, app.loops.bridge)
        return None


def _collect(
    registry: dict[str | None, list[Function]], scopes: Iterable[str | None], backwards: bool = False
) -> tuple[Function, ...]:
    found: list[Function] = []
    for scope in scopes:
        functions = registry.get(scope, ())
        found += reversed(functions) if backwards else functions
    return tuple(found)


def _through(function: Function, bridge: Bridge) -> Function:
    return bridge(function) if is_coroutine_function(function) else function


def _unroll(head: str, step: str, functions: tuple[Function, ...]) -> Function:
    """Write a function that calls all ``functions`` one after the other, and compile it.

    A loop would do the same, but in a loop all calls share one place in the code, and the interpreter then cannot
    adapt it to the one function that is called there. ``{f}`` in ``step`` stands for the function.
    """
    names = {f"f{number}": function for number, function in enumerate(functions)}
    source = head + "".join(step.format(f=name) for name in names)
    scope: dict[str, Any] = {**names, "_replace": _replace}
    exec(compile(source, "<callbacks>", "exec"), scope)  # noqa: S102 - nothing of it comes from outside
    made: Function = scope["run"]
    return made


def _before(preprocessors: tuple[Function, ...], functions: tuple[Function, ...]) -> Function:
    before = _unroll(
        "def run(ctx):\n",
        "    value = {f}()\n    if value is not None: return value\n",
        functions or (_nothing,),
    )
    if not preprocessors:
        return before

    def before_all(ctx: Any) -> Any:
        _preprocess(ctx, preprocessors)
        return before(ctx)

    return before_all


def _nothing() -> None:
    return None


def _before_async(preprocessors: tuple[Function, ...], functions: tuple[Function, ...]) -> Function:
    steps = tuple((function, is_coroutine_function(function)) for function in functions)

    async def before(ctx: Any) -> Any:
        if preprocessors:
            _preprocess(ctx, preprocessors)
        for function, is_async in steps:
            value = function()
            if is_async:
                value = await value
            if value is not None:
                return value
        return None

    return before


def _preprocess(ctx: Any, preprocessors: tuple[Function, ...]) -> None:
    for function in preprocessors:
        function(ctx.endpoint, ctx.own_view_args() if ctx.rule is not None else None)


def _after(functions: tuple[Function, ...]) -> Function:
    return _unroll(
        "def run(ctx, response):\n",
        "    answer = {f}(response)\n    if answer is not response: _replace({f}, response, answer)\n",
        functions,
    )


def _after_async(functions: tuple[Function, ...]) -> Function:
    steps = tuple((function, is_coroutine_function(function)) for function in functions)

    async def after(ctx: Any, response: Any) -> None:
        for function, is_async in steps:
            answer = function(response)
            if is_async:
                answer = await answer
            if answer is not response:
                _replace(function, response, answer)

    return after


def _replace(function: Function, response: Any, answer: Any) -> None:
    if answer is None or not hasattr(answer, "get_wsgi_headers"):
        raise TypeError(
            f"The after-request function {getattr(function, '__name__', function)!r} ({place_of(function)}) returned "
            f"{type(answer).__name__} instead of a response. It must return the response it was given, or another one."
        )
    response.become(answer)


def _teardown(functions: list[Function], error: BaseException | None, bridge: Bridge) -> None:
    failed: BaseException | None = None
    for function in functions:
        try:
            _through(function, bridge)(error)
        except Exception as raised:
            failed = failed or raised
    if failed is not None:
        raise failed


async def _teardown_async(functions: list[Function], error: BaseException | None) -> None:
    failed: BaseException | None = None
    for function in functions:
        try:
            waiting = function(error)
            if hasattr(waiting, "__await__"):
                await waiting
        except Exception as raised:
            failed = failed or raised
    if failed is not None:
        raise failed
