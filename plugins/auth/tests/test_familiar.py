"""Programs written for Flask-Login do the same when their import lines are changed."""

import importlib.util
from pathlib import Path

import pytest

from .familiar import run_ours, run_theirs
from .familiar_refusing import REFUSING
from .familiar_remembering import REMEMBERING
from .familiar_signing_in import SIGNING_IN

HAS_PEER = all(importlib.util.find_spec(name) is not None for name in ("flask", "flask_login"))
PROGRAMS = {**SIGNING_IN, **REFUSING, **REMEMBERING}


@pytest.mark.skipif(not HAS_PEER, reason="Flask and Flask-Login are not installed")
@pytest.mark.parametrize("protocol", ["wsgi", "asgi"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_sees_the_same_with_both(name: str, protocol: str, tmp_path: Path) -> None:
    theirs = run_theirs(PROGRAMS[name], tmp_path / "theirs")
    assert run_ours(PROGRAMS[name], tmp_path / "ours", protocol) == theirs


@pytest.mark.parametrize("protocol", ["wsgi", "asgi"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs(name: str, protocol: str, tmp_path: Path) -> None:
    assert run_ours(PROGRAMS[name], tmp_path / "ours", protocol)
