"""Faults: what becomes of a request, and of the next one, when a database is away, goes away or refuses."""

# mypy: disable-error-code="misc, name-defined"

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from trivet import Trivet
from trivet_db import DatabaseConfigError, MissingDriverError, SQLAlchemy, urls
from trivet_db.health import examine
from trivet_db.state import State
from trivet_db.urls import for_sync

from .serving import Server

Make = Callable[..., Trivet]
Serve = Callable[[Trivet], Server]

#: Drivers, and the kind of session that uses each.
DRIVERS = (
    ("postgresql+psycopg", "plain"),
    ("postgresql+psycopg", "async"),
    ("postgresql+asyncpg", "async"),
    ("mysql+pymysql", "plain"),
    ("mysql+aiomysql", "async"),
)
drivers = pytest.mark.parametrize("driver", DRIVERS, ids=[f"{name.partition('+')[2]}-{kind}" for name, kind in DRIVERS])

BACKEND = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}
CUT = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}
OTHERS = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()",
    "mysql": "SELECT id FROM information_schema.processlist WHERE db = :name AND id <> connection_id()",
}


class Admin:
    """A second connection to a server, which cuts others."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.dialect = self.url.get_backend_name()
        self.engine = sa.create_engine(for_sync(self.url, "here"), poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def cut(self, ident: int) -> None:
        """Cut one connection, and wait until it is gone."""
        with self.engine.connect() as connection:
            connection.execute(sa.text(CUT[self.dialect].format(int(ident))))
            for _ in range(500):
                if ident not in self._others(connection):
                    return
                time.sleep(0.01)
        raise AssertionError("the connection stays")

    def cut_all(self) -> int:
        """Cut all connections to the database, as the restart of a server does; return how many there were."""
        with self.engine.connect() as connection:
            found = self._others(connection)
        for ident in found:
            self.cut(ident)
        return len(found)

    def _others(self, connection: sa.Connection) -> list[int]:
        return list(connection.scalars(sa.text(OTHERS[self.dialect]), {"name": self.url.database}))


class Shop:
    """An application with one model on some database, whose views fail in many ways."""

    def __init__(self, app: Trivet) -> None:
        self.app = app
        db = self.db = SQLAlchemy(app)

        class Task(db.Model):
            id = db.Column(db.Integer, primary_key=True)
            title = db.Column(db.String(50), unique=True)

        self.Task = Task

    def make_tables(self) -> None:
        with self.app.app_context():
            self.db.create_all()

    def pools(self) -> list[Any]:
        return [engine.pool for _, engine in State.of(self.app).engines.made()]

    def open(self) -> int:
        """Count the connections that are in use."""
        return sum(pool.checkedout() for pool in self.pools())

    def titles(self) -> list[str]:
        with self.app.app_context():
            return list(self.db.session.scalars(sa.select(self.Task.title).order_by(self.Task.title)))

    def add_views(self, kind: str, cut: Callable[[int], None]) -> None:
        """Add views that write, and lose their connection before or after, with one kind of session."""
        backend = sa.text(BACKEND.get(State.of(self.app).engines[None].dialect.name, "SELECT 1"))
        task = self.Task
        if kind == "plain":
            session = self.db.session

            @self.app.get("/write/<title>")
            def write(title: str) -> str:
                session.add(task(title=title))
                session.commit()
                return "written"

            @self.app.get("/lost")
            def lost() -> str:
                cut(session.scalar(backend))
                return str(session.scalar(sa.select(task.title)))

            @self.app.get("/lost-in-transaction")
            def lost_in_transaction() -> str:
                session.add(task(title="lost"))
                session.flush()
                cut(session.scalar(backend))
                session.commit()
                return "committed"

            @self.app.get("/lost-and-caught")
            def lost_and_caught() -> str:
                try:
                    return lost()
                except sa.exc.DBAPIError:
                    session.rollback()
                    return str(session.scalar(sa.select(sa.func.count(task.id))))

            return
        asynchronous = self.db.async_session

        @self.app.get("/write/<title>")
        async def write_async(title: str) -> str:
            asynchronous.add(task(title=title))
            await asynchronous.commit()
            return "written"

        @self.app.get("/lost")
        async def lost_async() -> str:
            cut(await asynchronous.scalar(backend))
            return str(await asynchronous.scalar(sa.select(task.title)))

        @self.app.get("/lost-in-transaction")
        async def lost_in_transaction_async() -> str:
            asynchronous.add(task(title="lost"))
            await asynchronous.flush()
            cut(await asynchronous.scalar(backend))
            await asynchronous.commit()
            return "committed"

        @self.app.get("/lost-and-caught")
        async def lost_and_caught_async() -> str:
            try:
                return await lost_async()
            except sa.exc.DBAPIError:
                await asynchronous.rollback()
                return str(await asynchronous.scalar(sa.select(sa.func.count(task.id))))


class Running(NamedTuple):
    shop: Shop
    admin: Admin
    kind: str
    server: Server


@pytest.fixture
def running(driver: tuple[str, str], make_app: Make, make_empty: Callable[[str], str], serve: Serve) -> Running:
    """A shop on a real server, with one driver and kind of session."""
    name, kind = driver
    database = make_empty("postgresql" if name.startswith("postgresql") else "mariadb")
    url = make_url(database).set(drivername=name).render_as_string(hide_password=False)
    shop = Shop(make_app(SQLALCHEMY_DATABASE_URI=url))
    shop.make_tables()
    admin = Admin(database)
    shop.add_views(kind, admin.cut)
    return Running(shop, admin, kind, serve(shop.app))


# -- a connection is lost


@drivers
def test_a_connection_that_is_lost_in_a_request_is_503_and_the_next_request_healthy(running: Running) -> None:
    server = running.server
    assert server.ask("/write/one").text == "written"
    for path in ("/lost", "/lost-in-transaction"):
        answer = server.ask(path)
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert running.shop.open() == 0
        assert server.ask(f"/write/after {path[1:]}").text == "written"
    assert running.shop.titles() == ["after lost", "after lost-in-transaction", "one"]


@drivers
def test_who_catches_a_lost_connection_goes_on_after_a_rollback(running: Running) -> None:
    assert running.server.ask("/write/one").text == "written"
    assert running.server.ask("/lost-and-caught").text == "1"
    assert running.shop.open() == 0


@drivers
def test_nobody_notices_that_all_connections_were_cut_between_two_requests(running: Running) -> None:
    server = running.server
    for number in range(3):
        assert server.ask(f"/write/{number}").text == "written"
        assert running.admin.cut_all() >= 1
    assert server.ask("/write/last").text == "written"
    assert running.shop.titles() == ["0", "1", "2", "last"]


@drivers
def test_an_integrity_error_leaves_the_connection_usable(running: Running) -> None:
    server = running.server
    assert [server.ask("/write/one").status for _ in range(3)] == [200, 500, 500]
    assert server.ask("/write/two").text == "written"
    assert running.shop.open() == 0
    assert running.shop.titles() == ["one", "two"]


# -- nobody is there


@pytest.mark.parametrize("debug", [False, True])
def test_the_values_of_a_statement_that_fails_are_shown_in_debug_mode_only(debug: bool, make_app: Make) -> None:
    app = make_app(SQLALCHEMY_DATABASE_URI="sqlite://", DEBUG=debug)
    db = SQLAlchemy(app)
    with app.app_context(), pytest.raises(sa.exc.OperationalError) as caught:
        db.session.execute(sa.text("INSERT INTO nowhere VALUES (:value)"), {"value": "s3cret"})
    assert ("s3cret" in str(caught.value)) is debug


@drivers
def test_a_database_that_cannot_be_reached_is_503(
    driver: tuple[str, str], make_app: Make, serve: Serve, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    name, kind = driver
    shop = Shop(make_app(SQLALCHEMY_DATABASE_URI=f"{name}://ada:s3cr%40t@127.0.0.1:{free_port}/shop"))
    shop.add_views(kind, lambda ident: None)
    shop.app.add_url_rule("/fine", "fine", lambda: "text")
    server = serve(shop.app)
    answers = [server.ask("/write/one") for _ in range(2)]
    for answer in answers:
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert "cannot be reached" in answer.text
    assert server.ask("/fine").text == "text"
    assert shop.open() == 0
    assert "Exception on /write/one" in caplog.text
    assert "s3cr" not in caplog.text + answers[0].text


@pytest.mark.parametrize(
    ("driver", "user"),
    [(one, user) for one in DRIVERS for user in ("nobody:s3cr%40t", None)],
    ids=[f"{name.partition('+')[2]}-{kind}-{what}" for name, kind in DRIVERS for what in ("user", "database")],
)
def test_a_wrong_user_or_database_is_503_and_shows_no_password(
    driver: tuple[str, str],
    user: str | None,
    make_app: Make,
    make_empty: Callable[[str], str],
    serve: Serve,
    caplog: pytest.LogCaptureFixture,
) -> None:
    name, kind = driver
    url = make_url(make_empty("postgresql" if name.startswith("postgresql") else "mariadb"))
    url = url.set(drivername=name, password="s3cr@t")
    url = url.set(database="does_not_exist") if user is None else url.set(username="does_not_exist")
    if user is None and name.startswith("mysql"):
        url = url.set(password=None)  # the server's root has none
    shop = Shop(make_app(SQLALCHEMY_DATABASE_URI=url))
    shop.add_views(kind, lambda ident: None)
    answer = serve(shop.app).ask("/write/one")
    assert answer.status == 503
    assert shop.open() == 0
    assert "s3cr" not in caplog.text + answer.text


def test_in_debug_mode_and_in_tests_the_error_itself_is_seen(make_app: Make, free_port: int) -> None:
    shop = Shop(make_app(SQLALCHEMY_DATABASE_URI=f"postgresql+psycopg://127.0.0.1:{free_port}/shop", TESTING=True))
    shop.add_views("plain", lambda ident: None)
    with pytest.raises(sa.exc.OperationalError):
        shop.app.test_client().get("/write/one")


def test_an_error_handler_may_answer_instead(make_app: Make, serve: Serve, free_port: int) -> None:
    shop = Shop(make_app(SQLALCHEMY_DATABASE_URI=f"mysql+pymysql://127.0.0.1:{free_port}/shop"))
    shop.add_views("plain", lambda ident: None)
    shop.app.register_error_handler(sa.exc.OperationalError, lambda error: ("sorry", 500))
    assert serve(shop.app).ask("/write/one").text == "sorry"


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_pool_without_a_free_connection_is_503_until_there_is_one(
    kind: str, make_app: Make, serve: Serve, sqlite_database: str
) -> None:
    engine = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.05}
    app = make_app(SQLALCHEMY_DATABASE_URI=sqlite_database, DB_ENGINE=engine)
    shop = Shop(app)
    shop.make_tables()
    shop.add_views(kind, lambda ident: None)
    inner: list[int] = []

    @app.get("/holds")
    def holds() -> str:
        shop.db.session.execute(sa.select(1))
        inner.append(app.test_client().get("/write/inner").status_code)
        return "text"

    @app.get("/holds-async")
    async def holds_async() -> str:
        await shop.db.async_session.execute(sa.select(1))
        async with shop.db.async_session.session_factory() as other:
            try:
                await other.execute(sa.select(1))
            except sa.exc.TimeoutError:
                inner.append(503)
                raise
        return "text"

    server = serve(app)
    if kind == "plain":
        assert server.ask("/holds").text == "text"
    else:
        assert server.ask("/holds-async").status == 503
    assert inner == [503]
    assert server.ask("/write/one").text == "written"
    assert shop.open() == 0


# -- what is not there at all


def test_a_missing_driver_stops_the_start_with_the_line_that_installs_it(
    make_app: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urls, "find_spec", lambda name: None)
    app = make_app(SQLALCHEMY_DATABASE_URI="postgresql://ada:s3cret@host/db")
    db = SQLAlchemy(app)
    with pytest.raises(MissingDriverError, match=r'pip install "trivet-db\[postgresql\]"') as caught:
        app.test_client().get("/")
    assert "s3cret" not in str(caught.value)
    with app.app_context(), pytest.raises(MissingDriverError, match="pip install"):
        db.session.execute(sa.select(1))


def test_a_missing_driver_that_the_url_names_stops_the_start_whichever_others_there_are(
    make_app: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urls, "find_spec", lambda name: None if name == "psycopg2" else find_spec(name))
    app = make_app(SQLALCHEMY_DATABASE_URI="postgresql+psycopg2://ada@host/db")
    SQLAlchemy(app)
    with pytest.raises(MissingDriverError, match='psycopg2 is not installed: pip install "psycopg2-binary"'):
        app.test_client().get("/")


def test_an_sqlite_file_in_a_folder_that_cannot_be_made_is_told(make_app: Make) -> None:
    app = make_app(SQLALCHEMY_DATABASE_URI="sqlite:////dev/null/app.db")
    db = SQLAlchemy(app)
    with app.app_context(), pytest.raises(DatabaseConfigError, match=r"DATABASE_URI.*folder /dev/null cannot be made"):
        db.session.execute(sa.select(1))


def test_a_missing_asynchronous_driver_is_told_where_it_is_needed(
    make_app: Make, serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(urls, "find_spec", lambda name: None if name == "aiosqlite" else find_spec(name))
    shop = Shop(make_app(SQLALCHEMY_DATABASE_URI="sqlite:///app.db"))
    shop.make_tables()
    shop.add_views("async", lambda ident: None)
    assert serve(shop.app).ask("/write/one").status == 500
    assert 'pip install "trivet-db[async]"' in caplog.text


# -- what is said


def test_words_for_people_hold_no_password(make_app: Make) -> None:
    app = make_app(
        SQLALCHEMY_DATABASE_URI="postgresql+psycopg://ada:s3cr%40t@host/db",
        SQLALCHEMY_BINDS={
            "audit": {"url": "mysql+pymysql://ada:s3cr%40t@host/db", "connect_args": {"password": "s3cr@t"}},
            "query": "postgresql+psycopg://host/db?password=s3cr%40t",
        },
    )
    db = SQLAlchemy(app)
    with app.app_context():
        state = State.of(app)
        told = [repr(one) for one in (db, db.engines, *db.engines.values(), state.options, state.engines.settings)]
        told += [*map(str, examine(state.engines, app.instance_path)), repr(app.config["SQLALCHEMY_BINDS"].keys())]
    assert "s3cr" not in " ".join(told)
