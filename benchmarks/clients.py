"""Ask an application in this process as gunicorn and uvicorn do, and time nothing but the application."""

import asyncio
import contextlib
import io
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from .workloads import Answer, Workload, WrongAnswer

#: Requests that are made ahead, outside the timed region.
BATCH = 50


@dataclass
class Turn:
    """What a timed turn cost, and what tells whether its answers were right."""

    seconds: float = 0.0
    size: int = 0
    statuses: set[int] = field(default_factory=set)


class Client(Protocol):
    """Asks one application."""

    def open(self) -> None:
        """Start the application, if the protocol has a start."""

    def close(self) -> None:
        """End it."""

    def ask(self, workload: Workload, cookie: str = "") -> Answer:
        """Return a whole answer."""
        ...

    def time(self, workload: Workload, cookie: str, count: int) -> Turn:
        """Ask ``count`` times and return the CPU seconds of this process, all its threads included."""
        ...


def environ_for(workload: Workload, cookie: str) -> dict[str, Any]:
    """Make an environ with the keys that gunicorn gives; every string that differs by request is a new one."""
    environ: dict[str, Any] = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.input": io.BytesIO(workload.body),
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "SERVER_SOFTWARE": "benchmark",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50123",
        "REQUEST_METHOD": fresh(workload.method),
        "SCRIPT_NAME": "",
        "PATH_INFO": fresh(workload.path),
        "QUERY_STRING": fresh(workload.query),
        "RAW_URI": f"{workload.path}?{workload.query}" if workload.query else fresh(workload.path),
    }
    for name, value in workload.headers(cookie):
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = fresh(value)
    return environ


def fresh(text: str) -> str:
    """Return an equal string whose hash is not known yet, as a server's strings are."""
    return text.encode("latin-1").decode("latin-1")


class WSGIClient:
    """Asks a WSGI application; environs are made outside the timed region."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self.app = app

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def ask(self, workload: Workload, cookie: str = "") -> Answer:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            started.append((status, headers))

        pieces = self.app(environ_for(workload, cookie), start_response)
        with contextlib.closing(pieces) if hasattr(pieces, "close") else contextlib.nullcontext():
            body = b"".join(pieces)
        status, headers = started[-1]
        return Answer(int(status.split()[0]), [(name.lower(), value) for name, value in headers], body)

    def time(self, workload: Workload, cookie: str, count: int) -> Turn:
        turn, statuses, app = Turn(), set[str](), self.app

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            statuses.add(status)

        for done in range(0, count, BATCH):
            environs = [environ_for(workload, cookie) for _ in range(min(BATCH, count - done))]
            size = 0
            begin = time.process_time()
            for environ in environs:
                pieces = app(environ, start_response)
                for piece in pieces:
                    size += len(piece)
                close = getattr(pieces, "close", None)
                if close is not None:
                    close()
            turn.seconds += time.process_time() - begin
            turn.size += size
        turn.statuses = {int(status.split()[0]) for status in statuses}
        return turn


Message = dict[str, Any]


class Exchange:
    """One request and its answer under ASGI."""

    __slots__ = ("answered", "asked", "body", "headers", "keep", "pieces", "scope", "size", "status", "waiting")

    def __init__(self, scope: Message, body: bytes, keep: bool = False) -> None:
        self.scope, self.body, self.keep = scope, body, keep
        self.asked = self.answered = False
        self.waiting: asyncio.Future[None] | None = None
        self.status = self.size = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []

    async def receive(self) -> Message:
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        if not self.answered:  # as servers do: the second message comes when the client leaves
            self.waiting = asyncio.get_running_loop().create_future()
            await self.waiting
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = message.get("headers", [])
            return
        body = message.get("body", b"")
        self.size += len(body)
        if self.keep:
            self.pieces.append(bytes(body))
        if not message.get("more_body", False):
            self.answered = True
            if self.waiting is not None and not self.waiting.done():
                self.waiting.set_result(None)

    def answer(self) -> Answer:
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self.headers]
        return Answer(self.status, headers, b"".join(self.pieces))


def scope_for(workload: Workload, cookie: str, state: Message) -> Message:
    """Make a scope as uvicorn does; every string that differs by request is a new one."""
    headers = workload.headers(cookie)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50123),
        "scheme": "http",
        "method": fresh(workload.method),
        "root_path": "",
        "path": fresh(workload.path),
        "raw_path": workload.path.encode(),
        "query_string": workload.query.encode(),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "state": state.copy(),
    }


class ASGIClient:
    """Asks an ASGI application on a plain asyncio loop, one request after the other."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app
        self.runner = asyncio.Runner()
        self.state: Message = {}
        self.life: asyncio.Task[None] | None = None
        self.events: asyncio.Queue[Message] = asyncio.Queue()

    def open(self) -> None:
        """Run the lifespan's startup; an application without lifespan has none."""
        self.runner.run(self._open())

    async def _open(self) -> None:
        answers: asyncio.Queue[Message] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}

        async def live() -> None:
            try:
                await self.app(scope, self.events.get, answers.put)
            except Exception as error:
                await answers.put({"type": "unsupported", "message": repr(error)})
            await answers.put({"type": "unsupported"})

        self.life = asyncio.create_task(live())
        await self.events.put({"type": "lifespan.startup"})
        answer = await answers.get()
        if answer["type"] == "lifespan.startup.failed":
            raise WrongAnswer(f"the startup failed: {answer.get('message')}")

    def close(self) -> None:
        self.runner.run(self._close())
        self.runner.close()

    async def _close(self) -> None:
        await self.events.put({"type": "lifespan.shutdown"})
        if self.life is not None:
            await asyncio.wait([self.life], timeout=5)
            self.life.cancel()

    def ask(self, workload: Workload, cookie: str = "") -> Answer:
        exchange = Exchange(scope_for(workload, cookie, self.state), workload.body, keep=True)

        async def go() -> None:
            await self.app(exchange.scope, exchange.receive, exchange.send)

        self.runner.run(go())
        return exchange.answer()

    def time(self, workload: Workload, cookie: str, count: int) -> Turn:
        return self.runner.run(self._time(workload, cookie, count))

    async def _time(self, workload: Workload, cookie: str, count: int) -> Turn:
        turn, app = Turn(), self.app
        for done in range(0, count, BATCH):
            exchanges = [
                Exchange(scope_for(workload, cookie, self.state), workload.body)
                for _ in range(min(BATCH, count - done))
            ]
            begin = time.process_time()
            for exchange in exchanges:
                await app(exchange.scope, exchange.receive, exchange.send)
            await asyncio.sleep(0)  # what an application leaves for later is its work too
            turn.seconds += time.process_time() - begin
            turn.size += sum(exchange.size for exchange in exchanges)
            turn.statuses |= {exchange.status for exchange in exchanges}
        return turn


def client_for(app: Any, protocol: str) -> Client:
    return WSGIClient(app) if protocol == "wsgi" else ASGIClient(app)


def verify(client: Client, workload: Workload) -> tuple[str, Answer]:
    """Ask until the answer is the one that will be timed, check it twice, and return it with its cookie.

    :raises WrongAnswer: if it is not what the workload asks for.
    """
    cookie = ""
    if workload.with_cookie:
        cookie = client.ask(workload).header("set-cookie").partition(";")[0]
    first, second = client.ask(workload, cookie), client.ask(workload, cookie)
    workload.check(first)
    workload.check(second)
    if len(first.body) != len(second.body):
        raise WrongAnswer(f"two answers differ: {first.body[:200]!r}, {second.body[:200]!r}")
    return cookie, second
