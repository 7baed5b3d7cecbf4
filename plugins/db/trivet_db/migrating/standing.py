"""Where a database stands: what it has got, what is left to do, and what no migration covers yet."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from alembic.script import Script

from .comparing import differences
from .connecting import on_connection
from .layout import Database
from .running import current_heads
from .scripts import Scripts


@dataclass(frozen=True)
class Standing:
    """Where a database stands among its migrations.

    :ivar current: the revisions it is at.
    :ivar pending: those that it has not got, the next one first.
    :ivar differences: how its tables differ from the models; compared only if nothing is pending.
    """

    database: Database
    current: tuple[Script, ...]
    pending: tuple[Script, ...]
    differences: tuple[str, ...] = field(default=())

    @property
    def settled(self) -> bool:
        """Whether there is nothing to do."""
        return not self.pending and not self.differences


def standing_of(scripts: Scripts) -> Standing:
    """Return where a database stands.

    :raises MigrationError: it cannot be reached, or is at a revision that no folder has.
    """
    return on_connection(scripts.layout.state, scripts.database, lambda connection: _standing(scripts, connection))


def difference_of(scripts: Scripts, branch: str | None = None) -> Standing:
    """Return where a database stands, and how the models of a branch differ from its tables.

    :param branch: the branch; None: the application's own.
    """
    one = scripts.database.branch(branch)
    scripts.check_heads()

    def work(connection: sa.Connection) -> Standing:
        found = _standing(scripts, connection)
        if found.pending or not one.metadata:
            return found
        lines = differences(connection, scripts.database, one)
        return Standing(found.database, found.current, found.pending, tuple(lines))

    return on_connection(scripts.layout.state, scripts.database, work)


def _standing(scripts: Scripts, connection: sa.Connection) -> Standing:
    at = current_heads(connection, scripts.database)
    pending = scripts.pending(at)
    found: list[Any] = [scripts.find(name) for name in at]
    return Standing(scripts.database, tuple(found), tuple(pending))
