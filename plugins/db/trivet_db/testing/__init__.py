"""What applications with databases are tested with: a transaction around each test, and throw-away databases."""

from importlib import import_module
from typing import Any

__all__ = ["OuterTransactionError", "counted_statements", "rolled_back", "throwaway_database"]

# Imported when they are asked for: pytest imports this package in every run, for the fixtures in it. What type
# checkers read is in __init__.pyi.
_HOMES = {
    "OuterTransactionError": "branches",
    "counted_statements": "counting",
    "rolled_back": "transaction",
    "throwaway_database": "databases",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return found


def __dir__() -> list[str]:
    """Name what can be imported, too."""
    return sorted({*globals(), *_HOMES})
