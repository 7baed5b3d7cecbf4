"""The transaction around a test: every bind of an application on one connection, and all of it rolled back."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool, Pool

from trivet import Trivet, current_context, has_app_context

from ..engines import Engines
from ..errors import MissingDriverError
from ..options import EngineSettings
from ..state import NAME, State
from ..urls import for_async, for_sync, is_async, is_in_memory, read_url
from .branches import Branch, OuterTransactionError, Trunk
from .drivers import Driver, InPlace, OnLoop


@contextmanager
def rolled_back(app: Trivet) -> Iterator[None]:
    """Run a block in one transaction for each of an application's databases, and roll all of them back.

    Inside, every engine hands out the same connection again and again. What is committed is visible from then on to
    every session, plain or asynchronous, in any context, thread or event loop, and gone after the block; what is
    rolled back is undone to the last commit.

    - Statements run one after another, and nobody is isolated: a session sees what another one has not committed.
    - Who wants to write in another thread or task waits until the transaction that writes there has ended; for two
      seconds, since that may wait for it in turn. What is begun inside another transaction, such as a request that
      the test sends while its own session has written, does not wait, and is rolled back with the other one.
    - The driver is the one that the URL names, ``postgresql+asyncpg://``, for plain and for asynchronous sessions; if
      it names none, the one for plain sessions, which then holds up the event loop while a statement runs.
    - MySQL and MariaDB cannot roll back statements that define something, such as ``CREATE TABLE``: they are refused.
    - Isolation levels are ignored but for ``AUTOCOMMIT``; transactions in two phases do not work.

    :raises TypeError: it is no application.
    :raises OuterTransactionError: there is such a block for the application already; the environment names another
        database than ``app.config``, which would be used instead of the test's; or something has ended the transaction
        before its end.

    ::

        class TasksTest(unittest.TestCase):
            def setUp(self):
                self.enterContext(rolled_back(app))
    """
    if not isinstance(app, Trivet):
        raise TypeError(f"The transaction around a test needs an application, not {app!r}.")
    state = State.of(app)
    _refuse_what_was_not_meant(app)
    double = Double(state.engines)
    with ExitStack() as stack:
        _let_go(app, state)
        double.begin()
        stack.callback(double.end)
        stack.callback(_close, app, state)
        yield


def _refuse_what_was_not_meant(app: Trivet) -> None:
    """Refuse a database that the environment names when the program has named another.

    :raises OuterTransactionError: it is so.
    """
    for option in app.plugins.describe_options(NAME, app.config):
        setting = f"DB_{option.name.upper()}"
        written = app.config.get(setting)
        variable = f"TRIVET_{setting}"
        if option.name not in ("url", "binds") or not option.origin.endswith(variable) or written is None:
            continue
        if written not in (os.environ.get(variable), option.value):
            raise OuterTransactionError(
                f"The test would run on the database of the environment variable {variable}, which is stronger than "
                f"app.config[{setting!r}]. Unset it for the tests, or set the application up inside of "
                "trivet_db.testing.throwaway_database(), which does so."
            )


def _sessions(app: Trivet, state: State) -> Iterator[Any]:
    """Yield the sessions of the active context; of asynchronous ones the inner half, which no one has to await."""
    if has_app_context() and current_context().app is app:
        for face in state.faces:
            yield from face.session.registry.peek(current_context())
            yield from (one.sync_session for one in face.async_session.registry.peek(current_context()))


def _let_go(app: Trivet, state: State) -> None:
    """Free the connections that the active context's sessions hold: they would go on outside the transaction."""
    for session in _sessions(app, state):
        if session.in_transaction():
            with suppress(sa.exc.MissingGreenlet):
                session.rollback()


def _close(app: Trivet, state: State) -> None:
    """Close the active context's sessions: what they know of rows is about to be untrue."""
    for session in _sessions(app, state):
        session.close()


class Double:
    """Makes the engines of an application for a test: each with a pool that hands out branches of one connection."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._lock = threading.RLock()
        self._binds: dict[str | None, Bind] = {}
        self._on_loops: dict[str | None, AsyncEngine] = {}
        self._aside: dict[str | None, sa.Engine] = {}
        self._given: set[str | None] = set()

    def begin(self) -> None:
        """Take over the engines that there are; connections are made when they are needed."""
        if self._engines.double is not None:
            raise OuterTransactionError(
                "There is a transaction around this application's test already: use the fixture db_transaction or "
                "rolled_back(), once."
            )
        self._engines.double = self
        for key, engine in self._engines.take().items():
            if _runs_on_loop(self._engines.settings[key]):
                self._aside[key] = engine
            else:
                self._engines.put(key, self._take_over(key, engine, InPlace()))
                self._given.add(key)

    def end(self) -> None:
        """Roll back, and give the engines back."""
        self._engines.double = None
        made = self._engines.take()
        with ExitStack() as stack:
            for key, bind in self._binds.items():
                was_dropped = key in self._given and made.get(key) is not bind.engine
                if isinstance(bind.driver, InPlace) and not was_dropped:
                    self._engines.put(key, bind.engine)
                else:
                    stack.callback(bind.close)
                stack.callback(bind.end)
            for key, engine in self._aside.items():
                self._engines.put(key, engine)

    def made(self) -> Iterator[tuple[str | None, sa.Engine]]:
        """Return the engines that exist."""
        yield from ((key, bind.engine) for key, bind in list(self._binds.items()))

    def make(self, key: str | None) -> sa.Engine:
        """Make the engine of a bind key, for plain sessions."""
        settings = self._engines.settings.get(key)
        if settings is not None:
            for_sync(read_url(settings.url, settings.place), settings.place)  # what would fail fails in a test too
        self._given.add(key)
        return self._engine(key)

    def on_loop(self, key: str | None) -> AsyncEngine:
        """Return the engine of a bind key for asynchronous sessions on any loop."""
        settings = self._engines.settings.get(key)
        if settings is not None:
            for_async(read_url(settings.url, settings.place), settings.place)
        with self._lock:
            if key not in self._on_loops:
                self._on_loops[key] = AsyncEngine(self._engine(key))
            return self._on_loops[key]

    def _engine(self, key: str | None) -> sa.Engine:
        with self._lock:
            if key not in self._binds:
                settings = self._engines.settings.get(key)
                if settings is not None and _runs_on_loop(settings):
                    self._take_over(key, self._engines.make_async(key).sync_engine, OnLoop())
                else:
                    self._take_over(key, self._engines.make(key), InPlace())
            return self._binds[key].engine

    def _take_over(self, key: str | None, engine: sa.Engine, driver: Driver) -> sa.Engine:
        self._binds[key] = Bind(engine, driver, self._engines.settings[key].arguments.get("isolation_level"))
        return engine


def _runs_on_loop(settings: EngineSettings) -> bool:
    """Tell whether a bind's only connection is an asynchronous driver's."""
    url = read_url(settings.url, settings.place)
    if is_in_memory(url):
        return False  # the database is that of the plain connection, where the tables have been made
    try:
        for_sync(url, settings.place)
    except MissingDriverError:
        return True
    return is_async(url)


class Bind:
    """One bind in a test.

    :param engine: its engine, which gets another pool until the end.
    :param driver: where its driver's functions run.
    :param isolation_level: the engine's own.
    """

    def __init__(self, engine: sa.Engine, driver: Driver, isolation_level: str | None) -> None:
        self.engine = engine
        self.driver = driver
        self._is_autocommit = isolation_level == "AUTOCOMMIT"
        self._lock = threading.Lock()
        self._trunk: Trunk | None = None
        self._pool = engine.pool
        self._taken: Any = None
        engine.pool = BranchPool(self.branch, self._pool)
        self._change_dialect()

    def _change_dialect(self) -> None:
        """Make it one that serves plain and asynchronous sessions, and sets no isolation level on the connection."""
        dialect: Any = self.engine.dialect
        set_level = dialect.set_isolation_level

        def set_isolation_level(connection: Any, level: str) -> None:
            if isinstance(connection, Branch):
                connection.commits_at_once = level == "AUTOCOMMIT"
            else:
                set_level(connection, level)

        self._changed = {"is_async": True, "set_isolation_level": set_isolation_level}
        if not dialect.supports_server_side_cursors:
            context = type("StreamingContext", (dialect.execution_ctx_cls,), {"create_server_side_cursor": _cursor_of})
            self._changed |= {"supports_server_side_cursors": True, "execution_ctx_cls": context}
        self._before = {name: vars(dialect)[name] for name in self._changed if name in vars(dialect)}
        vars(dialect).update(self._changed)

    def branch(self) -> Branch:
        """Return a new branch of the connection, which is made for the first one."""
        with self._lock:
            if self._trunk is None:
                self._trunk = self._connect()
            return self._trunk.branch()

    def _connect(self) -> Trunk:
        self._taken = self.driver.call(self._pool.connect)
        connection, dialect = self._taken.dbapi_connection, self.engine.dialect
        if self._is_autocommit:
            self.driver.call(dialect.set_isolation_level, connection, dialect.default_isolation_level)
        return Trunk(connection, dialect.name, self.driver, self._is_autocommit)

    def end(self) -> None:
        """Roll back, and give the engine back its pool."""
        dialect = vars(self.engine.dialect)
        for name in self._changed:
            del dialect[name]
        dialect.update(self._before)
        self.engine.pool = self._pool
        if self._trunk is None:
            return
        try:
            self._trunk.end()
        except OuterTransactionError:
            self.driver.call(self._taken.invalidate)
            raise
        finally:
            self.driver.call(self._give_back)

    def _give_back(self) -> None:
        if self._is_autocommit and self._taken.is_valid:
            self.engine.dialect.reset_isolation_level(self._taken.dbapi_connection)
        self._taken.close()

    def close(self) -> None:
        """Close the engine, which the application has dropped or never had."""
        self.driver.call(self.engine.dispose)
        self.driver.close()


def _cursor_of(context: Any) -> Any:
    """Return a cursor for a statement whose rows are streamed, from a driver that has but one kind."""
    return context._dbapi_connection.cursor()


class BranchPool(NullPool):
    """Hands out a branch of a bind's connection to everybody who wants a connection.

    Those who listen to connections that are handed out and given back hear of it; those who prepare new connections
    do not, as there is none.
    """

    def __init__(self, branch: Callable[[], Branch], instead: Pool) -> None:
        heard = [
            (listener, name)
            for name in ("checkout", "checkin", "reset")
            for listener in getattr(instead.dispatch, name)
        ]
        super().__init__(branch, events=heard)

    def recreate(self) -> "BranchPool":
        """Return this very pool: an engine that is disposed of stays in the transaction."""
        return self

    def status(self) -> str:
        """Return what there is to say about it."""
        return "in the transaction around a test"
