"""Databases for Trivet by configuration: ``[db] url``, ``db = SQLAlchemy()``, ``trivet db upgrade``."""

from importlib import import_module
from typing import Any

__all__ = [
    "AsyncSession",
    "DatabaseConfigError",
    "KeysetPage",
    "MigrationError",
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
    "downgrade",
    "get_recorded_queries",
    "stamp",
    "upgrade",
]

# Imported when they are asked for: pytest imports this package in every run, for the fixtures in it. What type
# checkers read is in __init__.pyi.
_HOMES = {
    "AsyncSession": "session",
    "DatabaseConfigError": "errors",
    "KeysetPage": "pagination",
    "MigrationError": "migrating.errors",
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
    "downgrade": "migrating.calling",
    "get_recorded_queries": "seen",
    "stamp": "migrating.calling",
    "upgrade": "migrating.calling",
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
