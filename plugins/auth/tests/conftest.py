"""What the tests of stores share: a place for records, of each kind in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from trivet_auth.stores.database import metadata

from .database_app import SERVERS, empty_database
from .flow_fixtures import clock, flow_database, make_flow_site, make_memory_site, site  # noqa: F401 - fixtures
from .store_homes import WAYS, Home, in_database


@pytest.fixture(scope="module")
def store_engine(request: pytest.FixtureRequest) -> Iterator[sa.Engine | None]:
    """The engine of an empty database with the table, for the stores that are in one."""
    if request.param not in SERVERS:
        yield None
        return
    with empty_database(request.param) as url:
        made = sa.create_engine(url, pool_size=10)
        metadata.create_all(made)
        yield made
        made.dispose()


@pytest.fixture
def store_home(store_engine: sa.Engine | None, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """A place for records, of each kind in turn."""
    kind = request.node.callspec.params["store_engine"]
    with in_database(store_engine) if store_engine is not None else WAYS[kind](tmp_path) as made:
        yield made
