"""Storms: thousands of requests that go wrong in every way there is, and what they leave behind."""

# mypy: disable-error-code="misc, name-defined"

import asyncio
import logging
import random
import re
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from trivet import Response, Trivet, abort
from trivet_db import SQLAlchemy
from trivet_db.state import State
from trivet_db.urls import for_sync

from .serving import AsgiServer, Server, WsgiServer

Make = Callable[..., Trivet]

#: The connections to one database.
CONNECTIONS = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend'",
    "mysql": "SELECT id FROM information_schema.processlist WHERE db = :name AND id <> connection_id()",
}


class Witness:
    """Sees from outside what is done with a database."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.dialect = self.url.get_backend_name()
        self._engine = sa.create_engine(for_sync(self.url, "here"), poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def known(self) -> tuple[int, int]:
        """Return how many connections a server has, and how many of them are in a transaction."""
        with self._engine.connect() as connection:
            if self.dialect == "postgresql":
                busy = set(connection.scalars(sa.text("SELECT pid FROM pg_stat_activity WHERE xact_start IS NOT NULL")))
            else:  # not the table innodb_trx, which is a tenth of a second old
                told = str(connection.execute(sa.text("SHOW ENGINE INNODB STATUS")).one()[2])
                parts = [part for part in told.split("---TRANSACTION")[1:] if " ACTIVE " in part.splitlines()[0]]
                busy = {int(number) for part in parts for number in re.findall(r"thread id (\d+)", part)}
            found = set(connection.scalars(sa.text(CONNECTIONS[self.dialect]), {"name": self.url.database}))
        return len(found), len(found & busy)

    def is_locked(self) -> bool:
        """Tell whether anybody reads or writes an SQLite file, or has not ended a transaction there."""
        with closing(sqlite3.connect(str(self.url.database), timeout=0)) as connection:
            try:
                connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                return True
        return False

    def sees_rest(self, idle: int) -> bool:
        """Tell whether there are no connections but the idle ones, of which none is in a transaction."""
        if self.dialect == "sqlite":
            return not self.is_locked()
        connections, busy = self.known()
        return connections <= idle and busy == 0  # a place in a pool may be empty


class Storm:
    """An application whose views go wrong now and then, in every way that a view can.

    :ivar seen: how often a request has ended with a status, or in another way.
    """

    def __init__(self, app: Trivet) -> None:
        self.app = app
        self.random = random.Random(7)
        self.seen: Counter[object] = Counter()
        db = self.db = SQLAlchemy(app)

        class Task(db.Model):
            id = db.Column(db.Integer, primary_key=True)
            title = db.Column(db.String(50), unique=True)

        self.Task = Task
        with app.app_context():
            db.create_all()
        self._add_plain_views()
        self._add_asynchronous_views()
        self._add_calm_views()

    def blow(self) -> None:
        """Raise something, or not."""
        chosen = self.random.randrange(6)
        if chosen == 0:
            raise ValueError("in a view")
        if chosen == 1:
            abort(self.random.choice([400, 404, 409, 500]))
        if chosen == 2:
            raise sa.exc.InvalidRequestError("as of SQLAlchemy")

    def _add_plain_views(self) -> None:
        session, task = self.db.session, self.Task

        @self.app.get("/plain")
        def plain() -> str:
            session.add(task(title=str(self.random.randrange(40))))
            self.blow()
            session.flush()  # an integrity error, often
            self.blow()
            session.rollback() if self.random.random() < 0.5 else session.commit()
            return "text"

        @self.app.get("/read")
        def read() -> str:
            self.blow()
            found = session.scalars(sa.select(task).limit(3)).all()
            self.blow()
            return str(len(found))

        @self.app.get("/stream")
        def stream() -> Response:
            session.execute(sa.select(1))

            def pieces() -> Iterator[str]:
                for number in range(3):
                    session.execute(sa.select(task.id).limit(1))
                    self.blow()
                    yield str(number)

            return Response(pieces())

    def _add_asynchronous_views(self) -> None:
        session, task = self.db.async_session, self.Task

        @self.app.get("/async")
        async def plain_async() -> str:
            session.add(task(title=str(self.random.randrange(40))))
            self.blow()
            await session.flush()
            self.blow()
            await (session.rollback() if self.random.random() < 0.5 else session.commit())
            return "text"

        @self.app.get("/read-async")
        async def read_async() -> str:
            found = (await session.scalars(sa.select(task))).all()
            await asyncio.sleep(self.random.choice([0, 0, 0.001]))
            self.blow()
            return str(len(found))

        @self.app.get("/stream-async")
        async def stream_async() -> Response:
            async def pieces() -> AsyncIterator[str]:
                for number in range(3):
                    await session.execute(sa.select(task.id).limit(1))
                    self.blow()
                    yield str(number)

            return Response(pieces())

    def _add_calm_views(self) -> None:
        plain, asynchronous = self.db.session, self.db.async_session

        @self.app.get("/calm")
        def calm() -> str:
            plain.add(self.Task(title="calm"))
            plain.commit()
            return "text"

        @self.app.get("/calm-async")
        async def calm_async() -> str:
            asynchronous.add(self.Task(title="calm as well"))
            await asynchronous.commit()
            return "text"

    def pools(self) -> list[Any]:
        return [engine.pool for _, engine in State.of(self.app).engines.made()]

    def open(self) -> int:
        """Count the connections that are in use."""
        return sum(pool.checkedout() for pool in self.pools())

    def idle(self) -> int:
        """Count the connections that wait for use."""
        return sum(pool.checkedin() for pool in self.pools())


def assert_all_is_calm(storm: Storm, server: Server, witness: Witness) -> None:
    """Say that no connection is in use, that the server knows of none but the idle ones, and the next request works."""
    assert storm.open() == 0
    for _ in range(250):  # what is closed on the loop, and what a database notices, take a moment
        if witness.sees_rest(storm.idle()):
            break
        server.ask("/nowhere")
        time.sleep(0.02)
    assert witness.sees_rest(storm.idle()), storm.idle()
    for path in ("/calm", "/calm-async"):
        assert server.ask(path).text == "text"
    assert storm.open() == 0
    assert witness.sees_rest(storm.idle())


@pytest.fixture
def silence() -> Iterator[None]:
    """Nothing is said about thousands of exceptions."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


#: How requests may end; a body that has begun is broken off, for it cannot be answered with an error any more.
ENDS = {200, 400, 404, 409, 500, "broken off"}


@pytest.mark.usefixtures("silence")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("requests", "kind", "commit"),
    [
        (10_000, "postgresql", "on-success"),
        (1_000, "postgresql", "never"),
        (1_000, "mariadb", "on-success"),
        (1_000, "sqlite", "on-success"),
    ],
)
def test_a_storm_of_plain_requests_leaves_no_connection_checked_out(
    requests: int, kind: str, commit: str, make_app: Make, make_empty: Callable[[str], str]
) -> None:
    url = make_empty(kind)
    storm = Storm(make_app(SQLALCHEMY_DATABASE_URI=url, DB_COMMIT=commit))
    server = WsgiServer(storm.app)
    chance = storm.random

    def ask(count: int) -> None:
        for _ in range(count):
            path = chance.choice(["/plain", "/read", "/stream", "/read-async", "/nowhere"])
            try:
                storm.seen[server.ask(path, pieces=chance.choice([None, None, 1, 2])).status] += 1
            except Exception:
                storm.seen["broken off" if path == "/stream" else path] += 1

    threads = [threading.Thread(target=ask, args=(requests // 4,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert storm.seen.total() == requests
    assert set(storm.seen) == ENDS
    assert_all_is_calm(storm, server, Witness(url))
    server.close()


class Clients:
    """Those who ask a server on an event loop, and may go at any time."""

    def __init__(self, storm: Storm, server: AsgiServer) -> None:
        self.storm = storm
        self.server = server

    async def ask(self, requests: int) -> None:
        """Ask so often, eight at a time, and wait until what was cancelled is over."""
        await asyncio.gather(*[self._ask_in_turn(requests // 8) for _ in range(8)])
        for _ in range(500):
            if self.storm.open() == 0:
                break
            await asyncio.sleep(0.01)

    async def _ask_in_turn(self, requests: int) -> None:
        chance, seen = self.storm.random, self.storm.seen
        for _ in range(requests):
            path = chance.choice(["/async", "/read-async", "/stream-async", "/read-async", "/read", "/stream"])
            patience = chance.choice([None, None, 0, 0.0005, 0.002])
            asking = asyncio.ensure_future(self.server.talk(path, pieces=chance.choice([None, 1]), patience=patience))
            if chance.random() < 0.2:
                await self._cancel(asking)
            await asyncio.wait([asking])
            if asking.cancelled():
                seen["cancelled"] += 1
            elif asking.exception() is not None:
                seen["broken off" if path.startswith("/stream") else path] += 1
            else:
                seen[asking.result().status or "gone"] += 1

    async def _cancel(self, asking: "asyncio.Task[Any]") -> None:
        """Do what a server does that ends; some do it twice."""
        await asyncio.sleep(self.storm.random.choice([0, 0.0005, 0.002]))
        for _ in range(self.storm.random.choice([1, 2])):
            asking.cancel()
            await asyncio.sleep(0)


@pytest.mark.usefixtures("silence")
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("requests", "driver"),
    [
        (10_000, "postgresql+psycopg"),
        (1_000, "postgresql+asyncpg"),
        (1_000, "mysql+aiomysql"),
        (1_000, "sqlite+aiosqlite"),
    ],
)
def test_a_storm_of_asynchronous_requests_leaves_no_connection_checked_out(
    requests: int, driver: str, make_app: Make, make_empty: Callable[[str], str]
) -> None:
    kind = driver.partition("+")[0]
    url = make_empty({"mysql": "mariadb"}.get(kind, kind))
    # One writes at a time to SQLite: the others wait for as long as a busy machine takes.
    options = {"connect_args": {"timeout": 120}} if kind == "sqlite" else {}
    named = make_url(url).set(drivername=driver)
    storm = Storm(make_app(SQLALCHEMY_DATABASE_URI=named, DB_COMMIT="on-success", DB_ENGINE=options))
    server = AsgiServer(storm.app)
    clients = Clients(storm, server)
    server.run(lambda: clients.ask(requests))
    assert storm.seen.total() == requests
    assert set(storm.seen) == ENDS | {"cancelled", "gone"}
    assert_all_is_calm(storm, server, Witness(url))
    server.close()


def test_who_watches_the_storms_sees_an_open_transaction(database: str) -> None:
    engine = sa.create_engine(database, poolclass=NullPool)
    witness = Witness(database)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE task (id INTEGER)"))
    assert witness.sees_rest(0)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO task VALUES (1)"))
        assert not witness.sees_rest(0)
        assert not witness.sees_rest(1)
