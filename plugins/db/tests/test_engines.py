"""Engines: made when they are needed, with what each database needs, one set for each process and event loop."""

import asyncio
import gc
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import AsyncEngine

from trivet import Trivet, hookimpl
from trivet_db import DatabaseConfigError, SQLAlchemy, UnknownBindError
from trivet_db.engines import ClosingConnection, Engines
from trivet_db.options import EngineSettings
from trivet_db.state import State

from .serving import Server

Make = Callable[..., Trivet]
Serve = Callable[[Trivet], Server]


def engines(folder: Path, told: Any = None, **urls: Any) -> Engines:
    """Make engines by bind key; ``default`` is the default one's, a pair is a URL with arguments."""
    settings: dict[str | None, EngineSettings] = {}
    for key, written in urls.items():
        url, arguments = written if isinstance(written, tuple) else (written, {})
        settings[None if key == "default" else key] = EngineSettings(url, arguments, f"[db] {key}")
    return Engines(settings, str(folder), told or (lambda key, engine: None))


# -- made when they are needed


def test_an_engine_is_made_at_its_first_use_and_kept(tmp_path: Path) -> None:
    told: list[Any] = []
    made = engines(tmp_path, lambda key, engine: told.append((key, engine)), default="sqlite://", audit="sqlite://")
    assert (list(made), len(made), None in made, "x" in made) == ([None, "audit"], 2, True, False)
    assert told == []
    engine = made["audit"]
    assert made["audit"] is engine
    assert told == [("audit", engine)]
    made.dispose()
    assert made["audit"] is not engine
    made.dispose()


def test_an_unknown_key_is_an_error_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(UnknownBindError, match="Did you mean 'audit'"):
        engines(tmp_path, audit="sqlite://")["audi"]
    assert engines(tmp_path, audit="sqlite://").get("audi") is None


def test_threads_that_come_together_get_one_engine(tmp_path: Path) -> None:
    made = engines(tmp_path, default="sqlite:///app.db")
    gate = threading.Barrier(8)
    found: list[sa.Engine] = []

    def look() -> None:
        gate.wait()
        found.append(made[None])

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


# -- what each database needs


def test_memory_is_one_database_for_all_threads(tmp_path: Path) -> None:
    made = engines(tmp_path, default="sqlite://")
    with made[None].begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (x)"))
    names: list[str] = []
    thread = threading.Thread(target=lambda: names.extend(sa.inspect(made[None]).get_table_names()))
    thread.start()
    thread.join()
    assert names == ["t"]
    assert isinstance(made[None].pool, pool.StaticPool)
    made.dispose()


def test_a_file_is_used_from_all_threads_with_connections_of_their_own(tmp_path: Path) -> None:
    made = engines(tmp_path, default="sqlite:///app.db")
    assert str(made[None].url) == f"sqlite:///{tmp_path / 'app.db'}"
    assert isinstance(made[None].pool, pool.QueuePool)
    failed: list[BaseException] = []

    def use() -> None:
        try:
            with made[None].connect() as connection:
                connection.execute(sa.select(1))
        except BaseException as error:
            failed.append(error)

    for _ in range(3):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    assert failed == []
    made.dispose()


def pinged(engine: sa.Engine) -> bool:
    return bool(engine.pool._pre_ping)


def test_servers_are_asked_before_a_connection_is_used_again(tmp_path: Path) -> None:
    made = engines(
        tmp_path,
        postgres="postgresql+psycopg://host/db",
        maria="mariadb+pymysql://host/db",
        careless=("mysql+pymysql://host/db", {"pool_pre_ping": False, "pool_recycle": 5}),
        single=("postgresql+psycopg://host/db", {"poolclass": pool.NullPool}),
    )
    assert {key: pinged(made[key]) for key in made} == {
        "postgres": True,
        "maria": True,
        "careless": False,
        "single": False,
    }
    assert {key: made[key].pool._recycle for key in ("postgres", "maria", "careless")} == {
        "postgres": -1,
        "maria": 7200,
        "careless": 5,
    }


def test_arguments_may_be_written_as_a_file_writes_them(tmp_path: Path) -> None:
    made = engines(
        tmp_path,
        default=(
            "sqlite:///app.db",
            {"pool_size": "3", "echo": "false", "poolclass": "QueuePool", "pool_timeout": 0.5},
        ),
        single=("sqlite:///app.db", {"poolclass": "NullPool"}),
    )
    queue: Any = made[None].pool
    assert (queue.size(), queue.timeout()) == (3, 0.5)
    assert made[None].echo is False
    assert isinstance(made["single"].pool, pool.NullPool)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"pool_sise": 3}, "pool_sise"), ({"poolclass": "NoPool"}, "NoPool"), ({"pool_size": "many"}, "many")],
)
def test_a_wrong_argument_is_told_with_its_place_and_without_the_password(
    tmp_path: Path, arguments: dict[str, Any], said: str
) -> None:
    made = engines(tmp_path, audit=("postgresql+psycopg://ada:s3cret@host/db", arguments))
    with pytest.raises(DatabaseConfigError, match=rf"\[db\] audit cannot be made: .*{said}") as caught:
        made["audit"]
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


# -- event loops


def test_every_event_loop_has_engines_of_its_own(tmp_path: Path) -> None:
    made = engines(tmp_path, default="sqlite:///app.db")

    async def use() -> AsyncEngine:
        engine = made.on_loop(None)
        assert made.on_loop(None) is engine
        assert made.has_loops
        async with engine.connect() as connection:
            await connection.execute(sa.select(1))
        await made.dispose_on_loop()
        return engine

    assert asyncio.run(use()) is not asyncio.run(use())
    assert not made.has_loops


def test_engines_of_a_loop_go_with_it(tmp_path: Path) -> None:
    made = engines(tmp_path, default="sqlite:///app.db")

    async def make() -> "weakref.ref[Any]":
        return weakref.ref(made.on_loop(None))

    reference = asyncio.run(make())
    gc.collect()
    assert reference() is None
    assert not made.has_loops


def test_engines_that_exist_are_listed_for_those_who_look_at_pools(tmp_path: Path) -> None:
    made = engines(tmp_path, default="sqlite:///app.db", audit="sqlite://")

    async def look() -> list[Any]:
        made.on_loop("audit")
        return [key for key, _ in made.made()]

    assert [key for key, _ in made.made()] == []
    made[None]
    assert asyncio.run(look()) == [None, "audit"]
    made.dispose()


# -- processes


def test_a_forked_process_makes_its_own_and_leaves_the_parents_alone(tmp_path: Path) -> None:
    made = engines(tmp_path, default="sqlite:///app.db")
    parents = made[None]
    with parents.connect() as connection:
        record = connection.connection.driver_connection
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            own = made[None]
            with own.connect() as connection:
                same = connection.connection.driver_connection is record
            status = 0 if own is not parents and not same else 2
        finally:
            os.write(writing, bytes([status]))
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 1) == b"\0"
    os.close(reading)
    os.close(writing)
    with made[None].connect() as connection:
        assert connection.connection.driver_connection is record
    made.dispose()


def test_a_lock_that_another_thread_held_does_not_stop_a_forked_process(tmp_path: Path) -> None:
    made = engines(tmp_path, default="sqlite:///app.db")
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with made._lock:
            held.set()
            go_on.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    child = os.fork()
    if child == 0:
        try:
            made[None]
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    go_on.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0


# -- in an application


def test_a_hook_prepares_each_engine_once(make_app: Make, serve: Serve) -> None:
    class Enforce:
        seen: list[Any] = []  # noqa: RUF012

        @hookimpl
        def trivet_db_engine(self, app: Any, bind_key: str | None, engine: sa.Engine) -> None:
            self.seen.append(bind_key)
            sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))

    app = make_app(plugins=["db", Enforce()], DB_URL="sqlite:///app.db")
    db = SQLAlchemy(app)

    @app.get("/")
    def look() -> str:
        return str(db.session.scalar(sa.text("PRAGMA foreign_keys")))

    server = serve(app)
    assert [server.ask("/").text, server.ask("/").text] == ["1", "1"]
    assert Enforce.seen == [None]
    Enforce.seen.clear()


def test_nothing_is_connected_to_before_it_is_needed(make_app: Make, serve: Serve, tmp_path: Path) -> None:
    app = make_app(DB_URL=f"sqlite:///{tmp_path}/app.db")
    db = SQLAlchemy(app)
    app.add_url_rule("/", "index", lambda: "text")
    assert serve(app).ask("/").text == "text"
    assert not (tmp_path / "app.db").exists()
    with app.app_context():
        db.session.execute(sa.select(1))
    assert (tmp_path / "app.db").exists()


def test_the_end_of_the_server_closes_what_is_idle(make_app: Make, serve: Serve) -> None:
    app = make_app(DB_URL="sqlite:///app.db")
    db = SQLAlchemy(app)

    @app.get("/plain")
    def plain() -> str:
        return str(db.session.scalar(sa.select(1)))

    @app.get("/async")
    async def asynchronous() -> str:
        return str(await db.async_session.scalar(sa.select(1)))

    server = serve(app)
    assert server.ask("/plain").text == server.ask("/async").text == "1"
    state = State.of(app)
    assert len(list(state.engines.made())) == 2
    server.close()
    assert list(state.engines.made()) == []
    server.close = lambda: None  # type: ignore[method-assign]


def test_several_applications_share_models_and_have_databases_of_their_own(make_app: Make) -> None:
    db = SQLAlchemy()

    class Task(db.Model):  # type: ignore[misc, name-defined]
        id = db.Column(db.Integer, primary_key=True)

    apps = [make_app(DB_URL="sqlite:///app.db") for _ in range(2)]
    for number, app in enumerate(apps):
        db.init_app(app)
        with app.app_context():
            db.create_all()
            db.session.add(Task(id=number))
            db.session.commit()
    for number, app in enumerate(apps):
        with app.app_context():
            assert db.session.scalars(sa.select(Task.id)).all() == [number]
    with pytest.raises(RuntimeError, match="has a SQLAlchemy object already"):
        SQLAlchemy(apps[0])


def test_the_object_shows_its_database_without_the_password(make_app: Make) -> None:
    app = make_app(DB_URL="postgresql+psycopg://ada:s3cret@host/db", DB_BINDS={"a": "sqlite://", "b": "sqlite://"})
    db = SQLAlchemy(app)
    assert repr(db) == "<SQLAlchemy>"
    with app.app_context():
        assert repr(db) == "<SQLAlchemy postgresql+psycopg://ada:***@host/db +2>"


def test_a_cursor_that_was_left_open_is_closed_with_its_connection(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    connection = sqlite3.connect(path, factory=ClosingConnection)
    connection.executescript("CREATE TABLE task (id INTEGER); INSERT INTO task VALUES (1), (2)")
    connection.cursor().execute("SELECT id FROM task").fetchone()  # and nobody has the cursor any more
    gc.collect()
    with closing(sqlite3.connect(path, timeout=0)) as other:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("DROP TABLE task")
        connection.close()
        other.execute("DROP TABLE task")


def test_a_cursor_that_was_closed_is_kept_by_nobody(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "file.db", factory=ClosingConnection)) as connection:
        cursor = weakref.ref(connection.cursor().execute("SELECT 1"))
        cursor().close()  # type: ignore[union-attr]
        assert cursor() is None
