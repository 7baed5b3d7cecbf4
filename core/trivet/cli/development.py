"""The process that serves in development, and the one that watches over it and starts it anew."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import click
from werkzeug.serving import WSGIRequestHandler, make_server, run_simple

#: How long requests in flight are waited for, in seconds: at the end, and before a restart.
PATIENCE_AT_END = 30.0
PATIENCE_BEFORE_RESTART = 2.0
#: The exit code by which Werkzeug's reloader asks for a restart.
RESTART = 3


class InFlight:
    """Counts the requests that are being answered."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._count += 1

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait until no request is left; return whether that came to be in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, seconds)


def handler_counting(requests: InFlight) -> type[WSGIRequestHandler]:
    """Return a request handler that counts its requests."""

    class Handler(WSGIRequestHandler):
        def run_wsgi(self) -> None:
            with requests:
                super().run_wsgi()

    return Handler


def serve(
    application: Any,
    host: str,
    port: int,
    tls: Any,
    threaded: bool,
    watched: Sequence[str] | None,
    unwatched: Sequence[str],
) -> None:
    """Serve until a signal, or the reloader, ends it; requests in flight are answered first.

    :param watched: files to watch besides modules; ``None``: nothing is watched.
    """
    requests = InFlight()
    signal.signal(signal.SIGTERM, _leave)
    try:
        run_simple(
            host,
            port,
            application,
            use_reloader=watched is not None,
            extra_files=watched,
            exclude_patterns=list(unwatched) or None,
            # By looking at the files: the other way watches whole environments, and events get lost in that crowd.
            reloader_type="stat",
            threaded=threaded,
            request_handler=handler_counting(requests),
            ssl_context=tls,
        )
    except SystemExit as error:
        requests.wait(PATIENCE_BEFORE_RESTART if error.code == RESTART else PATIENCE_AT_END)
        raise


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def supervise(host: str, port: int, tls: Any) -> int:
    """Listen, and let a child process serve on that socket; start it anew whenever its reloader asks for that.

    A signal to end is passed on to the child, which then has time to answer what is in flight.

    :return: the exit code.
    """
    server = make_server(host, port, _nothing, threaded=True, ssl_context=tls)
    try:
        server.socket.set_inheritable(True)
        server.log_startup()
        click.secho("Press CTRL+C to quit", fg="yellow", err=True)
        environment = {**os.environ, "WERKZEUG_RUN_MAIN": "true", "WERKZEUG_SERVER_FD": str(server.fileno())}
        code = RESTART
        while code == RESTART:
            # The socket has to stay open in the child.
            child = subprocess.Popen(command_line(), env=environment, close_fds=False)
            code = _watch(child)
    finally:
        server.server_close()
    return code if code >= 0 else 128 - code


def _nothing(environ: Any, start_response: Callable[..., Any]) -> Any:
    raise AssertionError("The watching process answers no requests.")


def _watch(child: "subprocess.Popen[bytes]") -> int:
    before = signal.signal(signal.SIGTERM, lambda number, frame: child.terminate())
    try:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue  # the child has got it too, and ends by itself
    finally:
        signal.signal(signal.SIGTERM, before)


def command_line() -> list[str]:
    """Return the command line that this very process was started with."""
    return [sys.executable, *sys.orig_argv[1:]]
