"""The engines of an application: made when they are needed, one set for each process and event loop."""

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool, StaticPool

from .errors import DatabaseConfigError
from .options import EngineSettings, unknown_bind
from .urls import check_dialect, for_async, for_sync, in_folder, is_in_memory, read_url

#: Told of every engine that is made: ``(bind_key, engine)``; of an asynchronous one its synchronous half.
Told = Callable[[str | None, Engine], None]


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
        #: Connections that stand in for engines in a test, by bind key; and those for asynchronous sessions.
        self.replaced: dict[str | None, Any] = {}
        self.replaced_on_loop: dict[str | None, Any] = {}
        os.register_at_fork(after_in_child=_forgetting(weakref.ref(self)))

    def __getitem__(self, key: str | None) -> Engine:
        engine = self._made.get(key)
        if engine is None:
            with self._lock:
                engine = self._made.get(key)
                if engine is None:
                    engine = self._made[key] = self._make(key)
        return engine

    def __iter__(self) -> Iterator[str | None]:
        return iter(self.settings)

    def __len__(self) -> int:
        return len(self.settings)

    def on_loop(self, key: str | None) -> AsyncEngine:
        """Return the asynchronous engine of the running event loop; connections cannot go from loop to loop.

        :raises MissingDriverError: no driver for asynchronous use is installed.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            made = self._async.setdefault(loop, {})
            if key not in made:
                made[key] = self._make_async(key)
            return made[key]

    @property
    def has_loops(self) -> bool:
        """Whether there are engines of event loops."""
        return bool(self._async)

    def made(self) -> Iterator[tuple[str | None, Engine]]:
        """Return the engines that exist, for those who look at pools; asynchronous ones by their synchronous half."""
        yield from list(self._made.items())
        for engines in list(self._async.values()):
            for key, engine in list(engines.items()):
                yield key, engine.sync_engine

    def _prepare(self, key: str | None, choose: Callable[[Any, str], Any]) -> tuple[Any, dict[str, Any]]:
        if key not in self.settings:
            raise unknown_bind(key, self.settings)
        written = self.settings[key]
        url = choose(read_url(written.url, written.place), written.place)
        check_dialect(url, written.place)
        return in_folder(url, self._folder), _with_defaults(url, written.arguments)

    def _make(self, key: str | None) -> Engine:
        url, arguments = self._prepare(key, for_sync)
        place = self.settings[key].place
        try:
            engine = sa.create_engine(url, **arguments)
        except (TypeError, sa.exc.ArgumentError) as error:
            raise DatabaseConfigError(f"The engine of {place} cannot be made: {_without(error, url)}") from None
        self._told(key, engine)
        return engine

    def _make_async(self, key: str | None) -> AsyncEngine:
        from sqlalchemy.ext.asyncio import create_async_engine

        url, arguments = self._prepare(key, for_async)
        place = self.settings[key].place
        try:
            engine = create_async_engine(url, **arguments)
        except (TypeError, sa.exc.ArgumentError) as error:
            raise DatabaseConfigError(f"The engine of {place} cannot be made: {_without(error, url)}") from None
        self._told(key, engine.sync_engine)
        return engine

    def forget(self) -> None:
        """Drop all engines without closing their connections, which another process still uses."""
        self._lock = threading.RLock()  # the parent's may be held by a thread that this process does not have
        made, self._made = self._made, {}
        self._async, old = weakref.WeakKeyDictionary(), self._async
        for engine in [*made.values(), *(one.sync_engine for engines in old.values() for one in engines.values())]:
            engine.dispose(close=False)

    def dispose(self) -> None:
        """Close what is idle, and drop all synchronous engines; the next use makes new ones."""
        with self._lock:
            made, self._made = self._made, {}
        for engine in made.values():
            engine.dispose()

    async def dispose_on_loop(self) -> None:
        """Close what is idle, and drop the engines of the running event loop."""
        with self._lock:
            made = self._async.pop(asyncio.get_running_loop(), {})
        for engine in made.values():
            await engine.dispose()


def _forgetting(reference: "weakref.ref[Engines]") -> Callable[[], None]:
    def forget() -> None:
        engines = reference()
        if engines is not None:
            engines.forget()

    return forget


def _with_defaults(url: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Add what each kind of database needs to be used from threads and through idle times."""
    chosen = dict(arguments)
    dialect = url.get_backend_name()
    if dialect == "sqlite":
        if is_in_memory(url):
            # One connection for all threads: each connection to memory would be a database of its own.
            chosen.setdefault("poolclass", StaticPool)
            chosen["connect_args"] = {"check_same_thread": False, **chosen.get("connect_args", {})}
        return chosen
    if chosen.get("poolclass") not in (NullPool, StaticPool):
        # A connection that the server or the network has dropped meanwhile is noticed before it is used.
        chosen.setdefault("pool_pre_ping", True)
        if dialect in ("mysql", "mariadb"):
            chosen.setdefault("pool_recycle", 7200)  # below the eight hours after which a server drops it
    return chosen


def _without(error: Exception, url: Any) -> str:
    """Return what an error says, but for the password."""
    text = str(error)
    return text.replace(url.password, "***") if url.password else text
