"""``trivet doctor`` says whether databases can be reached, and shows their pools."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from trivet import Trivet
from trivet.cli import cli
from trivet_db import SQLAlchemy, health, urls
from trivet_db.health import examine
from trivet_db.state import State

from .kit_app import ON_LOOP

Make = Callable[..., Trivet]


def lines(app: Trivet) -> list[str]:
    """Return what the doctor's report has of the plugin."""
    done = app.test_cli_runner().invoke(cli, ["doctor"])
    assert done.exit_code == 0, done.output
    return [line.split("db: ", 1)[1] for line in done.output.splitlines() if line[8:].startswith("db: ")]


def levels(app: Trivet) -> list[str]:
    """Return the kinds of its findings."""
    output = app.test_cli_runner().invoke(cli, ["doctor"]).output
    return [line[:8].strip() for line in output.splitlines() if line[8:].startswith("db: ")]


def test_a_database_that_answers_is_shown_with_its_version_and_its_pool(make_app: Make, database: str) -> None:
    app = make_app(SQLALCHEMY_DATABASE_URI=database)
    SQLAlchemy(app)
    with app.app_context():
        State.of(app).engines[None].connect().close()
    (line,) = lines(app)
    assert sa.make_url(database).get_backend_name() in line
    assert "Pool size: 5" in line
    assert levels(app) == ["ok"]
    app.lifespan.stop()


def test_what_was_opened_to_look_is_closed(make_app: Make, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if sa.make_url(database).get_backend_name() == "sqlite":
        Path(sa.make_url(database).database or "").touch()  # what is not there is not made by looking
    app = make_app(SQLALCHEMY_DATABASE_URI=database)
    SQLAlchemy(app)
    engines = State.of(app).engines
    pools: list[Any] = []
    make = engines.make

    def made(key: str | None) -> sa.Engine:
        engine = make(key)
        pools.append(engine.pool)
        return engine

    monkeypatch.setattr(engines, "make", made)
    assert all(one.is_well for one in examine(engines, app.instance_path))
    assert list(engines.made()) == []
    assert [pool.checkedout() for pool in pools] == [0]


def test_a_driver_for_asynchronous_code_will_do(make_app: Make, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {"sqlite3", "psycopg", "psycopg2", "pymysql", "MySQLdb"}
    monkeypatch.setattr(urls, "find_spec", lambda name: None if name in plain else find_spec(name))
    url = sa.make_url(database)
    if url.get_backend_name() == "sqlite":
        Path(url.database or "").touch()
    app = make_app(SQLALCHEMY_DATABASE_URI=url.set(drivername=ON_LOOP.get(url.drivername, url.drivername)))
    SQLAlchemy(app)
    (one,) = examine(State.of(app).engines, app.instance_path)
    assert one.is_well, one
    assert "Pool size: 5" in one.said


def test_one_that_cannot_be_reached_is_an_error_without_its_password(make_app: Make, free_port: int) -> None:
    url = f"postgresql://ada:s3cret@127.0.0.1:{free_port}/db"
    app = make_app(SQLALCHEMY_DATABASE_URI=url, SQLALCHEMY_BINDS={"log": "sqlite://"})
    SQLAlchemy(app)
    broken, log = sorted(lines(app))
    assert broken.startswith(f"default: postgresql://ada:…@127.0.0.1:{free_port}/db, cannot be reached: ")
    assert log.startswith("log: sqlite://, sqlite 3.")
    assert sorted(levels(app)) == ["error", "ok"]
    assert "s3cret" not in app.test_cli_runner().invoke(cli, ["doctor"]).output


def test_a_file_that_is_not_there_is_not_made(make_app: Make, tmp_path: Path) -> None:
    app = make_app(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/app.db")
    SQLAlchemy(app)
    assert lines(app) == [f"default: sqlite:///{tmp_path}/app.db, no file yet"]
    assert not (tmp_path / "app.db").exists()


def test_one_that_does_not_answer_is_not_waited_for_long(
    make_app: Make, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.1)
    app = make_app(SQLALCHEMY_DATABASE_URI=f"postgresql://127.0.0.1:{silent_port}/db")
    SQLAlchemy(app)
    (line,) = lines(app)
    assert "has not answered for 0.1 seconds" in line
