"""What the tests share: the application on a database of its own, people, and clients for them."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from werkzeug.test import Client

from trivet import Trivet
from trivet.cli import cli
from trivet_auth import Auth, accounts
from trivet_auth.testing import sign_in
from trivet_db.testing import throwaway_database

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tasks import create_app
from tasks.models import User

#: Any database on a server that may make others: by default SQLite, which needs no server.
SERVER = os.environ.get("TASKS_TEST_SERVER", "sqlite://")


@pytest.fixture(scope="session")
def app() -> Iterator[Trivet]:
    """The application, with all migrations run on an empty database."""
    with throwaway_database(SERVER, name="tasks") as url:
        app = create_app()
        app.config.update(DB_URL=url, TESTING=True, SECRET_KEY="for tests only")
        assert app.test_cli_runner().invoke(cli, ["db", "upgrade"]).exit_code == 0
        yield app
        app.lifespan.stop()


PASSWORD = "violet kettles hum at noon"


@pytest.fixture
def add_person(app: Trivet, db_transaction: None) -> Callable[[str], User]:
    """Makes accounts; they are gone after the test, and so is what they have stored."""

    def add(email: str) -> User:
        with app.app_context():
            user: User = accounts.create(Auth.of(app), "default", email, PASSWORD)
            return user

    return add


@pytest.fixture
def stranger(app: Trivet, db_transaction: None) -> Client:
    """A client with which nobody has signed in."""
    return app.test_client()


@pytest.fixture
def make_client(app: Trivet, add_person: Callable[[str], User]) -> Callable[[str], Client]:
    """Makes clients with which somebody has signed in."""

    def make(email: str) -> Client:
        client = app.test_client()
        sign_in(client, add_person(email))
        return client

    return make


@pytest.fixture
def client(make_client: Callable[[str], Client]) -> Client:
    """A client with which Ada has signed in."""
    return make_client("ada@example.com")
