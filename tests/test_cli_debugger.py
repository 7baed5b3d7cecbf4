"""The debugger of the development server: a page out of the lifecycle, and only where there would be none."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from trivet import Trivet, abort, request
from trivet.cli.debugger import install

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Host": "127.0.0.1"}


def make_app(with_console: bool = True) -> Trivet:
    app = Trivet("debugged", config_file=False)
    app.debug = True

    @app.get("/boom")
    def boom() -> str:
        clue = "a clue"
        raise ValueError(f"boom with {clue}")

    @app.get("/async-boom")
    async def async_boom() -> str:
        raise ValueError("boom in a coroutine")

    @app.get("/refused")
    def refused() -> str:
        abort(500)

    @app.after_request
    def mark(response: Any) -> Any:
        response.headers["X-After"] = "ran"
        return response

    install(app, "127.0.0.1", with_console)
    return app


@pytest.mark.parametrize("path", ["/boom", "/async-boom"])
def test_an_exception_is_shown_with_its_console(path: str) -> None:
    answer = make_app().test_client().get(path, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "ValueError: boom" in answer.text
    assert "EVALEX = true" in answer.text
    assert "kernel/lifecycle.py" not in answer.text.split("<!--")[0].split("plain")[0]


@pytest.mark.parametrize("with_console", [True, False])
def test_after_request_functions_see_the_page(with_console: bool) -> None:
    assert make_app(with_console).test_client().get("/boom", headers=BROWSER).headers["X-After"] == "ran"


@pytest.mark.parametrize(("with_console", "accept"), [(True, "*/*"), (True, "application/json"), (False, "text/html")])
def test_who_is_no_browser_or_wants_no_console_gets_the_traceback_as_text(with_console: bool, accept: str) -> None:
    answer = make_app(with_console).test_client().get("/boom", headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (500, "text/plain")
    assert answer.text.rstrip().endswith("ValueError: boom with a clue")


def test_it_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        make_app().test_client().get("/boom", headers=BROWSER)
    assert [record.getMessage() for record in caplog.records] == ["Exception on /boom [GET]"]


@pytest.mark.parametrize("caught", [ValueError, Exception, 500])
def test_a_handler_of_the_application_comes_first(caught: Any) -> None:
    app = make_app()
    app.register_error_handler(caught, lambda error: ("mine", 500))
    assert app.test_client().get("/boom", headers=BROWSER).text == "mine"


@pytest.mark.parametrize(("path", "status"), [("/missing", 404), ("/refused", 500)])
def test_an_http_error_has_its_own_page(path: str, status: int) -> None:
    answer = make_app().test_client().get(path, headers=BROWSER)
    assert answer.status_code == status
    assert "Traceback" not in answer.text


def unlock(app: Trivet) -> tuple[Any, str, str]:
    """Provoke an exception, enter the PIN; return the client, the secret of the page and the innermost frame."""
    client = app.test_client()
    page = client.get("/boom", headers=BROWSER).text
    secret = re.search(r'SECRET = "(\w+)"', page)
    assert secret is not None
    frame = re.findall(r'id="frame-(\d+)"', page)[-1]
    pin = app.wsgi_app.pin  # type: ignore[attr-defined]
    query = {"__debugger__": "yes", "cmd": "pinauth", "pin": pin, "s": secret[1]}
    assert client.get("/", query_string=query, headers=BROWSER).json == {"auth": True, "exhausted": False}
    return client, secret[1], frame


def run(client: Any, secret: str, frame: str, code: str, **headers: str) -> Any:
    query = {"__debugger__": "yes", "cmd": code, "frm": frame, "s": secret}
    return client.get("/boom", query_string=query, headers={**BROWSER, **headers})


def test_the_console_looks_into_the_frame_and_the_request() -> None:
    app = make_app()
    client, secret, frame = unlock(app)
    assert "a clue" in run(client, secret, frame, "clue").text
    code = "__import__('trivet').request.path"
    assert "/boom" in run(client, secret, frame, code).text.split("\n")[1]
    with pytest.raises(RuntimeError):
        request.path  # noqa: B018 - the context was active for the console alone


def test_without_the_pin_no_code_is_run() -> None:
    app = make_app()
    _, secret, frame = unlock(app)
    assert "a clue" not in run(app.test_client(), secret, frame, "clue").text.partition("boom with")[0]


def test_under_a_foreign_host_no_code_is_run() -> None:
    client, secret, frame = unlock(make_app())
    answer = run(client, secret, frame, "6 * 7", Host="evil.example")
    assert ">42<" not in answer.text


def test_under_a_foreign_host_the_page_has_no_console() -> None:
    page = make_app().test_client().get("/boom", headers={**BROWSER, "Host": "evil.example"}).text
    assert "EVALEX = false" in page
