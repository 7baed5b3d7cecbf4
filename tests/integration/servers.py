"""Start real servers as subprocesses on free ports, wait for them, stop them gracefully, keep their logs."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from .client import Answer, ask, token

APPS = Path(__file__).parent / "apps"
HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
NOTE_SECONDS = 10.0
LOG_CHARACTERS = 3000

# What a sound server never prints, whatever it was asked.
FORBIDDEN_IN_LOGS = (
    "was never awaited",
    "Task was destroyed but it is pending",
    "exception was never retrieved",
    "Exception ignored in",
)


class StartError(Exception):
    """A server did not come up; the message carries its log."""


@dataclass(frozen=True)
class Server:
    """How one server is started.

    ``command`` makes the arguments from the port; ``needs`` is the module (or program) that must be there;
    ``behind_proxy`` makes them where the server itself has to be told about a proxy; ``environ`` is what the
    application is told; ``concurrent`` says whether a worker takes several requests at a time, ``chunked``
    whether request bodies of unknown length arrive, ``patient`` whether a stop waits for a request in flight.
    """

    name: str
    protocol: str
    needs: str
    command: Callable[[int], list[str]]
    is_program: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    concurrent: bool = True
    chunked: bool = True
    patient: bool = True
    behind_proxy: Callable[[int], list[str]] | None = None
    environ: Mapping[str, str] = field(default_factory=dict)

    def is_installed(self) -> bool:
        """Tell whether this server can be started here."""
        if self.is_program:
            return executable(self.needs) is not None
        return importlib.util.find_spec(self.needs) is not None


def executable(name: str) -> str | None:
    """Find a program, first beside the interpreter that runs the tests, then on the path."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def python(module: str, *arguments: str) -> list[str]:
    """Make the command that runs a module with the interpreter of the tests."""
    return [sys.executable, "-m", module, *arguments]


def gunicorn(port: int, *arguments: str, target: str = "served:app") -> list[str]:
    """Make a gunicorn command with one worker."""
    return python("gunicorn", "--bind", f"{HOST}:{port}", "--workers", "1", "--no-control-socket", *arguments, target)


def uwsgi(port: int) -> list[str]:
    """Make a uWSGI command: a master, one forked worker, the application loaded before the fork."""
    listen = ["--http-socket", f"{HOST}:{port}", "--master", "--processes", "1"]
    load = ["--module", "served:app", "--need-app", "--home", sys.prefix, "--pythonpath", str(APPS)]
    # Bodies are read before the application answers: nginx takes a connection closed over an unread one for a failure.
    return [executable("uwsgi") or "uwsgi", *listen, *load, "--die-on-term", "--post-buffering", "8192"]


def waitress(port: int, *arguments: str, target: str = "served:app") -> list[str]:
    """Make a waitress command."""
    return python("waitress", f"--listen={HOST}:{port}", *arguments, target)


def uvicorn(port: int, *arguments: str, target: str = "served:app") -> list[str]:
    """Make a uvicorn command."""
    return python("uvicorn", "--host", HOST, "--port", str(port), *arguments, target)


def hypercorn(port: int, *arguments: str, target: str = "served:app") -> list[str]:
    """Make a hypercorn command."""
    return python("hypercorn", "--bind", f"{HOST}:{port}", "--graceful-timeout", "5", *arguments, target)


def granian(port: int, *arguments: str, target: str = "served:app") -> list[str]:
    """Make a granian command."""
    return python("granian", "--host", HOST, "--port", str(port), *arguments, target)


def trivet(command: str, port: int, *arguments: str) -> list[str]:
    """Make a command of Trivet's own; the application is named by ``trivet.toml`` beside it."""
    return python("trivet", command, "--host", HOST, "--port", str(port), *arguments)


SERVERS = (
    Server("trivet-run", "wsgi", "trivet", lambda port: trivet("run", port)),
    Server("trivet-serve", "asgi", "granian", lambda port: trivet("serve", port)),
    Server("gunicorn-sync", "wsgi", "gunicorn", lambda port: gunicorn(port), concurrent=False),
    Server(
        "gunicorn-gthread",
        "wsgi",
        "gunicorn",
        lambda port: gunicorn(port, "--worker-class", "gthread", "--threads", "4", "--preload"),
    ),
    # Told to stop, it ends its workers at once, whatever they are doing.
    Server("uwsgi", "wsgi", "uwsgi", uwsgi, is_program=True, concurrent=False, chunked=False, patient=False),
    # waitress has no handler for SIGTERM; an interrupt is its graceful stop.
    # It removes most proxy headers too, so that only those it was told to trust reach the application.
    Server(
        "waitress",
        "wsgi",
        "waitress",
        lambda port: waitress(port),
        stop_signal=signal.SIGINT,
        behind_proxy=lambda port: waitress(port, "--no-clear-untrusted-proxy-headers"),
    ),
    Server("granian-wsgi", "wsgi", "granian", lambda port: granian(port, "--interface", "wsgi")),
    Server("uvicorn", "asgi", "uvicorn", lambda port: uvicorn(port)),
    Server("hypercorn", "asgi", "hypercorn", lambda port: hypercorn(port)),
    Server("granian-asgi", "asgi", "granian", lambda port: granian(port, "--interface", "asgi")),
)

# The same application, named or reached in other ways.
VARIANTS = (
    Server("trivet-serve-wsgi", "wsgi", "granian", lambda port: trivet("serve", port, "--interface", "wsgi")),
    Server("trivet-serve-gunicorn", "asgi", "gunicorn", lambda port: trivet("serve", port, "--server", "gunicorn")),
    Server("trivet-serve-uvicorn", "asgi", "uvicorn", lambda port: trivet("serve", port, "--server", "uvicorn")),
    Server(
        "trivet-serve-gunicorn-threads",
        "wsgi",
        "gunicorn",
        lambda port: trivet("serve", port, "--server", "gunicorn", "--interface", "wsgi", "--threads", "4"),
    ),
    Server("trivet-run-no-reload", "wsgi", "trivet", lambda port: trivet("run", port, "--no-reload")),
    Server("granian-without-interface", "asgi", "granian", lambda port: granian(port)),
    Server(
        "granian-without-lifespan",
        "asgi",
        "granian",
        lambda port: granian(port, "--interface", "asginl"),
    ),
    Server("gunicorn-asgi-worker", "asgi", "gunicorn", lambda port: gunicorn(port, "--worker-class", "asgi")),
    Server("waitress-app.wsgi", "wsgi", "waitress", lambda port: waitress(port, target="served:app.wsgi")),
    Server("uvicorn-app.asgi", "asgi", "uvicorn", lambda port: uvicorn(port, target="served:app.asgi")),
    Server("uvicorn-as-wsgi", "wsgi", "uvicorn", lambda port: uvicorn(port, "--interface", "wsgi")),
    Server("hypercorn-app.asgi", "asgi", "hypercorn", lambda port: hypercorn(port, target="served:app.asgi")),
    Server("hypercorn-app.wsgi", "wsgi", "hypercorn", lambda port: hypercorn(port, target="served:app.wsgi")),
    Server("hypercorn-as-wsgi", "wsgi", "hypercorn", lambda port: hypercorn(port, target="wsgi:served:app")),
)

TWO_WORKERS = Server(
    "trivet-serve-two-workers", "asgi", "granian", lambda port: trivet("serve", port, "--workers", "2")
)

NAMES = [server.name for server in SERVERS]
WSGI = [server.name for server in SERVERS if server.protocol == "wsgi"]
ASGI = [server.name for server in SERVERS if server.protocol == "asgi"]
PATIENT = [server.name for server in SERVERS if server.patient]
DEBUGGING = [server.name for server in SERVERS if server.name == "trivet-run"]
CHUNKED = [server.name for server in SERVERS if server.chunked]
CONCURRENT = [server.name for server in SERVERS if server.concurrent]


class Running:
    """A started server: its address, what it logged, what the application noted."""

    def __init__(self, server: Server, directory: Path, behind_proxy: bool) -> None:
        self.server = server
        self.directory = directory
        self.port = 0
        self.notes = directory / "notes"
        self.log = directory / "log"
        self.survivors = False
        self._behind_proxy = behind_proxy
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        self.notes.touch()

    def __repr__(self) -> str:
        return f"<{self.server.name} on port {self.port}>"

    def start(self) -> None:
        """Start and wait until ``/api/hello`` answers 200; try once more if the port was taken."""
        for attempt in (1, 2):
            self.port = free_port()
            self._spawn()
            try:
                self._wait_until_it_answers()
                return
            except StartError:
                taken = "address already in use" in self.log_text().lower()
                self.stop()
                if attempt == 2 or not taken:
                    raise

    def ask(self, method: str, path: str, **options: object) -> Answer:
        """Send one request on a connection of its own and read the whole answer."""
        return ask(self.port, method, path, **options)  # type: ignore[arg-type]

    def log_end(self) -> str:
        """Return the last lines of what the server has printed."""
        return tail(self.log)

    def log_text(self) -> str:
        """Return everything the server has printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def note(self, event: str, token: str) -> None:
        """Write something down where the application looks for it."""
        with self.notes.open("a") as file:
            file.write(f"{event} {token}\n")

    def noted(self, event: str, token: str) -> int:
        """Count how often the application noted an event."""
        return self.notes.read_text().splitlines().count(f"{event} {token}")

    def wait_for_note(self, event: str, token: str) -> None:
        """Wait until the application has noted an event; fail with all its notes if it never does."""
        wait_until(lambda: self.noted(event, token) > 0, f"{event} {token}", self.notes)

    def processes_noted(self, event: str) -> list[str]:
        """Return the numbers of the processes that noted an event, in their order."""
        lines = self.notes.read_text().splitlines()
        return [line.removeprefix(f"{event} ") for line in lines if line.startswith(f"{event} ")]

    def wait_for_log(self, text: str) -> None:
        """Wait until the server has printed a text."""
        wait_until(lambda: text in self.log_text(), text, self.log)

    def stop(self) -> None:
        """Stop gracefully; what is left of the process group after that is killed and remembered."""
        if self._process is None:
            return
        process, self._process = self._process, None
        with suppress(ProcessLookupError):
            process.send_signal(self.server.stop_signal)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        self.survivors = not group_is_gone(process.pid)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _spawn(self) -> None:
        environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TRIVET_", "FLASK_", "GRANIAN_", "COVERAGE_"))
        }
        environ |= {"PYTHONUNBUFFERED": "1", "SERVED_NOTES": str(self.notes), "NO_COLOR": "1"}
        environ |= {"SERVED_BEHIND_PROXY": "1"} if self._behind_proxy else {}
        environ |= self.server.environ
        command = (self._behind_proxy and self.server.behind_proxy) or self.server.command
        with self.log.open("ab") as log:
            # A session of its own: one signal to the group ends every worker.
            self._process = subprocess.Popen(
                command(self.port),
                cwd=APPS,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        assert self._process is not None
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise self._start_error(f"ended with {self._process.returncode}")
            with suppress(OSError, HTTPException):
                answer = self.ask("GET", "/api/hello")
                if answer.status == 200:
                    return
                raise self._start_error(f"answered first with {answer.status}, {answer.body[:500]!r}")
            time.sleep(0.05)
        raise self._start_error(f"did not answer within {START_SECONDS} s")

    def _start_error(self, what: str) -> StartError:
        return StartError(f"{self.server.name} {what}; its log:\n{self.log_end()}")


class Fleet:
    """Servers of one configuration, started side by side when the first of them is asked for."""

    def __init__(self, directory: Path, servers: Iterable[Server], behind_proxy: bool = False) -> None:
        self._wanted = [server for server in servers if server.is_installed()]
        self._directory = directory
        self._behind_proxy = behind_proxy
        self._running: dict[str, Running] = {}
        self._failures: dict[str, StartError] = {}

    def start(self) -> list[Running]:
        """Start all servers side by side, unless they run already; return those that came up."""
        if not self._running and not self._failures:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(self._start, self._wanted))
        return list(self._running.values())

    def get(self, name: str) -> Running:
        """Return a running server; the first call starts all of them."""
        self.start()
        if name in self._failures:
            raise self._failures[name]
        return self._running[name]

    def stop(self) -> None:
        """Stop all servers side by side."""
        with ThreadPoolExecutor(max(1, len(self._running))) as pool:
            list(pool.map(Running.stop, self._running.values()))

    def _start(self, server: Server) -> None:
        running = Running(server, self._directory / server.name, self._behind_proxy)
        try:
            running.start()
        except StartError as error:
            self._failures[server.name] = error
        else:
            self._running[server.name] = running


@dataclass(frozen=True)
class Ended:
    """What is known of a server that was told to stop, and of the request in flight."""

    process: int
    in_flight: str
    notes: list[str]
    survivors: bool


def end(running: Running) -> Ended:
    """Tell a server to stop, while a request is in flight if the server waits for such requests."""
    process = running.ask("GET", "/sync").json()["process"]
    in_flight = ""
    if running.server.patient:
        in_flight = stop_while_busy(running)
    else:
        running.stop()
    return Ended(process, in_flight, running.notes.read_text().splitlines(), running.survivors)


def stop_while_busy(running: Running) -> str:
    """Tell a server to stop while a request is in flight, let that go on, and return what came of it."""
    mark = token()
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(running.ask, "GET", f"/in-flight?token={mark}")
        running.wait_for_note("started", mark)
        stopped = pool.submit(running.stop)
        # Not a measurement: only so long that the signal has most likely arrived before the view goes on.
        time.sleep(0.3)
        running.note("seen", mark)
        stopped.result()
        try:
            return answer.result().text
        except (OSError, HTTPException) as error:
            return repr(error)


_given_out: set[int] = set()


def free_port() -> int:
    """Return a port that is free now and was not given out before by this process."""
    while True:
        with socket.socket() as listener:
            listener.bind((HOST, 0))
            port: int = listener.getsockname()[1]
        if port not in _given_out:
            _given_out.add(port)
            return port


def group_is_gone(group: int, seconds: float = 5.0) -> bool:
    """Wait until no process of a group is left; return False if one stays."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def wait_until(happened: Callable[[], bool], what: str, file: Path) -> None:
    """Wait for something that a file will show; fail with the file's content."""
    deadline = time.monotonic() + NOTE_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what!r} did not appear within {NOTE_SECONDS} s in:\n{tail(file)}")
        time.sleep(0.01)


def tail(file: Path) -> str:
    """Return the end of a text file."""
    return file.read_text(errors="replace")[-LOG_CHARACTERS:]
