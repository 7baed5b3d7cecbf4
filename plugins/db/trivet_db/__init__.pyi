"""Databases for Trivet by configuration: ``[db] url``, ``db = SQLAlchemy()``, ``trivet db upgrade``."""

from .errors import DatabaseConfigError, MissingDriverError, PageError, UnknownBindError
from .extension import SQLAlchemy
from .migrating.calling import downgrade, stamp, upgrade
from .migrating.errors import MigrationError
from .model import Model
from .options import Options
from .pagination import KeysetPage, Pagination
from .query import Query
from .seen import QueryInfo, get_recorded_queries
from .session import AsyncSession, Session
from .state import Migrations

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
