"""Databases for Trivet by configuration: ``[db] url``, ``db = SQLAlchemy()``, ``trivet db upgrade``."""

from importlib import import_module
from typing import Any

__all__ = [
    "AsyncSession",
    "DatabaseConfigError",
    "KeysetPage",
    "Migrations",
    "MissingDriverError",
    "Model",
    "Options",
    "PageError",
    "Pagination",
    "Query",
    "QueryInfo",
    "SQLAlchemy",
    "Session",
    "UnknownBindError",
    "get_recorded_queries",
]

# Imported when they are asked for: pytest imports this package in every run, for the fixtures in it. What type
# checkers read is in __init__.pyi.
_HOMES = {
    "AsyncSession": "session",
    "DatabaseConfigError": "errors",
    "KeysetPage": "pagination",
    "Migrations": "state",
    "MissingDriverError": "errors",
    "Model": "model",
    "Options": "options",
    "PageError": "errors",
    "Pagination": "pagination",
    "Query": "query",
    "QueryInfo": "seen",
    "SQLAlchemy": "extension",
    "Session": "session",
    "UnknownBindError": "errors",
    "get_recorded_queries": "seen",
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
