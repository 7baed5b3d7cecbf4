"""Programs written for Flask-SQLAlchemy do the same when their import lines are changed."""

import importlib.util
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

from .familiar import HEAD, OURS, PROGRAMS

HAS_PEER = all(importlib.util.find_spec(name) is not None for name in ("flask", "flask_sqlalchemy"))


def changed(text: str) -> str:
    """Change the import lines of a program, and nothing else."""
    text = text.replace("from flask import Flask", "from trivet import Trivet as Flask")
    return re.sub(r"^from flask_sqlalchemy\b", "from trivet_db", text, flags=re.MULTILINE)


def run(text: str, folder: Path) -> Any:
    """Run a program in an empty folder, and close what it has opened."""
    folder.mkdir()
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(text, "program.py", "exec"), names)
    try:
        return names["run"](str(folder))
    finally:
        for app, db in names["made"]:
            with app.app_context():
                for engine in db.engines.values():
                    engine.dispose()


@pytest.mark.skipif(not HAS_PEER, reason="Flask and Flask-SQLAlchemy are not installed")
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_sees_the_same_with_both(name: str, tmp_path: Path) -> None:
    program = HEAD + PROGRAMS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Flask-SQLAlchemy's own, of names it uses itself
        theirs = run(program, tmp_path / "theirs")
    ours = run(changed(program), tmp_path / "ours")
    assert ours == theirs


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs(name: str, tmp_path: Path) -> None:
    assert run(changed(HEAD + PROGRAMS[name]), tmp_path / "ours") is not None


@pytest.mark.parametrize("name", OURS)
def test_a_program_that_the_model_cannot_run_any_more_runs(name: str, tmp_path: Path) -> None:
    program, expected = OURS[name]
    assert run(changed(HEAD + program), tmp_path / "ours") == expected
