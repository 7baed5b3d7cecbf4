"""Starting a server that the documentation names, and asking it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 20.0


def environment() -> dict[str, str]:
    """Return environment variables in which the programs beside this Python are found, and nothing changes Trivet."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRIVET_", "FLASK_"))}
    beside = str(Path(sys.executable).parent)
    changes = {"PATH": f"{beside}{os.pathsep}{kept.get('PATH', '')}", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    changes["PYTEST_ADDOPTS"] = "-p no:flask -p no:dash"  # what Flask extensions bring; see pyproject.toml
    return {**kept, **changes}


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Running:
    """A server in the background; what it prints is kept in a file."""

    def __init__(self, command: str, folder: Path, log: Path) -> None:
        self.log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                f"exec {command}",
                shell=True,
                cwd=folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def printed(self) -> str:
        """Return what the server has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, url: str) -> str:
        """Wait until ``url`` answers 200, and return the answer; fail if the server ends before."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"the server has ended:\n{self.printed()}"
            with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=10) as answer:
                return str(answer.read().decode())
            time.sleep(0.05)
        raise AssertionError(f"{url} does not answer:\n{self.printed()}")

    def stop(self) -> None:
        """Stop the server and what it has started."""
        for sign in (15, 9):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, sign)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
