"""The debugger of ``trivet run``: it answers unhandled exceptions with their traceback.

It is a plugin, so that after-request hooks, and whatever is put around a request, apply to its page as to any other.
"""

import traceback
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.debug import DebuggedApplication
from werkzeug.debug.tbtools import DebugTraceback
from werkzeug.exceptions import InternalServerError
from werkzeug.wrappers import Response

from ..app import Trivet
from ..hookspecs import hookimpl
from ..kernel.context import current
from ..plugins import Plugin


class Debugged(DebuggedApplication):
    """Werkzeug's debugger without the catching of exceptions, which the lifecycle has done already.

    It serves the files of the debugger's page and runs what is typed into its console, behind its PIN.
    """

    def debug_application(self, environ: Any, start_response: Any) -> Any:
        """Pass a request on."""
        return self.app(environ, start_response)

    def add(self, shown: DebugTraceback, ctx: Any) -> None:
        """Make the frames of a traceback known, so that their consoles work; there the request's context is active."""
        for frame in shown.all_frames:
            self.frames[id(frame)] = frame
            self.frame_contexts[id(frame)] = [_Again(ctx)]


class _Again:
    """Makes the context of a request that has ended active again, as often as it is entered."""

    def __init__(self, ctx: Any) -> None:
        self.ctx = ctx

    def __enter__(self) -> None:
        self._inside = _active(self.ctx)
        self._inside.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._inside.__exit__(*error)


@contextmanager
def _active(ctx: Any) -> Iterator[None]:
    token = current.set(ctx)
    try:
        yield
    finally:
        current.reset(token)


class Debugger:
    """Answers what would be the page of a 500 with the traceback: as the debugger's page, or as plain text.

    :param debugged: the debugger's own part, put around the application; ``None``: plain text only.
    """

    plugin = Plugin(name="debugger", summary="Shows the traceback of an unhandled exception.")

    def __init__(self, debugged: Debugged | None) -> None:
        self.debugged = debugged

    @hookimpl(wrapper=True)
    def trivet_handle_error(self, ctx: Any, error: Exception) -> Generator[None, Any, Any]:
        """Replace the built-in page of a 500; what a handler has answered stays."""
        value = yield
        if not isinstance(value, InternalServerError) or value.original_exception is None:
            return value
        original = value.original_exception
        accepts = ctx.header("Accept") or ""
        if self.debugged is None or "text/html" not in accepts:
            text = "".join(traceback.format_exception(original))
            return ctx.app.response_class(text, status=500, mimetype="text/plain")
        return ctx.app.response_class(self._page(self.debugged, ctx, original), status=500, mimetype="text/html")

    @staticmethod
    def _page(debugged: Debugged, ctx: Any, error: BaseException) -> str:
        shown = DebugTraceback(error, skip=_frames_of_trivet(error))
        debugged.add(shown, ctx)
        return shown.render_debugger_html(
            evalex=debugged.evalex and debugged.check_host_trust(ctx.environ),
            secret=debugged.secret,
            evalex_trusted=bool(debugged.check_pin_trust(ctx.environ)),
        )


def _frames_of_trivet(error: BaseException) -> int:
    """Count the outer frames that are Trivet's, unless all are."""
    names = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = [name == "trivet" or name.startswith("trivet.") for name in names]
    return own.index(False) if False in own else 0


def install(app: Trivet, host: str, with_console: bool) -> None:
    """Put the debugger into an application.

    :param host: the name that the server listens on, from which the console may be used besides ``localhost``.
    :param with_console: whether there is the debugger's page with its console, or the traceback alone.
    """
    debugged = None
    if with_console:
        debugged = Debugged(app.wsgi_app, evalex=True)
        debugged.trusted_hosts.append(host)
        app.wsgi_app = debugged  # type: ignore[method-assign]
    app.plugins.register(Debugger(debugged), "debugger")
    if app.sealed:
        app.rebind()


class Broken:
    """Stands for an application that could not be loaded, until its files change: every request is told why.

    :param text: what to answer.
    """

    def __init__(self, text: str) -> None:
        self.response = Response(text, status=500, mimetype="text/plain")

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        return self.response(environ, start_response)
