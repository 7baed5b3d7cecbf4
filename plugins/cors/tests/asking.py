"""How the tests ask an application: in the process, by WSGI or ASGI, with headers of any content."""

import asyncio
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_to_bytes

Headers = Mapping[str, str | Sequence[str]]


class Answer(NamedTuple):
    """What came back.

    :ivar headers: names in small letters; fields of one name are joined, as Fetch's "get" does.
    """

    status: int
    headers: dict[str, str]
    body: bytes


Ask = Callable[..., Answer]


def over_wsgi(app: Any, method: str, path: str, headers: Headers, body: bytes = b"", encoding: str = "utf-8") -> Answer:
    """Ask a WSGI application. ``path`` is as in the request line, percent-encoded, with its query."""
    path, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    for name, value in headers.items():
        # PEP 3333: bytes as text, one character each; fields of one name are one.
        environ["HTTP_" + name.upper().replace("-", "_")] = ",".join(
            one.encode(encoding).decode("latin-1") for one in _each(value)
        )
    started: list[tuple[str, list[tuple[str, str]]]] = []
    chunks: Iterable[bytes] = app(environ, lambda status, fields, _=None: started.append((status, fields)))
    try:
        received = b"".join(chunks)
    finally:
        getattr(chunks, "close", lambda: None)()
    status, fields = started[-1]
    return Answer(int(status[:3]), _joined(fields), received)


def over_asgi(app: Any, method: str, path: str, headers: Headers, body: bytes = b"", encoding: str = "utf-8") -> Answer:
    """Ask an ASGI application, as ``over_wsgi`` does."""
    path, _, query = path.partition("?")
    fields = [(b"host", b"localhost")] if "Host" not in headers else []
    if body:
        fields.append((b"content-length", str(len(body)).encode()))
    for name, value in headers.items():
        fields += [(name.lower().encode(), one.encode(encoding)) for one in _each(value)]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": fields,
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 5000),
    }
    sent = asyncio.run(_talk(app, scope, body))
    start = sent[0]
    received = b"".join(message.get("body", b"") for message in sent[1:])
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
    return Answer(start["status"], _joined(pairs), received)


async def _talk(app: Any, scope: dict[str, Any], body: bytes) -> list[dict[str, Any]]:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    try:
        await app(scope, receive, send)
    except Exception:
        if not sent:  # some raise once more after they have answered, for the server to log
            raise
    return sent


def _each(value: str | Sequence[str]) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value


def _joined(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in fields:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
