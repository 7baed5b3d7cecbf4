"""Throw-away databases: empty, of their own, and gone in the end whoever is still connected."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from trivet_db import DatabaseConfigError
from trivet_db.testing import throwaway_database
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
