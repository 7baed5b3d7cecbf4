"""The engines of an application: made when they are needed, one set for each process and event loop."""

import asyncio
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy import pool
from sqlalchemy.engine import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from .errors import DatabaseConfigError, is_of_asyncpg
from .options import EngineSettings, unknown_bind
from .urls import check_dialect, complete, for_async, for_sync, is_in_memory, read_url, without_secrets

#: Told of every engine that is made: ``(bind_key, engine)``; of an asynchronous one its synchronous half.
Told = Callable[[str | None, Engine], None]


class Double(Protocol):
    """What makes the engines in a test."""

    def make(self, key: str | None) -> Engine:
        """Make a plain engine."""

    def on_loop(self, key: str | None) -> AsyncEngine:
        """Return an asynchronous engine that any event loop can use."""

    def made(self) -> Iterator[tuple[str | None, Engine]]:
        """Return the engines that exist."""


class Engines(Mapping[str | None, Engine]):
    """The engines of one application by bind key; ``None`` is the default one's.

    An engine is made when it is first asked for. A forked process makes its own: what was there before the fork is
    dropped without being closed, since its connections are the parent's.

    :param settings: how each is made.
    :param folder: where relative names of SQLite files start from.
    :param told: called for every engine that is made.
    """

    def __init__(self, settings: Mapping[str | None, EngineSettings], folder: str, told: Told) -> None:
        self.settings = settings
        self._folder = folder
        self._told = told
        self._lock = threading.RLock()
        self._made: dict[str | None, Engine] = {}
        self._async: weakref.WeakKeyDictionary[Any, dict[str | None, AsyncEngine]] = weakref.WeakKeyDictionary()
        #: In a test, what makes the engines instead; see :mod:`trivet_db.testing`.
        self.double: Double | None = None
        os.register_at_fork(after_in_child=_forgetting(weakref.ref(self)))

    def __getitem__(self, key: str | None) -> Engine:
        engine = self._made.get(key)
        if engine is None:
            with self._lock:
                engine = self._made.get(key)
                if engine is None:
                    engine = self._made[key] = (self.double or self).make(key)
        return engine

    def __contains__(self, key: object) -> bool:
        return key in self.settings  # without making one

    def __iter__(self) -> Iterator[str | None]:
        return iter(self.settings)

    def __len__(self) -> int:
        return len(self.settings)

    def on_loop(self, key: str | None) -> AsyncEngine:
        """Return the asynchronous engine of the running event loop; connections cannot go from loop to loop.

        :raises MissingDriverError: no driver for asynchronous use is installed.
        """
        if self.double is not None:
            return self.double.on_loop(key)
        loop = asyncio.get_running_loop()
        with self._lock:
            made = self._async.setdefault(loop, {})
            if key not in made:
                made[key] = self.make_async(key)
            return made[key]

    @property
    def has_loops(self) -> bool:
        """Whether there are engines of event loops."""
        return bool(self._async)

    def made(self) -> Iterator[tuple[str | None, Engine]]:
        """Return the engines that exist, for those who look at pools; asynchronous ones by their synchronous half."""
        if self.double is not None:
            yield from self.double.made()
            return
        yield from list(self._made.items())
        for engines in list(self._async.values()):
            for key, engine in list(engines.items()):
                yield key, engine.sync_engine

    def take(self) -> dict[str | None, Engine]:
        """Take the plain engines that there are out, as they are; the next use makes new ones."""
        with self._lock:
            made, self._made = self._made, {}
        return made

    def put(self, key: str | None, engine: Engine) -> None:
        """Put a plain engine in."""
        with self._lock:
            self._made[key] = engine

    def make(self, key: str | None) -> Engine:
        """Make a plain engine, without keeping it."""
        engine: Engine = self._create(key, for_sync, sa.create_engine)
        self._told(key, engine)
        return engine

    def make_async(self, key: str | None) -> AsyncEngine:
        """Make an asynchronous engine, without keeping it."""
        engine: AsyncEngine = self._create(key, for_async, create_async_engine)
        _speak_for_asyncpg(engine.sync_engine)
        self._told(key, engine.sync_engine)
        return engine

    def _create(self, key: str | None, choose: Callable[[URL, str], URL], create: Callable[..., Any]) -> Any:
        if key not in self.settings:
            raise unknown_bind(key, self.settings)
        written, _, place = self.settings[key]
        url = choose(read_url(written, place), place)
        check_dialect(url, place)
        try:
            arguments = _with_defaults(url, self.settings[key].arguments)
            return create(complete(url, self._folder), **arguments)
        except (TypeError, ValueError, AttributeError, sa.exc.ArgumentError, DatabaseConfigError) as error:
            said = without_secrets(str(error), url)
            raise DatabaseConfigError(f"The engine of {place} cannot be made: {said}") from None

    def forget(self) -> None:
        """Drop all engines without closing their connections, which another process still uses."""
        self._lock = threading.RLock()  # the parent's may be held by a thread that this process does not have
        self.double = None  # its connection is the parent's, too
        _INHERITED.append((self._made, list(self._async.items())))
        self._made, self._async = {}, weakref.WeakKeyDictionary()

    def dispose(self) -> None:
        """Close what is idle, and drop all synchronous engines; the next use makes new ones."""
        for engine in self.take().values():
            engine.dispose()

    async def dispose_on_loop(self) -> None:
        """Close what is idle, and drop the engines of the running event loop."""
        with self._lock:
            made = self._async.pop(asyncio.get_running_loop(), {})
        for engine in made.values():
            await engine.dispose()


#: Engines of processes that were forked, with the event loops of theirs. They are never let go: the destructors of some
#: drivers' connections would say farewell to the server, or take their sockets out of an epoll instance which is the
#: parent's as well, whose event loop would then wait for ever.
_INHERITED: list[Any] = []


def _forgetting(reference: "weakref.ref[Engines]") -> Callable[[], None]:
    def forget() -> None:
        engines = reference()
        if engines is not None:
            engines.forget()

    return forget


def _speak_for_asyncpg(engine: Engine) -> None:
    """Say in SQLAlchemy's words what asyncpg says of lost connections, and SQLAlchemy lets through as it is."""
    dialect: Any = engine.dialect
    ping = dialect.do_ping

    def do_ping(connection: Any) -> bool:
        try:
            return bool(ping(connection))
        except Exception as error:
            if is_of_asyncpg(error):
                return False  # it is being cut at this moment
            raise

    @sa.event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, args: Any, kwargs: Any) -> Any:
        try:
            return dialect.connect(*args, **kwargs)
        except Exception as error:
            if isinstance(error, OSError) or is_of_asyncpg(error):
                raise dialect.loaded_dbapi.OperationalError(f"{type(error).__name__}: {error}") from error
            raise

    dialect.do_ping = do_ping


class _Cursor(sqlite3.Cursor):
    """A cursor that its connection keeps until it is closed."""

    def close(self) -> None:
        super().close()
        self.connection._open.discard(self)  # type: ignore[attr-defined]


class ClosingConnection(sqlite3.Connection):
    """A connection of aiosqlite that closes its cursors with itself, in its own thread.

    SQLite keeps a file locked until the last statement on it has ended, even if its connection is closed. The cursor of
    a cancelled statement would be left to the event loop's thread, which frees it. That waits while the connection's
    own thread is busy, and so would the loop with all that it has to do: a commit there, for those who still read.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._open: set[sqlite3.Cursor] = set()
        super().__init__(*args, **kwargs)

    def cursor(self, factory: Any = _Cursor) -> Any:
        made = super().cursor(factory)
        self._open.add(made)
        return made

    def close(self) -> None:
        for one in list(self._open):
            one.close()
        super().close()

    def __del__(self) -> None:
        """Close a connection that was made for somebody who has been cancelled meanwhile."""
        with suppress(sqlite3.ProgrammingError):  # it could not be opened
            self.close()


def _with_defaults(url: URL, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Add what each kind of database needs to be used from threads and through idle times."""
    kinds = url.get_dialect().engine_config_types
    chosen = {
        name: kinds[name](one) if isinstance(one, str) and name in kinds else one for name, one in arguments.items()
    }
    if isinstance(chosen.get("poolclass"), str):  # in a file there are only names
        chosen["poolclass"] = getattr(pool, chosen["poolclass"])
    dialect = url.get_backend_name()
    if dialect == "sqlite":
        if is_in_memory(url):
            # One connection for all threads: each connection to memory would be a database of its own.
            chosen.setdefault("poolclass", pool.StaticPool)
            chosen["connect_args"] = {"check_same_thread": False, **chosen.get("connect_args", {})}
        elif url.get_driver_name() == "aiosqlite":
            chosen.setdefault("poolclass", pool.AsyncAdaptedQueuePool)
            own = {"factory": ClosingConnection, "check_same_thread": False}
            chosen["connect_args"] = {**own, **chosen.get("connect_args", {})}
        return chosen
    if chosen.get("poolclass") not in (pool.NullPool, pool.StaticPool):
        # A connection that the server or the network has dropped meanwhile is noticed before it is used.
        chosen.setdefault("pool_pre_ping", True)
        if dialect in ("mysql", "mariadb"):
            chosen.setdefault("pool_recycle", 7200)  # below the eight hours after which a server drops it
    return chosen
