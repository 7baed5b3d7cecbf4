"""Throw-away databases: made on a server under a name that nobody else has, and dropped in the end."""

import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from ..errors import DatabaseConfigError
from ..urls import for_sync, read_url

_PLACE = "throwaway_database()"
#: They are stronger than ``app.config``, and name a database that is no test's.
_STRONGER = ("TRIVET_DB_URL", "TRIVET_DB_BINDS")
#: The URLs of the databases that there are.
_alive: set[str] = set()
_LONGEST = 40  # names may have 63 characters on PostgreSQL and 64 on MariaDB; what makes one unique comes on top


@contextmanager
def throwaway_database(server: str | URL, *, name: str = "trivet_test") -> Iterator[str]:
    """Create an empty database, and drop it in the end, whoever is still connected to it.

    Names are unique: the workers of pytest-xdist do not meet, nor do runs side by side.

    Until the end ``TRIVET_DB_URL`` and ``TRIVET_DB_BINDS``, as they were in the environment at the beginning, are not
    there: they would be stronger than the URL that the test sets in ``app.config``, and the test would run on
    production's database. Set up the application inside.

    :param server: the URL of any database on the server; its user has to be allowed to create databases. An SQLite
        URL, whichever, means a file in a temporary folder.
    :param name: what the database's name begins with.
    :return: the database's URL; the driver and the options are the server's.
    :raises DatabaseConfigError: the URL is none, or databases of its kind cannot be created.

    ::

        @pytest.fixture(scope="session")
        def url():
            with throwaway_database("postgresql://postgres@localhost/postgres") as url:
                yield url
    """
    url = read_url(server, _PLACE)
    dialect = url.get_backend_name()
    if dialect == "sqlite":
        way = _in_folder(url, unique_name(name))
    elif dialect in _WAYS:
        way = _on_server(url, unique_name(name))
    else:
        raise DatabaseConfigError(
            f"{_PLACE}: databases of {dialect} cannot be created; of {', '.join(_WAYS)} they can."
        )
    with way as made:
        text = made.render_as_string(hide_password=False)
        with _without_stronger(text):
            yield text


@contextmanager
def _without_stronger(url: str) -> Iterator[None]:
    """Take out of the environment what would win over a URL, unless it names a database that was made here too."""
    _alive.add(url)
    taken = {name: os.environ.pop(name) for name in _STRONGER if os.environ.get(name, url) not in _alive}
    try:
        yield
    finally:
        _alive.discard(url)
        os.environ.update(taken)


def unique_name(name: str) -> str:
    """Return a name that is nobody else's, and tells which worker of pytest-xdist has made it: ``shop_gw1_5f0c…``."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    readable = re.sub(r"\W", "_", f"{name}_{worker}", flags=re.ASCII)
    return f"{readable[:_LONGEST]}_{secrets.token_hex(6)}".lower()


@contextmanager
def _in_folder(url: URL, name: str) -> Iterator[URL]:
    on_disk = url.difference_update_query(["mode", "cache"])  # these may say that it lives in memory
    with tempfile.TemporaryDirectory(prefix=f"{name}-", ignore_cleanup_errors=True) as folder:
        yield on_disk.set(database=str(Path(folder) / f"{name}.db"))


@contextmanager
def _on_server(url: URL, name: str) -> Iterator[URL]:
    create, drop = _WAYS[url.get_backend_name()]
    engine = sa.create_engine(for_sync(url, _PLACE), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        create(connection, name)
    try:
        yield url.set(database=name)
    finally:
        with engine.connect() as connection:
            drop(connection, name)


def _create_postgresql(connection: sa.Connection, name: str) -> None:
    connection.execute(sa.text(f'CREATE DATABASE "{name}"'))


def _create_mysql(connection: sa.Connection, name: str) -> None:
    connection.execute(sa.text(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4"))


def _drop_postgresql(connection: sa.Connection, name: str) -> None:
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()"
    connection.execute(sa.text(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false'))
    connection.execute(sa.text(others), {"name": name})
    # A connection that has been told to end may take its time; before version 13 there is no way to wait for it.
    force = " WITH (FORCE)" if (connection.dialect.server_version_info or ()) >= (13,) else ""
    connection.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}"{force}'))


def _drop_mysql(connection: sa.Connection, name: str) -> None:
    """Drop a database; its tables may be locked by transactions, which have to end first."""
    others = sa.text("SELECT id FROM information_schema.processlist WHERE db = :name AND id <> connection_id()")
    for ident in connection.scalars(others, {"name": name}).all():
        with suppress(sa.exc.DBAPIError):  # it has ended meanwhile
            connection.execute(sa.text(f"KILL {int(ident)}"))
    connection.execute(sa.text("SET SESSION lock_wait_timeout = 30"))
    connection.execute(sa.text(f"DROP DATABASE IF EXISTS `{name}`"))


_Way = Callable[[sa.Connection, str], None]
_WAYS: dict[str, tuple[_Way, _Way]] = {
    "postgresql": (_create_postgresql, _drop_postgresql),
    "mysql": (_create_mysql, _drop_mysql),
    "mariadb": (_create_mysql, _drop_mysql),
}
