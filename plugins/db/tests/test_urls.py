"""Database URLs: which driver serves, what is wrong with one, and that nobody sees a password."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import URL, make_url

from trivet_db import DatabaseConfigError, MissingDriverError, urls
from trivet_db.urls import (
    check_dialect,
    check_url,
    complete,
    for_async,
    for_sync,
    installed_drivers,
    is_async,
    is_in_memory,
    read_url,
    shown,
    without_secrets,
)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The modules that are installed, as far as drivers are looked for; a test fills it."""
    names: set[str] = {"greenlet"}
    monkeypatch.setattr(urls, "find_spec", lambda name: object() if name in names else None)
    return names


def sync_driver(text: str) -> str:
    return for_sync(make_url(text), "here").drivername


def async_driver(text: str) -> str:
    return for_async(make_url(text), "here").drivername


# -- reading


@pytest.mark.parametrize("text", ["", "app.db", "://", "postgresql//localhost", "postgresql://u:s3cret@host:port/db"])
def test_what_is_no_url_is_told_by_its_place_without_showing_it(text: str) -> None:
    with pytest.raises(DatabaseConfigError, match=r"^shop\.toml: \[db\] url: this is not a database URL") as caught:
        read_url(text, "shop.toml: [db] url")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_old_name_of_postgresql_is_corrected() -> None:
    with pytest.raises(DatabaseConfigError, match=r"write 'postgresql://' instead of 'postgres://'"):
        read_url("postgres://user:s3cret@host/db", "here")


@pytest.mark.parametrize("text", ["postgresql://u:p@s3cret@host/db", "mysql+pymysql://u:p@s3cret@@host:3306"])
def test_an_at_sign_that_is_not_escaped_is_told_without_showing_what_follows(text: str) -> None:
    with pytest.raises(DatabaseConfigError, match="write '%40' instead of '@'") as caught:
        read_url(text, "here")
    assert "s3cret" not in str(caught.value)


def test_a_url_object_will_do() -> None:
    url = URL.create("sqlite", database="app.db")
    assert read_url(url, "here") is url


# -- drivers


def test_the_usual_driver_leaves_a_url_as_it_is(installed: set[str]) -> None:
    installed |= {"sqlite3", "MySQLdb", "pymysql"}
    assert sync_driver("sqlite://") == "sqlite"
    assert sync_driver("mysql://host/db") == "mysql"


def test_the_best_driver_that_is_installed_serves(installed: set[str]) -> None:
    installed |= {"pymysql", "psycopg", "asyncpg"}
    assert sync_driver("mysql://host/db") == "mysql+pymysql"
    assert sync_driver("mariadb://host/db") == "mariadb+pymysql"
    assert sync_driver("postgresql://host/db") in ("postgresql", "postgresql+psycopg")
    assert async_driver("postgresql://host/db") == "postgresql+asyncpg"
    installed.discard("asyncpg")
    assert async_driver("postgresql://host/db").endswith("psycopg")


def test_a_driver_for_the_other_kind_of_use_is_exchanged(installed: set[str]) -> None:
    installed |= {"sqlite3", "aiosqlite", "psycopg", "asyncpg", "pymysql", "aiomysql", "psycopg2"}
    assert sync_driver("sqlite+aiosqlite:///app.db") == "sqlite+pysqlite"
    assert async_driver("sqlite:///app.db") == async_driver("sqlite+pysqlite:///app.db") == "sqlite+aiosqlite"
    assert async_driver("postgresql+psycopg2://host/db") == "postgresql+asyncpg"
    assert async_driver("mysql+pymysql://host/db") == "mysql+aiomysql"


def test_a_driver_for_both_serves_both(installed: set[str]) -> None:
    installed |= {"psycopg", "asyncpg", "psycopg2"}
    assert sync_driver("postgresql+psycopg://host/db") == async_driver("postgresql+psycopg://host/db")


def test_a_driver_that_only_sqlalchemy_knows_is_left_alone(installed: set[str]) -> None:
    assert sync_driver("postgresql+pg8000://host/db") == "postgresql+pg8000"
    assert async_driver("oracle+oracledb://host/db") == "oracle+oracledb"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("postgresql://u:s3cret@host/db", 'pip install "trivet-db[postgresql]"'),
        ("postgresql+psycopg://u:s3cret@host/db", 'pip install "trivet-db[postgresql]"'),
        ("postgresql+psycopg2://u:s3cret@host/db", 'pip install "psycopg2-binary"'),
        ("mysql://u:s3cret@host/db", 'pip install "trivet-db[mysql]"'),
        ("mariadb+mysqldb://u:s3cret@host/db", 'pip install "mysqlclient"'),
    ],
)
def test_a_missing_driver_is_told_with_the_line_that_installs_it(installed: set[str], text: str, advice: str) -> None:
    with pytest.raises(MissingDriverError, match=re.escape(advice)) as caught:
        check_url(make_url(text), "shop.toml: [db] url")
    assert str(caught.value).startswith("shop.toml: [db] url")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("sqlite:///app.db", 'pip install "trivet-db[async]"'),
        ("postgresql://host/db", 'pip install "trivet-db[asyncpg]"'),
        ("postgresql+asyncpg://host/db", 'pip install "trivet-db[asyncpg]"'),
        ("mysql://host/db", 'pip install "trivet-db[aiomysql]"'),
        ("mysql+asyncmy://host/db", 'pip install "asyncmy"'),
    ],
)
def test_so_is_a_missing_one_for_asynchronous_sessions(installed: set[str], text: str, advice: str) -> None:
    with pytest.raises(MissingDriverError, match=re.escape(advice)):
        async_driver(text)


def test_without_greenlet_there_are_no_asynchronous_sessions(installed: set[str]) -> None:
    installed |= {"aiosqlite"}
    installed.discard("greenlet")
    with pytest.raises(MissingDriverError, match="greenlet"):
        async_driver("sqlite:///app.db")


def test_one_kind_of_driver_is_enough(installed: set[str]) -> None:
    installed |= {"asyncpg"}
    check_url(make_url("postgresql://host/db"), "here")


@pytest.mark.parametrize("named", ["postgresql+psycopg2", "postgresql+asyncpg"])
def test_a_driver_that_is_named_has_to_be_there(installed: set[str], named: str) -> None:
    installed |= {"psycopg"}
    with pytest.raises(MissingDriverError, match="pip install"):
        check_url(make_url(f"{named}://host/db"), "here")


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("postgresq://host/db", "Did you mean 'postgresql'?"),
        ("sqlight://", "Did you mean 'sqlite'?"),
        ("sqlite+nothing://", "Did you mean 'sqlite+pysqlite'?"),
        ("xyzzy://host/db", "Known: sqlite, postgresql, mysql, mariadb"),
    ],
)
def test_a_dialect_that_does_not_exist_is_told_with_the_nearest_one(text: str, advice: str) -> None:
    with pytest.raises(DatabaseConfigError, match=re.escape(advice)):
        check_dialect(make_url(text), "here")


def test_a_driver_of_another_dialect_that_is_missing_is_named() -> None:
    with pytest.raises(MissingDriverError, match="pip install"):
        check_dialect(make_url("mssql+pyodbc://host/db"), "here")


def test_which_drivers_are_asynchronous() -> None:
    assert is_async(make_url("postgresql+asyncpg://host/db"))
    assert is_async(make_url("sqlite+aiosqlite://"))
    assert not is_async(make_url("postgresql+psycopg://host/db"))
    assert not is_async(make_url("sqlite://"))


def test_the_installed_drivers_are_listed(installed: set[str]) -> None:
    installed |= {"sqlite3", "asyncpg"}
    assert list(installed_drivers()) == ["sqlite+pysqlite", "postgresql+asyncpg"]


# -- files and memory


@pytest.mark.parametrize("text", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_a_database_in_memory_is_no_file(tmp_path: Path, text: str) -> None:
    url = make_url(text)
    assert is_in_memory(url)
    assert complete(url, tmp_path / "new") == url
    assert not (tmp_path / "new").exists()


def test_a_relative_file_is_in_the_folder_which_is_made(tmp_path: Path) -> None:
    assert complete(make_url("sqlite:///data/app.db"), tmp_path).database == str(tmp_path / "data" / "app.db")
    assert (tmp_path / "data").is_dir()
    assert not is_in_memory(make_url("sqlite:///data/app.db"))


def test_an_absolute_file_stays_where_it_is(tmp_path: Path) -> None:
    name = str(tmp_path / "app.db")
    assert complete(URL.create("sqlite", database=name), tmp_path / "other").database == name


def test_a_uri_of_a_file_is_in_the_folder_too(tmp_path: Path) -> None:
    url = complete(make_url("sqlite:///file:app.db?uri=true&mode=rwc"), tmp_path)
    assert url.database == f"file:{tmp_path / 'app.db'}"
    assert url.query["mode"] == "rwc"


def test_mysql_speaks_all_of_unicode(tmp_path: Path) -> None:
    assert complete(make_url("mysql+pymysql://host/db"), tmp_path).query == {"charset": "utf8mb4"}
    assert complete(make_url("mariadb+pymysql://host/db?charset=latin1"), tmp_path).query == {"charset": "latin1"}


# -- secrets


def test_a_url_is_shown_without_password_and_query() -> None:
    assert shown("postgresql://ada:s3cret@host:5433/db?password=other") == "postgresql://ada:***@host:5433/db"
    assert shown("sqlite:///app.db") == "sqlite:///app.db"


@given(st.text(min_size=3, max_size=12))
def test_no_way_to_write_a_password_survives(password: str) -> None:
    url = URL.create("postgresql", "ada", password, "host", database="db", query={"sslpassword": password + "x"})
    for written in (url.render_as_string(hide_password=False), f"bad password {password!s} for ada"):
        told = without_secrets(written, url)
        assert password not in told.replace("***", "")
