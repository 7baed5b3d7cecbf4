"""Where trivet-auth does something else than Flask-Login on purpose."""

from pathlib import Path

import pytest

from .familiar import run_ours, run_theirs
from .familiar_differences import DIFFERENCES
from .test_familiar import HAS_PEER


@pytest.mark.parametrize("protocol", ["wsgi", "asgi"])
@pytest.mark.parametrize("name", DIFFERENCES)
def test_it_differs_on_purpose(name: str, protocol: str, tmp_path: Path) -> None:
    assert run_ours(DIFFERENCES[name].program, tmp_path / "ours", protocol) == DIFFERENCES[name].ours


@pytest.mark.skipif(not HAS_PEER, reason="Flask and Flask-Login are not installed")
@pytest.mark.parametrize("name", DIFFERENCES)
def test_flask_login_does_what_is_said_of_it(name: str, tmp_path: Path) -> None:
    assert run_theirs(DIFFERENCES[name].program, tmp_path / "theirs") == DIFFERENCES[name].theirs
