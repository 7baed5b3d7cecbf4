"""Database URLs: read without showing them, and the driver that is there for each kind of use."""

import difflib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from .errors import DatabaseConfigError, MissingDriverError

#: Drivers by dialect, the best first: the module to look for, SQLAlchemy's name, and the extra of trivet-db.
_SYNC = {
    "sqlite": (("sqlite3", "pysqlite", None),),
    "postgresql": (("psycopg", "psycopg", "postgresql"), ("psycopg2", "psycopg2", None)),
    "mysql": (("pymysql", "pymysql", "mysql"), ("MySQLdb", "mysqldb", None)),
    "mariadb": (("pymysql", "pymysql", "mysql"), ("MySQLdb", "mysqldb", None)),
}
_ASYNC = {
    "sqlite": (("aiosqlite", "aiosqlite", "async"),),
    "postgresql": (("asyncpg", "asyncpg", "asyncpg"), ("psycopg", "psycopg", "postgresql")),
    "mysql": (("aiomysql", "aiomysql", "aiomysql"), ("asyncmy", "asyncmy", None)),
    "mariadb": (("aiomysql", "aiomysql", "aiomysql"), ("asyncmy", "asyncmy", None)),
}
#: Distributions whose name is not that of their module.
_DISTRIBUTIONS = {"psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient", "psycopg": "psycopg[binary]"}


def read_url(text: str | URL, place: str) -> URL:
    """Read a URL.

    :param place: where it was written, for messages, which never show the URL: it may hold a password.
    :raises DatabaseConfigError: it is none.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise DatabaseConfigError(
            f"{place}: this is not a database URL. Write dialect, host and database, as in "
            "'sqlite:///app.db' or 'postgresql://user:password@host/database'."
        ) from None
    if url.drivername == "postgres":
        raise DatabaseConfigError(f"{place}: write 'postgresql://' instead of 'postgres://'.")
    return url


def for_sync(url: URL, place: str) -> URL:
    """Return a URL with a driver for plain code.

    :raises MissingDriverError: none is installed.
    """
    return _with_driver(url, _SYNC, "+" not in url.drivername or _is_async(url), place)


def for_async(url: URL, place: str) -> URL:
    """Return a URL with a driver for asynchronous code.

    :raises MissingDriverError: none is installed.
    """
    if find_spec("greenlet") is None:
        raise MissingDriverError(f'{place}: asynchronous sessions need greenlet: pip install "trivet-db[async]".')
    return _with_driver(url, _ASYNC, "+" not in url.drivername or not _is_async(url), place)


def _is_async(url: URL) -> bool:
    driver = url.get_driver_name()
    return driver != "psycopg" and any(driver == name for one in _ASYNC.values() for _, name, _ in one)


def _with_driver(url: URL, drivers: dict[str, Any], choose: bool, place: str) -> URL:
    dialect = url.get_backend_name()
    known = drivers.get(dialect)
    if known is None or (not choose and not any(name == url.get_driver_name() for _, name, _ in known)):
        return url
    if choose and url.get_driver_name() != "psycopg":
        for module, name, _ in known:
            if find_spec(module) is not None:
                return url.set(drivername=f"{dialect}+{name}")
        module, _, extra = known[0]
        raise MissingDriverError(f"{place}: no driver for {dialect} is installed: {_pip(module, extra)}.")
    for module, name, extra in known:
        if name == url.get_driver_name() and find_spec(module) is None:
            raise MissingDriverError(f"{place}: the driver {name} is not installed: {_pip(module, extra)}.")
    return url


def _pip(module: str, extra: str | None) -> str:
    return f'pip install "trivet-db[{extra}]"' if extra else f'pip install "{_DISTRIBUTIONS.get(module, module)}"'


def check_dialect(url: URL, place: str) -> None:
    """Load SQLAlchemy's part for a URL.

    :raises DatabaseConfigError: there is no such dialect; with the nearest name.
    :raises MissingDriverError: the module it uses cannot be imported.
    """
    try:
        url.get_dialect().import_dbapi()
    except NoSuchModuleError:
        near = difflib.get_close_matches(url.get_backend_name(), _SYNC, n=1)
        advice = (
            f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(_SYNC)}, and what is installed for others."
        )
        raise DatabaseConfigError(f"{place}: there is no dialect or driver {url.drivername!r}.{advice}") from None
    except ImportError as error:
        name = error.name or url.get_driver_name()
        raise MissingDriverError(f'{place}: {error}. pip install "{_DISTRIBUTIONS.get(name, name)}"') from error


def in_folder(url: URL, folder: str | Path) -> URL:
    """Return a URL of an SQLite file, whose relative name starts from a folder, which is made."""
    name = url.database
    if url.get_backend_name() != "sqlite" or is_in_memory(url) or name is None or name.startswith("file:"):
        return url
    path = Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return url.set(database=str(path))


def is_in_memory(url: URL) -> bool:
    """Tell whether a URL is of an SQLite database that lives in memory."""
    if url.get_backend_name() != "sqlite":
        return False
    return (
        url.database in (None, "", ":memory:")
        or "mode=memory" in (url.database or "")
        or url.query.get("mode") == "memory"
    )


def shown(url: URL) -> str:
    """Return a URL for people, without its password and its query, which may hold one."""
    return url.set(query={}).render_as_string(hide_password=True)


def installed_drivers() -> Iterator[str]:
    """Name the drivers that are installed."""
    for known in (_SYNC, _ASYNC):
        for dialect, drivers in known.items():
            for module, name, _ in drivers:
                if find_spec(module) is not None:
                    yield f"{dialect}+{name}"
