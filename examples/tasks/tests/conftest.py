"""What the tests share: the application on a database of its own, and a browser without a window."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import Client

from trivet import Trivet
from trivet.cli import cli
from trivet_db.testing import throwaway_database

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tasks import create_app

#: Any database on a server that may make others: by default SQLite, which needs no server.
SERVER = os.environ.get("TASKS_TEST_SERVER", "sqlite://")


@pytest.fixture(scope="session")
def app() -> Iterator[Trivet]:
    """The application, with all migrations run on an empty database."""
    with throwaway_database(SERVER, name="tasks") as url:
        app = create_app()
        app.config.update(DB_URL=url, TESTING=True)
        assert app.test_cli_runner().invoke(cli, ["db", "upgrade"]).exit_code == 0
        yield app
        app.lifespan.stop()


@pytest.fixture
def client(app: Trivet, db_transaction: None) -> Client:
    """A client; what it has stored is gone after the test."""
    return app.test_client()
