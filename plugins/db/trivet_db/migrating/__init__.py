"""Migrations: which there are, how they are run and written, and what they leave to do. Alembic does the work."""

from . import quiet as quiet
from .errors import MigrationError
from .layout import APP, Branch, Database, Layout
from .running import downgrade, stamp, upgrade
from .scripts import Scripts
from .standing import Standing, difference_of, standing_of
from .writing import merge, migrate, revise

__all__ = [
    "APP",
    "Branch",
    "Database",
    "Layout",
    "MigrationError",
    "Scripts",
    "Standing",
    "difference_of",
    "downgrade",
    "merge",
    "migrate",
    "revise",
    "stamp",
    "standing_of",
    "upgrade",
]
