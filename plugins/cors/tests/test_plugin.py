"""The plugin in an application: enabled by configuration or code, outermost, on both protocols."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from trivet import Blueprint, Response, SealedError, Trivet, abort, hookimpl, session, websocket
from trivet.cli import debugger
from trivet_cors import CORS, PolicyError, plugin

APP = "https://app.example.com"
STRANGER = "https://evil.example"
ORIGIN = {"Origin": APP}
PREFLIGHT = {**ORIGIN, "Access-Control-Request-Method": "POST"}

Serve = Callable[[Trivet, str, str, dict[str, str]], tuple[int, dict[str, str]]]


def bare(**options: Any) -> Trivet:
    return Trivet(__name__, config_file=False, **options)


def with_index(app: Trivet) -> Trivet:
    @app.route("/", methods=["GET", "POST"])
    def index() -> str:
        return "index"

    return app


def configured(folder: Path, text: str) -> Trivet:
    """Make an application that reads a configuration file."""
    (folder / "trivet.toml").write_text(text, encoding="utf-8")
    return with_index(Trivet(__name__, config_file=folder / "trivet.toml"))


def allowed(app: Trivet, origin: str = APP) -> str | None:
    return app.test_client().get("/", headers={"Origin": origin}).headers.get("Access-Control-Allow-Origin")


# -- enabled by configuration


def test_the_installed_plugin_is_enabled_by_the_file(tmp_path: Path) -> None:
    app = configured(tmp_path, f'plugins = ["cors"]\n[cors]\norigins = ["{APP}"]\n')
    assert allowed(app) == APP
    assert allowed(app, STRANGER) is None


def test_installed_is_not_enabled(tmp_path: Path) -> None:
    assert allowed(configured(tmp_path, f'[cors]\norigins = ["{APP}"]\n')) is None


def test_options_may_come_from_the_application_and_hold_what_a_file_cannot(tmp_path: Path) -> None:
    app = configured(tmp_path, 'plugins = ["cors"]\n')
    app.config["CORS_ORIGINS"] = [
        re.compile(r"https://[a-z]+\.example\.com"),
        lambda origin: origin == STRANGER,
    ]
    app.config["CORS_CREDENTIALS"] = True
    assert allowed(app) == APP
    assert allowed(app, STRANGER) == STRANGER
    assert allowed(app, "https://other.example") is None


def test_the_environment_has_the_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIVET_CORS_ORIGINS", f"https://a.example, {APP}")
    monkeypatch.setenv("TRIVET_CORS_METHODS", "GET,POST")
    monkeypatch.setenv("TRIVET_CORS_MAX_AGE", "60")
    monkeypatch.setenv("TRIVET_CORS_CREDENTIALS", "true")
    app = configured(tmp_path, 'plugins = ["cors"]\n[cors]\norigins = ["https://b.example"]\n')
    answer = app.test_client().options("/", headers=PREFLIGHT)
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert answer.headers["Access-Control-Max-Age"] == "60"
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (
            'origins = ["https://app.example.com/"]',
            r"trivet\.toml: \[cors\] origins: .* leave out everything after",
        ),
        ('origins = ["*"]\ncredentials = true', r"trivet\.toml: \[cors\] origins: .* list the origins"),
        ('origin = ["https://app.example.com"]', r"no option 'origin'.* Did you mean 'origins'"),
        ("max_age = -1", r"trivet\.toml: \[cors\] max_age: "),
        (
            'allow_headers = ["X Token"]',
            r"trivet\.toml: \[cors\] allow_headers: 'X Token' is not a header name",
        ),
    ],
)
def test_a_bad_option_is_an_error_at_startup_that_names_its_place(tmp_path: Path, table: str, says: str) -> None:
    app = configured(tmp_path, f'plugins = ["cors"]\n[cors]\n{table}\n')
    with pytest.raises(Exception, match=says):
        app.seal()


# -- enabled by code


def test_code_enables_the_plugin() -> None:
    app = with_index(bare())
    CORS(app, origins=[APP])
    assert allowed(app) == APP
    assert allowed(app, STRANGER) is None


def test_code_adds_to_what_the_file_has_enabled(tmp_path: Path) -> None:
    app = configured(tmp_path, 'plugins = ["cors"]\n[cors]\nexpose_headers = ["ETag"]\n')
    CORS(app, origins=[APP])
    answer = app.test_client().get("/", headers=ORIGIN)
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert answer.headers["Access-Control-Expose-Headers"] == "ETag"


def test_configuration_can_switch_off_what_code_enables(tmp_path: Path) -> None:
    app = configured(tmp_path, 'disable = ["cors"]\n')
    CORS(app, origins=[APP])
    assert allowed(app) is None


def test_two_applications_have_two_policies() -> None:
    one, other = with_index(bare()), with_index(bare())
    CORS(one, origins=[APP])
    CORS(other, origins=[STRANGER])
    assert (allowed(one), allowed(other)) == (APP, None)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"origin": [APP]}, r"origin: there is no such option; did you mean 'origins'\?"),
        ({"colour": "red"}, "there are allow_headers, .* vary_header"),
        ({"max_age": "soon"}, "max_age: write a number of seconds or a timedelta .*'soon'"),
        ({"max_age": timedelta(seconds=-1)}, "max_age: a browser cannot remember"),
        ({"origins": ["*"], "credentials": True}, "list the origins"),
        ({"origins": [None]}, "None is no origin"),
    ],
)
def test_a_bad_argument_is_an_error_at_the_call(options: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        CORS(bare(), **options)


def test_a_second_call_is_an_error() -> None:
    app = bare()
    CORS(app, origins=[APP])
    with pytest.raises(PolicyError, match="write the policy in one place"):
        CORS(app, origins=[STRANGER])


def test_a_call_after_setup_is_an_error() -> None:
    app = bare()
    app.seal()
    with pytest.raises(SealedError, match=r"CORS\(app\)"):
        CORS(app, origins=[APP])


def test_the_plugin_can_be_named_in_code() -> None:
    app = with_index(bare(plugins=["cors"]))
    app.config["CORS_ORIGINS"] = [APP]
    assert allowed(app) == APP


# -- preflights come first


def test_a_preflight_runs_nothing_of_the_application(serve: Serve) -> None:
    app = with_index(bare())
    CORS(app, origins=[APP], credentials=True)
    app.secret_key = "not a secret"
    ran: list[str] = []

    @app.before_request
    def authenticate() -> None:
        ran.append("before_request")
        session["seen"] = True
        abort(401)

    @app.after_request
    def after(response: Response) -> Response:
        ran.append("after_request")
        return response

    status, headers = serve(app, "OPTIONS", "/", PREFLIGHT)
    assert (status, ran) == (204, [])
    assert "set-cookie" not in headers
    assert serve(app, "GET", "/", ORIGIN)[0] == 401
    assert ran == ["before_request", "after_request"]


def test_a_preflight_comes_before_other_plugins(serve: Serve) -> None:
    class Maintenance:
        name = "maintenance"

        @hookimpl(tryfirst=True)
        def trivet_handle_request(self, ctx: Any) -> Any:
            return ctx.app.response_class("Back soon.", status=503)

    app = with_index(bare(plugins=["cors", Maintenance()]))
    app.config["CORS_ORIGINS"] = [APP]
    assert serve(app, "OPTIONS", "/", PREFLIGHT)[0] == 204
    status, headers = serve(app, "GET", "/", ORIGIN)
    assert (status, headers["access-control-allow-origin"]) == (503, APP)


def test_an_answer_that_another_plugin_puts_in_its_place_carries_the_headers(serve: Serve) -> None:
    class Replace:
        name = "replace"

        @hookimpl(wrapper=True)
        def trivet_handle_request(self, ctx: Any) -> Any:
            yield
            return ctx.app.response_class("replaced")

    app = with_index(bare(plugins=[Replace(), "cors"]))
    app.config["CORS_ORIGINS"] = [APP]
    assert serve(app, "GET", "/", ORIGIN)[1]["access-control-allow-origin"] == APP


def test_a_preflight_has_no_body_and_no_type(serve: Serve) -> None:
    app = with_index(bare())
    CORS(app, origins=[APP])
    _, headers = serve(app, "OPTIONS", "/", PREFLIGHT)
    assert "content-type" not in headers
    assert headers.get("content-length", "0") == "0"


def test_a_preflight_is_answered_where_the_view_answers_options_itself(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP])

    @app.route("/own", methods=["OPTIONS", "POST"])
    def own() -> str:
        return "own"

    status, headers = serve(app, "OPTIONS", "/own", PREFLIGHT)
    assert (status, headers["access-control-allow-methods"]) == (204, "OPTIONS, POST")


def test_a_preflight_is_answered_where_nobody_answers_options(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP])

    @app.route("/silent", methods=["POST"], provide_automatic_options=False)
    def silent() -> str:
        return "silent"

    status, headers = serve(app, "OPTIONS", "/silent", PREFLIGHT)
    assert (status, headers["access-control-allow-methods"]) == (204, "POST")


def test_a_preflight_knows_the_methods_of_all_views_of_a_path(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP])
    app.add_url_rule("/shared", "read", lambda: "read", methods=["GET"])
    app.add_url_rule("/shared", "write", lambda: "write", methods=["PUT"])
    _, headers = serve(app, "OPTIONS", "/shared", PREFLIGHT)
    assert headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS, PUT"


def test_a_preflight_is_not_redirected_but_the_request_after_it_is(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP])

    @app.route("/folder/", methods=["GET", "POST"])
    def folder() -> str:
        return "folder"

    status, headers = serve(app, "OPTIONS", "/folder", PREFLIGHT)
    assert (status, headers["access-control-allow-methods"]) == (204, "GET, HEAD, OPTIONS, POST")
    status, headers = serve(app, "GET", "/folder", ORIGIN)
    assert (status, headers["access-control-allow-origin"]) == (308, APP)


# -- every answer


def test_a_stream_of_an_async_view_carries_the_headers(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP])

    @app.route("/stream")
    async def stream() -> AsyncIterator[str]:
        async def pieces() -> AsyncIterator[str]:
            yield "one"
            yield "two"

        return pieces()

    assert serve(app, "GET", "/stream", ORIGIN)[1]["access-control-allow-origin"] == APP


def test_an_error_of_an_async_view_carries_the_headers(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP])

    @app.route("/broken")
    async def broken() -> str:
        raise LookupError

    status, headers = serve(app, "GET", "/broken", ORIGIN)
    assert (status, headers["access-control-allow-origin"], headers["vary"]) == (500, APP, "Origin")


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_the_page_of_the_debugger_carries_the_headers(serve: Serve, accept: str) -> None:
    app = bare()
    CORS(app, origins=[APP])

    @app.route("/broken")
    def broken() -> str:
        raise LookupError

    debugger.install(app, "localhost", with_console=True)
    status, headers = serve(app, "GET", "/broken", {**ORIGIN, "Accept": accept})
    assert (status, headers["access-control-allow-origin"], headers["vary"]) == (500, APP, "Origin")


def test_a_static_file_carries_the_headers(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "style.css").write_text("body {}", encoding="utf-8")
    app = bare(static_folder=str(tmp_path / "static"))
    CORS(app, origins=[APP])
    status, headers = serve(app, "GET", "/static/style.css", ORIGIN)
    assert (status, headers["access-control-allow-origin"]) == (200, APP)


def test_a_malformed_request_carries_the_headers(serve: Serve) -> None:
    app = with_index(bare())
    CORS(app, origins=[APP])
    status, headers = serve(app, "GET", "/", {**ORIGIN, "Host": "a b"})
    assert (status, headers["access-control-allow-origin"]) == (400, APP)


def test_an_answer_of_a_blueprint_carries_the_headers(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP])
    part = Blueprint("part", __name__, url_prefix="/part")

    @part.errorhandler(404)
    def gone(error: Exception) -> tuple[str, int]:
        return "gone", 410

    @part.route("/thing")
    def thing() -> str:
        abort(404)

    app.register_blueprint(part)
    status, headers = serve(app, "GET", "/part/thing", ORIGIN)
    assert (status, headers["access-control-allow-origin"]) == (410, APP)


def test_a_view_that_allows_an_origin_by_itself_is_overruled() -> None:
    app = bare()
    CORS(app, origins=[APP])

    @app.route("/own")
    def own() -> Response:
        return Response("own", headers={"Access-Control-Allow-Origin": "https://old.example"})

    answer = app.test_client().get("/own", headers=ORIGIN)
    assert answer.headers.getlist("Access-Control-Allow-Origin") == [APP]


def test_several_vary_fields_become_one(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP])

    @app.route("/several")
    def several() -> Response:
        response = Response("several")
        response.headers.add("Vary", "Cookie")
        response.headers.add("Vary", "Accept")
        return response

    assert serve(app, "GET", "/several", ORIGIN)[1]["vary"] == "Cookie, Accept, Origin"


def test_without_origins_an_answer_is_left_alone(serve: Serve) -> None:
    app = with_index(bare())
    CORS(app)
    _, headers = serve(app, "GET", "/", ORIGIN)
    assert "vary" not in headers
    assert "access-control-allow-origin" not in headers


def test_several_origin_fields_are_none() -> None:
    app = with_index(bare())
    CORS(app, origins=[APP])
    answer = app.test_client().get("/", headers=[("Origin", STRANGER), ("Origin", APP)])
    assert "Access-Control-Allow-Origin" not in answer.headers


# -- what people see


def test_the_plugin_says_whom_it_lets_in() -> None:
    def decide(origin: str) -> bool:
        return False

    app = bare()
    CORS(app, origins=[APP, "https://*.example.org", "null", re.compile("https://x"), decide])
    app.seal()
    assert plugin.trivet_describe(app) == [
        f"allowed without credentials: {APP}",
        "allowed without credentials: null",
        "allowed without credentials: https://*.example.org",
        "allowed without credentials: pattern https://x",
        f"allowed without credentials: function {decide.__qualname__}",
    ]


def test_the_plugin_warns_when_it_lets_nobody_in() -> None:
    app = bare()
    CORS(app)
    app.seal()
    assert [line.partition(":")[0] for line in plugin.trivet_describe(app)] == ["warning"]


# -- the cross-origin protection of the core


def test_the_cross_origin_protection_trusts_a_listed_origin(serve: Serve) -> None:
    app = with_index(bare())
    CORS(app, origins=[APP, "null"])
    status, headers = serve(app, "POST", "/", {**ORIGIN, "Sec-Fetch-Site": "cross-site"})
    assert (status, headers["access-control-allow-origin"]) == (200, APP)


def test_the_cross_origin_protection_still_refuses_the_others(serve: Serve) -> None:
    app = with_index(bare())
    CORS(app, origins=[APP, "null"])
    for origin in (STRANGER, "null"):
        assert serve(app, "POST", "/", {"Origin": origin, "Sec-Fetch-Site": "cross-site"})[0] == 403


@pytest.mark.parametrize(("origin", "accepted"), [(APP, True), (STRANGER, False), ("http://localhost", True)])
def test_a_socket_is_opened_for_pages_of_the_same_host_and_of_listed_origins(origin: str, accepted: bool) -> None:
    app = bare()
    CORS(app, origins=[APP])

    @app.websocket("/socket")
    async def socket() -> None:
        await websocket.accept()

    sent = asyncio.run(handshake(app, "/socket", origin))
    assert (sent[0]["type"] == "websocket.accept") is accepted


async def handshake(app: Trivet, path: str, origin: str, host: str = "localhost") -> list[Any]:
    """Ask for a WebSocket connection; return what was sent."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", host.encode()), (b"origin", origin.encode())],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 5000),
        "subprotocols": [],
    }
    await app.asgi(scope, receive, send)
    return sent
