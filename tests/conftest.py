"""What every test may ask for."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Need = Callable[[str], str]


def missing(reason: str) -> None:
    """Skip and say why; where TRIVET_CI is set everything has to be there, so fail."""
    if os.environ.get("TRIVET_CI"):
        pytest.fail(f"{reason}, and TRIVET_CI is set", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def need_program() -> Need:
    """Return the path of a program, from beside this Python or from PATH; without it the test cannot run."""

    def find(name: str) -> str:
        beside = Path(sys.executable).parent
        path = shutil.which(name, path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
        if path is None:
            missing(f"the program {name} is not installed")
        return str(path)

    return find


@pytest.fixture(scope="session")
def need_module() -> Need:
    """Return the name of a module that can be imported; without it the test cannot run."""

    def find(name: str) -> str:
        if importlib.util.find_spec(name) is None:
            missing(f"the module {name} is not installed")
        return name

    return find


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parent.parent
