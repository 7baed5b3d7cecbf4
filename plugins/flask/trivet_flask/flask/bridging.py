"""An application whose ``wsgi_app`` was wrapped or overridden, served by ASGI: the whole of it runs in a thread."""

import asyncio
import contextvars
import io
import sys
from tempfile import SpooledTemporaryFile
from typing import Any

from trivet import Trivet
from trivet.kernel.scope import Source

#: Up to this many bytes a body stays in memory.
_SPOOL_BYTES = 512 * 1024
_END: Any = object()


async def _read(receive: Any) -> tuple[Any, int] | None:
    """Read a body whole; ``None`` if the client breaks off."""
    spool = SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 - closed by serve_wsgi_app()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            spool.close()
            return None
        spool.write(message.get("body", b""))
        if not message.get("more_body", False):
            length = spool.tell()
            spool.seek(0)
            return spool, length


class _Exchange:
    """What a WSGI application says before its body."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.written = io.BytesIO()

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        self.status = int(status.split(" ", 1)[0])
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return self.written.write

    def begin(self, app: Any, environ: dict[str, Any]) -> tuple[Any, Any, bytes]:
        """Call the application; return its body, an iterator over it, and the first piece."""
        body = app.wsgi_app(environ, self.start_response)
        pieces = iter(body)
        return body, pieces, self.written.getvalue() + next(pieces, b"")


async def serve_wsgi_app(app: Any, scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer one HTTP request of an ASGI server by ``app.wsgi_app``."""
    read = await _read(receive)
    if read is None:
        return
    spool, length = read
    prefix, path = scope.get("root_path", ""), scope["path"]
    if prefix and path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/"):
        path = path[len(prefix) :]
    environ = Source(scope, dict(scope["headers"]), path, spool, length).environ()
    environ["wsgi.errors"] = sys.stderr
    exchange, run = _Exchange(), contextvars.copy_context().run
    body: Any = None
    try:
        body, pieces, piece = await app.workers.run(run, exchange.begin, app, environ)
        await send({"type": "http.response.start", "status": exchange.status, "headers": exchange.headers})
        while piece is not _END:
            if piece:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            piece = await app.workers.run(run, next, pieces, _END)
        await send({"type": "http.response.body", "body": b""})
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            await asyncio.shield(app.workers.run(run, close))
        spool.close()


def by_protocol(app: Any, serve: Any) -> Any:
    """Return the ASGI side of an application: ``serve``, unless somebody has put something around ``wsgi_app``."""
    own = app.__dict__
    kind: Any = type(app)

    async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and ("wsgi_app" in own or kind.wsgi_app is not Trivet.wsgi_app):
            if not app.ready:
                await app.start_on_loop()
            await serve_wsgi_app(app, scope, receive, send)
        else:
            await serve(scope, receive, send)

    return asgi
