"""The development server, as it is started by hand: it serves, restarts, survives faults, and ends gracefully."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from .cli_folder import Folder

SECONDS = 60.0

APP = """
    import time
    from pathlib import Path

    from trivet import Trivet

    app = Trivet(__name__)


    @app.get("/")
    def index():
        return "first"


    @app.get("/boom")
    def boom():
        raise ValueError("boom")


    @app.get("/slow")
    def slow():
        Path("started").touch()
        while not Path("go").exists():
            time.sleep(0.02)
        return "finished"
"""
PLUGIN = """
    from pathlib import Path
    from trivet import hookimpl

    @hookimpl
    def trivet_shutdown(app):
        Path("ended").touch()
"""


def wait(happened: Callable[[], object], what: Callable[[], str]) -> None:
    """Wait until something is so; fail with a text if it never is."""
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)


class Running:
    """A development server with its log."""

    def __init__(self, folder: Path, *args: str) -> None:
        self.log_file = folder / "log"
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "trivet", "run", "--port", "0", *args]
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        self.wait_for_log("Running on")
        found = re.search(r"Running on http://127\.0\.0\.1:(\d+)", self.log)
        assert found is not None
        self.url = f"http://127.0.0.1:{found[1]}"

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """Return status and text of an answer; 0 while there is none."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def wait_for_log(self, text: str) -> None:
        wait(lambda: text in self.log or self.process.poll() is not None, lambda: self.log)
        assert text in self.log

    def wait_for(self, path: str, answer: tuple[int, str]) -> None:
        wait(lambda: self.get(path) == answer, lambda: f"{self.get(path)}\n{self.log}")

    def stop(self) -> int:
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


Start = Callable[..., Running]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A folder with an application that a plugin belongs to."""
    files = {"shop.py": APP, "notes.py": PLUGIN, "trivet.toml": 'app = "shop:app"\nplugins = ["./notes.py"]'}
    return Folder(tmp_path, monkeypatch).write(files)


@pytest.fixture
def start(folder: Folder) -> Iterator[Start]:
    """Start servers in the folder; they are ended with the test."""
    started: list[Running] = []

    def run(*args: str) -> Running:
        started.append(Running(folder.path, *args))
        return started[-1]

    yield run
    for one in started:
        (folder.path / "go").touch()
        one.stop()


def test_it_serves_in_debug_mode_and_restarts_when_a_file_changes(folder: Folder, start: Start) -> None:
    server = start()
    server.wait_for("/", (200, "first"))
    assert "debug mode on" in server.log
    assert "ValueError: boom" in server.get("/boom")[1]
    folder.write({"shop.py": APP.replace("first", "second")})
    server.wait_for("/", (200, "second"))


def test_a_file_that_breaks_is_told_to_who_asks_until_it_is_mended(folder: Folder, start: Start) -> None:
    server = start()
    server.wait_for("/", (200, "first"))
    folder.write({"shop.py": "import not_there"})
    server.wait_for_log("ModuleNotFoundError: No module named 'not_there'")
    wait(lambda: "not_there" in server.get("/")[1], lambda: server.log)
    assert server.get("/")[0] == 500
    folder.write({"shop.py": APP.replace("first", "mended")})
    server.wait_for("/", (200, "mended"))


def test_an_application_that_is_broken_from_the_start_ends_it(folder: Folder) -> None:
    folder.write({"shop.py": "import not_there"})
    command = [sys.executable, "-m", "trivet", "run", "--port", "0"]
    ended = subprocess.run(command, cwd=folder.path, capture_output=True, text=True, timeout=SECONDS)
    assert ended.returncode == 1
    assert "No module named 'not_there'" in ended.stderr
    assert "Running on" not in ended.stdout + ended.stderr


def test_without_debug_mode_nothing_is_told_to_strangers(start: Start) -> None:
    server = start("--no-debug")
    server.wait_for("/", (200, "first"))
    status, text = server.get("/boom")
    assert (status, "boom" in text) == (500, False)
    assert "debug mode off" in server.log
    assert "Debugger PIN" not in server.log
    assert server.log.count("ValueError: boom") == 1


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize("option", ["--reload", "--no-reload"])
def test_a_signal_to_end_lets_requests_in_flight_end_first(folder: Folder, start: Start, option: str) -> None:
    server = start(option)
    server.wait_for("/", (200, "first"))
    asking = subprocess.Popen(
        [sys.executable, "-c", f"import urllib.request as r; print(r.urlopen('{server.url}/slow').read())"],
        stdout=subprocess.PIPE,
        text=True,
    )
    wait((folder.path / "started").exists, lambda: server.log)
    server.process.send_signal(signal.SIGTERM)
    (folder.path / "go").touch()
    assert asking.communicate(timeout=SECONDS)[0].strip() == "b'finished'"
    assert server.process.wait(SECONDS) == 0
    assert (folder.path / "ended").exists()
    assert server.get("/")[0] == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--key", "trivet.toml"], "--key belongs to --cert"),
        (["--cert", "nowhere.pem"], "There is no file 'nowhere.pem'"),
        (["--cert", "trivet.toml"], "--cert needs the certificate's key"),
        (["--cert", "trivet.toml", "--key", "trivet.toml"], "cannot be used"),
        (["--port", "99999"], "99999 is not in the range"),
    ],
)
def test_wrong_options_are_refused(folder: Folder, args: list[str], message: str) -> None:
    result = folder.run("run", *args)
    assert result.exit_code == 2
    assert message in result.stderr
