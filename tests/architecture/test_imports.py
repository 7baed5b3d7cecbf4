"""Every import runs down, and the kernel names no feature."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

# The words of features, as they would stand in a name. (A static rule is routing; a static folder is not.)
FEATURES = {
    "auth", "cors", "csrf", "database", "databases", "db", "flash", "jinja", "json", "login", "logout",
    "migration", "migrations", "origin", "origins", "password", "session", "sessions", "signal", "signals",
    "sql", "sqlalchemy", "template", "templates", "user", "users",
}  # fmt: skip
STATIC_FILES = re.compile(r"static_(file|folder|url|host|endpoint)|send_file")
# Names that the kernel does not choose.
GIVEN = {"__origin__", "get_origin"}
# Slow to import and often not needed, so a function does it. The contracts hold for such an import as for any other.
LATER = {"jinja", "runner", "command"}

Import = ast.Import | ast.ImportFrom


def contracts(root: Path, core: Path) -> subprocess.CompletedProcess[str]:
    """Run every contract of pyproject.toml against the package in `core`."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    packages = os.pathsep.join(map(str, [core, *root.glob("plugins/*")]))
    environment = {**os.environ, "PYTHONPATH": packages, "PYTHONSAFEPATH": "1"}
    options = ["--no-cache", "--config", str(root / "pyproject.toml")]
    return subprocess.run([*command, *options], cwd=root, env=environment, capture_output=True, text=True)


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def imports(tree: ast.AST) -> Iterator[Import]:
    return (node for node in ast.walk(tree) if isinstance(node, Import))


def imported(node: Import) -> list[str]:
    """Name the modules that a statement imports; a relative one begins with a dot."""
    if isinstance(node, ast.ImportFrom):
        return ["." * node.level + (node.module or "")]
    return [alias.name for alias in node.names]


def ours(module: str) -> bool:
    return module.startswith(".") or re.match(r"trivet(_\w+)?(\.|$)", module) is not None


def identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Give every name in a module with its line: what is bound, called, taken or imported."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield line, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield line, name
            case ast.keyword(arg=str(name)) | ast.alias(name=name):
                yield line, name


def words(identifier: str) -> set[str]:
    """Split `jsonBody`, `JSONBody` and `json_body` into their words."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", identifier)
    return {part.lower() for part in parts}


def test_the_contracts_are_kept(root: Path) -> None:
    answer = contracts(root, root / "core")
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("kernel/errors.py", "import trivet.hookspecs"),
        ("kernel/http.py", "import trivet.kernel.lifecycle"),
        ("hookspecs.py", "from trivet.plugins import *"),
        ("kernel/errors.py", "import jinja2"),
        ("stray.py", ""),
    ],
)
def test_a_contract_that_is_broken_is_noticed(root: Path, tmp_path: Path, module: str, statement: str) -> None:
    copied = tmp_path / "trivet"
    shutil.copytree(root / "core" / "trivet", copied, ignore=shutil.ignore_patterns("__pycache__"))
    with (copied / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{statement}\n")
    answer = contracts(root, tmp_path)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert "BROKEN" in answer.stdout


def test_every_plugin_is_under_the_contracts(root: Path) -> None:
    found = {path.parent.name for path in root.glob("plugins/*/trivet_*/__init__.py")}
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    sources = {one["id"]: set(one.get("source_modules", ())) for one in settings["contracts"]}
    assert set(settings["root_packages"]) == {"trivet", *found}
    assert sources["plugins"] | sources["second-face"] == found
    assert sources["second-face"] == {"trivet_flask"}


def test_no_import_is_for_type_checkers_only(shipped: dict[str, ast.Module]) -> None:
    found = [
        f"{name}:{line}"
        for name, tree in shipped.items()
        for line, identifier in identifiers(tree)
        if identifier == "TYPE_CHECKING"
    ]
    assert found == []


def test_no_function_imports_our_own_modules_but_the_slow_ones(shipped: dict[str, ast.Module]) -> None:
    found = {
        f"{name}:{node.lineno}"
        for name, tree in shipped.items()
        for function in functions(tree)
        for node in imports(function)
        if any(ours(module) and module.rpartition(".")[2] not in LATER for module in imported(node))
    }
    assert found == set()


def test_nothing_in_core_imports_the_face(root: Path, shipped: dict[str, ast.Module]) -> None:
    below = {name: tree for name, tree in shipped.items() if name.startswith("core/")}
    found = [
        f"{name}:{node.lineno}"
        for name, tree in below.items()
        for node in imports(tree)
        if "trivet" in imported(node)
        if not (isinstance(node, ast.ImportFrom) and all(is_module(root, alias.name) for alias in node.names))
    ]
    assert found == []


def is_module(root: Path, name: str) -> bool:
    place = root / "core" / "trivet" / name
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def test_the_kernel_names_no_feature(kernel: dict[str, ast.Module]) -> None:
    found = [
        f"{name}:{line} {identifier}"
        for name, tree in kernel.items()
        for line, identifier in identifiers(tree)
        if identifier not in GIVEN
        if words(identifier) & FEATURES or STATIC_FILES.search(identifier)
    ]
    assert found == []


def test_an_identifier_is_split_into_words() -> None:
    assert words("get_jsonBody") == {"get", "json", "body"}
    assert words("JSONProvider") == {"json", "provider"}
    assert words("TEMPLATE_FOLDER") == {"template", "folder"}


@pytest.mark.parametrize("slow", ["asyncio", "concurrent.futures", "click.testing", "jinja2", "msgspec", "tomllib"])
def test_what_is_slow_to_import_is_left_until_it_is_needed(slow: str) -> None:
    program = f"import trivet, sys; trivet.Trivet('quick', config_file=False); print({slow!r} in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"
