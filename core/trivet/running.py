"""How an application is run: the development server, and functions around the life of a serving process."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeVar

from werkzeug import serving

from .hookspecs import hookimpl
from .kernel.chains import is_coroutine_function
from .scaffold import setupmethod

F = TypeVar("F", bound=Callable[..., Any])


class Running:
    """The part of an application that runs it."""

    config: Any
    debug: bool
    plugins: Any

    @setupmethod
    def on_startup(self, f: F) -> F:
        """Call ``f()`` once in every process that serves, before its first request: after the plugins have started.

        It may be a coroutine function. It means the same on both protocols, as the hook ``trivet_startup`` does.

        ::

            @app.on_startup
            async def connect():
                app.extensions["pool"] = await open_pool()
        """
        self._around_serving("trivet_startup", f, trylast=True)
        return f

    @setupmethod
    def on_shutdown(self, f: F) -> F:
        """Call ``f()`` when a serving process ends: the last one declared first, before the plugins shut down."""
        self._around_serving("trivet_shutdown", f, tryfirst=True)
        return f

    def _around_serving(self, hook: str, f: Callable[..., Any], **order: bool) -> None:
        async def asynchronous(app: Any) -> None:
            await f()

        def plain(app: Any) -> None:
            f()

        function = asynchronous if is_coroutine_function(f) else plain
        self.plugins.pluggy.register(SimpleNamespace(**{hook: hookimpl(function, **order)}))

    def run(self, host: str | None = None, port: int | None = None, debug: bool | None = None, **options: Any) -> None:
        """Serve the application by the development server, until the process is stopped. Not for production.

        :param host: the address to listen on; the host of ``SERVER_NAME`` or ``127.0.0.1`` by default.
        :param port: the port; that of ``SERVER_NAME`` or 5000 by default.
        :param debug: whether debug mode is on, with reloader and debugger; unchanged by default.
        :param options: those of :func:`werkzeug.serving.run_simple`.
        """
        if debug is not None:
            self.debug = bool(debug)
        named_host, _, named_port = (self.config["SERVER_NAME"] or "").partition(":")
        options.setdefault("use_reloader", self.debug)
        options.setdefault("use_debugger", self.debug)
        options.setdefault("threaded", True)
        where, number = host or named_host or "127.0.0.1", int(port if port is not None else named_port or 5000)
        serving.run_simple(where, number, self.wsgi, **options)  # type: ignore[attr-defined]
