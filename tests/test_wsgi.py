"""The WSGI side: streamed bodies, answers without a body, limits, the background loop, startup in each process."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import io
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wsgi import ClosingIterator

from trivet import Trivet, current_app, g, has_request_context, hookimpl, request

from .asking import by_wsgi

Events = list[Any]


@pytest.fixture
def app() -> Iterator[Trivet]:
    made = Trivet("wsgi", config_file=False)
    yield made
    made.lifespan.stop()
    made.loops.stop()


@pytest.fixture
def torn(app: Trivet) -> Events:
    """What teardown functions were given."""
    events: Events = []

    @app.teardown_request
    def note(error: BaseException | None) -> None:
        events.append(error)

    return events


def open_body(app: Trivet, path: str = "/", **options: Any) -> tuple[Any, list[str], list[tuple[str, str]]]:
    """Call the application as a server does, and leave the body to the caller."""
    statuses: list[str] = []
    found: list[tuple[str, str]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        statuses.append(status)
        found.extend(headers)
        return lambda data: None

    return app(EnvironBuilder(path, **options).get_environ(), start_response), statuses, found


def plain_pieces(events: Events) -> Callable[[], Iterator[str]]:
    def pieces() -> Iterator[str]:
        try:
            for piece in "abc":
                events.append(piece)
                yield piece + request.args.get("mark", "")
        finally:
            events.append("closed")

    return pieces


def async_pieces(events: Events) -> Callable[[], AsyncIterator[str]]:
    async def pieces() -> AsyncIterator[str]:
        try:
            for piece in "abc":
                await asyncio.sleep(0)
                events.append(piece)
                yield piece + request.args.get("mark", "")
        finally:
            events.append("closed")

    return pieces


makers = pytest.mark.parametrize("make", [plain_pieces, async_pieces], ids=["generator", "async generator"])


@makers
def test_a_streamed_body_is_made_piece_by_piece_with_the_request_at_hand(
    app: Trivet, torn: Events, make: Callable[[Events], Any]
) -> None:
    events: Events = []
    app.add_url_rule("/", "view", make(events))
    body, statuses, headers = open_body(app, "/?mark=!")
    pieces = iter(body)
    assert (statuses, events) == (["200 OK"], [])
    assert (next(pieces), events) == (b"a!", ["a"])
    assert (list(pieces), torn) == ([b"b!", b"c!"], [])
    body.close()
    assert torn == [None]
    assert "content-length" not in {name.lower() for name, _ in headers}


@makers
def test_a_client_that_leaves_ends_the_body_and_tears_down_once(
    app: Trivet, torn: Events, make: Callable[[Events], Any]
) -> None:
    events: Events = []
    app.add_url_rule("/", "view", make(events))
    body, _, _ = open_body(app)
    assert next(iter(body)) == b"a"
    body.close()
    body.close()
    assert (events, torn) == (["a", "closed"], [None])


def test_between_the_pieces_the_server_has_no_request_active(app: Trivet) -> None:
    app.add_url_rule("/", "view", plain_pieces([]))
    body, _, _ = open_body(app)
    next(iter(body))
    assert not has_request_context()
    body.close()
    assert not has_request_context()


@makers
def test_the_context_is_still_there_when_a_streamed_body_is_closed(app: Trivet, make: Callable[[Events], Any]) -> None:
    seen: Events = []

    @app.get("/")
    def view() -> Any:
        response = app.response_class(make([])())
        response.call_on_close(lambda: seen.append((current_app.name, request.path)))
        return response

    body, _, _ = open_body(app)
    assert (list(body), seen) == ([b"a", b"b", b"c"], [])
    body.close()
    assert seen == [("wsgi", "/")]


def failing() -> Iterator[str]:
    yield "a"
    raise ZeroDivisionError("while streaming")


async def failing_async() -> AsyncIterator[str]:
    yield "a"
    raise ZeroDivisionError("while streaming")


@pytest.mark.parametrize("view", [failing, failing_async])
def test_an_exception_in_a_streamed_body_ends_it_and_is_logged_once(
    app: Trivet, torn: Events, view: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_url_rule("/", "view", view)
    body, _, _ = open_body(app)
    assert next(body) == b"a"
    with pytest.raises(ZeroDivisionError):
        next(body)
    body.close()
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]
    assert [type(error) for error in torn] == [ZeroDivisionError]


def test_an_exception_while_closing_is_logged_and_teardown_still_runs(
    app: Trivet, torn: Events, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("while closing")

    app.add_url_rule("/", "view", lambda: ClosingIterator(iter([b"a"]), fail))
    body, _, _ = open_body(app)
    list(body)
    body.close()
    assert torn == [None]
    assert "ZeroDivisionError" in caplog.text


@makers
def test_head_of_a_streamed_body_makes_no_piece_of_it(app: Trivet, torn: Events, make: Callable[[Events], Any]) -> None:
    events: Events = []
    app.add_url_rule("/", "view", make(events))
    answer = by_wsgi(app, "/", "HEAD")
    assert (answer.status, answer.body, torn) == (200, b"", [None])
    assert "a" not in events


@pytest.mark.parametrize("value", ["text", b"bytes", {"a": 1}])
def test_head_tells_the_length_of_what_get_would_send(app: Trivet, value: Any) -> None:
    app.add_url_rule("/", "view", lambda: value)
    got, head = by_wsgi(app), by_wsgi(app, "/", "HEAD")
    assert (head.status, head.headers, head.body) == (200, got.headers, b"")


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("body", ["text", ["a", "b"], iter(["a"])], ids=["text", "list", "stream"])
def test_an_answer_that_must_have_no_body_has_none(app: Trivet, status: int, body: Any) -> None:
    app.add_url_rule("/", "view", lambda: app.response_class(body, status))
    answer = by_wsgi(app)
    assert (answer.status, answer.body) == (status, b"")
    assert status != 204 or answer.header("Content-Length") is None  # RFC 9110, 8.6


def test_a_body_of_several_byte_strings_is_sent_with_its_length(app: Trivet) -> None:
    app.add_url_rule("/", "view", lambda: app.response_class(["a", "bc"]))
    answer = by_wsgi(app)
    assert (answer.body, answer.header("Content-Length")) == (b"abc", "3")


def test_a_wsgi_application_that_a_view_returns_answers(app: Trivet) -> None:
    def other(environ: Any, start_response: Any) -> list[bytes]:
        start_response("202 Accepted", [("X-Other", environ["PATH_INFO"])])
        return [b"other"]

    app.add_url_rule("/<path:rest>", "view", lambda rest: other)
    answer = by_wsgi(app, "/a/b")
    assert (answer.status, answer.header("X-Other"), answer.body) == (202, "/a/b", b"other")


def test_middleware_can_be_put_around_the_application(app: Trivet) -> None:
    inner = app.wsgi_app

    def outer(environ: dict[str, Any], start_response: Any) -> Any:
        environ["PATH_INFO"] = "/moved" + environ["PATH_INFO"]
        return inner(environ, start_response)

    app.wsgi_app = outer  # type: ignore[method-assign]
    app.add_url_rule("/moved/here", "view", lambda: request.path)
    assert by_wsgi(app, "/here").text == "/moved/here"


# -- bodies of requests


class Unreadable(io.RawIOBase):
    """A body whose reading would be a mistake."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise AssertionError("the body was read")


def reading(app: Trivet) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 10
    app.add_url_rule("/", "view", lambda: request.get_data(), methods=["POST"])
    app.add_url_rule("/chunks", "chunks", lambda: request.stream.read(), methods=["POST"])
    app.add_url_rule("/untouched", "untouched", lambda: "nothing", methods=["POST"])


def status_of(app: Trivet, environ: dict[str, Any]) -> int:
    """Ask with the environ of a body whose length is not announced."""
    environ.pop("CONTENT_LENGTH", None)
    pieces, status, _ = run_wsgi_app(app, environ)
    list(pieces)
    return int(status.split()[0])


def test_a_body_that_is_announced_too_large_is_refused_without_keeping_it(app: Trivet) -> None:
    reading(app)
    builder = EnvironBuilder("/", method="POST", input_stream=io.BytesIO(b"x" * 11), content_length=11)
    answer = app.test_client().open(builder)
    assert answer.status_code == 413


def test_a_view_that_does_not_look_at_the_body_does_not_read_it(app: Trivet) -> None:
    reading(app)
    environ = EnvironBuilder("/untouched", method="POST").get_environ()
    environ.update({"wsgi.input": Unreadable(), "CONTENT_LENGTH": "5"})
    pieces, status, _ = run_wsgi_app(app, environ)
    assert (status, list(pieces)) == ("200 OK", [b"nothing"])


@pytest.mark.parametrize(("size", "status"), [(10, 200), (11, 413)])
def test_a_body_in_chunks_is_read_up_to_the_limit(app: Trivet, size: int, status: int) -> None:
    reading(app)
    environ = EnvironBuilder("/", method="POST", input_stream=io.BytesIO(b"x" * size)).get_environ()
    environ.update({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True})
    assert status_of(app, environ) == status


def test_a_body_in_chunks_that_the_server_does_not_hand_out_is_answered_411(app: Trivet) -> None:
    reading(app)
    environ = EnvironBuilder("/", method="POST", input_stream=io.BytesIO(b"x")).get_environ()
    environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    assert status_of(app, environ) == 411


def test_a_body_that_ends_too_early_is_the_clients_fault(app: Trivet) -> None:
    reading(app)
    for path in ("/", "/chunks"):
        environ = EnvironBuilder(path, method="POST", input_stream=io.BytesIO(b"x")).get_environ()
        environ["CONTENT_LENGTH"] = "5"
        assert run_wsgi_app(app, environ)[1] == "400 BAD REQUEST"


# -- coroutines


def test_all_coroutines_run_on_one_loop_beside_the_callers_thread(app: Trivet) -> None:
    seen: Events = []

    @app.get("/")
    async def view() -> str:
        seen.append((asyncio.get_running_loop(), threading.get_ident()))
        return "text"

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(by_wsgi, app) for _ in range(6)]:
            assert future.result().text == "text"
    assert len({id(loop) for loop, _ in seen}) == 1
    assert {thread for _, thread in seen}.isdisjoint({threading.get_ident()})


def test_context_variables_go_into_a_coroutine_and_come_back(app: Trivet) -> None:
    before: contextvars.ContextVar[str] = contextvars.ContextVar("before")
    inside: contextvars.ContextVar[str] = contextvars.ContextVar("inside")

    @app.before_request
    def prepare() -> None:
        before.set("set before")

    @app.get("/")
    async def view() -> str:
        await asyncio.sleep(0)
        inside.set(before.get() + ", set inside")
        g.setdefault("seen", "g")
        return "text"

    @app.after_request
    def tell(response: Any) -> Any:
        response.headers["X-Seen"] = f"{inside.get()}, {g.seen}"
        return response

    assert by_wsgi(app).header("X-Seen") == "set before, set inside, g"


def test_coroutines_of_several_requests_wait_beside_each_other(app: Trivet) -> None:
    meeting = threading.Barrier(2, timeout=20)
    arrived: list[asyncio.Event] = []

    @app.get("/")
    async def view() -> str:
        mine = asyncio.Event()
        arrived.append(mine)
        if len(arrived) == 2:
            for event in arrived:
                event.set()
        await asyncio.wait_for(mine.wait(), 20)
        return "met"

    def go() -> str:
        meeting.wait()
        return by_wsgi(app).text

    with ThreadPoolExecutor(2) as pool:
        assert [future.result() for future in [pool.submit(go), pool.submit(go)]] == ["met", "met"]


def test_waiting_on_the_background_loop_for_itself_is_refused_rather_than_hung(app: Trivet) -> None:
    app.testing = True

    async def inner() -> None:
        pass

    @app.get("/")
    async def view() -> str:
        app.ensure_sync(inner)()
        return "never"

    with pytest.raises(RuntimeError, match="make the calling function async"):
        by_wsgi(app)


# -- the application as a callable


def test_servers_that_look_for_a_coroutine_function_find_one(app: Trivet) -> None:
    assert inspect.iscoroutinefunction(app.__call__)
    assert inspect.iscoroutinefunction(app.asgi)
    assert not inspect.iscoroutinefunction(app.wsgi)


def test_wsgi_can_be_named(app: Trivet) -> None:
    app.add_url_rule("/", "view", lambda: "text")
    assert by_wsgi(app.wsgi).text == "text"


# -- startup


def starting(events: Events, flavour: str, fails: list[bool]) -> Any:
    """Return a plugin that notes startup and shutdown, and fails to start while ``fails`` says so."""

    def start(app: Any) -> None:
        events.append("startup")
        if fails and fails.pop():
            raise ZeroDivisionError("at startup")

    async def start_async(app: Any) -> None:
        await asyncio.sleep(0)
        start(app)

    def stop(app: Any) -> None:
        events.append("shutdown")

    async def stop_async(app: Any) -> None:
        await asyncio.sleep(0)
        stop(app)

    return SimpleNamespace(
        name="starting",
        trivet_startup=hookimpl(start if flavour == "sync" else start_async),
        trivet_shutdown=hookimpl(stop if flavour == "sync" else stop_async),
    )


@pytest.mark.parametrize("flavour", ["sync", "async"])
def test_startup_runs_before_the_first_request_only_and_shutdown_once(app: Trivet, flavour: str) -> None:
    events: Events = []
    app.plugins.register(starting(events, flavour, []))

    @app.get("/")
    def view() -> str:
        events.append("view")
        return "text"

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(by_wsgi, app) for _ in range(4)]:
            future.result()
    app.lifespan.stop()
    app.lifespan.stop()
    assert events == ["startup", "view", "view", "view", "view", "shutdown"]


def test_a_startup_that_fails_is_tried_again_by_the_next_request(app: Trivet) -> None:
    events: Events = []
    app.plugins.register(starting(events, "sync", [True]))
    app.add_url_rule("/", "view", lambda: "text")
    with pytest.raises(ZeroDivisionError):
        by_wsgi(app)
    assert by_wsgi(app).text == "text"
    assert events == ["startup", "startup"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_starts_up_for_itself_and_has_a_loop_of_its_own() -> None:
    program = """
        import asyncio, os
        from types import SimpleNamespace
        from trivet import Trivet, hookimpl
        from werkzeug.test import Client

        def note(event):
            os.write(1, f"{event} {'child' if os.getpid() != parent else 'parent'}\\n".encode())

        parent = os.getpid()
        app = Trivet("forks", config_file=False)
        app.plugins.register(SimpleNamespace(
            name="notes",
            trivet_startup=hookimpl(lambda app: note("startup")),
            trivet_shutdown=hookimpl(lambda app: note("shutdown")),
        ))

        @app.get("/")
        async def view():
            await asyncio.sleep(0)
            note("view")
            return "text"

        assert Client(app).get("/").text == "text"
        child = os.fork()
        assert Client(app).get("/").text == "text"
        if child:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    """
    # From 3.12 on Python warns about any fork of a process with threads; here nothing of them is used by the child.
    quiet = ["-W", "ignore:This process:DeprecationWarning"]
    command = [sys.executable, *quiet, "-c", textwrap.dedent(program)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert lines.count("startup parent") == lines.count("startup child") == 1
    assert lines.count("shutdown parent") == lines.count("shutdown child") == 1
    assert [line for line in lines if line.endswith("child")] == ["startup child", "view child", "shutdown child"]
