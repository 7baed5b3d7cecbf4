"""The fixtures of the tests of flows: sites whose people are in memory and in databases, by both protocols."""

from collections.abc import Callable, Iterator
from typing import Any

import pyotp
import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from trivet import Trivet
from trivet_auth.stores.database import metadata

from .database_app import Base, empty_database
from .flow_site import ADA, Site, database_site, memory_site

Make = Callable[..., Trivet]
MakeSite = Callable[..., Site]


#: Runs a test with every kind of home for people; without it, it is SQLite.
EVERYWHERE = pytest.mark.parametrize("flow_database", ["memory", "sqlite", "postgresql"], indirect=True)


@pytest.fixture(scope="session", params=["sqlite"])
def flow_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database, which each test leaves empty; empty for people who are in memory."""
    if request.param == "memory":
        yield ""
        return
    with empty_database(request.param) as url:
        yield url


@pytest.fixture
def make_flow_site(flow_database: str, make_app: Make, make_client: Callable[..., Any]) -> Iterator[MakeSite]:
    """Make a site, before its setup has ended."""
    if not flow_database:
        yield lambda **config: memory_site(make_app, make_client, **config)
        return
    yield lambda **config: database_site(make_app, make_client, flow_database, **config)
    engine = sa.create_engine(flow_database, poolclass=NullPool)
    with engine.begin() as connection:
        for table in (*Base.metadata.sorted_tables, *metadata.sorted_tables):
            connection.execute(sa.delete(table))


@pytest.fixture
def make_memory_site(make_app: Make, make_client: Callable[..., Any]) -> MakeSite:
    """Make a site whose people are in memory, before its setup has ended."""
    return lambda **config: memory_site(make_app, make_client, **config)


@pytest.fixture
def site(make_flow_site: MakeSite) -> Site:
    """A site with all flows, and Ada."""
    return make_flow_site().open(ADA)


class App:
    """An authenticator app, whose clock goes on by a period with each code."""

    def __init__(self, secret: str, clock: "Clock") -> None:
        self._codes = pyotp.TOTP(secret)
        self._clock = clock

    def code(self) -> str:
        """Return the code of the next period."""
        self._clock.now += 30
        return self._codes.at(int(self._clock.now))


class Clock:
    """The clock of everything that has to do with codes, set by hand."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock in place of the one by which codes are verified."""
    made = Clock()
    monkeypatch.setattr("trivet_auth.totp.time.time", made)
    return made
