"""Ask an application in this process, by WSGI or by ASGI, and see what a server would see."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from werkzeug.test import EnvironBuilder, run_wsgi_app


@dataclass
class Answer:
    """An answer as a server gets it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.body.decode()

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


Ask = Callable[..., Answer]


def by_wsgi(app: Any, path: str = "/", method: str = "GET", body: bytes = b"", headers: Any = ()) -> Answer:
    """Ask by WSGI."""
    builder = EnvironBuilder(path=path, method=method, headers=list(headers), input_stream=io.BytesIO(body))
    if body:
        builder.content_length = len(body)
    pieces, status, found = run_wsgi_app(app, builder.get_environ())
    try:
        data = b"".join(pieces)
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
    return Answer(int(status.split()[0]), list(found), data)


def scope_for(path: str, method: str, headers: Any) -> dict[str, Any]:
    """Make a scope as servers do."""
    from urllib.parse import unquote

    plain, _, query = path.partition("?")
    raw = [(b"host", b"localhost")] + [(k.lower().encode(), v.encode("latin-1")) for k, v in headers]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(plain),
        "raw_path": plain.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": raw,
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 5000),
    }


class Connection:
    """A client under ASGI: sends pieces of a body, collects messages, may go at any time."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for number, piece in enumerate(pieces):
            self.incoming.put_nowait({"type": "http.request", "body": piece, "more_body": number + 1 < len(pieces)})
        self.messages: list[dict[str, Any]] = []
        self.sent = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        return await self.incoming.get()

    async def send(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        self.sent.set()

    def leave(self) -> None:
        self.incoming.put_nowait({"type": "http.disconnect"})

    def answer(self) -> Answer:
        start = self.messages[0]
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in start["headers"]]
        body = b"".join(message.get("body", b"") for message in self.messages[1:])
        return Answer(start["status"], headers, body, self.messages)


def by_asgi(app: Any, path: str = "/", method: str = "GET", body: bytes = b"", headers: Any = ()) -> Answer:
    """Ask by ASGI."""

    async def go() -> Answer:
        connection = Connection([body])
        extra = [("Content-Length", str(len(body)))] if body else []
        await app(scope_for(path, method, [*headers, *extra]), connection.receive, connection.send)
        return connection.answer()

    return asyncio.run(go())
