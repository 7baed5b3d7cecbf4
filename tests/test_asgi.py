"""The ASGI side: clients that leave, bodies in pieces, limits, the lifespan, one application on several loops."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import io
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, run_wsgi_app

from trivet import Trivet, abort, current_app, g, has_request_context, hookimpl, request, session

from .asking import Answer, Connection, by_asgi, by_wsgi, scope_for

LIMIT = 1000
Events = list[Any]
View = Callable[[], Any]


@pytest.fixture
def app() -> Iterator[Trivet]:
    made = Trivet("asgi", config_file=False)
    made.config["MAX_CONTENT_LENGTH"] = LIMIT
    yield made
    made.lifespan.stop()
    made.loops.stop()
    made.workers.stop()


@pytest.fixture
def torn(app: Trivet) -> Events:
    """What teardown functions were given."""
    events: Events = []

    @app.teardown_request
    def note(error: BaseException | None) -> None:
        events.append(type(error))

    return events


def plain(function: View) -> View:
    return function


def asynchronous(function: View) -> View:
    async def view() -> Any:
        return function()

    return view


FLAVOURS = pytest.mark.parametrize("flavour", [plain, asynchronous], ids=["sync", "async"])


def ask_in_pieces(app: Any, pieces: list[bytes], method: str = "POST", headers: Any = (), **scope: Any) -> Answer:
    """Send a body in pieces."""

    async def go() -> Answer:
        connection = Connection(pieces)
        await app({**scope_for("/", method, headers), **scope}, connection.receive, connection.send)
        return connection.answer()

    return asyncio.run(go())


# -- clients that leave


def leave_while(app: Trivet, reached: str = "reached", body: bytes = b"") -> Connection:
    """Ask for ``/`` and leave as soon as the event ``app.extensions[reached]`` is set."""

    async def go() -> Connection:
        app.extensions[reached] = asyncio.Event()
        connection = Connection([body])
        task = asyncio.create_task(app.asgi(scope_for("/", "GET", []), connection.receive, connection.send))
        await app.extensions[reached].wait()
        connection.leave()
        await asyncio.wait_for(task, 10)
        return connection

    return asyncio.run(go())


def test_a_client_that_leaves_cancels_the_async_view(app: Trivet) -> None:
    events: Events = []

    @app.get("/")
    async def view() -> str:
        app.extensions["reached"].set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            events.append("cancelled")
            raise
        return "never"

    leave_while(app)
    assert events == ["cancelled"]


def test_teardown_is_told_that_the_client_has_gone(app: Trivet, torn: Events) -> None:
    @app.get("/")
    async def view() -> str:
        app.extensions["reached"].set()
        await asyncio.Event().wait()
        return "never"

    leave_while(app)
    assert torn == [asyncio.CancelledError]


def test_a_view_that_is_cancelled_may_finish_its_work_first(app: Trivet, torn: Events) -> None:
    events: Events = []

    @app.get("/")
    async def view() -> str:
        app.extensions["reached"].set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            events.append(request.path)
        return "never"

    leave_while(app)
    assert events == ["/"]


def test_a_view_that_never_waits_for_anything_but_its_turn_is_cancelled_too(app: Trivet, torn: Events) -> None:
    @app.get("/")
    async def view() -> str:
        app.extensions["reached"].set()
        while True:  # noqa: ASYNC110 - there is nothing to wait for
            await asyncio.sleep(0)

    leave_while(app)
    assert torn == [asyncio.CancelledError]


def test_what_a_cancelled_view_has_started_together_is_cancelled_with_it(app: Trivet) -> None:
    events: Events = []

    async def wait(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            events.append(name)

    @app.get("/")
    async def view() -> str:
        async with asyncio.TaskGroup() as group:
            group.create_task(wait("one"))
            group.create_task(wait("two"))
            await asyncio.sleep(0)
            app.extensions["reached"].set()
        return "never"

    leave_while(app)
    assert sorted(events) == ["one", "two"]


def test_a_timeout_inside_a_view_is_the_views_own(app: Trivet) -> None:
    @app.get("/")
    async def view() -> str:
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            return "too slow"
        return "never"

    assert by_asgi(app).text == "too slow"


def endless_async(app: Trivet, events: Events) -> View:
    async def view() -> Any:
        async def pieces() -> AsyncIterator[str]:
            try:
                while True:
                    yield "piece"
                    app.extensions["reached"].set()
                    await asyncio.sleep(0)
            finally:
                events.append("closed")

        return pieces()

    return view


def endless_plain(app: Trivet, events: Events) -> View:
    def view() -> Any:
        loop = app.extensions["loop"]

        def pieces() -> Iterator[str]:
            try:
                while True:
                    yield "piece"
                    loop.call_soon_threadsafe(app.extensions["reached"].set)
            finally:
                events.append("closed")

        return pieces()

    return view


@pytest.mark.parametrize("endless", [endless_plain, endless_async], ids=["sync", "async"])
def test_a_client_that_leaves_ends_the_streamed_body_before_the_context(
    app: Trivet, endless: Callable[[Trivet, Events], View]
) -> None:
    events: Events = []
    app.teardown_request(lambda error: events.append("torn down"))
    app.add_url_rule("/", "view", endless(app, events))

    async def go() -> None:
        app.extensions["loop"] = asyncio.get_running_loop()
        app.extensions["reached"] = asyncio.Event()
        connection = Connection([b""])
        task = asyncio.create_task(app.asgi(scope_for("/", "GET", []), connection.receive, connection.send))
        await app.extensions["reached"].wait()
        connection.leave()
        await asyncio.wait_for(task, 10)

    asyncio.run(go())
    assert events == ["closed", "torn down"]


@FLAVOURS
def test_a_server_that_cancels_gets_its_cancellation_back(
    app: Trivet, torn: Events, flavour: Callable[[View], View]
) -> None:
    async def go() -> None:
        reached = asyncio.Event()
        loop = asyncio.get_running_loop()

        def pieces() -> Iterator[str]:
            while True:
                yield "piece"
                loop.call_soon_threadsafe(reached.set)

        app.add_url_rule("/", "view", flavour(pieces))
        connection = Connection([b""])
        task = asyncio.create_task(app.asgi(scope_for("/", "GET", []), connection.receive, connection.send))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go())
    assert torn == [asyncio.CancelledError]


def test_a_client_that_leaves_while_sending_is_answered_400_and_torn_down(app: Trivet, torn: Events) -> None:
    app.add_url_rule("/", "view", lambda: pytest.fail("the view was called"), methods=["POST"])

    async def go() -> Answer:
        connection = Connection([b"one", b"two"])
        await connection.receive()
        connection.incoming = asyncio.Queue()
        connection.incoming.put_nowait({"type": "http.request", "body": b"one", "more_body": True})
        connection.leave()
        headers = [("Transfer-Encoding", "chunked")]
        await app(scope_for("/", "POST", headers), connection.receive, connection.send)
        return connection.answer()

    assert asyncio.run(go()).status == 400
    assert torn == [type(None)]


def test_a_client_that_has_gone_after_the_answer_disturbs_nobody(app: Trivet, torn: Events) -> None:
    @app.get("/")
    async def view() -> str:
        await asyncio.sleep(0)
        return "text"

    async def go() -> Answer:
        connection = Connection([b""])

        async def send(message: Any) -> None:
            await connection.send(message)
            if message["type"] == "http.response.body":
                connection.leave()
                await asyncio.sleep(0)

        await app.asgi(scope_for("/", "GET", []), connection.receive, send)
        return connection.answer()

    assert asyncio.run(go()).text == "text"
    assert torn == [type(None)]


# -- bodies


@FLAVOURS
@given(pieces=st.lists(st.binary(max_size=40), min_size=1, max_size=8))
def test_a_body_is_the_same_in_whatever_pieces_it_comes(flavour: Callable[[View], View], pieces: list[bytes]) -> None:
    app = Trivet("pieces", config_file=False)
    app.add_url_rule("/", "view", flavour(lambda: request.get_data()), methods=["POST"])
    assert ask_in_pieces(app, pieces).body == b"".join(pieces)
    app.workers.stop()


READERS: dict[str, View] = {
    "data": lambda: request.get_data(),
    "stream": lambda: request.stream.read(),
    "json": lambda: request.get_json(force=True),
}


@FLAVOURS
@pytest.mark.parametrize("read", READERS)
def test_a_body_over_the_limit_is_refused_with_413_when_it_is_read(
    app: Trivet, read: str, flavour: Callable[[View], View]
) -> None:
    app.add_url_rule("/", "view", flavour(READERS[read]), methods=["POST"])
    assert by_asgi(app, method="POST", body=b"1" * (LIMIT + 1)).status == 413


@FLAVOURS
@pytest.mark.parametrize("read", READERS)
def test_a_body_in_chunks_over_the_limit_is_refused_with_413_when_it_is_read(
    app: Trivet, read: str, flavour: Callable[[View], View]
) -> None:
    app.add_url_rule("/", "view", flavour(READERS[read]), methods=["POST"])
    chunked = [("Transfer-Encoding", "chunked")]
    assert ask_in_pieces(app, [b"1" * 600, b"1" * 600], headers=chunked).status == 413


def test_a_body_in_chunks_has_a_length_once_it_has_arrived(app: Trivet) -> None:
    app.add_url_rule("/", "view", lambda: str(request.content_length), methods=["POST"])
    assert ask_in_pieces(app, [b"12", b"345"], headers=[("Transfer-Encoding", "chunked")]).text == "5"


def test_a_large_body_that_nobody_reads_does_no_harm(app: Trivet) -> None:
    app.add_url_rule("/", "view", lambda: "text", methods=["POST"])
    assert by_asgi(app, method="POST", body=b"1" * (LIMIT + 1)).text == "text"


HUGE = "9" * 5000
LENGTHS = ["five", "-1", "+5", "1_0", "5, 5", "0x5", "\xb2", HUGE, "0" * 5000 + "5", ""]


def post_by_wsgi(app: Trivet, length: str) -> Answer:
    """Send a body whose length is announced as it comes, which Werkzeug's builder would put right."""
    environ = EnvironBuilder(method="POST", input_stream=io.BytesIO(b"hello")).get_environ()
    pieces, status, headers = run_wsgi_app(app, {**environ, "CONTENT_LENGTH": length}, buffered=True)
    return Answer(int(status.split()[0]), list(headers), b"".join(pieces))


def post_by_asgi(app: Trivet, length: str) -> Answer:
    return ask_in_pieces(app, [b"hello"], headers=[("Content-Length", length)])


@FLAVOURS
@pytest.mark.parametrize("ask", [post_by_wsgi, post_by_asgi], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("length", LENGTHS, ids=lambda text: text[:8] or "empty")
def test_a_content_length_that_is_no_length_is_never_a_500(
    app: Trivet, ask: Callable[..., Answer], length: str, flavour: Callable[[View], View]
) -> None:
    app.add_url_rule("/", "view", flavour(lambda: request.get_data()), methods=["POST"])
    assert ask(app, length).status < 500


@pytest.mark.parametrize("ask", [post_by_wsgi, post_by_asgi], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("length", LENGTHS, ids=lambda text: text[:8] or "empty")
def test_a_function_before_the_request_may_read_the_body_whatever_its_length_says(
    app: Trivet, ask: Callable[..., Answer], length: str
) -> None:
    app.before_request(lambda: request.get_data() and None)
    app.add_url_rule("/", "view", lambda: "text", methods=["POST"])
    assert ask(app, length).status < 500


@pytest.mark.parametrize("ask", [by_wsgi, by_asgi], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("converter", ["int", "int(min=1)", "int(signed=True)"])
@pytest.mark.parametrize("strict_slashes", [True, False], ids=["tables", "map"])
def test_a_number_in_the_path_that_python_does_not_read_is_not_found(
    app: Trivet, ask: Callable[..., Answer], converter: str, strict_slashes: bool
) -> None:
    app.add_url_rule(f"/items/<{converter}:number>", "item", str, strict_slashes=strict_slashes)
    assert ask(app, f"/items/{HUGE}").status == 404


@pytest.mark.parametrize("ask", [by_wsgi, by_asgi], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("host", ["xn--", "xn--a", "a.xn--.b"])
def test_a_host_that_is_no_internationalised_name_is_the_clients_fault(
    app: Trivet, ask: Callable[..., Answer], host: str
) -> None:
    app.add_url_rule("/", "view", lambda: request.url)
    assert ask(app, headers=[("Host", host)]).status < 500


def test_a_header_with_an_underscore_is_no_other_header(app: Trivet) -> None:
    app.add_url_rule("/", "view", lambda: request.headers.get("X-User", "nobody"))
    assert by_asgi(app, headers=[("X_User", "admin")]).text == "nobody"


@FLAVOURS
def test_head_has_the_length_and_no_body(app: Trivet, flavour: Callable[[View], View]) -> None:
    app.add_url_rule("/", "view", flavour(lambda: "text"))
    answer = by_asgi(app, method="HEAD")
    assert (answer.header("Content-Length"), answer.body) == ("4", b"")


@pytest.mark.parametrize("endless", [endless_plain, endless_async], ids=["sync", "async"])
def test_head_makes_no_piece_of_a_streamed_body(app: Trivet, endless: Callable[[Trivet, Events], View]) -> None:
    app.extensions["loop"] = None
    app.add_url_rule("/", "view", endless(app, []))
    assert by_asgi(app, method="HEAD").body == b""


@FLAVOURS
def test_an_exception_in_a_streamed_body_tears_down_and_reaches_the_server(
    app: Trivet, torn: Events, caplog: Any, flavour: Callable[[View], View]
) -> None:
    def pieces() -> Iterator[str]:
        yield "piece"
        raise ZeroDivisionError

    app.add_url_rule("/", "view", flavour(pieces))
    with pytest.raises(ZeroDivisionError):
        by_asgi(app)
    assert torn == [ZeroDivisionError]
    assert caplog.text.count("An exception ended a streamed body") == 1


def test_a_piece_of_a_plain_body_is_made_off_the_loop_with_the_request_at_hand(app: Trivet) -> None:
    def pieces() -> Iterator[str]:
        yield request.args["name"]
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()

    app.add_url_rule("/", "view", pieces)
    assert by_asgi(app, "/?name=Ada").text == "Ada"


def test_context_variables_set_by_a_plain_view_reach_its_asynchronous_body(app: Trivet) -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")

    @app.get("/")
    def view() -> Any:
        name.set("Ada")
        g.setdefault("greeting", "Hello")

        async def pieces() -> AsyncIterator[str]:
            yield f"{g.greeting}, {name.get()}"

        return pieces()

    assert by_asgi(app).text == "Hello, Ada"


# -- the protocol


def test_the_old_form_in_two_steps_answers(app: Trivet) -> None:
    app.add_url_rule("/", "view", lambda: "text")

    async def go() -> Answer:
        connection = Connection([b""])
        instance: Any = type(app).__call__(app, scope_for("/", "GET", []))
        await instance(connection.receive, connection.send)
        return connection.answer()

    assert asyncio.run(go()).text == "text"


def test_the_path_is_taken_below_the_root_path(app: Trivet) -> None:
    app.add_url_rule("/items/", "items", lambda: f"{request.root_path} {request.path}")
    scope = {"path": "/shop/items/", "root_path": "/shop"}
    assert ask_in_pieces(app, [b""], "GET", **scope).text == "/shop /items/"


def test_a_root_path_that_is_only_the_beginning_of_a_word_is_no_prefix(app: Trivet) -> None:
    app.add_url_rule("/shopping", "shopping", lambda: request.path)
    assert ask_in_pieces(app, [b""], "GET", path="/shopping", root_path="/shop").text == "/shopping"


def test_a_redirect_keeps_the_root_path(app: Trivet) -> None:
    app.add_url_rule("/items/", "items", lambda: "items")
    answer = ask_in_pieces(app, [b""], "GET", path="/shop/items", root_path="/shop")
    assert answer.header("Location") == "http://localhost/shop/items/"


def test_an_unknown_protocol_is_named(app: Trivet) -> None:
    async def go() -> None:
        await app.asgi({"type": "carrier-pigeon"}, None, None)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="carrier-pigeon"):
        asyncio.run(go())


@pytest.mark.parametrize("changes", [{"client": None}, {"server": None}, {"server": ("/run/socket", None)}])
def test_what_a_server_need_not_tell_is_not_needed(app: Trivet, changes: dict[str, Any]) -> None:
    app.add_url_rule("/", "view", lambda: request.url)
    assert ask_in_pieces(app, [b""], "GET", **changes).text == "http://localhost/"


# -- the lifespan


def speak_lifespan(app: Trivet, *events: str) -> list[dict[str, Any]]:
    """Send lifespan events to an application; return what it answers."""

    async def go() -> list[dict[str, Any]]:
        connection = Connection([])
        for event in events:
            connection.incoming.put_nowait({"type": f"lifespan.{event}"})
        scope: dict[str, Any] = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        await asyncio.wait_for(app.asgi(scope, connection.receive, connection.send), 10)
        return connection.messages

    return asyncio.run(go())


def starting(app: Trivet, events: Events, fail: bool = False) -> None:
    async def startup(app: Any) -> None:
        await asyncio.sleep(0)
        if fail:
            raise ConnectionError("no database")
        events.append("startup")

    async def shutdown(app: Any) -> None:
        events.append("shutdown")

    app.plugins.register(
        SimpleNamespace(name="notes", trivet_startup=hookimpl(startup), trivet_shutdown=hookimpl(shutdown))
    )


def test_the_lifespan_runs_startup_and_shutdown_once(app: Trivet) -> None:
    events: Events = []
    starting(app, events)
    messages = speak_lifespan(app, "startup", "shutdown")
    assert [message["type"] for message in messages] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert events == ["startup", "shutdown"]


def test_a_startup_that_fails_is_told_to_the_server_and_logged(app: Trivet, caplog: Any) -> None:
    starting(app, [], fail=True)
    (message,) = speak_lifespan(app, "startup")
    assert message == {"type": "lifespan.startup.failed", "message": "ConnectionError: no database"}
    assert "The application could not start" in caplog.text


def test_a_shutdown_that_fails_is_logged_and_the_others_still_run(app: Trivet, caplog: Any) -> None:
    events: Events = []
    starting(app, events)
    app.plugins.register(SimpleNamespace(name="broken", trivet_shutdown=hookimpl(lambda app: 1 / 0)))
    messages = speak_lifespan(app, "startup", "shutdown")
    assert messages[-1]["type"] == "lifespan.shutdown.complete"
    assert events == ["startup", "shutdown"]
    assert "ZeroDivisionError" in caplog.text


def test_requests_that_come_together_wait_for_one_startup(app: Trivet) -> None:
    events: Events = []
    starting(app, events)

    def view() -> str:
        events.append("view")
        return "text"

    app.add_url_rule("/", "view", asynchronous(view))

    async def go() -> None:
        connections = [Connection([b""]) for _ in range(3)]
        scopes = [scope_for("/", "GET", []) for _ in connections]
        await asyncio.gather(
            *(app.asgi(scope, one.receive, one.send) for scope, one in zip(scopes, connections, strict=True))
        )

    asyncio.run(go())
    assert events == ["startup", "view", "view", "view"]


@FLAVOURS
def test_one_application_serves_on_one_loop_after_the_other(app: Trivet, flavour: Callable[[View], View]) -> None:
    app.add_url_rule("/", "view", flavour(lambda: "text"))
    assert [by_asgi(app).text for _ in range(3)] == ["text"] * 3


@FLAVOURS
def test_outside_of_a_request_the_servers_task_has_no_context(app: Trivet, flavour: Callable[[View], View]) -> None:
    app.add_url_rule("/", "view", flavour(lambda: iter(["text"])))

    async def go() -> bool:
        connection = Connection([b""])
        await app.asgi(scope_for("/", "GET", []), connection.receive, connection.send)
        return has_request_context() or bool(current_app)

    assert asyncio.run(go()) is False


# -- an async view under WSGI that ends like a thread or a process would


def test_an_async_view_that_was_cancelled_is_a_500_under_wsgi(app: Trivet, torn: Events, caplog: Any) -> None:
    @app.get("/")
    async def view() -> str:
        waiting = asyncio.ensure_future(asyncio.Event().wait())
        waiting.cancel()
        await waiting
        return "never"

    assert by_wsgi(app).status == 500
    assert len(torn) == 1


def test_an_async_view_that_ends_the_process_ends_nobodys_waiting_under_wsgi(app: Trivet) -> None:
    raised: Events = []

    @app.get("/exit")
    async def leave() -> str:
        sys.exit("enough")

    @app.get("/")
    async def view() -> str:
        return "text"

    def ask() -> None:
        with pytest.raises(SystemExit) as caught:
            by_wsgi(app, "/exit")
        raised.append(caught.value.code)
        raised.append(by_wsgi(app).text)

    thread = threading.Thread(target=ask, daemon=True)  # so that a failure does not hang the tests
    thread.start()
    thread.join(10)
    assert raised == ["enough", "text"]


# -- what a request leaves behind


def hand_over_garbage(coroutine: Callable[[], Coroutine[Any, Any, object]] | None, call: View | None) -> Counter[str]:
    """Return the names of the types that only the collector can free after some calls."""
    with asyncio.Runner() as runner:

        def once() -> None:
            if coroutine is not None:
                runner.run(coroutine())
            elif call is not None:
                call()

        once()
        once()
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                once()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            return Counter(type(one).__name__ for one in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()


def _session() -> str:
    session["visits"] = 1
    return "text"


def _streamed() -> Iterator[str]:
    return iter(["a", "b"])


VIEWS: dict[str, View] = {
    "text": lambda: "text",
    "query": lambda: request.args.get("name", "nobody"),
    "json": lambda: {"path": request.path},
    "body": lambda: request.get_json(force=True, silent=True) or "none",
    "session": _session,
    "stream": _streamed,
    "refused": lambda: abort(403),
    "broken": lambda: 1 / 0,
}
#: What names a request, and would be kept alive by a circle.
KEPT = ("RequestContext", "AsgiContext", "Request", "SecureCookieSession", "Response")


@pytest.mark.parametrize("protocol", ["wsgi", "asgi"])
@FLAVOURS
@pytest.mark.parametrize("name", VIEWS)
def test_a_request_leaves_no_circle_behind(
    app: Trivet, protocol: str, flavour: Callable[[View], View], name: str
) -> None:
    app.config["SECRET_KEY"] = "x" * 32
    app.logger.disabled = True
    app.add_url_rule("/", "view", flavour(VIEWS[name]))

    async def by_asgi_here() -> None:
        connection = Connection([b""])
        await app.asgi(scope_for("/", "GET", []), connection.receive, connection.send)

    if protocol == "asgi":
        left = hand_over_garbage(by_asgi_here, None)
    else:
        left = hand_over_garbage(None, lambda: by_wsgi(app))
    app.logger.disabled = False
    assert {kind: count for kind, count in left.items() if kind in KEPT} == {}


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="this system does not list open files")
def test_an_application_that_is_gone_leaves_no_open_file_on_a_loop_that_goes_on() -> None:
    def opened() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    async def ask_a_new_application() -> None:
        app = Trivet("gone", config_file=False)
        app.add_url_rule("/", "view", lambda: "text")
        connection = Connection([b""])
        await app.asgi(scope_for("/", "GET", []), connection.receive, connection.send)

    with asyncio.Runner() as runner:
        runner.run(ask_a_new_application())
        before = opened()
        for _ in range(5):
            runner.run(ask_a_new_application())
        deadline = time.monotonic() + 10  # the threads of those that are gone come to their end by themselves
        while opened() - before > 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert opened() - before <= 2
