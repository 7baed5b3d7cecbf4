"""Functions around a process and after a response, the development server, handlers of a URL space."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder

from trivet import Blueprint, SealedError, Trivet, abort, after_response, current_app, hookimpl

from .asking import Ask, Connection, by_asgi, by_wsgi, scope_for


@pytest.fixture(params=[by_wsgi, by_asgi], ids=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Ask:
    found: Ask = request.param
    return found


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def app() -> Iterator[Trivet]:
    made = Trivet("run", config_file=False)
    yield made
    made.lifespan.stop()
    made.loops.stop()
    made.workers.stop()


def in_flavour(function: Any, flavour: str) -> Any:
    async def asynchronous(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return function if flavour == "sync" else asynchronous


# -- startup and shutdown


def test_functions_run_at_startup_in_their_order_after_the_plugins_and_once(
    app: Trivet, ask: Ask, flavour: str
) -> None:
    seen: list[str] = []
    started = hookimpl(lambda app: seen.append("plugin"))
    app.plugins.register(SimpleNamespace(name="pool", trivet_startup=started))
    app.on_startup(in_flavour(lambda: seen.append("one"), flavour))
    app.on_startup(in_flavour(lambda: seen.append("two"), flavour))
    app.add_url_rule("/", "view", lambda: "text")
    assert [ask(app).text, ask(app).text] == ["text", "text"]
    assert seen == ["plugin", "one", "two"]


def test_functions_run_at_shutdown_the_last_one_first_before_the_plugins(app: Trivet, ask: Ask, flavour: str) -> None:
    seen: list[str] = []
    stopped = hookimpl(lambda app: seen.append("plugin"))
    app.plugins.register(SimpleNamespace(name="pool", trivet_shutdown=stopped))
    app.on_shutdown(in_flavour(lambda: seen.append("one"), flavour))
    app.on_shutdown(in_flavour(lambda: seen.append("two"), flavour))
    app.add_url_rule("/", "view", lambda: "text")
    ask(app)
    app.lifespan.stop()
    assert seen == ["two", "one", "plugin"]


def test_functions_of_startup_cannot_be_declared_once_setup_has_ended(app: Trivet) -> None:
    app.seal()
    with pytest.raises(SealedError, match="on_startup"):
        app.on_startup(lambda: None)


# -- after the response


def test_a_function_runs_after_the_response_with_its_arguments(app: Trivet, ask: Ask, flavour: str) -> None:
    seen: list[Any] = []

    def view() -> str:
        after_response(in_flavour(lambda *args, **kwargs: seen.append((args, kwargs)), flavour), 1, key=2)
        return "text"

    app.add_url_rule("/", "view", in_flavour(view, flavour))
    assert ask(app).text == "text"
    assert seen == [((1,), {"key": 2})]


def test_it_runs_when_the_answer_has_been_sent_whole_under_asgi(app: Trivet) -> None:
    connection = Connection([b""])
    sent: list[int] = []

    def view() -> str:
        after_response(lambda: sent.append(len(connection.messages)))
        return "text"

    app.add_url_rule("/", "view", view)

    async def go() -> None:
        await app(scope_for("/", "GET", ()), connection.receive, connection.send)

    asyncio.run(go())
    assert sent == [2]


def test_it_runs_when_the_server_closes_the_answer_under_wsgi(app: Trivet) -> None:
    seen: list[str] = []

    def view() -> str:
        after_response(seen.append, "ran")
        return "text"

    app.add_url_rule("/", "view", view)
    body = app.wsgi(EnvironBuilder().get_environ(), lambda status, headers: None)
    assert (b"".join(body), seen) == (b"text", [])
    body.close()
    assert seen == ["ran"]


def test_it_has_the_application_as_its_context(app: Trivet, ask: Ask) -> None:
    seen: list[str] = []

    def view() -> str:
        after_response(lambda: seen.append(current_app.name))
        return "text"

    app.add_url_rule("/", "view", view)
    ask(app)
    assert seen == ["run"]


def test_what_fails_after_the_response_is_logged_and_the_next_request_is_healthy(
    app: Trivet, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    def view() -> str:
        after_response(lambda: 1 / 0)
        return "text"

    app.add_url_rule("/", "view", view)
    with caplog.at_level(logging.ERROR):
        assert [ask(app).text, ask(app).text] == ["text", "text"]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError] * 2


# -- error handlers of a URL space


def shop() -> Blueprint:
    part = Blueprint("shop", __name__, url_prefix="/shop")
    part.add_url_rule("/item", "item", lambda: "item")
    part.register_error_handler(404, lambda error: ("no such thing in the shop", 404))
    part.register_error_handler(405, lambda error: ("not with this method in the shop", 405))
    return part


def test_a_blueprint_answers_the_404_of_every_path_below_its_prefix(app: Trivet, ask: Ask) -> None:
    app.register_blueprint(shop())
    assert ask(app, "/shop/nothing").text == "no such thing in the shop"
    assert ask(app, "/shop").text == "no such thing in the shop"


def test_a_blueprint_answers_the_405_of_its_paths(app: Trivet, ask: Ask) -> None:
    app.register_blueprint(shop())
    answer = ask(app, "/shop/item", "POST")
    assert (answer.status, answer.text) == (405, "not with this method in the shop")


def test_a_prefix_ends_with_a_whole_segment(app: Trivet, ask: Ask) -> None:
    app.register_blueprint(shop())
    assert "in the shop" not in ask(app, "/shopping").text


def test_the_longest_prefix_owns_the_path_and_its_parent_is_asked_next(app: Trivet, ask: Ask) -> None:
    parent, child = shop(), Blueprint("admin", __name__, url_prefix="/admin")
    child.register_error_handler(403, lambda error: ("not for you", 403))
    child.add_url_rule("/", "index", lambda: abort(403))
    parent.register_blueprint(child)
    app.register_blueprint(parent)
    assert ask(app, "/shop/admin/").text == "not for you"
    assert ask(app, "/shop/admin/nothing").text == "no such thing in the shop"


def test_the_applications_handler_answers_where_no_blueprint_owns_the_path(app: Trivet, ask: Ask) -> None:
    app.register_blueprint(shop())
    app.register_error_handler(404, lambda error: ("nowhere", 404))
    assert ask(app, "/elsewhere").text == "nowhere"


# -- the development server


def test_run_serves_the_application(tmp_path: Path) -> None:
    program = tmp_path / "hello.py"
    program.write_text(
        "from trivet import Trivet\n"
        "app = Trivet(__name__, config_file=False)\n"
        'app.add_url_rule("/", "hello", lambda: "Hello")\n'
        "app.run(port=0)\n"
    )
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, str(program)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment
    ) as server:
        assert server.stderr is not None
        try:
            address = next(found[0] for line in server.stderr if (found := re.search(r"http://[\d.]+:\d+", line)))
            with urllib.request.urlopen(address, timeout=10) as answer:
                assert answer.read() == b"Hello"
        finally:
            server.send_signal(signal.SIGTERM)
