"""The tutorials, typed in from their first line to their last: every command prints what the page shows.

The environment of the tests stands for the one that a reader makes: what is to be installed has to be installed
there, and nothing is downloaded.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from .pages import DOCS, Block, blocks, commands, pattern
from .servers import Running, environment, free_port

#: The pages, with a path that answers 200 once the application of the page is served.
PAGES = {"first-app.md": "/api/hello", "database.md": "/api/tasks", "auth.md": "/auth/login"}
PATIENCE = 30.0
PORT = "5000"


class Typist:
    """Does what the page says, in an empty folder.

    ``served`` is a path that answers 200 once the application is served.
    """

    def __init__(self, start: Path) -> None:
        self.start = self.folder = start
        self.served = ""
        self.port = str(free_port())
        self.server: Running | None = None

    def follow(self, block: Block) -> None:
        """Write the file that a block shows, or type its commands."""
        if block.language == "console":
            for command, expected in commands(block):
                self.type(command.replace(PORT, self.port), expected.replace(PORT, self.port))
        else:
            assert block.file is not None, f"{block.title}: the block says no file name"
            (self.folder / block.file).write_text(block.text, encoding="utf-8")

    def type(self, command: str, expected: str) -> None:
        """Run one command and compare what it prints."""
        if command.startswith("cd "):
            self.folder = self.start / command.removeprefix("cd ")
        elif command.startswith("pip install "):
            self.check_installed(command.removeprefix("pip install ").strip('"'))
        elif command.startswith(("trivet run", "trivet serve")):
            self.serve(command, expected)
        elif " -m venv " not in command and not command.startswith(". "):
            self.run(command, expected)

    def check_installed(self, wanted: str) -> None:
        """Check that a distribution is here, with what its extras need."""
        requirement = Requirement(wanted)
        found = distribution(requirement.name)
        for extra in requirement.extras:
            needed = [Requirement(line) for line in found.requires or ()]
            added = [one for one in needed if one.marker and one.marker.evaluate({"extra": extra})]
            assert added, f"{requirement.name} has no extra {extra!r}"
            for one in added:
                distribution(one.name)

    def serve(self, command: str, expected: str) -> None:
        """Start a server in the place of the one before."""
        self.stop()
        if "--port" not in command:
            command += f" --port {self.port}"
        self.server = Running(command, self.folder, self.start / "server.log")
        self.server.wait_for(f"http://127.0.0.1:{self.port}{self.served}")
        self.compare(command, self.server.printed, expected)

    def run(self, command: str, expected: str) -> None:
        """Run a command that ends by itself; a request is repeated while the server restarts."""

        def printed() -> str:
            # curl tells its progress only where nobody sees the answer otherwise
            errors = subprocess.DEVNULL if command.startswith("curl") else subprocess.STDOUT
            done = subprocess.run(
                command, shell=True, cwd=self.folder, env=environment(), stdout=subprocess.PIPE, stderr=errors
            )
            return done.stdout.decode()

        self.compare(command, printed, expected, PATIENCE if command.startswith("curl") else 0)

    def compare(self, command: str, printed: Callable[[], str], expected: str, patience: float = 0) -> None:
        """Compare what a command prints with the page."""
        deadline = time.monotonic() + patience
        while True:
            text = re.sub(r"[ \t\r]+$", "", printed(), flags=re.MULTILINE).strip()
            if pattern(expected).fullmatch(text):
                return
            log = self.server.printed() if self.server is not None else ""
            assert time.monotonic() < deadline, f"$ {command}\n{text}\n--- the page says\n{expected}\n--- server\n{log}"
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop the server."""
        if self.server is not None:
            self.server.stop()
            self.server = None


@pytest.fixture
def typist(tmp_path: Path) -> Iterator[Typist]:
    """Somebody who follows the page; a server that is left running is stopped at the end."""
    one = Typist(tmp_path)
    yield one
    one.stop()


def test_every_tutorial_is_typed_in() -> None:
    assert {page.name for page in (DOCS / "tutorial").glob("*.md")} == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_a_newcomer_gets_from_nothing_to_a_served_application(
    page: str, typist: Typist, need_program: Callable[[str], str]
) -> None:
    need_program("curl")
    typist.served = PAGES[page]
    followed = [block for block in blocks(DOCS / "tutorial" / page) if block.language in ("python", "toml", "console")]
    for block in followed:
        typist.follow(block)
    assert [block.language for block in followed].count("console") >= 8
