"""Running migrations: up, down, or only noting where a database is."""

import traceback
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

import sqlalchemy as sa
from alembic import command
from alembic.runtime.migration import MigrationContext
from alembic.script import Script
from alembic.util import CommandError

from ..urls import said_by
from .comparing import naming_of, options_for
from .connecting import ENFORCED, Say, alone, on_connection, reading
from .errors import MigrationError
from .layout import APP, Database
from .scripts import Scripts


class Environment:
    """What Alembic's environment does for one command on one database.

    :param connection: where migrations are run; None: SQL is written for a database of the same kind.
    :param say: is told of every revision that is run.
    :ivar count: how many have been run.
    :ivar failing: the revision that is being run.
    """

    def __init__(self, scripts: Scripts, connection: sa.Connection | None, say: Say) -> None:
        self.scripts = scripts
        self.database = scripts.database
        self.connection = connection
        self.say = say
        self.count = 0
        self.failing: Script | None = None
        self.transactional = True

    def __call__(self, context: Any) -> None:
        """Run what a command has prepared, in one transaction where the database can undo the making of tables."""
        options = options_for(self.database, self.database.branches[0])
        if self.connection is None:
            dialect = self.database.url.get_backend_name()
            context.configure(dialect_name=dialect, literal_binds=True, dialect_opts={"paramstyle": "named"}, **options)
        else:
            undone = {"transactional_ddl": True} if self.connection.dialect.name == "sqlite" else {}
            context.configure(connection=self.connection, **options, **undone)
        self.transactional = context.get_context().impl.transactional_ddl
        for script in context.script.walk_revisions():
            for way in ("upgrade", "downgrade"):
                setattr(script.module, way, self._step(context, script, way))
        with context.begin_transaction():
            context.run_migrations()
            if self.connection is not None and self.count:
                _check_keys(self.connection)
            self.failing = None

    def heads(self) -> tuple[str, ...]:
        """Return where the database is."""
        if self.connection is None:
            return ()
        if self.connection.in_transaction():
            self.connection.rollback()  # what has failed is undone before anything can be asked
        return current_heads(self.connection, self.database)

    def _step(self, context: Any, script: Script, way: str) -> Callable[[], None]:
        """Return the function of a revision, with what is done around it."""
        function = getattr(script.module, way, None)
        branch = self.scripts.branch_of(script)

        def step() -> None:
            self.failing = script
            label = "" if branch.name == APP else f" {branch.name}:"
            self.say(f"{self.database.name}: {way} {script.revision}{label} {script.doc}".rstrip())
            if function is None:
                raise MigrationError(f"it has no function {way}()")
            context.get_context().opts["target_metadata"] = naming_of(branch)
            self._call(function, script.module, way)
            self.count += 1

        return step

    def _call(self, function: Callable[..., None], module: Any, way: str) -> None:
        """Call a revision's function; one of Flask-Migrate's for several databases is told which one."""
        code = getattr(function, "__code__", None)
        if not self.database.shared or code is None or not code.co_argcount:
            function()
            return
        parts = [name for name in vars(module) if name.startswith(f"{way}_")]
        if parts and f"{way}_{self.database.engine_name}" not in parts:
            return  # the revision is older than the bind
        function(self.database.engine_name)


def _check_keys(connection: sa.Connection) -> None:
    """Look for rows that refer to nothing, which SQLite has not done while tables were made anew."""
    if connection.dialect.name != "sqlite" or not connection.info.get(ENFORCED):
        return
    found = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if found:
        table, row, parent, _ = found[0]
        raise MigrationError(
            f"after it, {len(found)} rows refer to rows that do not exist: first row {row} of {table}, to {parent}"
        )


def current_heads(connection: sa.Connection, database: Database) -> tuple[str, ...]:
    """Return the revisions in a database's version table, none if it has no such table."""
    with reading(connection):
        context = MigrationContext.configure(connection, opts={"version_table": database.version_table})
        return context.get_current_heads()


def upgrade(
    scripts: Scripts,
    target: str = "heads",
    *,
    branch: str | None = None,
    sql: TextIO | None = None,
    tag: str | None = None,
    say: Say,
) -> int:
    """Bring a database up, and return how many revisions were run.

    :param target: a revision, ``"heads"``, ``"+1"``; with ``sql`` also ``"from:to"``.
    :param branch: the only branch to take; None: all of them, and for ``"+1"`` the application's own.
    :param sql: write the statements there instead of running them; the count is that of the revisions then.
    :raises MigrationError: there is more than one head, the database cannot be reached, or a revision fails.
    """
    if sql is not None:
        found = scripts.upward(target, branch, ()) if ":" not in target else target
        return _print(scripts, "upgrade", found, sql, tag) if found is not None else 0
    if target in ("head", "heads"):
        scripts.upward(target, branch, ())  # says what is wrong with the files before anything is connected to

    def run(environment: Environment, at: tuple[str, ...]) -> None:
        found = scripts.upward(target, branch, at)
        if found is not None:
            command.upgrade(scripts.config(environment), found, tag=tag)

    return _run(scripts, run, say)


def downgrade(
    scripts: Scripts,
    target: str = "-1",
    *,
    branch: str | None = None,
    sql: TextIO | None = None,
    tag: str | None = None,
    say: Say,
) -> int:
    """Bring a database down, and return how many revisions were taken back.

    :param target: a revision, ``"base"``, ``"-1"``; with ``sql`` only ``"from:to"``.
    :raises MigrationError: the database cannot be reached, or a revision fails.
    """
    if sql is not None:
        scripts.check_range(target, branch)
        return _print(scripts, "downgrade", target, sql, tag)

    def run(environment: Environment, at: tuple[str, ...]) -> None:
        found = scripts.downward(target, branch, at)
        if found is not None:
            command.downgrade(scripts.config(environment), found, tag=tag)

    return _run(scripts, run, say)


def stamp(
    scripts: Scripts, target: str = "heads", *, branch: str | None = None, purge: bool = False, say: Say
) -> tuple[str, ...]:
    """Note that a database is at a revision, run nothing, and return where it is then.

    :param purge: forget what is noted first, also of revisions that no folder has any more.
    """
    at: tuple[str, ...] = ()

    def run(environment: Environment, before: tuple[str, ...]) -> None:
        nonlocal at
        found = scripts.upward(target, branch, before) or "base"
        command.stamp(scripts.config(environment), found.split(","), purge=purge)
        at = environment.heads()

    _run(scripts, run, say, known=not purge)
    return at


def _print(scripts: Scripts, way: str, target: str, output: TextIO, tag: str | None) -> int:
    """Write the statements of revisions, or nothing at all if one of them cannot be written.

    :raises MigrationError: a revision asks the database something, or there is no such way.
    """
    text = StringIO()
    environment = Environment(scripts, None, _mute)
    try:
        getattr(command, way)(scripts.config(environment, text), target, sql=True, tag=tag)
    except Exception as error:
        if environment.failing is not None:
            raise _unprintable(environment.database, environment.failing, error) from error
        if not isinstance(error, CommandError):
            raise
        raise _no_way(way, target) from error
    if ":" in target and not environment.count:
        raise _no_way(way, target)
    output.write(text.getvalue())
    return environment.count


def _no_way(way: str, target: str) -> MigrationError:
    start, _, end = target.partition(":")
    first = "earlier one first, as in base:heads" if way == "upgrade" else "later one first, as in heads:base"
    return MigrationError(f"There is nothing to {way} from {start or 'base'!r} to {end!r}. Write the {first}.")


def _unprintable(database: Database, script: Script, error: Exception) -> MigrationError:
    """Return the error for a revision that cannot be told without a database."""
    said = said_by(error, database.url)
    if isinstance(error, CommandError) and database.url.get_backend_name() == "sqlite":
        said = "SQLite alters a table by making it anew, and for that it has to be looked at"
    return MigrationError(
        f"The statements of revision {script.revision} of {database.name} cannot be printed, "
        f"{_place(error, script)}: {said}. --sql connects to no database. Run it: trivet db upgrade, on a copy of the "
        "database if need be."
    )


def _run(scripts: Scripts, run: Callable[[Environment, tuple[str, ...]], None], say: Say, *, known: bool = True) -> int:
    """Run a command alone, and say which revision has failed if one does."""
    database = scripts.database

    def work(connection: sa.Connection) -> int:
        with alone(connection, database, say, scripts.layout.state.options.migration_wait):
            at = current_heads(connection, database)
            if known:
                scripts.applied(at)
            environment = Environment(scripts, connection, say)
            try:
                run(environment, at)
            except Exception as error:
                if isinstance(error, (MigrationError, CommandError)) and environment.failing is None:
                    raise MigrationError(str(error)) from error  # nothing has been run
                raise _failed(environment, error, at) from error
            return environment.count

    return on_connection(scripts.layout.state, database, work)


def _failed(environment: Environment, error: Exception, before: tuple[str, ...]) -> MigrationError:
    """Return the error that says which revision has failed, why, and where the database is now."""
    database, failing = environment.database, environment.failing
    said = str(error) if isinstance(error, MigrationError) else said_by(error, database.url)
    if isinstance(error, sa.exc.DBAPIError) and error.statement:
        said += f" [SQL: {' '.join(error.statement.split())}]"
    if failing is None:
        return MigrationError(f"The migration of {database.title} failed: {said}. {_where(environment, before)}")
    return MigrationError(
        f"Revision {failing.revision} of {database.title} failed, {_place(error, failing)}: {said}. "
        f"{_where(environment, before)}"
    )


def _place(error: Exception, script: Script) -> str:
    """Return the file and line in a revision that an error has come from."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename) == Path(script.path):
            return f"{script.path}:{frame.lineno}"
    return script.path


def _where(environment: Environment, before: tuple[str, ...]) -> str:
    try:
        now = environment.heads()
    except sa.exc.DBAPIError:
        return "The connection is lost, so where the database is now is not known."
    at = ", ".join(now) or "no revision"
    if not environment.transactional:
        kind = environment.database.url.get_backend_name()
        return (
            f"The database is at {at} now. {kind} cannot take back changes of tables: what the failing revision had "
            "done before has stayed."
        )
    if set(now) == set(before):
        return f"Everything was rolled back; the database is at {at}, as before."
    return f"The database is at {at} now: what revisions have committed by themselves has stayed."


def _mute(line: str) -> None:
    """Say nothing."""
