"""Puts Trivet in Flask's place, and leaves out the tests of extensions that are not installed.

``EXTENSIONS_ON=flask`` runs the same tests on Flask itself, to see whether a test is right.
"""

import os
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import trivet_flask
from trivet import Trivet

ON_FLASK = os.environ.get("EXTENSIONS_ON") == "flask"

if not ON_FLASK:
    trivet_flask.install()

import flask  # noqa: E402 - not before install()


def is_missing(distribution):
    try:
        version(distribution)
    except PackageNotFoundError:
        return True
    return False


NEEDED = tomllib.loads((Path(__file__).parent / "needed.toml").read_text())
MISSING = {name: [one for one in needed if is_missing(one)] for name, needed in NEEDED.items()}
collect_ignore = [f"test_{name}.py" for name, missing in MISSING.items() if missing]


def pytest_report_header():
    return list(_left_out())


def _left_out():
    for name, missing in MISSING.items():
        if missing:
            yield f"test_{name}.py is left out: pip install {' '.join(missing)}"


@pytest.fixture(autouse=True, scope="session")
def _nothing_has_imported_flask_itself():
    assert issubclass(flask.Flask, Trivet) is not ON_FLASK
