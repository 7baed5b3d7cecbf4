"""Runs Flask's own published tests, and those of its two example applications, on Trivet or on Flask."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
README = ROOT / "plugins" / "flask" / "README.md"
CACHE = ROOT / ".venv-conformance"

FLASK = "Flask==3.1.3"
SHA256 = "0ef0e52b8a9cd932855379197dd8f94047b359ca0a78695144304cb45f87c9eb"
NEEDED = [FLASK, "Werkzeug>=3.1,<3.2", "pytest>=8.4,<9", "asgiref", "greenlet", "python-dotenv", "cryptography"]
OURS = [ROOT, ROOT / "plugins" / "flask"]
#: The folders of the source distribution with a suite of tests; the tests' names in the README begin with them.
SUITES = ["", "examples/tutorial", "examples/javascript"]
#: Every Python that a test starts runs this line first, because a `.pth` file of the environment has it.
HOOK = "import os; os.environ.get('TRIVET_POSES_AS_FLASK') and __import__('trivet_flask').install()\n"
MINUTES = 15


def run(*command: str | Path) -> None:
    """Run a command; if it fails, end with what it has printed."""
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}\n`{' '.join(map(str, command))}` ended with status {done.returncode}")


def say(text: str) -> None:
    print(f"conformance: {text}", file=sys.stderr, flush=True)


# --- what the tests need ---


def environment() -> Path:
    """Return the Python of an environment with all that is needed; made anew when something of that changes."""
    folder = CACHE / f"python-{sys.version_info[0]}.{sys.version_info[1]}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "made-from"
    made_from = "\n".join([*NEEDED, HOOK, *((ours / "pyproject.toml").read_text(encoding="utf-8") for ours in OURS)])
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == made_from:
        return python
    say(f"making an environment in {folder.relative_to(ROOT)}")
    shutil.rmtree(folder, ignore_errors=True)
    editable = [argument for ours in OURS for argument in ("--editable", str(ours))]
    uv = shutil.which("uv")
    if uv:
        run(uv, "venv", "--quiet", "--seed", "--python", sys.executable, folder)
        run(uv, "pip", "install", "--quiet", "--python", python, *NEEDED, *editable)
    else:
        run(sys.executable, "-m", "venv", folder)
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *NEEDED, *editable)
    where = subprocess.check_output([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True)
    # files are read in the order of their names, and those of the editable installations have to come first
    Path(where.strip(), "zz-trivet-poses-as-flask.pth").write_text(HOOK, encoding="utf-8")
    stamp.write_text(made_from, encoding="utf-8")
    return python


def source(python: Path) -> Path:
    """Return the folder of Flask's source distribution, fetched and unpacked if it is not there yet."""
    folder = CACHE / FLASK.lower().replace("==", "-")
    if folder.is_dir():
        return folder
    say(f"fetching the source distribution of {FLASK}")
    with tempfile.TemporaryDirectory(dir=CACHE) as fresh:
        run(python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", fresh, FLASK)
        [archive] = Path(fresh).iterdir()
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != SHA256:
            sys.exit(f"{archive.name} has the digest {found}, not {SHA256}")
        with tarfile.open(archive) as opened:
            opened.extractall(fresh, filter="data")
        Path(fresh, folder.name).rename(folder)
    return folder


def known_failures(target: str) -> dict[str, str]:
    """Return the tests that the README says fail, with the reasons; on Flask, those that fail there too."""
    known = {}
    for line in README.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and ".py::" in cells[0] and (target == "trivet" or cells[1] == "fails too"):
            known[cells[0].strip("`")] = cells[2]
    return known


# --- running them ---


def outcomes(report: Path, suite: str) -> dict[str, str]:
    """Return what became of every test of a JUnit report: `passed`, `failed` or `skipped`."""
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {part.tag for part in case} & {"failure", "error", "skipped"}
        name = "/".join(filter(None, [suite, f"{case.get('file')}::{case.get('name')}"]))
        found[name] = "failed" if kinds & {"failure", "error"} else "skipped" if kinds else "passed"
    return found


def run_suite(python: Path, folder: Path, suite: str, target: str, arguments: list[str]) -> dict[str, str]:
    """Run the tests of one suite in a process and return what became of each."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "TRIVET_", "PY"))}
    path = os.pathsep.join([str(python.parent), kept.get("PATH", "")])
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        report = Path(scratch, "report.xml")
        options = ["-q", "--tb=short", "-o", "junit_family=xunit1", f"--junitxml={report}", "-p", "no:cacheprovider"]
        if target == "trivet":
            options += ["-p", "posing"]
        done = subprocess.run(
            [python, "-m", "pytest", *options, *arguments],
            cwd=folder / suite,
            env={**kept, "PATH": path, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"},
            timeout=60 * MINUTES,
        )
        if done.returncode not in (0, 1, 5):  # 5: the arguments have left out all tests of this suite
            sys.exit(f"pytest ended with status {done.returncode}")
        return outcomes(report, suite)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, epilog="All other arguments go to pytest.")
    parser.add_argument("--target", choices=["trivet", "flask"], default="trivet", help="what is tested")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what became of every test")
    options, arguments = parser.parse_known_args()
    CACHE.mkdir(exist_ok=True)
    python = environment()
    folder = source(python)
    found: dict[str, str] = {}
    for suite in SUITES:
        say(f"{suite or 'the tests'} of {FLASK} on {options.target}")
        found |= run_suite(python, folder, suite, options.target, arguments)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return report(found, known_failures(options.target))


def report(found: dict[str, str], known: dict[str, str]) -> int:
    """Print what failed and the counts; return 1 if anything failed that is not known to, or nothing ran."""
    for name, outcome in found.items():
        if outcome == "failed":
            print(f"failed as known: {name}: {known[name]}" if name in known else f"FAILED: {name}")
        elif outcome == "passed" and name in known:
            print(f"passed, although it is known to fail: {name}")
    count = Counter("known" if name in known and what == "failed" else what for name, what in found.items())
    skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
    print(f"{count['passed']} passed, {count['known']} failed as known, {count['failed']} failed{skipped}")
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
