"""The application: a kernel with its plugins put in."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import cached_property
from logging import Logger
from typing import Any, TypeVar, cast

from werkzeug.exceptions import Aborter
from werkzeug.routing import BuildError
from werkzeug.test import Client, EnvironBuilder

from . import settings
from .blueprints import Blueprint
from .builtin import urls
from .builtin.assembly import DEFAULT_CONFIG, assemble
from .builtin.callbacks import Callbacks
from .builtin.csrf import TrustedOrigins
from .builtin.errors import Errors
from .builtin.json import DefaultJSONProvider, JSONProvider, Request, Response
from .builtin.logging import create_logger
from .builtin.responses import trivet_make_response
from .builtin.sessions import SecureCookieSessionInterface, SessionInterface
from .builtin.signing import Signing
from .builtin.static import send_from_directory
from .builtin.templating import EnvironmentClass, Templating
from .builtin.testclient import AppEnvironBuilder, TestClient
from .config import Config, ConfigAttribute
from .kernel.chains import is_coroutine_function
from .kernel.context import Context, RequestContext, current
from .kernel.core import Kernel
from .kernel.errors import ConfigError, place_of
from .kernel.version import __version__
from .loops import BackgroundLoop
from .plugins import PluginManager, Project, find_project, read_project
from .running import Running
from .scaffold import Scaffold, endpoint_of, setupmethod
from .workers import Workers
from .wrappers import Namespace

F = TypeVar("F", bound=Callable[..., Any])


def _timedelta(value: Any) -> timedelta:
    return value if isinstance(value, timedelta) else timedelta(seconds=value)


class Trivet(Running, Scaffold, Kernel):
    """An application: a WSGI and an ASGI callable, with Flask's programming model, made of plugins.

    :param import_name: the name of the module it is made in, usually ``__name__``.
    :param plugins: plugins to enable beyond those of the configuration file: names, paths of files, modules, objects.
    :param config_file: the project's configuration file; by default the nearest ``trivet.toml``, or
        ``pyproject.toml`` with ``[tool.trivet]``, at or above the module's folder. ``False``: none.

    The other parameters are Flask's.

    ::

        app = Trivet(__name__)

        @app.get("/")
        def index():
            return "Hello"
    """

    request_class: type[Request] = Request
    response_class: type[Response] = Response
    aborter_class: type[Aborter] = Aborter
    jinja_environment: Any = EnvironmentClass()
    app_ctx_globals_class: type[Any] = Namespace
    config_class: type[Config] = Config
    json_provider_class: type[JSONProvider] = DefaultJSONProvider
    test_client_class: type[TestClient] | None = None
    test_cli_runner_class: type[Any] | None = None
    #: Reads and writes sessions.
    session_interface: SessionInterface = SecureCookieSessionInterface()
    #: What ``Trivet()`` starts its configuration with.
    default_config: dict[str, Any] = DEFAULT_CONFIG

    #: Whether the values of settings are checked when setup ends.
    checks_settings = True
    #: Names of built-in plugins that are off.
    left_out: Sequence[str] = ()

    #: The built-in plugins that others work with.
    signing: Signing
    callbacks: Callbacks
    templating: Templating
    errors: Errors
    trusted_origins: TrustedOrigins

    testing = ConfigAttribute[bool]("TESTING")
    secret_key = ConfigAttribute[Any]("SECRET_KEY")
    permanent_session_lifetime = ConfigAttribute[timedelta]("PERMANENT_SESSION_LIFETIME", _timedelta)

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
        *,
        plugins: Sequence[Any] = (),
        config_file: str | os.PathLike[str] | bool | None = None,
    ) -> None:
        Scaffold.__init__(self, import_name, static_folder, static_url_path, template_folder, root_path)
        self.name = _name_of(import_name)
        if instance_path is None:
            instance_path = self.auto_find_instance_path()
        elif not os.path.isabs(instance_path):
            raise ValueError("instance_path must be absolute; a relative path would depend on the current folder.")
        self.instance_path = instance_path
        project = self._find_project(config_file)
        self.plugins = PluginManager(project, __version__)
        Kernel.__init__(self, self.name, self.plugins.hook, self.make_config(instance_relative_config), host_matching)
        self.workers, self.loops = Workers(), BackgroundLoop()
        self.subdomain_matching = subdomain_matching
        self.blueprints: dict[str, Blueprint] = {}
        #: The literal URL prefix of each blueprint that has one, by the blueprint's full name.
        self.url_prefixes: dict[str, str] = {}
        self.extensions: dict[str, Any] = {}
        self.shell_context_processors: list[Callable[[], dict[str, Any]]] = []
        self.teardown_appcontext_funcs: list[Callable[..., Any]] = []
        self.url_build_error_handlers: list[Callable[..., Any]] = []
        self.jinja_options: dict[str, Any] = {}
        self.aborter = self.make_aborter()
        self.static_host = static_host
        self.cli.name = self.name
        assemble(self)
        for key, value in project.config.items():
            self.config.places[key] = f"{project.path}: [config] {key}"
            close = settings.nearly(key)
            if close is not None:
                self.plugins.fail(
                    ConfigError(f"{self.config.places[key]}: there is no such setting. Did you mean {close}?")
                )
            self.config[key] = value
        project.disable = [*project.disable, *self.left_out]
        self.plugins.collect(plugins)
        self.plugins.load()

    def _find_project(self, config_file: Any) -> Project:
        if config_file is False:
            return Project()
        if config_file is None or config_file is True:
            return find_project(self.root_path)
        return read_project(os.path.join(self.root_path, config_file))

    def _check_setup_finished(self, name: str) -> None:
        self.check_open(f"{type(self).__name__}.{name}() was called")

    # -- configuration

    def make_config(self, instance_relative: bool = False) -> Config:
        """Make the configuration, from :attr:`default_config`."""
        defaults = dict(self.default_config)
        defaults["DEBUG"] = _flag("TRIVET_DEBUG")
        return self.config_class(self.instance_path if instance_relative else self.root_path, defaults)

    def make_aborter(self) -> Aborter:
        """Make what :func:`abort` uses."""
        return self.aborter_class()

    def auto_find_instance_path(self) -> str:
        """Return the default instance folder: ``instance`` beside the module or package."""
        if "." not in self.import_name and self.import_name in sys.modules:
            module = sys.modules[self.import_name]
            if hasattr(module, "__path__"):
                return os.path.join(os.path.dirname(self.root_path), "instance")
        return os.path.join(self.root_path, "instance")

    def open_instance_resource(self, resource: str, mode: str = "rb", encoding: str | None = "utf-8") -> Any:
        """Open a file relative to :attr:`instance_path`."""
        path = os.path.join(self.instance_path, resource)
        return open(path, mode) if "b" in mode else open(path, mode, encoding=encoding)

    @property
    def debug(self) -> bool:
        """Whether debug mode is on: it adds information, and reloads templates."""
        return self.config["DEBUG"]  # type: ignore[no-any-return]

    @debug.setter
    def debug(self, value: bool) -> None:
        self.config["DEBUG"] = value
        if self.config["TEMPLATES_AUTO_RELOAD"] is None and "jinja_env" in self.__dict__:
            self.jinja_env.auto_reload = value

    @property
    def propagates_exceptions(self) -> bool:
        """Whether exceptions reach the server or the test: ``PROPAGATE_EXCEPTIONS``, else whether testing."""
        value = self.config["PROPAGATE_EXCEPTIONS"]
        return bool(self.testing if value is None else value)

    @property
    def namespace_class(self) -> type[Any]:  # type: ignore[override]
        """The class of ``g``: :attr:`app_ctx_globals_class`."""
        return self.app_ctx_globals_class

    @cached_property
    def logger(self) -> Logger:
        """The application's logger, under :attr:`name`."""
        return create_logger(self)

    @cached_property
    def json(self) -> JSONProvider:
        """What reads and writes JSON."""
        return self.settle(self.hook.trivet_json_provider(app=self))  # type: ignore[no-any-return]

    @cached_property
    def jinja_env(self) -> Any:
        """The template environment, a :class:`jinja2.Environment`, made on first use."""
        return self.create_jinja_environment()

    def create_jinja_environment(self) -> Any:
        """Make the template environment."""
        return self.templating.create_environment()

    def update_template_context(self, context: dict[str, Any]) -> None:
        """Add to ``context`` what every template gets; names it has already stay."""
        self.templating.update_template_context(current.get(), context)

    def create_global_jinja_loader(self) -> Any:
        """Make the loader that finds the templates of the application and its blueprints."""
        return self.templating.create_loader()

    def select_jinja_autoescape(self, filename: str | None) -> bool:
        """Say whether a template is escaped: strings, and HTML, XML and SVG files are."""
        return filename is None or filename.endswith((".html", ".htm", ".xml", ".xhtml", ".svg"))

    # -- declaring

    @setupmethod
    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        """Put what a blueprint declares into the application.

        :param options: ``url_prefix``, ``subdomain``, ``url_defaults``, ``name``, ``cli_group``.
        """
        if self.registrar.owner is not None:  # two plugins would hide each other's templates
            for namespace in self.templating.claims(blueprint):
                self.registrar.claim("template namespace", namespace, blueprint.place)
        blueprint.register(self, options)

    def iter_blueprints(self) -> Iterable[Blueprint]:
        """Return the blueprints in the order of their registration."""
        return self.blueprints.values()

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Declare a URL rule.

        :param endpoint: the name for URL building; the view function's by default.
        :param provide_automatic_options: whether ``OPTIONS`` is answered for the view.
        :raises ConflictError: if another function has the endpoint; both places are named.
        """
        if endpoint is None:
            endpoint = endpoint_of(view_func)
        options["endpoint"] = endpoint
        methods = options.pop("methods", None) or getattr(view_func, "methods", None) or ("GET",)
        if isinstance(methods, str):
            raise TypeError(f'methods must be a list of strings, such as methods=["POST"], not {methods!r}.')
        wanted = {method.upper() for method in methods}
        if provide_automatic_options is None:
            provide_automatic_options = getattr(view_func, "provide_automatic_options", None)
        if provide_automatic_options is None:
            provide_automatic_options = "OPTIONS" not in wanted and self.config["PROVIDE_AUTOMATIC_OPTIONS"]
        if provide_automatic_options:
            wanted.add("OPTIONS")
        wanted |= set(getattr(view_func, "required_methods", ()))
        if options.get("websocket") and view_func is not None and not is_coroutine_function(view_func):
            raise TypeError(
                f"The WebSocket view {endpoint!r} ({place_of(view_func)}) must be a coroutine function: async def."
            )
        if view_func is not None:
            known = self.view_functions.get(endpoint)
            if known != view_func and not self.registrar.claim(
                "endpoint", endpoint, place_of(view_func), again=known is not None
            ):
                return  # the application has overridden what a plugin declares
        made = self.url_rule_class(rule, methods=None if options.get("websocket") else wanted, **options)
        made.provide_automatic_options = provide_automatic_options  # type: ignore[attr-defined]
        self.url_map.add(made)
        if view_func is not None:
            self.view_functions[endpoint] = view_func

    @setupmethod
    def teardown_appcontext(self, f: F) -> F:
        """Call ``f(error)`` when any context ends."""
        self.teardown_appcontext_funcs.append(f)
        self.callbacks.watch_teardown()
        return f

    @setupmethod
    def shell_context_processor(self, f: F) -> F:
        """Call ``f()``, which returns a dict of names, when ``trivet shell`` starts."""
        self.shell_context_processors.append(f)
        return f

    def _template_decorator(self, add: Callable[..., None], name: Any) -> Any:
        if callable(name):
            add(name)
            return name

        def decorator(f: F) -> F:
            add(f, name)
            return f

        return decorator

    def template_filter(self, name: Any = None) -> Any:
        """Declare a template filter, under the function's name or ``name``."""
        return self._template_decorator(self.add_template_filter, name)

    def template_test(self, name: Any = None) -> Any:
        """Declare a template test, under the function's name or ``name``."""
        return self._template_decorator(self.add_template_test, name)

    def template_global(self, name: Any = None) -> Any:
        """Declare a function that templates can call, under its name or ``name``."""
        return self._template_decorator(self.add_template_global, name)

    @setupmethod
    def add_template_filter(self, f: Callable[..., Any], name: str | None = None) -> None:
        """Give templates a filter."""
        self._claim_for_templates("template filter", f, name)
        self.jinja_env.filters[name or f.__name__] = f

    @setupmethod
    def add_template_test(self, f: Callable[..., Any], name: str | None = None) -> None:
        """Give templates a test."""
        self._claim_for_templates("template test", f, name)
        self.jinja_env.tests[name or f.__name__] = f

    @setupmethod
    def add_template_global(self, f: Callable[..., Any], name: str | None = None) -> None:
        """Give templates a global name."""
        self._claim_for_templates("template global", f, name)
        self.jinja_env.globals[name or f.__name__] = f

    def _claim_for_templates(self, kind: str, f: Any, name: str | None) -> None:
        if self.registrar.owner is not None:
            self.registrar.claim(kind, name or f.__name__, place_of(f), again=True)

    def finish_setup(self) -> None:
        """Check the settings, and set plugins up, in their order."""
        if self.checks_settings:
            settings.check(self.config, self.config.places)
        self.plugins.setup(self)
        self.plugins.check_needs(self.view_functions)
        if any(self.teardown_request_funcs.values()) or self.teardown_appcontext_funcs:
            self.callbacks.watch_teardown()
        self.check_host.trusted = self.config["TRUSTED_HOSTS"]

    def error_scopes(self, ctx: Any) -> tuple[str, ...]:
        """Return the blueprints whose error handlers are asked, innermost first.

        Where no rule matched, the blueprint with the longest URL prefix that the path begins with is asked.
        """
        if ctx.plan is None or ctx.plan.endpoint is not None:
            return ctx.plan.scopes if ctx.plan is not None else ()
        owners = [one for one in self.url_prefixes.items() if f"{ctx.path}/".startswith(f"{one[1]}/")]
        return self.scopes_of(f"{max(owners, key=lambda one: len(one[1]))[0]}.") if owners else ()

    # -- URLs

    def create_url_adapter(self, request: Any) -> Any:
        """Make what builds and matches URLs: for a request, or without one from ``SERVER_NAME``."""
        if request is not None:
            return super().create_url_adapter(request)
        if self.config["SERVER_NAME"] is None:
            return None
        return self.url_map.bind(
            self.config["SERVER_NAME"],
            script_name=self.config["APPLICATION_ROOT"],
            url_scheme=self.config["PREFERRED_URL_SCHEME"],
        )

    def url_for(self, /, endpoint: str, **values: Any) -> str:
        """Build the URL of an endpoint; see :func:`trivet.url_for`."""
        return urls.url_for(self, endpoint, **values)

    def inject_url_defaults(self, endpoint: str, values: dict[str, Any]) -> None:
        """Let the ``url_defaults`` functions change the values of a URL that is being built."""
        urls.inject_url_defaults(self, endpoint, values)

    def handle_url_build_error(self, error: BuildError, endpoint: str, values: dict[str, Any]) -> str:
        """Ask :attr:`url_build_error_handlers` for a URL that could not be built."""
        return urls.handle_url_build_error(self, error, endpoint, values)

    def redirect(self, location: str, code: int = 302) -> Any:
        """Return a response that sends the client to ``location``."""
        return urls.redirect(self, location, code)

    # -- responses and errors

    def make_response(self, rv: Any) -> Response:
        """Turn what a view may return into a response, inside a request."""
        return cast(Response, trivet_make_response(current.get(), rv))

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``func``, or for a coroutine function one that waits for it on the background loop."""
        return self.loops.bridge(func) if is_coroutine_function(func) else func

    def async_to_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that waits for the coroutine function ``func``."""
        return cast(Callable[..., Any], self.loops.bridge(func))

    def log_exception(self, exc_info: Any) -> None:
        """Log an exception that is answered with a 500, once, with its traceback."""
        ctx = current.get(None)
        where = f"{ctx.request.path} [{ctx.method}]" if isinstance(ctx, RequestContext) else "no request"
        self.logger.error("Exception on %s", where, exc_info=exc_info)

    def report(self, ctx: Any, error: BaseException, what: str) -> None:
        """Log an exception that no response can tell of any more."""
        where = f" [{ctx.endpoint}]" if ctx is not None and ctx.endpoint else ""
        self.logger.error("%s%s", what, where, exc_info=error)

    def send_static_from(self, part: Scaffold, filename: str) -> Any:
        """Serve a file of the static folder of the application or a blueprint.

        :raises RuntimeError: if it has none.
        """
        if part.static_folder is None:
            raise RuntimeError("'static_folder' must be set to serve static files.")
        max_age = part.get_send_file_max_age(filename)
        return send_from_directory(current.get(), part.static_folder, filename, max_age=max_age)

    # -- contexts

    def app_context(self) -> Context:
        """Return a context without a request, to be used in a ``with`` block."""
        return self.context_class(self)

    def request_context(self, environ: dict[str, Any]) -> RequestContext:
        """Return a routed context for a WSGI environ, to be used in a ``with`` block."""
        return self.context_for(environ)

    def test_request_context(self, *args: Any, **kwargs: Any) -> RequestContext:
        """Return a context for a made-up request; the arguments are those of Werkzeug's ``EnvironBuilder``."""
        builder = self.make_environ_builder(*args, **kwargs)
        try:
            return self.request_context(builder.get_environ())
        finally:
            builder.close()

    def make_environ_builder(self, *args: Any, **kwargs: Any) -> EnvironBuilder:
        """Make the builder of a made-up request, with the application's host, root and JSON."""
        return AppEnvironBuilder(self, *args, **kwargs)

    def test_client(self, use_cookies: bool = True, **kwargs: Any) -> Client:
        """Return a client that sends requests to the application without a server."""
        cls = self.test_client_class or TestClient
        return cls(self, self.response_class, use_cookies=use_cookies, **kwargs)

    def test_cli_runner(self, **kwargs: Any) -> Any:
        """Return a runner of the application's click commands, a :class:`click.testing.CliRunner`."""
        from .builtin.runner import AppRunner

        return (self.test_cli_runner_class or AppRunner)(self, **kwargs)

    def make_shell_context(self) -> dict[str, Any]:
        """Return the names in ``trivet shell``."""
        names: dict[str, Any] = {"app": self}
        for found in self.hook.trivet_shell_context(app=self):
            names.update(self.settle(found))
        for processor in self.shell_context_processors:
            names.update(processor())
        return names


def _name_of(import_name: str) -> str:
    if import_name == "__main__":
        path = getattr(sys.modules["__main__"], "__file__", None)
        return "__main__" if path is None else os.path.splitext(os.path.basename(path))[0]
    return import_name


def _flag(variable: str) -> bool:
    return os.environ.get(variable, "").lower() not in ("", "0", "false", "no")
