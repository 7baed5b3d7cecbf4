"""What the tests share: a way to ask an application on both protocols, and a page's browser."""

from collections.abc import Callable
from typing import Any

import pytest

from trivet import Trivet

from .asking import Answer, Ask, over_asgi, over_wsgi
from .table import Browser

Serve = Callable[[Trivet, str, str, dict[str, str]], tuple[int, dict[str, str]]]


@pytest.fixture
def browser() -> Callable[..., Browser]:
    return Browser


def by_asgi(app: Trivet, *asked: Any, **more: Any) -> Answer:
    return over_asgi(app.asgi, *asked, **more)


@pytest.fixture(params=[over_wsgi, by_asgi], ids=["wsgi", "asgi"])
def exchange(request: pytest.FixtureRequest) -> Ask:
    """Send a request to an application, and return the whole answer."""
    function: Ask = request.param
    return function


@pytest.fixture
def serve(exchange: Ask) -> Serve:
    """Send a request to an application, and return status and headers, names in small letters."""

    def serve(app: Trivet, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
        answer = exchange(app, method, path, headers)
        return answer.status, answer.headers

    return serve
