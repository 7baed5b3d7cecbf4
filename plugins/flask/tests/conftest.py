"""What the tests of the plugin may ask for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache

import pytest

#: These run in an interpreter of their own: see test_extensions.py.
collect_ignore = ["extensions"]


@cache
def flask_is_installed() -> bool:
    """Ask another process, because in this one nothing may import Flask."""
    return subprocess.run([sys.executable, "-c", "import flask"], capture_output=True).returncode == 0


@pytest.fixture(scope="session")
def need_flask() -> Callable[[], None]:
    """Skip and say why if there is no Flask to compare with; where TRIVET_CI is set there has to be one."""

    def check() -> None:
        if not flask_is_installed():
            if os.environ.get("TRIVET_CI"):
                pytest.fail("Flask is not installed, and TRIVET_CI is set", pytrace=False)
            pytest.skip("Flask is not installed")

    return check
