"""WebSocket routes, in this process: the handshake, messages, who closes, errors, and plain HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from trivet import Blueprint, Trivet, abort, g, hookimpl, request, session, websocket

from .asking import Ask, Connection, by_asgi, by_wsgi, scope_for

Messages = list[dict[str, Any]]
NORMAL, GOING_AWAY, POLICY, FAILED = 1000, 1001, 1008, 1011


@pytest.fixture
def app() -> Iterator[Trivet]:
    made = Trivet("sockets", config_file=False)
    yield made
    made.lifespan.stop()
    made.loops.stop()
    made.workers.stop()


@pytest.fixture
def torn(app: Trivet) -> list[Any]:
    """What teardown functions were given."""
    events: list[Any] = []

    @app.teardown_request
    def note(error: BaseException | None) -> None:
        events.append(type(error))

    return events


def connect(
    app: Trivet, path: str = "/", *incoming: str | bytes | int, headers: Any = (), answers: bool = False, **scope: Any
) -> Messages:
    """Open a connection, send messages, leave with the close code that is given as a number; return what comes back.

    :param answers: whether the server can answer a handshake with an HTTP response.
    """

    async def go() -> Messages:
        connection = Connection([])
        connection.incoming.put_nowait({"type": "websocket.connect"})
        for one in incoming:
            if isinstance(one, int):
                connection.incoming.put_nowait({"type": "websocket.disconnect", "code": one})
            else:
                kind = "text" if isinstance(one, str) else "bytes"
                connection.incoming.put_nowait({"type": "websocket.receive", kind: one})
        made = {**scope_for(path, "GET", headers), "type": "websocket", "scheme": "ws", "subprotocols": [], **scope}
        del made["method"]
        if answers:
            made["extensions"] = {"websocket.http.response": {}}
        await asyncio.wait_for(app.asgi(made, connection.receive, connection.send), 10)
        return connection.messages

    return asyncio.run(go())


def types(messages: Messages) -> list[str]:
    return [message["type"].removeprefix("websocket.") for message in messages]


def echoing(app: Trivet) -> None:
    @app.websocket("/")
    async def echo() -> None:
        while True:
            await websocket.send(await websocket.receive())


@pytest.mark.parametrize("sent", ["text", "", "naïve", b"bytes", b""])
def test_a_message_comes_back_as_it_was_sent(app: Trivet, sent: str | bytes) -> None:
    echoing(app)
    messages = connect(app, "/", sent, NORMAL)
    assert types(messages) == ["accept", "send"]
    assert messages[1]["text" if isinstance(sent, str) else "bytes"] == sent


def test_a_client_that_leaves_is_a_normal_end(app: Trivet, torn: list[Any], caplog: Any) -> None:
    echoing(app)
    with caplog.at_level(logging.WARNING):
        connect(app, "/", GOING_AWAY)
    assert (torn, caplog.text) == ([type(None)], "")


def test_a_client_that_leaves_before_the_handshake_is_answered_is_a_normal_end(
    app: Trivet, torn: list[Any], caplog: Any
) -> None:
    echoing(app)

    async def go() -> Messages:
        connection = Connection([])
        connection.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
        scope = {**scope_for("/", "GET", []), "type": "websocket", "scheme": "ws"}
        await app.asgi(scope, connection.receive, connection.send)
        return connection.messages

    assert asyncio.run(go()) == []
    assert (torn, caplog.text) == ([type(None)], "")


def test_a_view_that_returns_closes_the_connection(app: Trivet) -> None:
    @app.websocket("/")
    async def greet() -> None:
        await websocket.send("Hello")

    messages = connect(app)
    assert types(messages) == ["accept", "send", "close"]
    assert messages[-1]["code"] == NORMAL


def test_a_view_may_close_with_a_code_and_a_reason(app: Trivet) -> None:
    @app.websocket("/")
    async def leave() -> None:
        await websocket.accept()
        await websocket.close(4000, "enough")
        await websocket.close()

    assert connect(app)[1:] == [{"type": "websocket.close", "code": 4000, "reason": "enough"}]


def test_a_view_may_choose_the_subprotocol_and_send_headers(app: Trivet) -> None:
    @app.websocket("/")
    async def choose() -> None:
        await websocket.accept(websocket.requested_subprotocols[1], [("X-Greeting", "Hello")])

    message = connect(app, "/", subprotocols=["one", "two"])[0]
    assert (message["subprotocol"], message["headers"]) == ("two", [(b"x-greeting", b"Hello")])


def test_a_view_that_closes_first_refuses_the_handshake(app: Trivet) -> None:
    @app.websocket("/")
    async def refuse() -> None:
        await websocket.close()

    assert types(connect(app)) == ["close"]


def test_a_view_sees_rule_query_headers_and_context(app: Trivet) -> None:
    @app.websocket("/rooms/<int:number>")
    async def room(number: int) -> None:
        g.setdefault("number", number)
        await websocket.send(f"{g.number} {request.args['name']} {request.headers['X-Name']} {request.endpoint}")

    messages = connect(app, "/rooms/5?name=Ada", headers=[("X-Name", "Grace")])
    assert messages[1]["text"] == "5 Ada Grace room"


def test_a_view_of_a_blueprint_runs_its_functions(app: Trivet) -> None:
    events: list[str] = []
    part = Blueprint("part", __name__, url_prefix="/part")
    app.before_request(lambda: events.append("app"))
    part.before_request(lambda: events.append("part"))
    part.teardown_request(lambda error: events.append("torn down"))

    @part.websocket("/")
    async def view() -> None:
        events.append("view")
        await websocket.accept()

    app.register_blueprint(part)
    connect(app, "/part/")
    assert events == ["app", "part", "view", "torn down"]


@pytest.mark.parametrize(
    ("path", "status"), [("/missing", 404), ("/forbidden", 403), ("/broken", 500), ("/plain", 400)]
)
def test_a_handshake_is_refused_with_the_status_where_the_server_can_say_it(
    app: Trivet, path: str, status: int
) -> None:
    app.logger.disabled = True
    app.add_url_rule("/plain", "plain", lambda: "text")

    @app.websocket("/forbidden")
    async def forbidden() -> None:
        abort(403)

    @app.websocket("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    messages = connect(app, path, answers=True)
    app.logger.disabled = False
    assert types(messages) == ["http.response.start", "http.response.body"]
    assert messages[0]["status"] == status


@pytest.mark.parametrize("path", ["/missing", "/plain"])
def test_a_handshake_is_refused_barely_where_the_server_cannot_say_more(app: Trivet, path: str) -> None:
    app.add_url_rule("/plain", "plain", lambda: "text")
    assert types(connect(app, path)) == ["close"]


@pytest.mark.parametrize("path", ["/%ff", "/names/%ff", "/names/" + "9" * 5000])
def test_a_handshake_with_an_odd_path_is_refused_without_an_error(app: Trivet, path: str, caplog: Any) -> None:
    @app.websocket("/names/<int:name>")
    async def view(name: int) -> None:
        await websocket.accept()

    assert types(connect(app, path)) == ["close"]
    assert caplog.text == ""


def test_a_handshake_with_a_malformed_host_is_refused(app: Trivet) -> None:
    echoing(app)
    messages = connect(app, answers=True, headers=[("Host", "two words")])
    assert messages[0]["status"] == 400


@pytest.mark.parametrize(
    "headers",
    [
        [("Origin", "https://evil.example")],
        [("Origin", "null")],
        [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")],
        [("Sec-Fetch-Site", "same-site")],
    ],
)
def test_a_handshake_from_another_origin_is_refused_before_the_view(app: Trivet, headers: Any) -> None:
    @app.websocket("/")
    async def view() -> None:
        pytest.fail("the view was called")

    messages = connect(app, answers=True, headers=headers)
    assert messages[0]["status"] == 403


@pytest.mark.parametrize(
    "headers",
    [
        [("Origin", "http://localhost")],
        [("Sec-Fetch-Site", "same-origin"), ("Origin", "http://localhost")],
        [("Origin", "https://app.example")],
        [],
    ],
)
def test_a_handshake_from_here_or_from_a_trusted_origin_is_accepted(app: Trivet, headers: Any) -> None:
    app.config["TRUSTED_ORIGINS"] = ["https://app.example"]
    echoing(app)
    assert types(connect(app, "/", NORMAL, headers=headers)) == ["accept"]


def test_an_exception_closes_the_connection_and_is_logged_once(app: Trivet, torn: list[Any], caplog: Any) -> None:
    @app.websocket("/")
    async def broken() -> None:
        await websocket.accept()
        raise ZeroDivisionError

    messages = connect(app)
    assert (types(messages), messages[-1]["code"]) == (["accept", "close"], FAILED)
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]
    assert len(torn) == 1


def test_an_http_error_after_the_handshake_closes_for_policy(app: Trivet) -> None:
    @app.websocket("/")
    async def view() -> None:
        await websocket.accept()
        abort(403)

    assert connect(app)[-1]["code"] == POLICY


def test_a_server_that_cancels_ends_the_view_and_its_context(app: Trivet, torn: list[Any]) -> None:
    async def go() -> None:
        reached = asyncio.Event()

        @app.websocket("/")
        async def view() -> None:
            await websocket.accept()
            reached.set()
            await websocket.receive()

        connection = Connection([])
        connection.incoming.put_nowait({"type": "websocket.connect"})
        scope = {**scope_for("/", "GET", []), "type": "websocket", "scheme": "ws"}
        task = asyncio.create_task(app.asgi(scope, connection.receive, connection.send))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go())
    assert torn == [asyncio.CancelledError]


def test_a_session_can_be_read_in_a_handshake(app: Trivet) -> None:
    app.config["SECRET_KEY"] = "x" * 32

    @app.get("/login")
    def login() -> str:
        session["name"] = "Ada"
        return "text"

    @app.websocket("/")
    async def view() -> None:
        await websocket.send(session["name"])

    cookie = (by_asgi(app, "/login").header("Set-Cookie") or "").partition(";")[0]
    assert connect(app, "/", headers=[("Cookie", cookie)])[1]["text"] == "Ada"


def test_what_is_deferred_is_done_when_the_connection_ends(app: Trivet) -> None:
    events: list[str] = []

    class Plugin:
        @hookimpl
        def trivet_before_request(self, ctx: Any) -> None:
            ctx.defer(events.append, "done")

    @app.websocket("/")
    async def view() -> None:
        await websocket.send("Hello")
        events.append("view")

    app.plugins.register(Plugin())
    connect(app)
    assert events == ["view", "done"]


@pytest.mark.parametrize("ask", [by_wsgi, by_asgi], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_over_plain_http_a_websocket_route_answers_426(app: Trivet, ask: Ask, method: str) -> None:
    echoing(app)
    assert ask(app, method=method).status == 426


def test_under_asgi_426_names_the_protocol_to_upgrade_to(app: Trivet) -> None:
    echoing(app)
    assert by_asgi(app).header("Upgrade") == "websocket"


@pytest.mark.parametrize("ask", [by_wsgi, by_asgi], ids=["wsgi", "asgi"])
def test_a_path_may_speak_both(app: Trivet, ask: Ask) -> None:
    echoing(app)
    app.add_url_rule("/", "page", lambda: "page")
    assert ask(app).text == "page"


def test_a_websocket_view_that_is_no_coroutine_function_is_refused_with_its_place(app: Trivet) -> None:
    with pytest.raises(TypeError, match=r"test_websockets\.py:\d+.*async def"):

        @app.websocket("/")
        def view() -> None:
            pass


def test_without_the_plugin_a_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIVET_DISABLE", "websockets")
    app = Trivet("closed", config_file=False)
    echoing(app)
    assert types(connect(app)) == ["close"]
