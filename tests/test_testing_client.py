"""Talking to an application without a server: the test client, made-up requests, the command runner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import click
import pytest
from werkzeug.test import EnvironBuilder

from trivet import (
    Trivet,
    abort,
    current_app,
    g,
    has_app_context,
    has_request_context,
    jsonify,
    redirect,
    request,
    session,
)
from trivet.testing import AppRunner, TestClient


@pytest.fixture
def app() -> Iterator[Trivet]:
    made = Trivet("tested", config_file=False)
    made.testing = True
    made.secret_key = "a key for the tests only"

    @made.route("/", methods=["GET", "POST"])
    def index() -> Any:
        return jsonify(method=request.method, url=request.url, args=request.args, form=request.form)

    @made.get("/visit")
    def visit() -> str:
        session["visits"] = session.get("visits", 0) + 1
        setattr(g, "seen", "g")  # noqa: B010
        return str(session["visits"])

    yield made
    made.lifespan.stop()
    made.loops.stop()


def client_of(app: Trivet, **options: Any) -> TestClient:
    return cast(TestClient, app.test_client(**options))


# -- requests


@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "patch", "options", "head", "trace"])
def test_every_method_has_a_shortcut(app: Trivet, method: str) -> None:
    app.add_url_rule("/method", "method", lambda: ("", {"X-Method": request.method}), methods=[method])
    assert getattr(client_of(app), method)("/method").headers["X-Method"] == method.upper()


def test_json_is_written_and_read_as_the_application_does(app: Trivet) -> None:
    app.add_url_rule("/echo", "echo", lambda: {"got": request.get_json()}, methods=["POST"])
    response = client_of(app).post("/echo", json={"b": [1, None]})
    assert response.get_json() == response.json == {"got": {"b": [1, None]}}


def test_forms_and_queries_are_sent(app: Trivet) -> None:
    found = client_of(app).post("/", query_string={"a": "1 2"}, data={"b": "ä"}).json
    assert found == {"method": "POST", "url": "http://localhost/?a=1+2", "args": {"a": "1 2"}, "form": {"b": "ä"}}


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        (("/",), "http://localhost/"),
        (("/?a=1",), "http://localhost/?a=1"),
        (("http://shop.example/?a=1",), "http://shop.example/?a=1"),
        (("/", "https://shop.example"), "https://shop.example/"),
    ],
)
def test_a_path_or_a_whole_url_is_asked(app: Trivet, arguments: Any, url: str) -> None:
    assert client_of(app).get(*arguments).get_json()["url"] == url


def test_the_configuration_says_host_scheme_and_root(app: Trivet) -> None:
    app.config.update(SERVER_NAME="shop.example", APPLICATION_ROOT="/root", PREFERRED_URL_SCHEME="https")
    client = client_of(app)
    assert client.get("/").get_json()["url"] == "https://shop.example/root/"
    assert client.get("/", url_scheme="http").get_json()["url"] == "http://shop.example/root/"


def test_a_subdomain_is_put_before_the_server_name() -> None:
    app = Trivet("tested", config_file=False, subdomain_matching=True)
    app.config["SERVER_NAME"] = "shop.example"
    app.add_url_rule("/", "view", lambda name: name, subdomain="<name>")
    assert client_of(app).get("/", subdomain="ada").text == "ada"


def test_a_base_url_and_a_subdomain_contradict_each_other(app: Trivet) -> None:
    with pytest.raises(TypeError, match="base_url"):
        client_of(app).get("/", base_url="http://a.example", subdomain="b")


def test_a_builder_may_be_sent(app: Trivet) -> None:
    assert client_of(app).open(EnvironBuilder("/", query_string="a=1")).json["args"] == {"a": "1"}


def test_an_environ_may_be_sent(app: Trivet) -> None:
    environ = EnvironBuilder("/ä", query_string="a=1", base_url="http://shop.example/root").get_environ()
    app.add_url_rule("/ä", "view", lambda: request.url)
    assert client_of(app).open(environ).text == "http://shop.example/root/ä?a=1"


def test_every_request_carries_what_environ_base_says(app: Trivet) -> None:
    app.add_url_rule("/who", "who", lambda: f"{request.remote_addr} {request.user_agent}")
    client = client_of(app)
    assert client.get("/who").text.startswith("127.0.0.1 ")
    client.environ_base["REMOTE_ADDR"] = "10.0.0.1"
    client.environ_base["HTTP_USER_AGENT"] = "mine"
    assert client.get("/who").text == "10.0.0.1 mine"
    assert client.get("/who", environ_base={"REMOTE_ADDR": "10.0.0.2"}).text == "10.0.0.2 mine"


def test_redirects_are_followed_on_demand(app: Trivet) -> None:
    app.add_url_rule("/one", "one", lambda: redirect("/two"))
    app.add_url_rule("/two", "two", lambda: redirect("/visit"))
    client = client_of(app)
    assert client.get("/one").status_code == 302
    response = client.get("/one", follow_redirects=True)
    assert (response.text, [one.status_code for one in response.history]) == ("1", [302, 302])
    assert response.request.path == "/visit"


def test_exceptions_reach_the_test(app: Trivet) -> None:
    app.add_url_rule("/broken", "broken", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        client_of(app).get("/broken")
    assert not has_app_context()


def test_http_errors_are_answers_in_tests_too(app: Trivet) -> None:
    app.add_url_rule("/gone", "gone", lambda: abort(410))
    assert client_of(app).get("/gone").status_code == 410


# -- cookies and sessions


def test_cookies_are_kept_between_requests_and_apart_between_clients(app: Trivet) -> None:
    one, two = client_of(app), client_of(app)
    assert [one.get("/visit").text, one.get("/visit").text, two.get("/visit").text] == ["1", "2", "1"]


def test_a_client_may_keep_no_cookies(app: Trivet) -> None:
    client = client_of(app, use_cookies=False)
    assert [client.get("/visit").text, client.get("/visit").text] == ["1", "1"]
    with pytest.raises(TypeError, match="use_cookies=True"), client.session_transaction():
        pass


def test_cookies_may_be_set_and_read(app: Trivet) -> None:
    app.add_url_rule("/cookie", "cookie", lambda: request.cookies.get("a", "none"))
    client = client_of(app)
    client.set_cookie("a", "1")
    assert client.get("/cookie").text == "1"
    found = client.get_cookie("a")
    assert found is not None
    assert found.value == "1"
    client.delete_cookie("a")
    assert client.get("/cookie").text == "none"


def test_a_session_may_be_changed_between_requests(app: Trivet) -> None:
    client = client_of(app)
    with client.session_transaction() as opened:
        opened["visits"] = 41
    assert client.get("/visit").text == "42"
    with client.session_transaction() as opened:
        assert opened["visits"] == 42
        opened.clear()
    assert client.get("/visit").text == "1"
    assert not has_request_context()


def test_a_session_may_be_changed_for_another_host(app: Trivet) -> None:
    client = client_of(app)
    with client.session_transaction(base_url="http://shop.example") as opened:
        opened["visits"] = 41
    assert client.get("/visit").text == "1"
    assert client.get("/visit", base_url="http://shop.example").text == "42"


def test_without_a_key_no_session_can_be_changed(app: Trivet) -> None:
    app.secret_key = None
    with (
        pytest.raises(RuntimeError, match=r"(?i)secret_key|session"),
        client_of(app).session_transaction() as opened,
    ):
        opened["a"] = 1


# -- the context of the last request


def test_the_context_of_the_last_request_stays_in_a_with_block(app: Trivet) -> None:
    torn: list[str] = []
    app.teardown_request(lambda error: torn.append(request.path))
    with client_of(app) as client:
        client.get("/visit?a=1")
        assert (request.args["a"], session["visits"], g.get("seen"), current_app.name) == ("1", 1, "g", "tested")
        assert torn == []
        client.get("/?b=2")
        assert torn == ["/visit"]
        assert request.args["b"] == "2"
    assert torn == ["/visit", "/"]
    assert not has_request_context()


def test_without_a_with_block_nothing_stays(app: Trivet) -> None:
    torn: list[Any] = []
    app.teardown_request(torn.append)
    client_of(app).get("/visit")
    assert torn == [None]
    assert not has_request_context()


def test_a_with_block_within_itself_is_refused(app: Trivet) -> None:
    with client_of(app) as client, pytest.raises(RuntimeError, match="nest"), client:
        pass


def test_a_context_is_left_even_after_an_exception(app: Trivet) -> None:
    app.add_url_rule("/broken", "broken", lambda: 1 / 0)
    torn: list[Any] = []
    app.teardown_request(lambda error: torn.append(request.path))
    with client_of(app) as client:
        with pytest.raises(ZeroDivisionError):
            client.get("/broken")
        assert client.get("/visit").status_code == 200
    assert torn == ["/broken", "/visit"]
    assert not has_request_context()


def test_the_context_of_a_streamed_answer_stays_until_the_block_ends(app: Trivet) -> None:
    def pieces() -> Iterator[str]:
        yield request.args["a"]

    app.add_url_rule("/stream", "stream", lambda: pieces())
    torn: list[Any] = []
    app.teardown_request(torn.append)
    with client_of(app) as client:
        assert client.get("/stream?a=1").text == "1"
        assert request.args["a"] == "1"
        assert torn == []
    assert torn == [None]


# -- made-up requests and commands


def test_a_made_up_request_is_routed(app: Trivet) -> None:
    app.add_url_rule("/user/<int:number>", "user", lambda number: str(number))
    with app.test_request_context("/user/7", method="POST", json={"a": 1}, headers={"X-A": "1"}) as ctx:
        assert ctx.request.routing_exception is not None
        assert (request.get_json(), request.headers["X-A"]) == ({"a": 1}, "1")
    with app.test_request_context("/user/7"):
        assert (request.endpoint, request.view_args) == ("user", {"number": 7})


def test_commands_are_run_with_the_application(app: Trivet) -> None:
    @app.cli.command("name")
    @click.argument("mark")
    def name(mark: str) -> None:
        click.echo(current_app.name + mark)

    result = app.test_cli_runner().invoke(args=["name", "!"])
    assert (result.exit_code, result.output) == (0, "tested!\n")


def test_a_client_and_a_runner_of_ones_own_are_made(app: Trivet) -> None:
    class OwnClient(TestClient):
        def __init__(self, *args: Any, mark: str = "", **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.mark = mark

    class OwnRunner(AppRunner):
        pass

    app.test_client_class = OwnClient
    app.test_cli_runner_class = OwnRunner
    assert app.test_client(mark="mine").mark == "mine"  # type: ignore[attr-defined]
    assert type(app.test_cli_runner()) is OwnRunner
