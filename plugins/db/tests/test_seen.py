"""What is seen of statements: slow ones with their endpoint, repeated ones in debug mode, all of them on demand."""

# mypy: disable-error-code="misc, name-defined"

import logging
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from trivet import Trivet
from trivet_db import QueryInfo, SQLAlchemy, get_recorded_queries, record_queries
from trivet_db.state import State

from .serving import Server

Make = Callable[..., Trivet]
Serve = Callable[[Trivet], Server]


class Reader:
    """An application with ten tasks, which reads them well and badly."""

    def __init__(self, app: Trivet) -> None:
        self.app = app
        db = self.db = SQLAlchemy(app)

        class Task(db.Model):
            id = db.Column(db.Integer, primary_key=True)
            title = db.Column(db.String(20))

        self.Task = Task
        with app.app_context():
            db.create_all()
            db.session.add_all([Task(id=number) for number in range(1, 11)])
            db.session.commit()

        @app.get("/loop")
        def loop() -> str:
            return str(len([db.session.execute(sa.select(Task).where(Task.id == ident)) for ident in range(1, 11)]))

        @app.get("/at-once")
        def at_once() -> str:
            return str(len(db.session.scalars(sa.select(Task)).all()))

        @app.get("/writes")
        def writes() -> str:
            for ident in range(20, 40):
                db.session.add(Task(id=ident))
                db.session.flush()
            return "text"

        @app.get("/slow")
        def slow() -> str:
            db.session.execute(sa.select(sa.func.sleep()))
            return "text"

        @app.get("/slow-async")
        async def slow_async() -> str:
            await db.async_session.execute(sa.select(sa.func.sleep()))
            return "text"

        @app.get("/recorded")
        def recorded() -> list[Any]:
            db.session.scalars(sa.select(Task).where(Task.id < 5)).all()
            return [(one.statement, one.parameters, one.location) for one in get_recorded_queries()]

        @app.get("/recorded-async")
        async def recorded_async() -> list[Any]:
            await db.async_session.scalars(sa.select(Task).where(Task.id < 5))
            return [(one.statement, one.parameters, one.location) for one in get_recorded_queries()]


@pytest.fixture
def make_reader(make_app: Make, sqlite_database: str) -> Callable[..., Reader]:
    return lambda **settings: Reader(make_app(SQLALCHEMY_DATABASE_URI=sqlite_database, **settings))


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.WARNING, logger="trivet.db")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "trivet.db"]


def slowly(connection: Any, seconds: float = 0.05) -> None:
    """Give SQLite a function that takes its time."""
    import time

    connection.create_function("sleep", 0, lambda: time.sleep(seconds))


# -- slow statements


@pytest.mark.parametrize("path", ["/slow", "/slow-async"])
def test_a_slow_statement_is_logged_with_its_endpoint(
    make_reader: Callable[..., Reader], serve: Serve, said: Callable[[], list[str]], path: str
) -> None:
    reader = make_reader(DB_SLOW=0.04)
    engines = State.of(reader.app).engines

    def prepare(key: str | None, engine: sa.Engine, told: Any = engines._told) -> None:
        told(key, engine)
        sa.event.listen(engine, "connect", lambda connection, _: slowly(connection))

    engines._told = prepare
    engines.dispose()
    server = serve(reader.app)
    assert server.ask("/at-once").text == "10"
    assert said() == []
    assert server.ask(path).text == "text"
    assert len(said()) == 1
    assert f"in '{path[1:].replace('-', '_')}'" in said()[0]
    assert "SELECT sleep()" in said()[0]
    assert "test_seen.py:" in said()[0]


def test_outside_of_a_request_it_is_logged_too(
    make_reader: Callable[..., Reader], said: Callable[[], list[str]]
) -> None:
    reader = make_reader(DB_SLOW=0)
    with reader.app.app_context():
        reader.db.session.execute(sa.text("SELECT :secret"), {"secret": "s3cret"})
    assert "outside of a request" in said()[-1]
    assert "s3cret" not in said()[-1]
    engine = State.of(reader.app).engines[None]
    with engine.connect() as connection:
        connection.execute(sa.select(sa.literal(2)))
    assert "outside of any context" in said()[-1]


def test_a_request_without_a_route_is_told_apart(
    make_reader: Callable[..., Reader], serve: Serve, said: Callable[[], list[str]]
) -> None:
    reader = make_reader(DB_SLOW=0)

    @reader.app.before_request
    def read() -> None:
        reader.db.session.execute(sa.select(1))

    serve(reader.app).ask("/nowhere")
    assert "a request that no route matches" in said()[-1]


# -- statements in a loop


def test_a_read_in_a_loop_is_logged_once_in_debug_mode(
    make_reader: Callable[..., Reader], serve: Serve, said: Callable[[], list[str]]
) -> None:
    reader = make_reader(DEBUG=True)
    server = serve(reader.app)
    assert server.ask("/at-once").text == server.ask("/loop").text == "10"
    assert len(said()) == 1
    assert "was run 10 times, in 'loop', last from " in said()[0]
    assert "(<listcomp>)" in said()[0] or "(loop)" in said()[0]
    assert "selectinload()" in said()[0]


def test_each_request_is_counted_for_itself(
    make_reader: Callable[..., Reader], serve: Serve, said: Callable[[], list[str]]
) -> None:
    server = serve(make_reader(DEBUG=True, DB_REPEATED=2).app)
    for _ in range(5):
        server.ask("/at-once")
    assert said() == []


def test_writes_are_not_counted_nor_is_work_outside_of_requests(
    make_reader: Callable[..., Reader], serve: Serve, said: Callable[[], list[str]]
) -> None:
    reader = make_reader(DEBUG=True)
    serve(reader.app).ask("/writes")
    with reader.app.app_context():
        for ident in range(20):
            reader.db.session.execute(sa.select(reader.Task).where(reader.Task.id == ident))
    assert said() == []


@pytest.mark.parametrize("settings", [{}, {"DEBUG": True, "DB_REPEATED": None}])
def test_otherwise_nothing_is_counted(
    make_reader: Callable[..., Reader], serve: Serve, said: Callable[[], list[str]], settings: Any
) -> None:
    assert serve(make_reader(**settings).app).ask("/loop").text == "10"
    assert said() == []


# -- recorded statements


@pytest.mark.parametrize("path", ["/recorded", "/recorded-async"])
def test_statements_are_recorded_on_demand(make_reader: Callable[..., Reader], serve: Serve, path: str) -> None:
    server = serve(make_reader(SQLALCHEMY_RECORD_QUERIES=True).app)
    for _ in range(2):  # each request its own
        ((statement, parameters, location),) = server.ask(path).json
        assert "FROM task" in statement
        assert parameters == [[5]]
        assert "test_seen.py:" in location
        assert location.endswith(("(recorded)", "(recorded_async)"))


def test_a_recorded_statement_has_its_times(make_reader: Callable[..., Reader]) -> None:
    reader = make_reader(DB_RECORD_QUERIES=True)
    with reader.app.app_context():
        reader.db.session.execute(sa.select(1))
        (info,) = get_recorded_queries()
        assert isinstance(info, QueryInfo)
        assert info.duration == info.end_time - info.start_time >= 0
        assert record_queries.get_recorded_queries is get_recorded_queries


def test_without_the_option_nothing_is_recorded(make_reader: Callable[..., Reader], serve: Serve) -> None:
    assert serve(make_reader().app).ask("/recorded").json == []


def test_if_nothing_is_to_be_seen_nobody_listens(make_reader: Callable[..., Reader]) -> None:
    reader = make_reader(DB_SLOW=None)
    engine = State.of(reader.app).engines[None]
    assert not engine.dialect.dispatch.do_execute
