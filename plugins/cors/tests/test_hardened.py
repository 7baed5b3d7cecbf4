"""What attacks have found once, and must not find again."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from trivet import Blueprint, Response, Trivet, hookimpl, websocket
from trivet.views import MethodView
from trivet_cors import CORS, PolicyError, cors

from .test_plugin import handshake

APP = "https://app.example.com"
PARTNER = "https://partner.example"
STRANGER = "https://evil.example"

Serve = Callable[[Trivet, str, str, dict[str, str]], tuple[int, dict[str, str]]]


def bare(**options: Any) -> Trivet:
    return Trivet(__name__, config_file=False, **options)


def preflight(origin: str, method: str = "PUT", **more: str) -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method, **more}


@pytest.mark.parametrize("host", [".", "..", "a b", "x" * 300, "-", "xn--", "a..b", "[", "%"])
@pytest.mark.parametrize("path", ["/x", "/x//y", "/defaulted", "/loose", "/socket"])
def test_a_malformed_host_makes_no_preflight_fail(serve: Serve, host: str, path: str) -> None:
    app = bare()
    CORS(app, origins=[APP])
    app.add_url_rule("/x", "x", lambda: "x", methods=["PUT"])
    app.add_url_rule("/defaulted", "defaulted", lambda page: "x", defaults={"page": 1}, methods=["PUT"])
    app.add_url_rule("/loose/", "loose", lambda: "x", strict_slashes=False, methods=["PUT"])

    @app.websocket("/socket")
    async def socket() -> None:
        await websocket.accept()

    status, headers = serve(app, "OPTIONS", path, preflight(APP, Host=host))
    assert status < 500
    assert "origin" in headers["vary"].lower()
    if host in ("a b", "[", "%"):
        assert status == 400
        assert "access-control-allow-methods" not in headers


# -- one response object for many requests

ONE = Response("one and the same", headers={"X-Own": "yes"})
LIGHT = Response("one and the same")


@pytest.mark.parametrize("shared", [ONE, LIGHT])
def test_a_response_that_is_returned_again_brings_nothing_from_another_request(serve: Serve, shared: Response) -> None:
    app = bare()
    CORS(app, origins=[APP, PARTNER], credentials=True)
    app.add_url_rule("/open", "open", cors(origins="*", credentials=False)(lambda: shared))
    app.add_url_rule("/closed", "closed", lambda: shared)
    seen = [
        serve(app, "GET", path, {"Origin": origin})[1].get("access-control-allow-origin")
        for path in ("/open", "/closed")
        for origin in (APP, STRANGER, PARTNER, STRANGER)
    ]
    assert seen == ["*", "*", "*", "*", APP, None, PARTNER, None]
    assert "access-control-allow-credentials" not in serve(app, "GET", "/open", {"Origin": APP})[1]


# -- whom the cross-origin protection trusts


@pytest.mark.parametrize("rule", [re.compile(".*"), re.compile(r"https://.*"), lambda origin: True])
def test_a_rule_for_everybody_trusts_nobody(serve: Serve, rule: Any) -> None:
    app = bare()
    CORS(app, origins=[rule])
    app.add_url_rule("/", "index", lambda: "index", methods=["POST"])
    page = {"Origin": STRANGER, "Sec-Fetch-Site": "cross-site"}
    assert serve(app, "POST", "/", page)[0] == 403


@pytest.mark.parametrize(
    ("host", "origin", "accepted"),
    [
        ("localhost", "http://localhost", True),
        ("LOCALHOST:80", "http://localhost", True),
        ("localhost", "https://localhost", True),
        ("localhost", "http://localhost:81", False),
        ("localhost", "ftp://localhost", False),
        ("localhost", "null", False),
        ("localhost", STRANGER, False),
        ("localhost", APP, True),
    ],
)
def test_without_that_protection_handshakes_are_checked_here(host: str, origin: str, accepted: bool) -> None:
    app = bare()
    app.plugins.found["csrf"].enabled = False
    app.plugins.pluggy.unregister(app.plugins.found["csrf"].plugin)
    CORS(app, origins=[APP])

    @app.websocket("/socket")
    async def socket() -> None:
        await websocket.accept()

    sent = asyncio.run(handshake(app, "/socket", origin, host))
    assert (sent[0]["type"] == "websocket.accept") is accepted


# -- one policy for one thing


def test_a_function_has_one_policy() -> None:
    def view() -> str:
        return "view"

    cors(origins=[APP])(view)
    with pytest.raises(PolicyError, match=r"test_hardened\.py:\d+: there is one already, written at .*test_hardened"):
        cors(origins="*")(view)


def test_a_policy_at_a_method_of_a_class_is_an_error() -> None:
    class Items(MethodView):
        @cors(origins=[APP])
        def get(self) -> str:
            return "items"

    app = bare()
    CORS(app)
    app.add_url_rule("/", view_func=Items.as_view("items"))
    with pytest.raises(PolicyError, match=r"get\(\), has no policy of its own; put the decorator at the class"):
        app.seal()


@pytest.mark.parametrize("options", [{"host_matching": True, "static_host": "localhost"}, {}])
def test_a_wrong_policy_ends_setup_however_hosts_are_matched(options: dict[str, Any]) -> None:
    app = bare(**options)
    CORS(app)
    host: dict[str, Any] = {"host": "localhost"} if options else {}
    app.add_url_rule("/", "index", cors("nope")(lambda: "index"), **host)
    with pytest.raises(PolicyError, match="there is no policy 'nope'"):
        app.seal()


def test_a_blueprints_policy_holds_from_the_first_request_on(serve: Serve) -> None:
    app, part = bare(), Blueprint("part", __name__, url_prefix="/part")
    CORS(app, origins=[APP])
    CORS(part, origins=[PARTNER])
    app.register_blueprint(part)
    assert serve(app, "GET", "/part/missing", {"Origin": PARTNER})[1]["access-control-allow-origin"] == PARTNER


# -- preflights


def test_a_preflight_of_a_path_with_several_policies_is_not_remembered(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP], max_age=600)
    read = cors(origins=[PARTNER], credentials=True, allow_headers=["X-Admin"])(lambda: "read")
    app.add_url_rule("/item", "read", read, methods=["GET"])
    app.add_url_rule("/item", "write", lambda: "write", methods=["POST"])
    assert serve(app, "OPTIONS", "/item", preflight(PARTNER, "GET"))[1]["access-control-max-age"] == "0"


def test_a_path_without_the_slash_of_a_lenient_rule_has_its_methods(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP])
    app.add_url_rule("/loose/", "loose", lambda: "x", strict_slashes=False, methods=["PUT"])
    assert "PUT" in serve(app, "OPTIONS", "/loose", preflight(APP))[1]["access-control-allow-methods"]


def test_an_answer_to_a_preflight_that_another_plugin_puts_in_its_place_is_completed(serve: Serve) -> None:
    class Replace:
        name = "replace"

        @hookimpl(wrapper=True, tryfirst=True)
        def trivet_handle_request(self, ctx: Any) -> Any:
            yield
            return ctx.app.response_class("replaced")

    app = bare(plugins=[Replace(), "cors"])
    app.config["CORS_ORIGINS"] = [APP]
    app.add_url_rule("/", "index", lambda: "index", methods=["PUT"])
    status, headers = serve(app, "OPTIONS", "/", preflight(APP))
    assert (status, headers["access-control-allow-origin"]) == (200, APP)
    assert "PUT" in headers["access-control-allow-methods"]
    assert "origin" in headers["vary"].lower()


def test_the_plugin_is_outermost_wherever_it_is_listed(serve: Serve) -> None:
    class Limiter:
        name = "limiter"

        @hookimpl(tryfirst=True)
        def trivet_handle_request(self, ctx: Any) -> Any:
            return ctx.app.response_class("Slow down.", status=429)

    for plugins in (["cors", Limiter()], [Limiter(), "cors"]):
        app = bare(plugins=plugins)
        app.config["CORS_ORIGINS"] = [APP]
        app.add_url_rule("/", "index", lambda: "index", methods=["GET", "PUT"])
        assert serve(app, "OPTIONS", "/", preflight(APP))[0] == 204
        status, headers = serve(app, "GET", "/", {"Origin": APP})
        assert (status, headers["access-control-allow-origin"]) == (429, APP)


def test_every_redirect_of_routing_has_the_policy_of_where_it_leads(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP])
    view = cors(origins=[PARTNER])(lambda **values: "x")
    app.add_url_rule("/d/<int:page>", "paged", view)
    app.add_url_rule("/d/", "paged", view, defaults={"page": 1})
    app.add_url_rule("/twice/there", "there", cors(origins=[PARTNER])(lambda: "x"))
    for path in ("/d/1", "/twice//there"):
        status, headers = serve(app, "GET", path, {"Origin": PARTNER})
        assert (status, headers.get("access-control-allow-origin")) == (308, PARTNER)


def test_setup_decides_each_policy_once(monkeypatch: pytest.MonkeyPatch) -> None:
    app, part = bare(), Blueprint("part", __name__, url_prefix="/part")
    CORS(app)
    CORS(part, origins=[PARTNER])
    for number in range(20):
        part.add_url_rule(f"/{number}", f"e{number}", lambda: "x")
    app.register_blueprint(part)
    app.seal()
    policies = app.extensions["cors"]
    assert len({id(policies.of_endpoint(f"part.e{number}")) for number in range(20)}) == 1
