"""The sizes that keep the house readable."""

import ast
from itertools import groupby
from pathlib import Path

import pytest

KERNEL_LINES = 3_000
FILE_LINES = 500
FUNCTION_LINES = 25
SHORT_SHARE = 0.9

Function = ast.FunctionDef | ast.AsyncFunctionDef


def lines(root: Path, name: str) -> int:
    return len((root / name).read_text(encoding="utf-8").splitlines())


def docstring(function: Function) -> ast.stmt | None:
    """The statement that documents a function; it is a contract for readers, not code to follow."""
    return function.body[0] if ast.get_docstring(function, clean=False) is not None else None


def only_declared(function: Function) -> bool:
    """True for what has no code: a hook specification, an overload, a method of a protocol."""
    return all(isinstance(part, ast.Pass | ast.Expr) and is_constant(part) for part in function.body)


def is_constant(part: ast.stmt) -> bool:
    return isinstance(part, ast.Pass) or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))


def length(function: Function) -> int:
    """Lines from `def` to the last one, the docstring and the decorators left out."""
    documented = docstring(function)
    spent = (documented.end_lineno or documented.lineno) - documented.lineno + 1 if documented else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - spent


def functions(name: str, tree: ast.Module) -> list[tuple[int, str]]:
    """Return the length of every function of a module, and where it is."""
    found = [node for node in ast.walk(tree) if isinstance(node, Function) and not only_declared(node)]
    return [(length(node), f"{name}:{node.lineno} {node.name}") for node in found]


def distribution(name: str) -> str:
    return "core" if name.startswith("core/") else name.split("/")[1]


def test_the_kernel_stays_small(root: Path, kernel: dict[str, ast.Module]) -> None:
    sizes = {name: lines(root, name) for name in kernel}
    assert sum(sizes.values()) <= KERNEL_LINES, sizes


def test_no_file_is_too_long(root: Path, shipped: dict[str, ast.Module]) -> None:
    sizes = {name: lines(root, name) for name in shipped}
    assert {name: size for name, size in sizes.items() if size > FILE_LINES} == {}


def test_nine_functions_in_ten_are_short(shipped: dict[str, ast.Module]) -> None:
    too_many = {}
    for name, group in groupby(sorted(shipped), key=distribution):
        found = [function for module in group for function in functions(module, shipped[module])]
        long = sorted(function for function in found if function[0] > FUNCTION_LINES)
        if len(long) > len(found) * (1 - SHORT_SHARE):
            too_many[name] = (f"{len(long)} of {len(found)}", long)
    assert too_many == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f():\n    return 1", [2]),
        ("@d\ndef f():\n    '''One\n\n    two.'''\n    return 1", [2]),
        ("async def f():\n    def g():\n        return 1\n    return g", [4, 2]),
        ("def f():\n    '''Declared.'''", []),
        ("def f():\n    ...", []),
    ],
)
def test_a_function_is_measured_without_its_docstring(source: str, expected: list[int]) -> None:
    assert [size for size, _ in functions("m.py", ast.parse(source))] == expected
