"""One made-up request, sent to an application by WSGI or by ASGI, with nothing put right on the way."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


Send = Callable[..., Answer]


def by_wsgi(
    app: Any, method: str, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"", query: str = ""
) -> Answer:
    """Send a request as a WSGI server passes it on."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    started: list[Any] = []
    pieces = app.wsgi(environ, lambda status, found, exc_info=None: started.extend((status, found)))
    data = b"".join(pieces)
    getattr(pieces, "close", lambda: None)()
    return Answer(int(started[0][:3]), {name.lower(): value for name, value in started[1]}, data)


def by_asgi(
    app: Any, method: str, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"", query: str = ""
) -> Answer:
    """Send a request as an ASGI server passes it on."""
    headers = list(headers)
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(path).decode(errors="replace"),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 50000),
    }
    announced = dict(scope["headers"]).get(b"content-length", b"")
    short = announced.isdigit() and len(body) < int(announced)
    messages = [{"type": "http.request", "body": body, "more_body": short}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        if not short:
            await asyncio.Event().wait()  # the client stays until it has its answer
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app.asgi(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))


PROTOCOLS = {"wsgi": by_wsgi, "asgi": by_asgi}
