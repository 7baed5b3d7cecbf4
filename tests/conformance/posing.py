"""A pytest plugin that puts Trivet in Flask's place before anything imports Flask, in child processes too."""

import os
import sys

import pytest

import trivet_flask

trivet_flask.install()
os.environ["TRIVET_POSES_AS_FLASK"] = "1"  # what the start-up hook of the environment looks for


def flask_itself() -> list[str]:
    """Return the modules that came from Flask all the same."""
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "flask"]
    return [module.__name__ for module in modules if not module.__name__.startswith("trivet_flask.")]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a run on Flask itself, which proves nothing, not pass for one on Trivet."""
    if "flask" not in sys.modules or flask_itself():
        raise pytest.UsageError(f"this was not Trivet, but Flask itself: {flask_itself()}")
