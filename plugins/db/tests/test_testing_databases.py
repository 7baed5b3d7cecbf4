"""Throw-away databases: empty, of their own, and gone in the end whoever is still connected."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from trivet.testing import make_app
from trivet_db import DatabaseConfigError
from trivet_db.state import State
from trivet_db.testing import OuterTransactionError, rolled_back, throwaway_database
from trivet_db.testing.databases import unique_name

from .conftest import need_server


def exists(url: str) -> bool:
    """Tell whether there is a database; without making one."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Path(parsed.database or "").exists()
    engine = sa.create_engine(url)
    try:
        engine.connect().close()
    except sa.exc.OperationalError:
        return False
    finally:
        engine.dispose()
    return True


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_a_database_is_empty_and_is_dropped_with_what_is_in_it(kind: str) -> None:
    with throwaway_database(need_server(kind)) as url:
        engine = sa.create_engine(url)
        assert sa.inspect(engine).get_table_names() == []
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE one (id INTEGER)"))
        engine.dispose()
        assert exists(url)
    assert not exists(url)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_a_database_is_dropped_under_a_connection_in_a_transaction(kind: str) -> None:
    with throwaway_database(need_server(kind)) as url:
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE one (id INTEGER)"))
        left = engine.connect()
        left.execute(sa.text("INSERT INTO one VALUES (1)"))
    assert not exists(url)
    left.invalidate()
    left.close()
    engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_a_database_is_dropped_after_an_error(kind: str) -> None:
    with pytest.raises(ZeroDivisionError), throwaway_database(need_server(kind)) as url:
        _ = 1 / 0
    assert not exists(url)


def test_an_asynchronous_driver_in_the_url_is_kept(postgresql_database: str, sqlite_database: str) -> None:
    for url, driver in ((postgresql_database, "postgresql+asyncpg"), (sqlite_database, "sqlite+aiosqlite")):
        asynchronous = driver + url[url.index("://") :]
        with throwaway_database(asynchronous) as made:
            assert made.startswith(f"{driver}://")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_a_database_of_sqlite_is_a_file_whatever_the_url_is_of(url: str) -> None:
    with throwaway_database(url) as made:
        engine = sa.create_engine(made)
        engine.connect().close()
        engine.dispose()
        assert exists(made)


def test_names_tell_the_worker_and_fit_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw3")
    assert unique_name("shop").startswith("shop_gw3_")
    assert unique_name("shop") != unique_name("shop")
    assert unique_name('Bjørn\'s "shop"; --').isascii()
    assert len(unique_name("a" * 100)) < 63


def test_a_url_that_cannot_be_used_is_refused_without_being_shown() -> None:
    for url, said in (("nonsense:secret", "not a database URL"), ("oracle://me:secret@host/x", "oracle cannot")):
        with pytest.raises(DatabaseConfigError, match=said) as caught:
            throwaway_database(url).__enter__()
        assert "secret" not in str(caught.value)


def test_the_environment_names_no_other_database_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIVET_DB_URL", "sqlite:////production.db")
    monkeypatch.setenv("TRIVET_DB_BINDS", "{}")
    with throwaway_database("sqlite://"), throwaway_database("sqlite://"):
        assert not {"TRIVET_DB_URL", "TRIVET_DB_BINDS"} & set(os.environ)
    assert os.environ["TRIVET_DB_URL"] == "sqlite:////production.db"


def test_a_throw_away_database_may_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with throwaway_database("sqlite://") as url:
        monkeypatch.setenv("TRIVET_DB_URL", url)
        with throwaway_database("sqlite://"):
            assert os.environ["TRIVET_DB_URL"] == url
        assert os.environ["TRIVET_DB_URL"] == url


def test_a_test_runs_on_its_own_database_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    production = tmp_path / "production.db"
    monkeypatch.setenv("TRIVET_DB_URL", f"sqlite:///{production}")
    with throwaway_database("sqlite://") as url:
        app = make_app(plugins=["db"], config={"DB_URL": url})
        with rolled_back(app):
            assert str(State.of(app).engines[None].url) == url
        app.lifespan.stop()
    assert not production.exists()


@pytest.mark.parametrize("setting", ["DB_URL", "DB_BINDS"])
def test_a_test_on_another_database_than_the_program_names_is_refused(
    setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    production = f"sqlite:///{tmp_path}/production.db"
    monkeypatch.setenv("TRIVET_DB_URL", production)
    monkeypatch.setenv("TRIVET_DB_BINDS", json.dumps({"log": production}))
    ours: dict[str, Any] = {"DB_URL": production, "DB_BINDS": {"log": production}}
    app = make_app(
        plugins=["db"], config={**ours, setting: "sqlite://" if setting == "DB_URL" else {"log": "sqlite://"}}
    )
    with pytest.raises(OuterTransactionError, match=f"TRIVET_{setting}, which is stronger.*Unset it"), rolled_back(app):
        pass
    assert not (tmp_path / "production.db").exists()


def test_an_application_that_only_the_environment_gives_a_database_is_tested_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIVET_DB_URL", f"sqlite:///{tmp_path}/test.db")
    app = make_app(plugins=["db"])
    with rolled_back(app):
        assert State.of(app).engines[None].url.database == f"{tmp_path}/test.db"
    app.lifespan.stop()
