"""``flask.app``: the application."""

import inspect
import os
import warnings
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

import click
from werkzeug import serving
from werkzeug.datastructures import ImmutableDict
from werkzeug.exceptions import Aborter, BadRequestKeyError

from trivet import Trivet
from trivet.builtin.assembly import DEFAULT_CONFIG
from trivet.builtin.callbacks import Callbacks
from trivet.kernel.chains import is_coroutine_function
from trivet.kernel.lifecycle import respond
from trivet.kernel.routing import RuleMap
from trivet.scaffold import setupmethod

from .bridging import by_protocol
from .cli import AppGroup, show_server_banner
from .cli import load_dotenv as load_dotenv_files
from .config import Config, ConfigAttribute
from .ctx import AppContext, AsgiRequestContext, RequestContext, _AppCtxGlobals
from .helpers import get_debug_flag, get_load_dotenv
from .methods import OVERRIDABLE, Methods, by_methods
from .sansio.scaffold import find_package
from .templating import DispatchingJinjaLoader, Environment
from .testing import EnvironBuilder, FlaskClient, FlaskCliRunner
from .watched import WatchedDict, WatchedList, handlers, lists
from .wrappers import Request, Response

__all__ = ["Flask"]


class _Map(RuleMap):
    """A map of rules that tells when it gets one."""

    tell: Any = staticmethod(lambda: None)

    def add(self, rulefactory: Any) -> None:
        """Add a rule, or all rules of a factory."""
        super().add(rulefactory)
        self.tell()


def _leave_asgi_to_trivet(cls: type["Flask"]) -> None:
    """Let a ``__call__`` put over ours that takes the arguments of WSGI only be passed by under ASGI."""
    call: Any = cls.__call__
    names = [] if call is Trivet.__call__ else list(inspect.signature(call).parameters.values())
    if len(names) != 3 or any(name.kind is not name.POSITIONAL_OR_KEYWORD for name in names):
        return

    @wraps(call)
    def by_protocol(self: Any, environ: Any, start_response: Any = None, send: Any = None) -> Any:
        if start_response is None or send is not None:
            return Trivet.__call__(self, environ, start_response, send)
        return call(self, environ, start_response)

    owner = next(one for one in cls.__mro__ if "__call__" in one.__dict__)
    (owner if issubclass(owner, Flask) else cls).__call__ = by_protocol  # type: ignore[method-assign]


class Flask(Methods, Trivet):
    """An application: Trivet's, with Flask's own defaults, registries and methods."""

    default_config = ImmutableDict(
        {
            **DEFAULT_CONFIG,
            "MAX_CONTENT_LENGTH": None,
            "PERMANENT_SESSION_LIFETIME": timedelta(days=31),
            "SESSION_COOKIE_SAMESITE": None,
            "SESSION_COOKIE_SECURE": False,
        }
    )
    left_out = ("csrf",)
    checks_settings = False
    request_class = Request
    response_class = Response
    aborter_class = Aborter
    config_class = Config
    app_ctx_globals_class = _AppCtxGlobals
    jinja_environment: Any = Environment
    url_map_class = _Map
    #: What :meth:`create_jinja_environment` passes to the environment; a subclass may have its own.
    jinja_options: Any = {}  # noqa: RUF012 - an application gets a copy
    test_client_class: Any = None
    test_cli_runner_class: Any = None
    context_class = AppContext
    wsgi_context_class = RequestContext
    asgi_context_class = AsgiRequestContext
    permanent_session_lifetime = ConfigAttribute[timedelta](
        "PERMANENT_SESSION_LIFETIME",
        lambda value: value if isinstance(value, timedelta) else timedelta(seconds=value),
    )

    #: What a plugin makes of an asynchronous WebSocket view.
    asgi_socket_view: Callable[..., Any] = staticmethod(lambda view: view)
    _got_first_request = False
    _stale = False
    _watching = False

    def __init__(
        self,
        import_name: str,
        static_url_path: str | None = None,
        static_folder: str | os.PathLike[str] | None = "static",
        static_host: str | None = None,
        host_matching: bool = False,
        subdomain_matching: bool = False,
        template_folder: str | os.PathLike[str] | None = "templates",
        instance_path: str | None = None,
        instance_relative_config: bool = False,
        root_path: str | None = None,
    ) -> None:
        _leave_asgi_to_trivet(type(self))
        super().__init__(
            import_name,
            static_url_path,
            static_folder,
            static_host,
            host_matching,
            subdomain_matching,
            template_folder,
            instance_path,
            instance_relative_config,
            root_path,
        )
        self.jinja_options = dict(type(self).jinja_options)
        self._watch()
        self.check_host.lenient = True
        self.errors.traps = self.trap_http_exception
        self.callbacks.find_handler = self._find_handler  # type: ignore[method-assign]
        self.cli = AppGroup(self.name)
        self.asgi = self.__dict__["__call__"] = by_protocol(self, self.asgi)

    def _find_handler(self, error: Exception, ctx: Any) -> Any:
        """Find the handler of an error; that of a missing form field says which, where somebody is to see it."""
        if isinstance(error, BadRequestKeyError) and (self.debug or self.config["TRAP_BAD_REQUEST_ERRORS"]):
            error.show_exception = True
        return Callbacks.find_handler(self.callbacks, error, ctx)

    def make_config(self, instance_relative: bool = False) -> Any:
        """Make the configuration, from :attr:`default_config`."""
        config = super().make_config(instance_relative)
        config["DEBUG"] = get_debug_flag()
        return config

    def auto_find_instance_path(self) -> str:
        """Return the default instance folder: beside the module or package, or below ``var`` if it is installed."""
        prefix, package_path = find_package(self.import_name)
        if prefix is None:
            return os.path.join(package_path, "instance")
        return os.path.join(prefix, "var", f"{self.name}-instance")

    # -- what may be changed at any time

    def _watch(self) -> None:
        """Make registries, rules and overridable methods tell when they are changed."""
        tell = self._changed
        for name in (
            "before_request_funcs",
            "after_request_funcs",
            "teardown_request_funcs",
            "template_context_processors",
            "url_value_preprocessors",
            "url_default_functions",
        ):
            registry = lists(tell)
            registry.update(getattr(self, name))
            setattr(self, name, registry)
        self.error_handler_spec = handlers(tell)
        self.view_functions = WatchedDict(tell, None, self.view_functions)
        self.teardown_appcontext_funcs = WatchedList(tell, self.teardown_appcontext_funcs)
        self.url_map.tell = tell  # type: ignore[attr-defined]
        self._watching = True

    def _changed(self) -> None:
        """See to it that the next request finds what has been changed."""
        if self.sealed:
            self.__dict__["_stale"] = True
            self.__dict__["ready"] = False

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in OVERRIDABLE or name == "session_interface":
            self._changed()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name in OVERRIDABLE:
            self._changed()

    def _overridden(self) -> bool:
        own, cls = self.__dict__, type(self)
        return any(name in own or getattr(cls, name) is not getattr(Flask, name) for name in OVERRIDABLE)

    # -- setup, which does not end

    def _check_setup_finished(self, name: str) -> None:
        if self._got_first_request:
            raise AssertionError(
                f"The setup method '{name}' can no longer be called on the application. It has already handled its "
                "first request, any changes will not be applied consistently.\nMake sure all imports, decorators, "
                "functions, etc. needed to set up the application are done before running it."
            )

    def check_open(self, what: str) -> None:
        """Do nothing: only :meth:`_check_setup_finished` ends setup."""

    def seal_for(self, reason: str) -> None:
        """Bind everything that has been declared; again, if something has been changed since."""
        if not self.sealed:
            super().seal_for(reason)
        elif self._stale:
            with self._setup_lock:
                self.__dict__["_stale"] = False
                self.rebind()

    def rebind(self) -> None:
        """Compile what a request does: Trivet's way, or by the methods if one of them is overridden."""
        slow = self._overridden()
        self.lifecycle = by_methods if slow else respond
        self.may_stay_on_loop = not slow
        if any(self.teardown_request_funcs.values()) or self.teardown_appcontext_funcs:
            self.callbacks.watch_teardown()
        super().rebind()

    def start(self) -> None:
        """Get ready for the first request, or for the first one after a change."""
        super().start()
        self.__dict__["_got_first_request"] = True

    async def start_on_loop(self) -> None:
        """Get ready for the first request under ASGI."""
        await super().start_on_loop()
        self.__dict__["_got_first_request"] = True

    # -- WebSockets by WSGI, which plain functions answer that get at the server's socket

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Declare a URL rule; with ``websocket=True`` it answers handshakes, and the view may be a plain function."""
        if not options.get("websocket") or view_func is None or is_coroutine_function(view_func):
            super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)
            return
        endpoint = endpoint or view_func.__name__
        super().add_url_rule(rule, endpoint, None, False, **options)
        if self.view_functions.setdefault(endpoint, view_func) is not view_func:
            raise AssertionError(f"View function mapping is overwriting an existing endpoint function: {endpoint}")

    def socket_view(self, view: Callable[..., Any]) -> Callable[..., Any]:
        """Return what the lifecycle calls for the view of a WebSocket."""
        return self.asgi_socket_view(view) if is_coroutine_function(view) else view

    def finish_setup(self) -> None:
        """Set plugins up, in their order."""
        super().finish_setup()
        self.asgi_socket_view = self.__dict__.pop("socket_view", self.asgi_socket_view)

    def route_by_map(self, ctx: Any, websocket: bool = False) -> None:
        """Route by Werkzeug's map; a handshake by WSGI is one, too."""
        environ = {} if websocket else ctx.environ
        asked = environ.get("HTTP_UPGRADE", "").lower() == "websocket"
        super().route_by_map(ctx, websocket or (asked and "upgrade" in environ.get("HTTP_CONNECTION", "").lower()))

    def unmatched(self, ctx: Any) -> Any:
        """Answer a request that no rule matches; in debug mode, a redirect that would lose a form is explained."""
        if self.debug:
            self.raise_routing_exception(ctx.request)
        raise ctx.routing_error

    def error_scopes(self, ctx: Any) -> tuple[str, ...]:
        """Return the blueprints whose error handlers are asked: none where no rule matched."""
        return ctx.plan.scopes if ctx.plan is not None else ()

    # -- contexts

    def provide(self, name: str, compute: Callable[[Any], Any]) -> None:
        """Give every context an attribute; but ``session`` only to those of requests."""
        outside = self.context_class
        super().provide(name, compute)
        if name == "session":
            self.context_class = outside

    def open_session_quietly(self, ctx: Any) -> Any:
        """Open the session of a request without counting it as looked at."""
        session = ctx.session
        session.accessed = False
        return session

    def create_url_adapter(self, request: Any) -> Any:
        """Make what builds and matches URLs; warn if the host asked is not within ``SERVER_NAME``."""
        adapter = super().create_url_adapter(request)
        if request is not None and adapter.subdomain == "<invalid>":
            warnings.warn_explicit(
                f"Current server name {request.host!r} doesn't match configured server name "
                f"{self.config['SERVER_NAME']!r}",
                UserWarning,
                __file__,
                1,
                module="flask.app",  # where those who silence it look for it
            )
        return adapter

    @property
    def propagates_exceptions(self) -> bool:
        """Whether exceptions reach the server or the test: ``PROPAGATE_EXCEPTIONS``, else if testing or debugging."""
        value = self.config["PROPAGATE_EXCEPTIONS"]
        return bool(self.testing or self.debug if value is None else value)

    # -- templates, testing, running

    def create_global_jinja_loader(self) -> Any:
        """Make the loader that finds the templates of the application and its blueprints."""
        return DispatchingJinjaLoader(self)

    def make_environ_builder(self, *args: Any, **kwargs: Any) -> Any:
        """Make the builder of a made-up request."""
        return EnvironBuilder(self, *args, **kwargs)

    def test_client(self, use_cookies: bool = True, **kwargs: Any) -> Any:
        """Return a client that sends requests to the application without a server."""
        cls = self.test_client_class or FlaskClient
        return cls(self, self.response_class, use_cookies=use_cookies, **kwargs)

    def test_cli_runner(self, **kwargs: Any) -> Any:
        """Return a runner of the application's click commands."""
        return (self.test_cli_runner_class or FlaskCliRunner)(self, **kwargs)

    def run(
        self,
        host: str | None = None,
        port: int | None = None,
        debug: bool | None = None,
        load_dotenv: bool = True,
        **options: Any,
    ) -> None:
        """Serve the application for development; does nothing where the ``flask`` command does that already."""
        if os.environ.get("FLASK_RUN_FROM_CLI") == "true":
            if not serving.is_running_from_reloader():
                click.echo(" * Ignoring a call to 'app.run()' that would block the current 'flask' CLI command.")
            return
        if get_load_dotenv(load_dotenv):
            load_dotenv_files()
            if "FLASK_DEBUG" in os.environ:
                self.debug = get_debug_flag()
        if debug is not None:
            self.debug = bool(debug)
        server_host, _, server_port = (self.config.get("SERVER_NAME") or "").partition(":")
        options.setdefault("use_reloader", self.debug)
        options.setdefault("use_debugger", self.debug)
        options.setdefault("threaded", True)
        show_server_banner(self.debug, self.name)
        where = host or server_host or "127.0.0.1"
        number = int(port if port is not None else server_port or 5000)
        try:
            serving.run_simple(where, number, self, **options)
        finally:
            self.__dict__["_got_first_request"] = False
