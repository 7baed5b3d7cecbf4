"""A project in a folder of its own, and the ``trivet`` command run in it, in this process."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from trivet.cli import cli


class Folder:
    """A project's folder, which is the current one. What a command imports from it is forgotten afterwards.

    Variables that change what the command does are removed from the environment.
    """

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        (path / ".git").mkdir()  # the search for a configuration file ends here
        monkeypatch.chdir(path)
        for name in [name for name in os.environ if name.startswith(("TRIVET_", "WEB_CONCURRENCY"))]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "200")

    def write(self, files: dict[str, str]) -> Folder:
        """Write files, by their names."""
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        return self

    def run(self, *args: str, **options: object) -> Result:
        """Run the command; what it says and how it ends is in the result."""
        with self.forgetting():
            return CliRunner().invoke(cli, args, prog_name="trivet", terminal_width=200, **options)  # type: ignore[arg-type]

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Forget afterwards what is imported from the folder in the block."""
        before = set(sys.modules)
        try:
            yield
        finally:
            for name in set(sys.modules) - before:
                place = getattr(sys.modules[name], "__file__", None) or ""
                if place.startswith(str(self.path)):
                    del sys.modules[name]


SHOP = """
    from trivet import Trivet

    app = Trivet(__name__)


    @app.get("/items/<int:number>")
    def item(number):
        return str(number)
"""
