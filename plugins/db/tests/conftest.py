"""What the tests share: an empty database for each of them, on every kind of server."""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from trivet import Trivet
from trivet_db.testing import throwaway_database

from .kit_app import Kit, build_kit
from .serving import Server, dispose, serving

#: A database on each server, which the tests make their own beside.
SERVERS = {
    "sqlite": "sqlite://",
    "postgresql": os.environ.get("TRIVET_TEST_POSTGRESQL", "postgresql+psycopg://root@127.0.0.1:5432/test"),
    "mariadb": os.environ.get("TRIVET_TEST_MARIADB", "mysql+pymysql://root@127.0.0.1:3306/test"),
}


@lru_cache
def why_not(kind: str) -> str | None:
    """Return why a server cannot be used; None if it answers."""
    try:
        engine = sa.create_engine(SERVERS[kind], poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(sa.select(1))
    except (ImportError, sa.exc.SQLAlchemyError) as error:
        return f"{kind} cannot be used: {str(error).splitlines()[0]}"
    return None


def need_server(kind: str) -> str:
    """Return a server's URL; where none answers skip and say why, or fail where everything has to be there."""
    reason = why_not(kind)
    if reason is not None:
        if os.environ.get("TRIVET_CI"):
            pytest.fail(f"{reason}; and TRIVET_CI is set", pytrace=False)
        pytest.skip(reason)
    return SERVERS[kind]


@pytest.fixture
def make_empty() -> Iterator[Callable[[str], str]]:
    """Make empty databases by kind, as many as a test needs."""
    with ExitStack() as made:
        yield lambda kind: made.enter_context(throwaway_database(need_server(kind)))


@pytest.fixture(params=SERVERS)
def database(request: pytest.FixtureRequest, make_empty: Callable[[str], str]) -> str:
    """The URL of an empty database, on each kind of server in turn."""
    return make_empty(request.param)


@pytest.fixture
def sqlite_database(make_empty: Callable[[str], str]) -> str:
    """The URL of an empty SQLite database in a file."""
    return make_empty("sqlite")


@pytest.fixture
def postgresql_database(make_empty: Callable[[str], str]) -> str:
    """The URL of an empty database on the PostgreSQL server."""
    return make_empty("postgresql")


@pytest.fixture
def mariadb_database(make_empty: Callable[[str], str]) -> str:
    """The URL of an empty database on the MariaDB server."""
    return make_empty("mariadb")


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[Callable[..., Trivet]]:
    """Make applications with settings, which share no file; what they hold of databases is closed in the end."""
    made: list[Trivet] = []

    def make(plugins: Sequence[object] = (), **settings: object) -> Trivet:
        folder = str(tmp_path / f"instance{len(made)}")
        app = Trivet(__name__, config_file=False, instance_path=folder, plugins=list(plugins))
        app.config.update(settings)
        made.append(app)
        return app

    yield make
    for app in made:
        dispose(app)


@pytest.fixture
def make_kit() -> Iterator[Callable[..., Kit]]:
    """Make applications to try the test kit with, by URL and settings; what they hold is closed in the end."""
    made: list[Kit] = []

    def make(url: str, **settings: object) -> Kit:
        made.append(build_kit(url, **settings))
        return made[-1]

    yield make
    for kit in made:
        kit.close()


@pytest.fixture(params=["wsgi", "asgi"])
def serve(request: pytest.FixtureRequest) -> Iterator[Callable[[Trivet], Server]]:
    """Start servers in this process, for both protocols."""
    yield from serving(request.param)


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are taken, and nobody says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])
