"""WebSockets over real sockets, and what a server without them answers."""

from __future__ import annotations

from socket import SHUT_RDWR
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from .client import HOST, SECONDS, token
from .nginx import Nginx
from .servers import ASGI, WSGI, Running

HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}

over_asgi = pytest.mark.parametrize("served", ASGI, indirect=True)


def dial(port: int, path: str, **options: Any) -> ClientConnection:
    """Open a WebSocket connection."""
    options = {"open_timeout": SECONDS, "close_timeout": SECONDS, "proxy": None, **options}
    made: ClientConnection = connect(f"ws://{HOST}:{port}{path}", **options)
    return made


@over_asgi
def test_messages_come_back_as_they_were_sent(served: Running) -> None:
    sent: list[str | bytes] = ["one", "Åsa", b"\x00\xff", "x" * 100_000, b"y" * 100_000, ""]
    received = []
    with dial(served.port, "/ws") as socket:
        for message in sent:
            socket.send(message)
            received.append(socket.recv(SECONDS))
    assert received == sent


@over_asgi
def test_the_view_sees_rule_query_headers_and_subprotocols(served: Running) -> None:
    options = {"subprotocols": ["first", "second"], "additional_headers": {"X-Mood": "gladly"}}
    with dial(served.port, "/ws/greeting/Ada?word=Hello", **options) as socket:
        assert (socket.recv(SECONDS), socket.subprotocol) == ("Hello Ada, gladly", "second")


@over_asgi
def test_a_view_that_returns_closes_the_connection(served: Running) -> None:
    options = {"subprotocols": ["only"], "additional_headers": {"X-Mood": "gladly"}}
    with dial(served.port, "/ws/greeting/Ada?word=Hello", **options) as socket:
        socket.recv(SECONDS)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(SECONDS)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1000


@over_asgi
def test_a_client_that_closes_ends_the_view_and_its_context_without_an_error(served: Running) -> None:
    mark = token()
    before = len(served.log_text())
    with dial(served.port, f"/ws?token={mark}") as socket:
        socket.send("one")
        socket.recv(SECONDS)
    served.wait_for_note("socket-ended", mark)
    served.wait_for_note("teardown", mark)
    assert served.noted("teardown", mark) == 1
    assert "Traceback" not in served.log_text()[before:]


@over_asgi
def test_a_client_that_vanishes_ends_the_view_and_its_context(served: Running) -> None:
    mark = token()
    with dial(served.port, f"/ws?token={mark}") as socket:
        socket.send("one")
        socket.recv(SECONDS)
        # Without a closing handshake: the network fails, or the client is killed.
        socket.socket.shutdown(SHUT_RDWR)
    served.wait_for_note("socket-ended", mark)
    served.wait_for_note("teardown", mark)


@over_asgi
def test_an_exception_closes_the_connection_and_is_logged_once(served: Running) -> None:
    mark = token()
    with dial(served.port, f"/ws/boom?token={mark}") as socket:
        socket.send("one")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(SECONDS)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011
    served.wait_for_note("teardown", mark)
    served.wait_for_log(f"RuntimeError: boom {mark}")
    assert served.ask("GET", "/api/hello").status == 200
    assert served.log_text().count(f"RuntimeError: boom {mark}") == 1


# A server that cannot answer a handshake with a response of the application's refuses it with a bare 403.
@over_asgi
@pytest.mark.parametrize(
    ("path", "status"),
    [("/ws/refused", 403), ("/ws/early-boom?token=", 500), ("/nowhere", 404), ("/api/hello", 400)],
)
def test_a_handshake_can_be_refused(served: Running, path: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused, dial(served.port, path):
        pass
    assert refused.value.response.status_code in {status, 403}
    assert served.ask("GET", "/api/hello").status == 200


def test_a_websocket_route_that_is_reached_over_http_answers_426(served: Running) -> None:
    answer = served.ask("GET", "/ws")
    assert answer.status == 426
    assert "WebSocket" in answer.text


@pytest.mark.parametrize("served", WSGI, indirect=True)
def test_a_handshake_under_wsgi_answers_426(served: Running) -> None:
    answer = served.ask("GET", "/ws", headers=HANDSHAKE)
    assert answer.status == 426
    assert "WebSocket" in answer.text


@pytest.mark.parametrize("proxied", ASGI, indirect=True)
def test_messages_pass_the_proxy(nginx: Nginx, proxied: Running) -> None:
    with dial(nginx.port, f"/{proxied.server.name}/ws") as socket:
        socket.send("one")
        assert socket.recv(SECONDS) == "one"
