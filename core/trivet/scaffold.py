"""What an application and a blueprint have in common: declaring routes, callbacks and error handlers."""

import importlib.util
import os
import sys
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable
from functools import cached_property, update_wrapper
from typing import IO, Any, TypeVar

import click
from werkzeug.exceptions import HTTPException, default_exceptions

from .commands import AppGroup
from .kernel.context import current
from .kernel.errors import SetupError

F = TypeVar("F", bound=Callable[..., Any])


def setupmethod(function: F) -> F:
    """Make a method refuse to work once setup has ended."""
    name = function.__name__

    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        self._check_setup_finished(name)
        return function(self, *args, **kwargs)

    return update_wrapper(wrapper, function)  # type: ignore[return-value]


def find_root_path(import_name: str) -> str:
    """Return the folder of a module or package; the current folder where there is none, as in a shell."""
    module = sys.modules.get(import_name)
    if module is not None and getattr(module, "__file__", None):
        return os.path.dirname(os.path.abspath(str(module.__file__)))
    try:
        spec = importlib.util.find_spec(import_name)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.loader is None:
        return os.getcwd()
    origin = spec.origin
    if origin is None or origin == "namespace":
        places = list(spec.submodule_search_locations or ())
        if not places:
            raise SetupError(
                f"No folder can be found for the module {import_name!r}, which may be a namespace package. "
                "Pass root_path= with the folder to use."
            )
        return os.path.abspath(places[0])
    return os.path.dirname(os.path.abspath(origin))


def endpoint_of(view: Callable[..., Any] | None) -> str:
    if view is None:
        raise AssertionError("add_url_rule() needs an endpoint when there is no view function.")
    return view.__name__


class Scaffold:
    """What applications and blueprints share: declaring routes, callbacks and error handlers.

    :param import_name: the name of the module that declares it, usually ``__name__``.
    :param static_folder: folder of files to serve, relative to :attr:`root_path`.
    :param static_url_path: URL prefix of those files; the folder's name by default.
    :param template_folder: folder of templates, relative to :attr:`root_path`.
    :param root_path: the folder other paths are relative to; found from ``import_name`` by default.
    """

    cli: click.Group
    name: str
    _static_folder: str | None = None
    _static_url_path: str | None = None

    def __init__(
        self,
        import_name: str,
        static_folder: str | os.PathLike[str] | None = None,
        static_url_path: str | None = None,
        template_folder: str | os.PathLike[str] | None = None,
        root_path: str | None = None,
    ) -> None:
        self.import_name = import_name
        self.static_folder = static_folder
        self.static_url_path = static_url_path
        self.template_folder = template_folder
        self.root_path = root_path if root_path is not None else find_root_path(import_name)
        self.cli = AppGroup()
        #: Views by endpoint.
        self.view_functions: dict[str, Callable[..., Any]] = {}
        #: Error handlers: scope, then status code (``None`` for other exceptions), then exception class.
        self.error_handler_spec: dict[str | None, dict[int | None, dict[type[Exception], Callable[..., Any]]]] = (
            defaultdict(lambda: defaultdict(dict))
        )
        #: Functions by scope: ``None`` for all requests, else a blueprint's name.
        self.before_request_funcs: dict[str | None, list[Any]] = defaultdict(list)
        self.after_request_funcs: dict[str | None, list[Any]] = defaultdict(list)
        self.teardown_request_funcs: dict[str | None, list[Any]] = defaultdict(list)
        self.template_context_processors: dict[str | None, list[Any]] = defaultdict(list)
        self.url_value_preprocessors: dict[str | None, list[Any]] = defaultdict(list)
        self.url_default_functions: dict[str | None, list[Any]] = defaultdict(list)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def _check_setup_finished(self, name: str) -> None:
        """Raise if setup has ended."""

    # -- files

    @property
    def static_folder(self) -> str | None:
        """The absolute path of the static folder, or ``None``."""
        return os.path.join(self.root_path, self._static_folder) if self._static_folder is not None else None

    @static_folder.setter
    def static_folder(self, value: str | os.PathLike[str] | None) -> None:
        self._static_folder = os.fspath(value).rstrip(r"\/") if value is not None else None

    @property
    def has_static_folder(self) -> bool:
        """Whether there is a static folder."""
        return self.static_folder is not None

    @property
    def static_url_path(self) -> str | None:
        """The URL prefix of static files; made of the folder's name unless set."""
        if self._static_url_path is not None:
            return self._static_url_path
        if self.static_folder is not None:
            return f"/{os.path.basename(self.static_folder)}".rstrip("/")
        return None

    @static_url_path.setter
    def static_url_path(self, value: str | None) -> None:
        self._static_url_path = value.rstrip("/") if value is not None else None

    @cached_property
    def jinja_loader(self) -> Any:
        """The :class:`jinja2.BaseLoader` of the template folder, or ``None``."""
        if self.template_folder is None:
            return None
        from jinja2 import FileSystemLoader  # not at the top: an application without templates needs no Jinja

        return FileSystemLoader(os.path.join(self.root_path, self.template_folder))

    def send_static_file(self, filename: str) -> Any:
        """Serve a file of the static folder: the view of the ``static`` endpoint.

        :raises RuntimeError: if there is no static folder.
        """
        return current.get().app.send_static_from(self, filename)

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """Return for how many seconds a browser may keep a file; ``SEND_FILE_MAX_AGE_DEFAULT`` by default."""
        value = current.get().app.config["SEND_FILE_MAX_AGE_DEFAULT"]
        return int(value.total_seconds()) if hasattr(value, "total_seconds") else value

    def open_resource(self, resource: str, mode: str = "rb", encoding: str | None = None) -> IO[Any]:
        """Open a file relative to :attr:`root_path` for reading.

        :param mode: ``"rb"`` or ``"r"``/``"rt"``; text is UTF-8 unless ``encoding`` says otherwise.
        :raises ValueError: for any other mode.
        """
        if mode not in {"r", "rt", "rb"}:
            raise ValueError(f"Resources can only be opened for reading, not with mode {mode!r}.")
        path = os.path.join(self.root_path, resource)
        if mode == "rb":
            return open(path, mode)
        return open(path, mode, encoding=encoding or "utf-8")

    # -- routes

    def _method_route(self, method: str, rule: str, options: dict[str, Any]) -> Callable[[F], F]:
        if "methods" in options:
            raise TypeError(f"{method.lower()}() is for one method; use route() to give several.")
        return self.route(rule, methods=[method], **options)

    def get(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Shortcut for :meth:`route` with ``methods=["GET"]``."""
        return self._method_route("GET", rule, options)

    def post(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Shortcut for :meth:`route` with ``methods=["POST"]``."""
        return self._method_route("POST", rule, options)

    def put(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Shortcut for :meth:`route` with ``methods=["PUT"]``."""
        return self._method_route("PUT", rule, options)

    def delete(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Shortcut for :meth:`route` with ``methods=["DELETE"]``."""
        return self._method_route("DELETE", rule, options)

    def patch(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Shortcut for :meth:`route` with ``methods=["PATCH"]``."""
        return self._method_route("PATCH", rule, options)

    def websocket(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Declare a coroutine function as the view of WebSocket connections to ``rule`` (ASGI servers only)."""
        return self.route(rule, websocket=True, methods=["GET"], provide_automatic_options=False, **options)

    @setupmethod
    def route(self, rule: str, **options: Any) -> Callable[[F], F]:
        """Declare a view for a URL rule.

        :param rule: the rule, such as ``"/users/<int:id>"``.
        :param options: passed to :meth:`add_url_rule`: ``methods``, ``endpoint``, ``defaults``, ``strict_slashes``,
            ``subdomain``, ``host`` and the other arguments of Werkzeug's rule.
        """

        def decorator(function: F) -> F:
            self.add_url_rule(rule, options.pop("endpoint", None), function, **options)
            return function

        return decorator

    @abstractmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Declare a URL rule; what :meth:`route` does, as a plain call."""

    @setupmethod
    def endpoint(self, endpoint: str) -> Callable[[F], F]:
        """Declare the view of an endpoint whose rule was added without one."""

        def decorator(function: F) -> F:
            self.view_functions[endpoint] = function
            return function

        return decorator

    # -- callbacks

    @setupmethod
    def before_request(self, f: F) -> F:
        """Call ``f()`` before each request; what it returns, if not ``None``, answers instead of the view."""
        self.before_request_funcs[None].append(f)
        return f

    @setupmethod
    def after_request(self, f: F) -> F:
        """Call ``f(response)`` after each request; it must return a response."""
        self.after_request_funcs[None].append(f)
        return f

    @setupmethod
    def teardown_request(self, f: F) -> F:
        """Call ``f(error)`` when a request's context ends, whatever happened; ``error`` may be ``None``."""
        self.teardown_request_funcs[None].append(f)
        return f

    @setupmethod
    def context_processor(self, f: F) -> F:
        """Call ``f()`` before a template is rendered; it returns a dict of names for it."""
        self.template_context_processors[None].append(f)
        return f

    @setupmethod
    def url_value_preprocessor(self, f: F) -> F:
        """Call ``f(endpoint, values)`` before the before-functions; it may change ``values`` in place."""
        self.url_value_preprocessors[None].append(f)
        return f

    @setupmethod
    def url_defaults(self, f: F) -> F:
        """Call ``f(endpoint, values)`` when a URL is built; it may change ``values`` in place."""
        self.url_default_functions[None].append(f)
        return f

    @setupmethod
    def errorhandler(self, code_or_exception: type[Exception] | int) -> Callable[[F], F]:
        """Declare a function ``f(error)`` that answers a status code or an exception class."""

        def decorator(function: F) -> F:
            self.register_error_handler(code_or_exception, function)
            return function

        return decorator

    @setupmethod
    def register_error_handler(self, code_or_exception: type[Exception] | int, f: Callable[..., Any]) -> None:
        """Declare an error handler; what :meth:`errorhandler` does, as a plain call.

        :raises ValueError: for a code that is no HTTP error.
        :raises TypeError: for something that is no exception class.
        """
        kind, code = self._get_exc_class_and_code(code_or_exception)
        self.error_handler_spec[None][code][kind] = f

    @staticmethod
    def _get_exc_class_and_code(
        exc_class_or_code: type[Exception] | int,
    ) -> tuple[type[Exception], int | None]:
        kind: Any = exc_class_or_code
        if isinstance(exc_class_or_code, int):
            try:
                kind = default_exceptions[exc_class_or_code]
            except KeyError:
                raise ValueError(
                    f"{exc_class_or_code!r} is not a status code, such as 404, with an HTTP exception of its own. "
                    "Use a subclass of HTTPException with that code instead."
                ) from None
        if isinstance(kind, Exception):
            raise TypeError(
                f"{kind!r} is an instance, not a class. Handlers are registered for exception classes or codes."
            )
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise ValueError(f"{getattr(kind, '__name__', kind)!r} is not a subclass of Exception.")
        return kind, kind.code if issubclass(kind, HTTPException) else None
