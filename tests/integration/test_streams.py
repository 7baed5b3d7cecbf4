"""Streamed bodies over real sockets: they flow, they break off, their readers leave."""

from __future__ import annotations

from http.client import IncompleteRead

import pytest

from .client import leave_after, opened, token
from .servers import ASGI, Running

KINDS = ["sync", "async"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_piece_reaches_the_client_before_the_next_one_is_made(served: Running, kind: str) -> None:
    mark = token()
    with opened(served.port, "GET", f"/stream/{kind}?token={mark}&name=Ada") as response:
        first = response.read(4)
        served.note("seen", mark)
        rest = response.read()
    assert (first, rest) == (b"one ", b"two Ada")


@pytest.mark.parametrize("kind", KINDS)
def test_the_context_lives_until_the_body_has_ended(served: Running, kind: str) -> None:
    mark = token()
    with opened(served.port, "GET", f"/stream/{kind}?token={mark}&name=Ada") as response:
        response.read(4)
        torn_down_meanwhile = served.noted("teardown", mark)
        served.note("seen", mark)
        response.read()
    served.wait_for_note("teardown", mark)
    assert (torn_down_meanwhile, served.noted("teardown", mark)) == (0, 1)


def test_a_view_may_return_its_generator(served: Running) -> None:
    assert served.ask("GET", "/stream/returned").text == "one two three"


@pytest.mark.parametrize("kind", KINDS)
def test_an_exception_in_a_body_ends_the_connection_and_the_context_and_is_logged(served: Running, kind: str) -> None:
    mark = token()
    with opened(served.port, "GET", f"/stream/{kind}/boom?token={mark}") as response:
        assert response.status == 200
        with pytest.raises((IncompleteRead, ConnectionError)):
            response.read()
    served.wait_for_note("teardown", mark)
    served.wait_for_log(f"RuntimeError: boom {mark}")
    assert served.ask("GET", "/api/hello").status == 200
    assert served.noted("teardown", mark) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_leaves_a_stream_ends_its_body_and_its_context(served: Running, kind: str) -> None:
    mark = token()
    with opened(served.port, "GET", f"/endless/{kind}?token={mark}") as response:
        response.read(2000)
    served.wait_for_note("closed", mark)
    served.wait_for_note("teardown", mark)
    assert (served.noted("teardown", mark), served.noted("patience-lost", mark)) == (1, 0)
    assert served.ask("GET", "/api/hello").status == 200


@pytest.mark.parametrize("served", ASGI, indirect=True)
def test_a_client_that_leaves_cancels_the_async_view(served: Running) -> None:
    mark = token()
    leave_after(served.port, f"/slow/async?token={mark}", lambda: served.wait_for_note("started", mark))
    served.wait_for_note("cancelled", mark)
    served.wait_for_note("teardown", mark)
    assert (served.noted("teardown", mark), served.noted("patience-lost", mark)) == (1, 0)
    assert served.ask("GET", "/api/hello").status == 200
