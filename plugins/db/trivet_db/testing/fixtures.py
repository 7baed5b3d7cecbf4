"""The pytest plugin: fixtures for testing applications with databases.

Every run of pytest imports it, so that it loads nothing else until a fixture is used.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from .. import testing

NO_APP = """\
db_transaction needs a fixture named 'app' that returns the application:

    @pytest.fixture
    def app():
        return create_app()
"""


@pytest.fixture
def db_transaction(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the test in one transaction for each of the application's databases, and roll all of them back.

    The application is what the fixture ``app`` returns, whatever its scope; see
    :func:`trivet_db.testing.rolled_back` for what is visible to whom.

    ::

        @pytest.fixture(scope="session")
        def app():
            app = create_app()
            with app.app_context():
                db.create_all()
            return app

        @pytest.mark.usefixtures("db_transaction")
        def test_a_task_is_made(app):
            app.test_client().post("/api/tasks", json={"title": "water the plants"})
            with app.app_context():
                assert Task.query.count() == 1  # and 0 again in the next test
    """
    with testing.rolled_back(_app(request)):
        yield


def _app(request: pytest.FixtureRequest) -> Any:
    try:
        app = request.getfixturevalue("app")
    except pytest.FixtureLookupError as error:
        if error.argname != "app":
            raise
        pytest.fail(NO_APP, pytrace=False)
    return app


@pytest.fixture
def make_database() -> Iterator[Callable[..., str]]:
    """Make throw-away databases, by the URL of any database on a server; they are dropped at the end of the test.

    For fixtures of a wider scope see :func:`trivet_db.testing.throwaway_database`.

    ::

        def test_orders_survive_a_migration(make_database):
            app = create_app(url=make_database("postgresql://postgres@localhost/postgres"))
    """
    with ExitStack() as stack:
        yield partial(_make, stack)


def _make(stack: ExitStack, server: Any, **options: Any) -> str:
    return stack.enter_context(testing.throwaway_database(server, **options))
