"""The pytest plugin: fixtures for testing applications and plugins."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .apps import make_app as _make_app
from .clients import AsgiClient


@pytest.fixture
def make_app() -> Iterator[Callable[..., Any]]:
    """Make applications of their own; what they have started is stopped at the end of the test."""
    made: list[Any] = []

    def make(*args: Any, **kwargs: Any) -> Any:
        app = _make_app(*args, **kwargs)
        made.append(app)
        return app

    yield make
    for app in made:
        app.lifespan.stop()
        app.loops.stop()
        app.workers.stop()


@pytest.fixture(params=["wsgi", "asgi"])
def make_client(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Make test clients; a test that uses it runs twice, once by WSGI and once by ASGI.

    The client's ``protocol`` says which it is.
    """
    made: list[AsgiClient] = []

    def make(app: Any, **options: Any) -> Any:
        client: Any
        if request.param == "wsgi":
            client = app.test_client(**options)
        else:
            client = AsgiClient(app, **options)
            made.append(client)
        client.protocol = request.param
        return client

    yield make
    for client in made:
        client.close()
