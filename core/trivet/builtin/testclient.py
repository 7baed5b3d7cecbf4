"""Talking to an application without a server: the test client, made-up requests."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import click
from werkzeug.test import Client, EnvironBuilder
from werkzeug.wrappers import Request as WerkzeugRequest

from ..kernel.context import Context, current


class AppEnvironBuilder(EnvironBuilder):
    """Builds the environ of a made-up request to an application.

    :param app: the application; its ``SERVER_NAME``, ``APPLICATION_ROOT``, ``PREFERRED_URL_SCHEME`` and JSON
        provider are used.
    :param path: the path, or a whole URL.
    :param subdomain: put before ``SERVER_NAME``.
    """

    def __init__(
        self,
        app: Any,
        path: str = "/",
        base_url: str | None = None,
        subdomain: str | None = None,
        url_scheme: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if base_url is not None and (subdomain or url_scheme):
            raise TypeError("base_url cannot be given together with subdomain or url_scheme.")
        if base_url is None:
            host = app.config.get("SERVER_NAME") or "localhost"
            if subdomain:
                host = f"{subdomain}.{host}"
            url = urlsplit(path)
            scheme = url_scheme or url.scheme or app.config["PREFERRED_URL_SCHEME"]
            root = app.config["APPLICATION_ROOT"].lstrip("/")
            base_url = f"{scheme}://{url.netloc or host}/{root}"
            path = url.path
            if url.query:
                path += f"?{url.query}"
        self.app = app
        super().__init__(path, base_url, *args, **kwargs)

    def json_dumps(self, obj: Any, **kwargs: Any) -> str:
        """Write the ``json`` argument as the application would."""
        return self.app.json.dumps(obj, **kwargs)  # type: ignore[no-any-return]


def _from_environ(app: Any, environ: dict[str, Any], environ_base: dict[str, Any]) -> WerkzeugRequest:
    builder = AppEnvironBuilder.from_environ(environ, app=app, environ_base=environ_base)
    try:
        return builder.get_request()
    finally:
        builder.close()


class TestClient(Client):
    """Sends requests to an application by WSGI, keeps cookies, and can look into the session.

    In a ``with`` block the context of the last request stays active, so that its ``request``, ``session`` and ``g``
    can be looked at.
    """

    __test__ = False  # pytest: not a test class
    application: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.preserve_context = False
        self._kept: list[Context] = []
        self._stack = ExitStack()
        #: Environ values of every request.
        self.environ_base = {"REMOTE_ADDR": "127.0.0.1", "HTTP_USER_AGENT": f"Werkzeug/{version('werkzeug')}"}

    @contextmanager
    def session_transaction(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Open the session that the client's cookies give, and save it at the end of the block.

        :raises TypeError: if the client keeps no cookies.
        :raises RuntimeError: if the session cannot be opened.
        """
        if self._cookies is None:
            raise TypeError("Cookies are disabled. Create a client with 'use_cookies=True'.")
        app = self.application
        ctx = app.test_request_context(*args, **kwargs)
        self._add_cookies_to_wsgi(ctx.environ)
        with ctx:
            opened = app.session_interface.open_session(app, ctx.request)
        if opened is None:
            raise RuntimeError("Session backend did not open a session.")
        yield opened
        response = app.response_class()
        if app.session_interface.is_null_session(opened):
            return
        with ctx:
            app.session_interface.save_session(app, opened, response)
        self._update_cookies_from_response(
            ctx.request.host.partition(":")[0], ctx.request.path, response.headers.getlist("Set-Cookie")
        )

    def _copy_environ(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self.environ_base, **other}

    def _keep(self, ctx: Context) -> None:
        """Hold a context open: what would end it does nothing until the client lets go."""
        ctx.__dict__["close"] = ctx.__dict__["left"] = lambda error=None: None
        self._kept.append(ctx)

    def _request_from(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> WerkzeugRequest:
        kwargs["environ_base"] = self._copy_environ(kwargs.get("environ_base", {}))
        builder = AppEnvironBuilder(self.application, *args, **kwargs)
        try:
            return builder.get_request()
        finally:
            builder.close()

    def open(self, *args: Any, buffered: bool = False, follow_redirects: bool = False, **kwargs: Any) -> Any:
        """Send a request; the arguments are those of ``test_request_context``, or one environ, builder or request."""
        first = args[0] if args else None
        if not kwargs and isinstance(first, EnvironBuilder):
            builder, first.environ_base = first, self._copy_environ(first.environ_base or {})
            request = builder.get_request()
        elif not kwargs and isinstance(first, dict):
            request = _from_environ(self.application, first, self._copy_environ({}))
        elif not kwargs and isinstance(first, WerkzeugRequest):
            request = type(first)(self._copy_environ(first.environ))
        else:
            request = self._request_from(args, kwargs)
        self._leave()
        openers = self.application.openers
        keeps = self.preserve_context and self._keep not in openers  # it is there while a redirect is followed
        if keeps:
            openers.append(self._keep)
        try:
            response = super().open(request, buffered=buffered, follow_redirects=follow_redirects)
        finally:
            if keeps:
                openers.remove(self._keep)
            self._enter_kept()
        response.json_module = self.application.json
        return response

    def _enter_kept(self) -> None:
        while self._kept:
            self._stack.enter_context(_Kept(self._kept.pop(0)))

    def _leave(self) -> None:
        self._enter_kept()  # a redirect is followed while the request before it is still under way
        self._stack.close()  # the contexts, the last one first

    def __enter__(self) -> "TestClient":
        if self.preserve_context:
            raise RuntimeError("Cannot nest client invocations")
        self.preserve_context = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.preserve_context = False
        self._leave()


class _Kept:
    """Keeps the context of a request that has been answered active until the client lets go of it."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx

    def __enter__(self) -> Context:
        self.token = current.set(self.ctx)
        return self.ctx

    def __exit__(self, *error: object) -> None:
        ctx = self.ctx
        del ctx.__dict__["close"], ctx.__dict__["left"]
        failed = ctx.close()
        ctx.left()
        current.reset(self.token)
        if failed is not None:
            raise failed


class ScriptInfo:
    """What the commands of an application get as ``click.Context.obj``: how to load the application.

    :param app_import_path: where the application is, as ``--app`` says it.
    :param create_app: a function that returns the application.
    """

    def __init__(
        self,
        app_import_path: str | None = None,
        create_app: Callable[..., Any] | None = None,
        set_debug_flag: bool = True,
    ) -> None:
        self.app_import_path = app_import_path
        self.create_app = create_app
        self.set_debug_flag = set_debug_flag
        self.data: dict[Any, Any] = {}
        self._loaded_app: Any = None

    def load_app(self) -> Any:
        """Return the application."""
        if self._loaded_app is None:
            if self.create_app is None:
                raise click.UsageError("No application was given.")
            self._loaded_app = self.create_app()
        return self._loaded_app
