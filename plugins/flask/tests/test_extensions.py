"""Flask extensions run on Trivet unchanged: the tests in ``extensions``, in an interpreter without Flask itself."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from xml.etree import ElementTree

import pytest

FOLDER = Path(__file__).parent / "extensions"
NEEDED: dict[str, list[str]] = tomllib.loads((FOLDER / "needed.toml").read_text())
NAMES = sorted(path.stem.removeprefix("test_") for path in FOLDER.glob("test_*.py"))

#: Says for a file's name whether it ran, and what went wrong there.
Outcome = Callable[[str], tuple[bool, str]]


def is_missing(distribution: str) -> bool:
    """Say whether a distribution is not installed."""
    try:
        version(distribution)
    except PackageNotFoundError:
        return True
    return False


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Run all of them at once; settings that are meant for this interpreter stay here."""
    report = tmp_path_factory.mktemp("extensions") / "report.xml"
    arguments = ["-c", str(FOLDER / "pytest.ini"), "-p", "no:cacheprovider", "-q", f"--junit-xml={report}", str(FOLDER)]
    ours = ("PYTHON", "PYTEST", "FLASK_", "TRIVET_", "EXTENSIONS_")
    done = subprocess.run(
        [sys.executable, "-m", "trivet_flask", "-m", "pytest", *arguments],
        cwd=report.parent,
        env={name: value for name, value in os.environ.items() if not name.startswith(ours)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr

    def of(name: str) -> tuple[bool, str]:
        places = [
            case
            for case in ElementTree.parse(report).iter("testcase")
            if f"test_{name}" in (str(case.get("classname")).rpartition(".")[2], case.get("name"))
        ]
        problems = [part for case in places for part in case if part.tag in ("failure", "error")]
        return bool(places), "\n\n".join(part.text or str(part.get("message")) for part in problems)

    return of


@pytest.mark.parametrize("name", NAMES)
def test_an_extension_works_unchanged(name: str, request: pytest.FixtureRequest) -> None:
    missing = [one for one in NEEDED[name] if is_missing(one)]
    if missing:
        reason = f"not installed: pip install {' '.join(missing)}"
        if os.environ.get("TRIVET_CI"):
            pytest.fail(f"{reason}; and TRIVET_CI is set", pytrace=False)
        pytest.skip(reason)
    outcome: Outcome = request.getfixturevalue("outcome")
    ran, problems = outcome(name)
    assert ran, f"no test of extensions/test_{name}.py was run"
    if problems:
        pytest.fail(problems, pytrace=False)


def test_every_extension_says_what_it_needs() -> None:
    assert sorted(NEEDED) == NAMES
