"""Records in a table of a database, by SQLAlchemy: SQLite, PostgreSQL, MariaDB and MySQL."""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.pool import StaticPool

from ..records import ATTEMPTS, Record, StoreError
from . import can_be, can_own, pack, unpack
from .memory import MemoryStore

T = TypeVar("T")

#: What has expired is looked for at most so often, in seconds, and so many records are forgotten at once.
SWEEP_EVERY, SWEEP_AT_MOST = 300.0, 500

#: What the table belongs to; it is made by the migration ``auth_0001``.
metadata = sa.MetaData()


def _exact(length: int) -> sa.types.TypeEngine[str]:
    """Return a text whose case and accents count everywhere."""
    return sa.String(length).with_variant(mysql.VARCHAR(length, collation="utf8mb4_bin"), "mysql", "mariadb")


_table = sa.Table(
    "auth_record",
    metadata,
    sa.Column("kind", _exact(32), primary_key=True),
    sa.Column("key", _exact(128), primary_key=True),
    sa.Column("owner", _exact(255), nullable=False),
    sa.Column("expires", sa.Double, nullable=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Index("ix_auth_record_owner", "owner", "kind"),
    sa.Index("ix_auth_record_expires", "expires"),
)
_columns = _table.c

_NOW: sa.BindParameter[float] = sa.bindparam("_now", type_=sa.Double())
_LIVES = sa.or_(_columns.expires.is_(None), _columns.expires > _NOW)
_IS_OVER = _columns.expires <= _NOW
_IT = sa.and_(_columns.kind == sa.bindparam("_kind"), _columns.key == sa.bindparam("_key"))
_OWNED = sa.and_(
    _columns.owner == sa.bindparam("_owner"),
    _columns.kind == sa.bindparam("_kind"),
    # Without a look at the end MariaDB takes "ada" and "ada " for the same.
    _columns.owner.concat(".") == sa.bindparam("_owner_", type_=sa.String()),
)
_CONTENT = (_columns.data, _columns.owner, _columns.expires, _columns.version)
_VALUES = {name: sa.bindparam(f"_new_{name}", type_=_columns[name].type) for name in ("owner", "expires", "data")}


def _set(version: Any) -> Any:
    # The version comes first: MariaDB uses what it has just set in what it sets next.
    pairs = [(_columns.version, version), *((_columns[name], value) for name, value in _VALUES.items())]
    return sa.update(_table).where(_IT).ordered_values(*pairs)


_INSERT = sa.insert(_table).values(kind=sa.bindparam("_kind"), key=sa.bindparam("_key"), version=1, **_VALUES)
_REPLACE = _set(sa.case((_LIVES, _columns.version + 1), else_=1))
_REPLACE_NEXT = _set(_columns.version + 1).where(_LIVES, _columns.version == sa.bindparam("_expect"))
_REPLACE_OVER = _set(1).where(_IS_OVER)
_EXISTS = sa.select(_columns.version).where(_IT, _LIVES)

#: What databases say if a transaction has met another one, and is to be tried again: SQLSTATE (PostgreSQL) or error
#: number (MariaDB): serialisation failures, deadlocks, and a row that has changed since the snapshot.
_TRY_AGAIN = {"40001", "40P01", 1020, 1213}


class DatabaseStore:
    """Keeps records in the table ``auth_record``, in short transactions of its own.

    An SQLite database in memory has but one connection (``StaticPool``), on which the application's own transactions
    are; there the records are kept beside it, as by :class:`trivet_auth.stores.memory.MemoryStore`. What has expired is
    forgotten by and by.

    :param engine_getter: returns the :class:`sqlalchemy.Engine`; it is asked each time.
    :param clock: tells the time in Unix seconds.

    ::

        store = DatabaseStore(lambda: db.engine)
    """

    def __init__(self, engine_getter: Callable[[], sa.Engine], clock: Callable[[], float] = time.time) -> None:
        self._get_engine = engine_getter
        self._clock = clock
        self._swept = -SWEEP_EVERY
        self._memory = MemoryStore(clock)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} in the table {_table.name!r}>"

    def get(self, kind: str, key: str) -> Record | None:
        """Return a record; ``None`` if there is none, or it has expired."""
        if not can_be(kind, key):
            return None
        engine = self._engine()
        if engine is None:
            return self._memory.get(kind, key)
        statement = sa.select(*_CONTENT).where(_IT, _LIVES)
        row = _do(engine, lambda one: one.execute(statement, self._values(kind, key)).first())
        return unpack(*row) if row is not None else None

    def put(self, kind: str, key: str, record: Record, *, expect: int | None = None) -> bool:
        """Write a record in place of the one there; tell whether it was written.

        :raises ValueError: the record cannot be kept because of its name, owner, expiry or a number in its data.
        :raises TypeError: JSON cannot say what is in its data.
        """
        data = pack(kind, key, record)
        engine = self._engine()
        if engine is None:
            return self._memory.put(kind, key, record, expect=expect)
        new = {"_new_owner": record.owner, "_new_expires": record.expires, "_new_data": data}
        values = {**self._values(kind, key), **new}
        if expect:
            written = _count(engine, _REPLACE_NEXT, {**values, "_expect": expect}) > 0
        else:
            written = self._put_new(engine, values) if expect == 0 else self._put_anyway(engine, values)
        self._sweep(engine)
        return written

    def _put_new(self, engine: sa.Engine, values: Mapping[str, Any]) -> bool:
        for _ in range(ATTEMPTS):
            if _insert(engine, values) or _count(engine, _REPLACE_OVER, values):
                return True
            if _do(engine, lambda one: one.execute(_EXISTS, values).first()) is not None:
                return False
        raise _too_often(values)

    def _put_anyway(self, engine: sa.Engine, values: Mapping[str, Any]) -> bool:
        for _ in range(ATTEMPTS):
            if _count(engine, _REPLACE, values) or _insert(engine, values):
                return True
        raise _too_often(values)

    def delete(self, kind: str, key: str) -> bool:
        """Forget a record; tell whether there was one that had not expired."""
        if not can_be(kind, key):
            return False
        engine = self._engine()
        if engine is None:
            return self._memory.delete(kind, key)
        return _count(engine, sa.delete(_table).where(_IT, _LIVES), self._values(kind, key)) > 0

    def owned(self, kind: str, owner: str) -> list[tuple[str, Record]]:
        """Return an owner's records of a kind with their keys, in the order of the keys."""
        if not can_own(kind, owner):
            return []
        engine = self._engine()
        if engine is None:
            return self._memory.owned(kind, owner)
        statement = sa.select(_columns.key, *_CONTENT).where(_OWNED, _LIVES)
        rows = _do(engine, lambda one: one.execute(statement, self._values_of_owner(kind, owner)).all())
        # The order of a database depends on its collation.
        return sorted(((key, unpack(*rest)) for key, *rest in rows), key=lambda one: one[0])

    def delete_owned(self, kind: str, owner: str, *, keep: Collection[str] = ()) -> int:
        """Forget an owner's records of a kind, except those of some keys; return how many there were."""
        if not can_own(kind, owner):
            return 0
        engine = self._engine()
        if engine is None:
            return self._memory.delete_owned(kind, owner, keep=keep)
        kept = sorted(key for key in keep if can_be(kind, key))
        but = [_columns.key.not_in(kept)] if kept else []
        return _count(engine, sa.delete(_table).where(_OWNED, _LIVES, *but), self._values_of_owner(kind, owner))

    def purge(self) -> int:
        """Forget what has expired; return how much that was."""
        engine = self._engine()
        if engine is None:
            return self._memory.purge()
        return _count(engine, sa.delete(_table).where(_IS_OVER), {"_now": self._clock()})

    # -- helpers

    def _engine(self) -> sa.Engine | None:
        """Return the engine; ``None`` where its only connection is others', whose work would be undone here."""
        engine = self._get_engine()
        return None if isinstance(engine.pool, StaticPool) else engine

    def _values(self, kind: str, key: str) -> dict[str, Any]:
        return {"_kind": kind, "_key": key, "_now": self._clock()}

    def _values_of_owner(self, kind: str, owner: str) -> dict[str, Any]:
        return {"_kind": kind, "_owner": owner, "_owner_": f"{owner}.", "_now": self._clock()}

    def _sweep(self, engine: sa.Engine) -> None:
        now = self._clock()
        if 0 <= now - self._swept < SWEEP_EVERY:
            return
        self._swept = now
        with suppress(StoreError):  # what was to be written has been written
            _do(engine, partial(_delete_some, now=now))


def _delete_some(connection: sa.Connection, now: float) -> None:
    """Delete some of what has expired; one by one, so that nobody waits for long."""
    found = sa.select(_columns.kind, _columns.key).where(_IS_OVER).limit(SWEEP_AT_MOST)
    names = sorted((kind, key) for kind, key in connection.execute(found, {"_now": now}))
    if names:
        values = [{"_kind": kind, "_key": key, "_now": now} for kind, key in names]
        connection.execute(sa.delete(_table).where(_IT, _IS_OVER), values)


def _insert(engine: sa.Engine, values: Mapping[str, Any]) -> bool:
    """Add a row; tell whether there was none before."""
    try:
        _count(engine, _INSERT, values)  # how many rows, not every driver says of an INSERT
    except sa.exc.IntegrityError:
        return False
    return True


def _count(engine: sa.Engine, statement: sa.Executable, values: Mapping[str, Any]) -> int:
    """Execute a statement in a transaction, and return how many rows it has changed."""

    def work(connection: sa.Connection) -> int:
        return connection.execute(statement, values).rowcount

    return _do(engine, work)


def _do(engine: sa.Engine, work: Callable[[sa.Connection], T]) -> T:
    """Do something in a transaction; if the database says that it has met another one, again.

    :raises StoreError: the database cannot be reached, or refuses.
    """
    for attempt in range(ATTEMPTS):
        try:
            with engine.begin() as connection:
                return work(connection)
        except sa.exc.IntegrityError:
            raise
        except sa.exc.SQLAlchemyError as error:
            if attempt + 1 == ATTEMPTS or not _is_to_be_tried_again(error):
                _fail(engine, error)
    raise AssertionError("unreachable")


def _is_to_be_tried_again(error: sa.exc.SQLAlchemyError) -> bool:
    said = error.orig if isinstance(error, sa.exc.DBAPIError) else None
    if said is None:
        return False
    return getattr(said, "sqlstate", None) in _TRY_AGAIN or (said.args[:1] or ("",))[0] in _TRY_AGAIN


def _fail(engine: sa.Engine, error: sa.exc.SQLAlchemyError) -> NoReturn:
    said = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error
    # Further lines may hold values.
    first = (str(said).strip().splitlines() or [type(said).__name__])[0]
    place = engine.url.set(query={}).render_as_string(hide_password=True)
    raise StoreError(
        f"The store in the database {place} cannot be used: {first} Is the server running, and is the table "
        f"{_table.name} there? It is made by: trivet db upgrade; in tests by trivet_auth.models.create_tables(app)."
    ) from error


def _too_often(values: Mapping[str, Any]) -> StoreError:
    return StoreError(f"A record of the kind {values['_kind']!r} was changed by others {ATTEMPTS} times.")
