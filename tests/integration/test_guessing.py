"""One object, two protocols: each server ends up on its own side, told or not."""

from __future__ import annotations

import pytest

from .servers import VARIANTS, Running


@pytest.mark.parametrize("served", [server.name for server in VARIANTS], indirect=True)
def test_the_same_application_answers_however_it_is_named(served: Running) -> None:
    assert served.ask("GET", "/api/hello?name=Ada").json() == {"message": "Hello, Ada"}


@pytest.mark.parametrize("path", ["/sync", "/async"])
@pytest.mark.parametrize("served", [server.name for server in VARIANTS], indirect=True)
def test_a_server_that_is_told_or_guesses_ends_up_on_its_own_side(served: Running, path: str) -> None:
    assert served.ask("GET", path).json()["protocol"] == served.server.protocol


@pytest.mark.parametrize("served", [server.name for server in VARIANTS], indirect=True)
def test_a_body_arrives_whole_however_the_application_is_named(served: Running) -> None:
    body = bytes(range(256)) * 100
    assert served.ask("POST", "/echo/raw", body=body).body == body
