"""Records in a file that all threads and processes of a machine share: SQLite with a write-ahead log."""

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from ..records import Record, StoreError
from . import can_be, can_own, pack, unpack

#: For so many seconds somebody waits for others who are writing.
_PATIENCE = 10.0
#: What has expired is looked for at most so often, in seconds, and so many records are forgotten at once.
SWEEP_EVERY, SWEEP_AT_MOST = 300.0, 500
#: The form of the tables, as the file notes it.
_FORM = 1

_TABLES = f"""
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS record (
        kind TEXT NOT NULL, key TEXT NOT NULL, owner TEXT NOT NULL, expires REAL, version INTEGER NOT NULL,
        data TEXT NOT NULL, PRIMARY KEY (kind, key)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS record_owner ON record (owner, kind);
    CREATE INDEX IF NOT EXISTS record_expires ON record (expires) WHERE expires IS NOT NULL;
    PRAGMA user_version = {_FORM};
    COMMIT;
"""
_GET = """
    SELECT data, owner, expires, version FROM record
    WHERE kind = :kind AND key = :key AND (expires IS NULL OR expires > :now)
"""
_OWNED = """
    SELECT key, data, owner, expires, version FROM record
    WHERE kind = :kind AND owner = :owner AND (expires IS NULL OR expires > :now) ORDER BY key
"""
_PUT = """
    INSERT INTO record (kind, key, owner, expires, version, data) VALUES (:kind, :key, :owner, :expires, 1, :data)
    ON CONFLICT (kind, key) DO UPDATE SET
        version = CASE WHEN record.expires <= :now THEN 1 ELSE record.version + 1 END,
        owner = excluded.owner, expires = excluded.expires, data = excluded.data
"""
_PUT_NEW = """
    INSERT INTO record (kind, key, owner, expires, version, data) VALUES (:kind, :key, :owner, :expires, 1, :data)
    ON CONFLICT (kind, key) DO UPDATE SET
        version = 1, owner = excluded.owner, expires = excluded.expires, data = excluded.data
    WHERE record.expires <= :now
"""
_PUT_NEXT = """
    UPDATE record SET version = version + 1, owner = :owner, expires = :expires, data = :data
    WHERE kind = :kind AND key = :key AND version = :expect AND (expires IS NULL OR expires > :now)
"""
_DELETE = "DELETE FROM record WHERE kind = :kind AND key = :key AND (expires IS NULL OR expires > :now)"
_DELETE_ONE = "DELETE FROM record WHERE kind = :kind AND key = :key"
_PURGE = "DELETE FROM record WHERE expires <= :now"
_SWEEP = """
    DELETE FROM record WHERE (kind, key) IN (SELECT kind, key FROM record WHERE expires <= :now LIMIT :at_most)
"""


class FileStore:
    """Keeps records in a file, and may be used by any number of threads and processes of one machine.

    The file is made when it is first needed, and only its owner can read it. Two more lie beside it, ``-wal`` and
    ``-shm``. It does not work on a network file system. What was written last may be lost if the machine loses its
    power, and nothing of what was before. What has expired is forgotten by and by.

    :param path: the file; missing folders are made.
    :param clock: tells the time in Unix seconds.

    ::

        store = FileStore(Path(app.instance_path) / "auth.db")
    """

    def __init__(self, path: str | os.PathLike[str], clock: Callable[[], float] = time.time) -> None:
        self.path = Path(path)
        self._clock = clock
        self._swept = -SWEEP_EVERY
        # Whoever reads does not wait for somebody in this process who waits to write.
        self._reader, self._writer = _Connection(self.path), _Connection(self.path)
        with _forking:
            _stores.add(self)
        weakref.finalize(self, _close, self._reader, self._writer)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {str(self.path)!r}>"

    def get(self, kind: str, key: str) -> Record | None:
        """Return a record; ``None`` if there is none, or it has expired."""
        if not can_be(kind, key):
            return None
        with self._reader.opened() as connection:
            row = connection.execute(_GET, {"kind": kind, "key": key, "now": self._clock()}).fetchone()
        return unpack(*row) if row is not None else None

    def put(self, kind: str, key: str, record: Record, *, expect: int | None = None) -> bool:
        """Write a record in place of the one there; tell whether it was written.

        :raises ValueError: the record cannot be kept because of its name, owner, expiry or a number in its data.
        :raises TypeError: JSON cannot say what is in its data.
        """
        data = pack(kind, key, record)
        statement = _PUT if expect is None else _PUT_NEXT if expect else _PUT_NEW
        now = self._clock()
        values = {"kind": kind, "key": key, "data": data, "owner": record.owner, "expires": record.expires}
        with self._writer.opened() as connection:
            count = connection.execute(statement, {**values, "now": now, "expect": expect}).rowcount
            if not 0 <= now - self._swept < SWEEP_EVERY:
                self._swept = now
                with suppress(sqlite3.OperationalError):  # what was to be written has been written
                    connection.execute(_SWEEP, {"now": now, "at_most": SWEEP_AT_MOST})
        return count > 0

    def delete(self, kind: str, key: str) -> bool:
        """Forget a record; tell whether there was one that had not expired."""
        if not can_be(kind, key):
            return False
        with self._writer.opened() as connection:
            values = {"kind": kind, "key": key, "now": self._clock()}
            return connection.execute(_DELETE, values).rowcount > 0

    def owned(self, kind: str, owner: str) -> list[tuple[str, Record]]:
        """Return an owner's records of a kind with their keys, in the order of the keys."""
        if not can_own(kind, owner):
            return []
        with self._reader.opened() as connection:
            rows = connection.execute(_OWNED, {"kind": kind, "owner": owner, "now": self._clock()}).fetchall()
        return [(key, unpack(*rest)) for key, *rest in rows]

    def delete_owned(self, kind: str, owner: str, *, keep: Collection[str] = ()) -> int:
        """Forget an owner's records of a kind, except those of some keys; return how many there were."""
        if not can_own(kind, owner):
            return 0
        with self._writer.opened() as connection, _transaction(connection):
            rows = connection.execute(_OWNED, {"kind": kind, "owner": owner, "now": self._clock()}).fetchall()
            ended = [{"kind": kind, "key": key} for key, *_ in rows if key not in keep]
            connection.executemany(_DELETE_ONE, ended)
        return len(ended)

    def purge(self) -> int:
        """Forget what has expired; return how much that was."""
        with self._writer.opened() as connection:
            return connection.execute(_PURGE, {"now": self._clock()}).rowcount

    def close(self) -> None:
        """Close the file. It may be used on; then it is opened again."""
        for one in (self._reader, self._writer):
            with one.lock:
                one.close()


class _Connection:
    """A connection to the file that is opened when it is needed; one thread at a time uses it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to one thread.

        :raises StoreError: something is wrong with the file.
        """
        with self.lock:
            try:
                yield self._current()
            except (OSError, sqlite3.Error) as error:
                self.close()
                _fail(self.path, error)

    def _current(self) -> sqlite3.Connection:
        """Return a connection to the file that has the name now: it may have been deleted, or restored."""
        if self._connection is not None and _inode(self.path) != self._inode:
            self.close()
        if self._connection is None:
            self._connection = _open(self.path)
            self._inode = _inode(self.path)
        return self._connection

    def close(self) -> None:
        """Close it; the lock is held."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def abandon(self) -> None:
        """Leave it as it is, in a forked process in which nothing was closed before the fork."""
        if self._connection is not None:
            _abandoned.append(self._connection)
        self._connection, self.lock = None, threading.Lock()


def _inode(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one of the same name; ``None`` if there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _fail(path: Path, error: Exception) -> NoReturn:
    said = str(error) if isinstance(error, sqlite3.Error) else error.strerror if isinstance(error, OSError) else ""
    raise StoreError(
        f"The file of the store, {path}, cannot be used: {said or type(error).__name__}. It has to be an SQLite file "
        "that this process may write, in a folder that it may write, and not on a network file system."
    ) from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


# -- opening


def _open(path: Path) -> sqlite3.Connection:
    """Open the file, and make it if it is missing."""
    with _making:
        _make_file(path)
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_file(path: Path) -> None:
    """Make the file if it is missing, so that only its owner can read it. SQLite's other files follow its mode."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # another process has just made it
            # In this process nobody has it open: closing any descriptor of a file gives up all of a process's locks.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        return
    if mode & 0o077:
        with suppress(PermissionError):  # it is another user's, who has opened it to this one
            path.chmod(0o600)


def _prepare(connection: sqlite3.Connection) -> None:
    form = _form_of(connection)
    if form > _FORM:
        raise sqlite3.DatabaseError("a newer version of trivet-auth has written it")
    _patiently(connection, "PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    if form < _FORM:
        connection.executescript(_TABLES)


def _form_of(connection: sqlite3.Connection) -> int:
    with closing(connection.execute("PRAGMA user_version")) as rows:
        return int(rows.fetchone()[0])


def _patiently(connection: sqlite3.Connection, statement: str) -> None:
    """Execute what SQLite refuses at once, without waiting, if another process does the same."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute(statement).fetchone()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.005)


# -- forks

#: Held by whoever adds a store, or forks.
_forking = threading.Lock()
#: Held by whoever makes a file; the lock of a connection is held then, too.
_making = threading.Lock()
_stores: "weakref.WeakSet[FileStore]" = weakref.WeakSet()
_at_fork: list[_Connection] = []
#: Connections of the parent process. To close them here would not be right, and neither is to use them.
_abandoned: list[sqlite3.Connection] = []


def _close(*connections: _Connection) -> None:
    for one in connections:
        one.close()


def _before_fork() -> None:
    """Close all connections: SQLite notes the locks of a process in its memory, and a child would believe in them."""
    _forking.acquire()
    for store in list(_stores):
        for one in (store._reader, store._writer):
            one.lock.acquire()
            one.close()
            _at_fork.append(one)


def _after_fork_in_parent() -> None:
    while _at_fork:
        _at_fork.pop().lock.release()
    _forking.release()


def _after_fork_in_child() -> None:
    global _forking, _making
    _forking, _making = threading.Lock(), threading.Lock()
    _at_fork.clear()
    for store in list(_stores):  # uWSGI forks without asking Python before
        for one in (store._reader, store._writer):
            one.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
