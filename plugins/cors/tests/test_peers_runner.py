"""The comparison in benchmarks/cors: Trivet fails no case of it, and every peer that is installed is reported."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

RUNNER = Path(__file__).resolve().parents[3] / "benchmarks" / "cors" / "run.py"
NEEDED = {
    "Flask with Flask-CORS": ("flask", "flask_cors"),
    "Starlette with CORSMiddleware": ("starlette",),
    "Django with django-cors-headers": ("django", "corsheaders"),
    "Falcon with CORSMiddleware": ("falcon",),
}

pytestmark = pytest.mark.skipif(not RUNNER.exists(), reason="the plugin is tested alone, without the repository")


@pytest.fixture(scope="module")
def report() -> str:
    """Run the comparison in a process of its own: Django has one set of settings for each."""
    command = [sys.executable, str(RUNNER), "--brief"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_trivet_fails_no_case_and_can_say_every_policy(report: str) -> None:
    assert re.search(r"^Trivet with trivet-cors \(.*\) +\d+ +0 +\(0\) +0$", report, re.MULTILINE)


def test_the_report_names_every_peer_that_is_installed(report: str) -> None:
    for title, modules in NEEDED.items():
        installed = all(importlib.util.find_spec(one) for one in modules)
        assert bool(re.search(rf"^{title} \(", report, re.MULTILINE)) is installed
