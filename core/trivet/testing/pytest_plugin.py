"""The pytest plugin: fixtures for testing applications and plugins."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .apps import make_app as _make_app


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
