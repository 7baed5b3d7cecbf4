"""Migrations from Python, for tests and scripts of a deployment: what the commands do, without the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import sqlalchemy as sa
from alembic.util import CommandError

from trivet import TrivetError

from ..urls import said_by
from . import running
from .choosing import targeted
from .connecting import Say, let_go
from .errors import MigrationError
from .layout import Layout


def upgrade(
    app: Any,
    target: str = "heads",
    *,
    branch: str | None = None,
    bind: str | None = None,
    sql: TextIO | None = None,
    say: Say | None = None,
) -> int:
    """Bring an application's databases up, as ``trivet db upgrade`` does.

    ::

        from trivet_db import upgrade

        upgrade(app, say=print)

    :param app: the application; its setup ends here if it has not ended yet.
    :param target: a revision, ``"heads"``, or ``"+1"``; with ``sql`` also ``"from:to"``.
    :param branch: this branch only: a plugin's name, or ``"app"``. None: all of them.
    :param bind: this database only: a bind key, or ``"default"``. None: all of them.
    :param sql: a file that the statements are written to instead of being run.
    :param say: is called with a line for each revision that is run, as :func:`print`. None: nothing is said.
    :return: how many revisions were run, or written.
    :raises MigrationError: a revision fails, a database cannot be reached, or the target is wrong.
    """
    with _layout_of(app) as layout:
        found = targeted(layout, bind, branch, target, ranges=sql is not None)
        counts = [running.upgrade(one, target, branch=branch, sql=sql, say=say or _mute) for one in found]
        return sum(counts)


def downgrade(
    app: Any,
    target: str = "-1",
    *,
    branch: str | None = None,
    bind: str | None = None,
    sql: TextIO | None = None,
    say: Say | None = None,
) -> int:
    """Take migrations back, as ``trivet db downgrade`` does. Rows of dropped tables are lost.

    ::

        from trivet_db import downgrade

        downgrade(app, "base")

    :param app: the application; its setup ends here if it has not ended yet.
    :param target: a revision that stays, ``"base"``, or ``"-2"`` for the last two; with ``sql`` only ``"from:to"``.
    :param branch: this branch only: a plugin's name, or ``"app"``. None: all of them.
    :param bind: this database only: a bind key, or ``"default"``. None: all of them.
    :param sql: a file that the statements are written to instead of being run.
    :param say: is called with a line for each revision that is taken back, as :func:`print`. None: nothing is said.
    :return: how many revisions were taken back, or written.
    :raises MigrationError: a revision fails, a database cannot be reached, or the target is wrong.
    """
    with _layout_of(app) as layout:
        found = targeted(layout, bind, branch, target, ranges=sql is not None)
        counts = [running.downgrade(one, target, branch=branch, sql=sql, say=say or _mute) for one in found]
        return sum(counts)


def stamp(
    app: Any,
    target: str = "heads",
    *,
    branch: str | None = None,
    bind: str | None = None,
    purge: bool = False,
    say: Say | None = None,
) -> dict[str, tuple[str, ...]]:
    """Note that an application's databases are at a target and run nothing, as ``trivet db stamp`` does.

    ::

        from trivet_db import stamp

        with app.app_context():
            db.create_all()
        stamp(app)

    :param app: the application; its setup ends here if it has not ended yet.
    :param target: a revision, ``"heads"``, or ``"base"``.
    :param branch: this branch only: a plugin's name, or ``"app"``. None: all of them.
    :param bind: this database only: a bind key, or ``"default"``. None: all of them.
    :param purge: forget first what was noted, also of revisions that are gone.
    :param say: is called with a line if another process has to be waited for. None: nothing is said.
    :return: the revisions that each database is at then, by the database's name.
    :raises MigrationError: a database cannot be reached, or the target is wrong.
    """
    with _layout_of(app) as layout:
        found = targeted(layout, bind, branch, target)
        return {
            one.database.name: running.stamp(one, target, branch=branch, purge=purge, say=say or _mute) for one in found
        }


@contextmanager
def _layout_of(app: Any) -> Iterator[Layout]:
    """Give what is migrated, and close the connections that were used for it."""
    try:
        with in_words():
            app.seal()
            yield Layout(app)
    finally:
        let_go(app)


@contextmanager
def in_words() -> Iterator[None]:
    """Turn what Alembic and SQLAlchemy raise in the block into errors that say it without credentials.

    :raises MigrationError: instead of those.
    """
    try:
        yield
    except CommandError as error:
        raise MigrationError(str(error)) from error
    except sa.exc.SQLAlchemyError as error:
        if isinstance(error, TrivetError):  # of a bind that is not configured
            raise
        raise MigrationError(f"A database has refused: {said_by(error)}.") from error


def _mute(line: str) -> None:
    """Say nothing."""
