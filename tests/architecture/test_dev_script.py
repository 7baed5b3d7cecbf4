"""The script ./dev runs on a fresh machine."""

import ast
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def dev(root: Path) -> ModuleType:
    """The script as a module."""
    loader = importlib.machinery.SourceFileLoader("dev_script", str(root / "dev"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def checkout(dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of nothing but pyproject files, which the script takes for its own."""
    (tmp_path / "plugins" / "one").mkdir(parents=True)
    (tmp_path / "plugins" / "one" / "pyproject.toml").write_text("[project]\nname = 'one'\n")
    (tmp_path / "pyproject.toml").write_text("[dependency-groups]\na = ['x>=1']\nb = [{include-group = 'a'}, 'y']\n")
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    return tmp_path


def start(root: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(root / "dev"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **env})


def test_it_imports_the_standard_library_only(root: Path) -> None:
    tree = ast.parse((root / "dev").read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    assert found <= set(sys.stdlib_module_names)


def test_an_older_python_can_read_it_and_say_what_is_missing(root: Path) -> None:
    ast.parse((root / "dev").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_it_can_be_executed(root: Path) -> None:
    assert os.access(root / "dev", os.X_OK)


def test_help_has_one_line_for_each_command(root: Path) -> None:
    answer = start(root, "--help")
    lines = answer.stdout.partition("commands:\n")[2].partition("\n\n")[0].splitlines()
    assert answer.returncode == 0, answer.stderr
    assert [line.split()[0] for line in lines] == [
        "serve", "test", "check", "bench", "conformance", "docs", "dist",
    ]  # fmt: skip
    assert all(len(line) <= 110 for line in lines)


@pytest.mark.parametrize("wanted", ["3.10", "3", "three.eleven"])
def test_a_python_that_will_not_do_is_refused(root: Path, wanted: str) -> None:
    answer = start(root, "--python", wanted, "docs")
    assert answer.returncode == 2
    assert wanted in answer.stderr


def test_the_environment_variable_chooses_the_python_too(root: Path) -> None:
    command = [sys.executable, str(root / "dev"), "docs"]
    env = {**os.environ, "TRIVET_PYTHON": "2.7"}
    answer = subprocess.run(command, capture_output=True, text=True, env=env)
    assert (answer.returncode, "2.7" in answer.stderr) == (2, True)


def test_a_group_brings_the_groups_it_includes(dev: ModuleType, checkout: Path) -> None:
    assert dev.requirements("b") == ["x>=1", "y"]


def test_nothing_is_installed_again_until_a_pyproject_changes(dev: ModuleType, checkout: Path) -> None:
    environment = dev.Environment()
    environment.path.mkdir()
    assert environment.installed() == []
    environment.record(["b", "workspace"])
    assert environment.installed() == ["b", "workspace"]
    (checkout / "plugins" / "one" / "pyproject.toml").write_text("[project]\nname = 'two'\n")
    assert environment.installed() == []


def test_a_new_plugin_is_installed(dev: ModuleType, checkout: Path) -> None:
    environment = dev.Environment()
    environment.path.mkdir()
    environment.record(["workspace"])
    (checkout / "plugins" / "new").mkdir()
    (checkout / "plugins" / "new" / "pyproject.toml").write_text("[project]\nname = 'new'\n")
    assert [path.name for path in dev.distributions()[1:]] == ["new", "one"]
    assert environment.installed() == []


def test_each_python_and_each_purpose_has_its_own_environment(dev: ModuleType) -> None:
    paths = [dev.Environment(*pair).path.name for pair in [("", ""), ("3.12", ""), ("", "bench")]]
    assert paths == [".venv", ".venv-3.12", ".venv-bench"]
