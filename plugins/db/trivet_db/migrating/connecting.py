"""A connection to migrate by: reached with a clear error, and held by one process at a time."""

import asyncio
import math
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event

from ..errors import MissingDriverError
from ..state import State
from ..urls import is_in_memory, said_by
from .errors import MigrationError
from .layout import Database

T = TypeVar("T")
Say = Callable[[str], None]
#: Seconds between two looks whether another process has ended.
PAUSE = 0.2


def on_connection(state: State, database: Database, work: Callable[[sa.Connection], T]) -> T:
    """Call a function with a connection to a database, and return what it returns.

    Where only a driver for asynchronous code is installed, that one will do.

    :raises MigrationError: the database cannot be reached.
    """
    try:
        with _reached(database):
            engine = state.engines[database.key]
    except MissingDriverError as error:
        with suppress(MissingDriverError):
            return asyncio.run(_on_loop(state, database, work))
        raise error from None
    with _beginning(engine):
        with _reached(database):
            connection = engine.connect()
        with connection:
            return work(connection)


async def _on_loop(state: State, database: Database, work: Callable[[sa.Connection], T]) -> T:
    try:
        with _reached(database):
            connection = await state.engines.on_loop(database.key).connect()
        try:
            return await connection.run_sync(work)
        finally:
            await connection.close()
    finally:
        await state.engines.dispose_on_loop()


@contextmanager
def _reached(database: Database) -> Iterator[None]:
    try:
        yield
    except (sa.exc.SQLAlchemyError, OSError) as error:
        said = said_by(error, database.url)
        raise MigrationError(f"The database {database.title} cannot be reached: {said}.") from error


@contextmanager
def reading(connection: sa.Connection) -> Iterator[None]:
    """Read in the block, and leave no transaction behind that was not there before."""
    inside = connection.in_transaction()
    try:
        yield
    finally:
        if not inside:
            connection.rollback()


@contextmanager
def alone(connection: sa.Connection, database: Database, say: Say, patience: float | None) -> Iterator[None]:
    """Keep other processes from migrating the same database in the block; wait until they have ended.

    What they have done by then is seen in the block.

    :param patience: seconds to wait at most; None: as long as it takes.
    :raises MigrationError: they have not ended by then.
    """
    ways: dict[str, Callable[..., Any]] = {
        "sqlite": _alone_sqlite,
        "postgresql": _alone_postgresql,
        "mysql": _alone_mysql,
        "mariadb": _alone_mysql,
    }
    way = ways.get(connection.dialect.name)
    if way is None:
        yield
        return
    with way(connection, database, _Waiting(database, say, patience)):
        yield


class _Waiting:
    """Says once that another process is waited for, waits a little each time, and not for ever."""

    def __init__(self, database: Database, say: Say, patience: float | None) -> None:
        self._database = database
        self._say = say
        self._said = False
        self._patience = patience
        self._end: float | None = None

    @property
    def left(self) -> float:
        """The seconds that are left to wait."""
        if self._patience is None:
            return math.inf
        return self._patience if self._end is None else max(0.0, self._end - time.monotonic())

    def until(self, acquired: Callable[[], bool]) -> None:
        """Wait until a function returns True.

        :raises MigrationError: it has not done so in time.
        """
        self._end = None if self._patience is None else time.monotonic() + self._patience
        while not acquired():
            if not self.left:
                raise MigrationError(
                    f"Another process has been migrating the database {self._database.title}, or writing to it, for "
                    f"the {self._patience:g} seconds that this one waits. Nothing was done; look what that process "
                    "does, and try again. The option migration_wait in [db] says how long to wait."
                )
            if not self._said:
                self._said = True
                self._say(f"{self._database.name}: waiting for another process that is migrating it")
            time.sleep(min(PAUSE, self.left))


@contextmanager
def _alone_postgresql(connection: sa.Connection, database: Database, waiting: _Waiting) -> Iterator[None]:
    # Asked for again and again instead of waiting in a statement: an index that is made concurrently waits for
    # every statement that is older than itself.
    key = zlib.crc32(f"trivet-db {database.version_table}".encode())
    with _lock(
        connection, waiting, sa.select(sa.func.pg_try_advisory_lock(key)), sa.select(sa.func.pg_advisory_unlock(key))
    ):
        yield


@contextmanager
def _alone_mysql(connection: sa.Connection, database: Database, waiting: _Waiting) -> Iterator[None]:
    # Names of locks are the server's, not a database's, and may have 64 characters.
    place = f"{database.url.database} {database.version_table}"
    name = f"trivet-db {zlib.crc32(place.encode()):08x}"
    with _lock(connection, waiting, sa.select(sa.func.get_lock(name, 0)), sa.select(sa.func.release_lock(name))):
        yield


@contextmanager
def _lock(connection: sa.Connection, waiting: _Waiting, take: Any, give: Any) -> Iterator[None]:
    """Hold a lock of the connection, in no transaction of its own."""

    def acquired() -> bool:
        got = bool(connection.scalar(take))
        connection.commit()
        return got

    waiting.until(acquired)
    try:
        yield
    finally:
        # If the connection is gone, so is the lock.
        with suppress(sa.exc.DBAPIError, sa.exc.InvalidRequestError):
            connection.rollback()
            connection.scalar(give)
            connection.commit()


@contextmanager
def _alone_sqlite(connection: sa.Connection, database: Database, waiting: _Waiting) -> Iterator[None]:
    """Begin each transaction as the only one that writes, and include the statements that make tables.

    Python's driver begins one before INSERT and the like only, so half of a migration would stay if it failed.
    Foreign keys are not enforced meanwhile: a table is altered by making it anew and dropping the old one, which
    would delete the rows that refer to it.
    """
    raw: Any = connection.connection.driver_connection
    if not isinstance(raw, sqlite3.Connection):  # another driver, or what stands in for it in a test
        yield
        return
    level = raw.isolation_level
    enforced = int(connection.exec_driver_sql("PRAGMA foreign_keys").scalar() or 0)
    connection.rollback()
    raw.isolation_level = None
    _outside(connection, "PRAGMA foreign_keys = OFF")
    connection.info.update({ENFORCED: bool(enforced), _WAITING: waiting})
    try:
        yield
    finally:
        connection.rollback()
        del connection.info[_WAITING]
        _outside(connection, f"PRAGMA foreign_keys = {enforced}")
        raw.isolation_level = level


#: In a connection's ``info``: whether foreign keys are enforced when no migration is run.
ENFORCED = "trivet_db.enforced"
_WAITING = "trivet_db.waiting"


def _outside(connection: sa.Connection, statement: str) -> None:
    """Run a statement that has no effect in a transaction, which the application's listeners may have begun."""
    raw: Any = connection.connection.driver_connection
    connection.begin()
    begun = raw.in_transaction
    if begun:
        connection.exec_driver_sql("ROLLBACK")
    connection.exec_driver_sql(statement)
    if begun:
        connection.exec_driver_sql("BEGIN")
    connection.rollback()


@contextmanager
def _beginning(engine: sa.Engine) -> Iterator[None]:
    """Let transactions of SQLite begin as :func:`alone` wants it; after the application's own listeners."""
    if engine.dialect.name != "sqlite":
        yield
        return
    event.listen(engine, "begin", _begin)
    try:
        yield
    finally:
        event.remove(engine, "begin", _begin)


def _begin(connection: sa.Connection) -> None:
    waiting = connection.info.get(_WAITING)
    if waiting is None:
        return
    raw: Any = connection.connection.driver_connection
    if raw.in_transaction:
        connection.exec_driver_sql("ROLLBACK")
    waiting.until(lambda: _has_begun(connection, waiting.left))


def _has_begun(connection: sa.Connection, patience: float) -> bool:
    """Try to begin a transaction that writes; SQLite itself waits for the file, but not longer than there is time."""
    timeout = int(connection.exec_driver_sql("PRAGMA busy_timeout").scalar() or 0)
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(min(timeout, patience * 1000))}")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except sa.exc.OperationalError as error:
        if "locked" not in str(error.orig):
            raise
        return False
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {timeout}")
    return True


def let_go(app: Any) -> None:
    """Close the connections that are idle, but for those to memory, where closing would be dropping."""
    state: State | None = app.extensions.get("trivet_db")
    if state is None or "engines" not in state.__dict__:
        return
    for _, engine in state.engines.made():
        if not is_in_memory(engine.url):
            engine.dispose()
