"""The transaction around a test where it is difficult: several databases, odd engines, statements that end it."""

import asyncio
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from sqlalchemy import event
from sqlalchemy.orm import Mapped, mapped_column

from trivet.testing import make_app
from trivet_db import DatabaseConfigError, MissingDriverError
from trivet_db.command import make_command
from trivet_db.state import State
from trivet_db.testing import OuterTransactionError, counted_statements, rolled_back

from .kit_app import Kit, on_loop
from .migrating_project import Project

MakeKit = Callable[..., Kit]


# -- several databases


def test_every_bind_is_rolled_back(
    database: str, make_empty: Callable[[str], str], sqlite_database: str, make_kit: MakeKit
) -> None:
    kit = make_kit(
        database, SQLALCHEMY_BINDS={"log": sqlite_database, "broken": "postgresql://nobody@127.0.0.1:1/none"}
    )

    class Entry(kit.db.Model):  # type: ignore[name-defined,misc]
        __bind_key__ = "log"
        id: Mapped[int] = mapped_column(primary_key=True)

    def entries() -> int:
        return kit.db.session.scalar(sa.select(sa.func.count()).select_from(Entry)) or 0

    with kit.app.app_context():
        kit.db.create_all("log")
        with rolled_back(kit.app):  # a bind that nobody uses need not be there
            kit.db.session.add_all([kit.Task(title="one"), Entry()])
            kit.db.session.commit()
            assert kit.titles() == {"one"}
            assert entries() == 1
        assert entries() == 0
    assert kit.titles() == set()


def test_every_bind_is_rolled_back_even_if_another_one_has_lost_its_transaction(
    postgresql_database: str, sqlite_database: str, make_kit: MakeKit
) -> None:
    kit = make_kit(sqlite_database, SQLALCHEMY_BINDS={"lost": postgresql_database})
    kill = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    def lose() -> None:
        with rolled_back(kit.app), kit.app.app_context():
            with kit.db.engines["lost"].begin() as connection:
                connection.execute(sa.text("SELECT 1"))
            kit.add("one")
            other = sa.create_engine(postgresql_database)
            with other.connect() as connection:
                connection.execute(kill)
            other.dispose()

    with pytest.raises(OuterTransactionError, match="was ended by something inside the test"):
        lose()
    assert kit.titles() == set()
    with kit.app.app_context(), kit.db.engines["lost"].connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1


# -- statements


def test_tables_that_a_test_makes_are_rolled_back_where_the_database_can(database: str, make_kit: MakeKit) -> None:
    kit = make_kit(database)
    more = sa.Table("more", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))

    def make_table() -> None:
        with rolled_back(kit.app), kit.app.app_context():
            kit.db.create_all()  # there is nothing to do
            with kit.db.engine.begin() as connection:
                more.create(connection)
                connection.execute(more.insert().values(id=1))
            assert sa.inspect(kit.db.engine).has_table("more")

    if database.startswith("mysql"):
        with pytest.raises(OuterTransactionError, match=r"MySQL and MariaDB commit before .*throwaway_database"):
            make_table()
    else:
        make_table()
    with kit.app.app_context():
        assert not sa.inspect(kit.db.engine).has_table("more")


def test_migrations_that_a_test_runs_are_rolled_back_where_the_database_can(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path, database)
    project.write("first", "op.create_table('one', sa.Column('id', sa.Integer))")
    app = project.app()
    with rolled_back(app):
        result = CliRunner().invoke(make_command(app), ["upgrade"])
        with app.app_context():
            made = sa.inspect(app.extensions["sqlalchemy"].engine).has_table("one")
    State.of(app).engines.dispose()
    assert made is not database.startswith("mysql"), result.output
    assert "one" not in project.look().tables


def test_mariadb_makes_temporary_tables(mariadb_database: str, make_kit: MakeKit) -> None:
    kit = make_kit(mariadb_database)
    with rolled_back(kit.app), kit.app.app_context():
        kit.db.session.add(kit.Task(title="one"))
        kit.db.session.execute(sa.text("CREATE TEMPORARY TABLE few (id INT)"))
        kit.db.session.commit()
    assert kit.titles() == set()


def test_statements_that_control_a_transaction_stay_inside(database: str, make_kit: MakeKit) -> None:
    kit = make_kit(database)
    with rolled_back(kit.app), kit.app.app_context(), kit.db.engine.connect() as connection:
        for statement in (
            "BEGIN",
            "INSERT INTO task (title) VALUES ('kept')",
            "/* so far */ commit",
            "begin",
            "INSERT INTO task (title) VALUES ('undone')",
            "ROLLBACK",
            "SAVEPOINT here",
            "INSERT INTO task (title) VALUES ('undone')",
            "ROLLBACK TO SAVEPOINT here",
            "RELEASE SAVEPOINT here",
            "COMMIT",
        ):
            connection.exec_driver_sql(statement)
        connection.commit()
        assert kit.titles() == {"kept"}
    assert kit.titles() == set()


def test_a_procedure_that_commits_is_noticed(mariadb_database: str, make_kit: MakeKit) -> None:
    kit = make_kit(mariadb_database)
    with kit.app.app_context(), kit.db.engine.begin() as connection:
        connection.execute(
            sa.text("CREATE PROCEDURE finish() BEGIN INSERT INTO task (title) VALUES ('x'); COMMIT; END")
        )

    def call() -> None:
        with rolled_back(kit.app), kit.app.app_context():
            kit.db.session.execute(sa.text("CALL finish()"))

    with pytest.raises(OuterTransactionError, match="may have stayed"):
        call()
    with rolled_back(kit.app):
        assert kit.titles() == {"x"}


# -- engines


def test_a_database_in_memory_is_one_for_all_sessions(make_kit: MakeKit) -> None:
    for url in ("sqlite://", "sqlite+aiosqlite://"):
        kit = make_kit(url)
        kit.add("old")
        with rolled_back(kit.app):
            kit.app.test_client().post("/async?title=one")
            assert kit.titles() == {"old", "one"}
        assert kit.titles() == {"old"}


def test_an_engine_in_autocommit_mode_is_rolled_back(database: str, make_kit: MakeKit) -> None:
    kit = make_kit(database, SQLALCHEMY_ENGINE_OPTIONS={"isolation_level": "AUTOCOMMIT"})
    with rolled_back(kit.app), kit.app.app_context():
        with kit.db.engine.connect() as connection:
            connection.execute(sa.insert(kit.Task).values(title="one"))
            with pytest.raises(sa.exc.IntegrityError):
                connection.execute(sa.insert(kit.Task).values(title="one"))
        assert kit.titles() == {"one"}
    assert kit.titles() == set()
    kit.add("stays")
    with kit.app.app_context(), kit.db.engine.connect() as connection:
        connection.execute(sa.insert(kit.Task).values(title="stays, too"))
    assert kit.titles() == {"stays", "stays, too"}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sqlite3 has had the argument autocommit since Python 3.12")
@pytest.mark.parametrize("autocommit", [True, False])
def test_sqlite_may_leave_transactions_to_the_driver_or_not(
    sqlite_database: str, make_kit: MakeKit, autocommit: bool
) -> None:
    kit = make_kit(sqlite_database, SQLALCHEMY_ENGINE_OPTIONS={"connect_args": {"autocommit": autocommit}})
    for _ in range(2):
        with rolled_back(kit.app):
            kit.add("one")
            assert kit.titles() == {"one"}
        assert kit.titles() == set()


def test_sqlite_may_begin_its_transactions_by_a_listener(sqlite_database: str, make_kit: MakeKit) -> None:
    kit = make_kit(sqlite_database)
    with kit.app.app_context():
        engine = kit.db.engine
    engine.dispose()
    event.listen(engine, "connect", lambda connection, record: setattr(connection, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    for _ in range(2):
        with rolled_back(kit.app):
            kit.add("one")
            assert kit.titles() == {"one"}
        assert kit.titles() == set()


def test_a_script_of_sqlite_commits_nothing(sqlite_database: str, make_kit: MakeKit) -> None:
    kit = make_kit(sqlite_database)
    with rolled_back(kit.app), kit.app.app_context():
        raw = kit.db.engine.raw_connection()
        raw.executescript(
            "INSERT INTO task (title) VALUES ('one; two'); BEGIN; INSERT INTO task (title) VALUES ('three'); COMMIT;"
        )
        raw.close()
        assert kit.titles() == {"one; two", "three"}
    assert kit.titles() == set()


def test_listeners_of_the_pool_hear_of_connections(sqlite_database: str, make_kit: MakeKit) -> None:
    kit = make_kit(sqlite_database)
    heard: list[str] = []
    with kit.app.app_context():
        for name in ("connect", "checkout", "checkin"):
            event.listen(kit.db.engine, name, lambda *args, name=name: heard.append(name))
        with rolled_back(kit.app):
            kit.titles()
    assert heard[-2:] == ["checkin", "checkin"]  # the session's, and that around the test
    assert heard.count("checkout") == 2
    assert heard.count("connect") <= 1


def test_an_application_that_shuts_down_in_a_test_leaves_nothing_open(database: str, make_kit: MakeKit) -> None:
    kit = make_kit(database)
    with rolled_back(kit.app):
        kit.add("one")
        with kit.app.app_context():
            State.of(kit.app).engines.dispose()
        kit.add("two")
        assert kit.titles() == {"one", "two"}
    assert kit.titles() == set()


def test_drivers_that_are_missing_are_missing_in_a_test_too(
    sqlite_database: str, make_kit: MakeKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = make_kit(sqlite_database)
    monkeypatch.setattr("trivet_db.urls.find_spec", lambda name: None if name == "aiosqlite" else find_spec(name))

    async def read() -> None:
        with kit.app.app_context():
            await kit.db.async_session.execute(sa.select(1))

    with rolled_back(kit.app), pytest.raises(MissingDriverError, match="trivet-db"):
        asyncio.run(read())


def test_an_asynchronous_driver_is_enough_for_asynchronous_sessions(
    postgresql_database: str, make_kit: MakeKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = make_kit(postgresql_database.replace("+psycopg", ""))
    monkeypatch.setattr("trivet_db.urls.find_spec", lambda name: None if "psycopg" in name else find_spec(name))
    with rolled_back(kit.app):
        kit.app.test_client().post("/async?title=one")
        assert kit.app.test_client().get("/async").json == ["one"]
        with pytest.raises(MissingDriverError):
            kit.app.test_client().get("/plain")


@pytest.mark.parametrize("name", ["driver of the URL", "driver for plain sessions"])
def test_the_driver_is_the_one_that_the_url_names(database: str, make_kit: MakeKit, name: str) -> None:
    url = on_loop(database) if name == "driver of the URL" else database
    kit = make_kit(url)

    async def driver() -> str:
        with kit.app.app_context():
            return str(kit.db.async_engine().dialect.driver)

    with rolled_back(kit.app), kit.app.app_context():
        expected = sa.make_url(url).get_driver_name()
        assert kit.db.engine.dialect.driver == asyncio.run(driver()) == expected


# -- sessions that were open before, and blocks that are doubled


def test_a_session_that_was_open_before_takes_part(database: str, make_kit: MakeKit) -> None:
    kit = make_kit(database)
    with kit.app.app_context():
        assert kit.db.session.scalars(sa.select(kit.Task.title)).all() == []
        with rolled_back(kit.app):
            task = kit.Task(title="one")
            kit.db.session.add(task)
            kit.db.session.commit()
        assert task not in kit.db.session
        assert kit.db.session.scalars(sa.select(kit.Task.title)).all() == []


def test_one_block_is_enough(sqlite_database: str, make_kit: MakeKit) -> None:
    kit = make_kit(sqlite_database)
    with rolled_back(kit.app):
        with pytest.raises(OuterTransactionError, match="once"):
            rolled_back(kit.app).__enter__()
        kit.add("one")
    assert kit.titles() == set()


def test_an_application_without_the_plugin_is_told_so() -> None:
    with pytest.raises(DatabaseConfigError, match="not enabled"):
        rolled_back(make_app()).__enter__()


# -- counting


def test_statements_are_counted(database: str, make_kit: MakeKit) -> None:
    kit = make_kit(on_loop(database))
    client = kit.app.test_client()
    for around in (rolled_back(kit.app), None):
        if around is not None:
            around.__enter__()
        with counted_statements(kit.app) as statements:
            client.get("/plain")
            client.get("/async")
        client.get("/plain")
        assert len(statements) == 2, statements
        assert all(statement.startswith("SELECT task.title") for statement in statements)
        if around is not None:
            around.__exit__(None, None, None)


def test_statements_of_another_application_are_not_counted(sqlite_database: str, make_kit: MakeKit) -> None:
    kit, other = make_kit(sqlite_database), make_kit("sqlite://")
    with counted_statements(kit.app) as statements:
        other.add("one")
    assert statements == []
