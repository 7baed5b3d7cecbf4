"""The files that the architecture tests read."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

SKIPPED = {"__pycache__", "_build", "build", "dist", "node_modules"}


def listed_by_git(root: Path) -> list[Path]:
    """Return the tracked files and those that could be; nothing outside a checkout."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        answer = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return [root / name for name in answer.split("\0") if name]


def walked(folder: Path) -> list[Path]:
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            hidden = path.name.startswith(".") and path.name != ".ci"
            found += [] if hidden or path.name in SKIPPED else walked(path)
        else:
            found.append(path)
    return found


@pytest.fixture(scope="session")
def files(root: Path) -> list[Path]:
    """Every file of the project, without what is built, cached or ignored."""
    found = listed_by_git(root) or walked(root)
    return [path for path in found if path.is_file()]


@pytest.fixture(scope="session")
def modules(root: Path, files: list[Path]) -> dict[str, ast.Module]:
    """The syntax tree of every Python file of the project, by its path in the checkout."""
    sources = [path for path in files if path.suffix == ".py" or path == root / "dev"]
    return {
        path.relative_to(root).as_posix(): ast.parse(path.read_text(encoding="utf-8"), path.name) for path in sources
    }


@pytest.fixture(scope="session")
def shipped(modules: dict[str, ast.Module]) -> dict[str, ast.Module]:
    """The modules that end up in a distribution: those of core, and of the packages of the plugins."""
    pattern = re.compile(r"core/|plugins/\w+/trivet_")
    return {name: tree for name, tree in modules.items() if pattern.match(name)}


@pytest.fixture(scope="session")
def kernel(shipped: dict[str, ast.Module]) -> dict[str, ast.Module]:
    """The modules of the kernel."""
    found = {name: tree for name, tree in shipped.items() if name.startswith("core/trivet/kernel/")}
    assert found, "core/trivet/kernel/ has no modules"
    return found
