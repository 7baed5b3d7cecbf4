"""Serves an application in this process, by WSGI or on an event loop, to clients that may go at any time."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_to_bytes

from trivet import Trivet
from trivet_db.state import State


class Answer(NamedTuple):
    """What came back: ``status`` is 0 if nothing has."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        import json

        return json.loads(self.body)


def dispose(app: Trivet) -> None:
    """Close what an application holds of databases, if there is anything."""
    state = app.extensions.get("trivet_db")
    if isinstance(state, State) and "engines" in vars(state):
        state.engines.dispose()


class Server:
    """A server for one application; ``close()`` ends it as servers do."""

    protocol: str

    def __init__(self, app: Trivet) -> None:
        self.app = app

    def ask(self, path: str, method: str = "GET", *, pieces: int | None = None) -> Answer:
        """Send a request.

        :param pieces: the client goes after so many pieces of the body; None: it stays.
        """
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class WsgiServer(Server):
    """Calls the application by WSGI."""

    protocol = "wsgi"

    def ask(self, path: str, method: str = "GET", *, pieces: int | None = None) -> Answer:
        path, _, query = path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        started: list[tuple[str, Sequence[tuple[str, str]]]] = []
        chunks = self.app(environ, lambda status, headers, _=None: started.append((status, headers)))
        received = []
        try:
            for piece in chunks:
                received.append(piece)
                if len(received) == pieces:
                    break
        finally:
            getattr(chunks, "close", lambda: None)()
        status, headers = started[-1]
        return Answer(int(status[:3]), {key.lower(): value for key, value in headers}, b"".join(received))

    def close(self) -> None:
        self.app.lifespan.stop()
        dispose(self.app)  # what was used outside of requests
        self.app.loops.stop()


class AsgiServer(Server):
    """Awaits the application on an event loop of its own, which lives as long as the server."""

    protocol = "asgi"

    def __init__(self, app: Trivet) -> None:
        super().__init__(app)
        self.runner = asyncio.Runner()

    def ask(self, path: str, method: str = "GET", *, pieces: int | None = None) -> Answer:
        return self.runner.run(self.talk(path, method, pieces=pieces))

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run a coroutine function on the server's loop."""

        async def go() -> Any:
            return await work()

        return self.runner.run(go())

    async def talk(
        self, path: str, method: str = "GET", *, pieces: int | None = None, patience: float | None = None
    ) -> Answer:
        """Send a request from the loop.

        :param patience: the client goes after so many seconds.
        """
        going = asyncio.Event()
        if patience is not None:
            asyncio.get_running_loop().call_later(patience, going.set)
        sent: list[Mapping[str, Any]] = []
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if not asked and method not in ("GET", "HEAD"):
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await going.wait()
            return {"type": "http.disconnect"}

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)
            if pieces is not None and len(sent) > pieces:
                going.set()
                await asyncio.sleep(0.01)

        try:
            await self.app.asgi(scope_for(path, method), receive, send)
        finally:
            going.set()
        return answer_of(sent)

    def close(self) -> None:
        self.runner.run(self.app.lifespan.stop_on_loop())
        dispose(self.app)
        self.runner.close()
        self.app.loops.stop()


def scope_for(path: str, method: str) -> dict[str, Any]:
    path, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"localhost")] + ([(b"content-length", b"0")] if method not in ("GET", "HEAD") else []),
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 5000),
    }


def answer_of(sent: list[Mapping[str, Any]]) -> Answer:
    if not sent:
        return Answer(0, {}, b"")
    start = sent[0]
    headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


SERVERS: dict[str, type[Server]] = {"wsgi": WsgiServer, "asgi": AsgiServer}


def serving(kind: str) -> Iterator[Callable[[Trivet], Server]]:
    """Yield what starts servers, and close them in the end: the body of a fixture."""
    servers: list[Server] = []

    def serve(app: Trivet) -> Server:
        servers.append(SERVERS[kind](app))
        return servers[-1]

    yield serve
    for server in servers:
        server.close()
