"""Python programs of a few lines, run in processes of their own, because what they import stays imported."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

Done = subprocess.CompletedProcess[str]


def run(*arguments: str, folder: Path, **environment: str) -> Done:
    """Run Python with arguments in a folder, with nothing in the environment that changes what it does."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "TRIVET_", "WERKZEUG_"))
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**kept, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def output(*arguments: str, folder: Path, **environment: str) -> str:
    """Run Python, which must succeed, and return what it prints, without the last line's end."""
    done = run(*arguments, folder=folder, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.removesuffix("\n")


def printed(code: str, *, folder: Path, **environment: str) -> str:
    """Run a program, warnings being errors, and return what it prints."""
    return output("-W", "error", "-c", textwrap.dedent(code), folder=folder, **environment)
