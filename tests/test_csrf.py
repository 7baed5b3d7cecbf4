"""Cross-origin protection: pages of other origins cannot make a browser change anything, others notice nothing."""

import asyncio
from collections.abc import MutableSet
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import create_environ, run_wsgi_app

from trivet import Blueprint, ConfigError, Trivet, csrf_exempt, websocket
from trivet.builtin.csrf import CrossOriginRefused, Origin, TrustedOrigins

Headers = dict[str, str]
OTHER = "https://evil.example"


def make_app(**config: Any) -> Trivet:
    app = Trivet("shop", static_folder=None, config_file=False)
    app.config.update(config)

    @app.route("/thing", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def thing() -> str:
        return "done"

    @app.post("/later")
    async def later() -> str:
        return "done"

    @app.post("/hook")
    @csrf_exempt
    def hook() -> str:
        return "done"

    @app.get("/read")
    def read() -> str:
        return "read"

    return app


def by_wsgi(app: Trivet, method: str, path: str, headers: Headers, base: str) -> tuple[int, str]:
    answer = app.test_client().open(path, method=method, headers=headers, base_url=base)
    return answer.status_code, answer.text


def by_asgi(app: Trivet, method: str, path: str, headers: Headers, base: str) -> tuple[int, str]:
    asgi: Any = app.asgi

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=asgi), base_url=base) as client:
            return await client.request(method, path, headers=headers)

    answer = asyncio.run(ask())
    return answer.status_code, answer.text


@pytest.fixture(params=[by_wsgi, by_asgi])
def ask(request: pytest.FixtureRequest) -> Any:
    """Send a request by one protocol, then by the other, and return status and body."""

    def send(app: Trivet, method: str, path: str, headers: Headers, base: str = "http://shop.example") -> Any:
        return request.param(app, method, path, headers, base)

    return send


def status(ask: Any, headers: Headers, method: str = "POST", base: str = "http://shop.example", **config: Any) -> int:
    found: int = ask(make_app(**config), method, "/thing", headers, base)[0]
    return found


# -- Sec-Fetch-Site


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("site", ["cross-site", "same-site", "SAME-ORIGIN", "anything", ""])
def test_an_unsafe_request_from_elsewhere_is_refused(ask: Any, method: str, site: str) -> None:
    assert status(ask, {"Sec-Fetch-Site": site}, method) == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_an_unsafe_request_from_here_or_by_hand_passes(ask: Any, site: str) -> None:
    assert status(ask, {"Sec-Fetch-Site": site, "Origin": "null"}) == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_methods_pass_from_everywhere(ask: Any, method: str) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": OTHER}
    assert status(ask, headers, method) == 200
    assert ask(make_app(), "GET", "/read", headers)[0] == 200


def test_what_the_browser_says_of_the_site_counts_more_than_the_origin(ask: Any) -> None:
    assert status(ask, {"Sec-Fetch-Site": "cross-site", "Origin": "http://shop.example"}) == 403


def test_a_client_that_is_no_browser_passes(ask: Any) -> None:
    assert status(ask, {}) == 200


def test_an_async_view_is_protected_too(ask: Any) -> None:
    assert ask(make_app(), "POST", "/later", {"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert ask(make_app(), "POST", "/later", {"Sec-Fetch-Site": "same-origin"})[0] == 200


def test_a_view_of_a_blueprint_is_protected_too(ask: Any) -> None:
    app = make_app()
    part = Blueprint("part", __name__, url_prefix="/part")

    @part.post("/thing")
    def thing() -> str:
        return "done"

    app.register_blueprint(part)
    assert ask(app, "POST", "/part/thing", {"Origin": OTHER})[0] == 403


# -- Origin and Host


@pytest.mark.parametrize(
    ("origin", "base"),
    [
        ("http://shop.example", "http://shop.example"),
        ("http://shop.example", "http://shop.example:80"),
        ("http://shop.example:80", "http://shop.example"),
        ("http://SHOP.example", "http://shop.example"),
        ("http://shop.example:8000", "http://shop.example:8000"),
        ("https://shop.example", "https://shop.example"),
        ("https://shop.example", "https://shop.example:443"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("http://[::1]:5000", "http://[::1]:5000"),
        # TLS ended by a proxy that does not say so
        ("https://shop.example", "http://shop.example"),
    ],
)
def test_an_origin_that_is_the_host_passes(ask: Any, origin: str, base: str) -> None:
    assert status(ask, {"Origin": origin}, base=base) == 200


@pytest.mark.parametrize(
    ("origin", "base"),
    [
        (OTHER, "http://shop.example"),
        ("null", "http://shop.example"),
        ("http://shop.example:8000", "http://shop.example"),
        ("http://shop.example", "http://shop.example:8000"),
        ("http://shop.example", "https://shop.example"),
        ("http://shop.example.evil.example", "http://shop.example"),
        ("http://evilshop.example", "http://shop.example"),
        ("http://www.shop.example", "http://shop.example"),
        ("http://shop.example/", "http://shop.example"),
        ("http://evil.example@shop.example", "http://shop.example"),
        ("http://shop.example http://evil.example", "http://shop.example"),
        ("chrome-extension://shop.example", "http://shop.example"),
        ("shop.example", "http://shop.example"),
        ("http://shop.example:99999999999", "http://shop.example"),
    ],
)
def test_an_origin_that_is_not_the_host_is_refused(ask: Any, origin: str, base: str) -> None:
    assert status(ask, {"Origin": origin}, base=base) == 403


def test_a_host_with_the_port_of_http_is_not_the_origin_of_https() -> None:
    headers = {"Origin": "https://shop.example"}
    assert status(by_wsgi, headers, base="http://shop.example:80") == 403


def test_without_a_host_no_origin_is_here() -> None:
    environ = create_environ("/thing", method="POST", headers={"Origin": "http://localhost"})
    del environ["HTTP_HOST"]
    assert run_wsgi_app(make_app().wsgi, environ)[1] == "403 FORBIDDEN"


# -- what is trusted


def test_a_trusted_origin_passes_with_and_without_a_site(ask: Any) -> None:
    trusted: dict[str, Any] = {"TRUSTED_ORIGINS": ["https://app.example"]}
    assert status(ask, {"Origin": "https://app.example"}, **trusted) == 200
    assert status(ask, {"Origin": "https://app.example", "Sec-Fetch-Site": "same-site"}, **trusted) == 200
    assert status(ask, {"Sec-Fetch-Site": "same-site"}, **trusted) == 403


@pytest.mark.parametrize(
    "origin",
    ["http://app.example", "https://app.example:8443", "https://app.example.evil.example", "https://x.app.example"],
)
def test_trust_is_for_the_very_origin_only(ask: Any, origin: str) -> None:
    assert status(ask, {"Origin": origin}, TRUSTED_ORIGINS=["https://app.example"]) == 403


def test_a_plugin_may_trust_an_origin_during_setup(ask: Any) -> None:
    app = make_app()
    app.trusted_origins.add("HTTPS://App.Example:443")
    assert ask(app, "POST", "/thing", {"Origin": "https://app.example"})[0] == 200


@pytest.mark.parametrize(
    "wrong",
    [
        "*",
        "null",
        "",
        "app.example",
        "https://app.example/",
        "https://app.example/path",
        "https://*.example",
        "https://user@app.example",
        "https://",
        "https://app.example:port",
    ],
)
def test_what_is_not_one_literal_origin_is_an_error_at_setup(wrong: str) -> None:
    app = make_app(TRUSTED_ORIGINS=[wrong])
    with pytest.raises(Exception, match="is not an origin that can be trusted") as caught:
        app.seal()
    assert repr(wrong) in str(caught.value)


def test_a_lone_string_is_no_list_of_origins() -> None:
    with pytest.raises(ConfigError, match=r"must be a list.*\['https://app.example'\]"):
        TrustedOrigins("https://app.example")


def test_trusted_origins_are_a_set_of_normal_forms() -> None:
    origins: MutableSet[Any] = TrustedOrigins(
        ["https://App.Example:443", "http://localhost:5173", "https://xn--bcher-kva.example"]
    )
    assert set(origins) == {"https://app.example", "http://localhost:5173", "https://xn--bcher-kva.example"}
    assert "https://APP.example" in origins
    assert "https://app.example/" not in origins
    assert 7 not in origins
    origins |= {"https://one.example"}
    origins.discard("https://one.example:443")
    origins.discard("https://never.example")
    assert len(origins) == 3
    assert repr(TrustedOrigins(["https://b.example", "https://a.example"])) == (
        "TrustedOrigins(['https://a.example', 'https://b.example'])"
    )


@given(st.text(max_size=30))
def test_whatever_is_an_origin_has_one_normal_form(text: str) -> None:
    origin = Origin.parse(text)
    if origin is not None:
        assert Origin.parse(str(origin)) == origin


@given(
    st.sampled_from(["http", "https", "moz-extension"]),
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z]{2,5})?", fullmatch=True),
    st.none() | st.integers(0, 65535),
)
def test_an_origin_is_taken_apart_into_what_it_was_made_of(scheme: str, host: str, port: int | None) -> None:
    text = f"{scheme}://{host}" + ("" if port is None else f":{port}")
    default = {"http": 80, "https": 443}.get(scheme)
    assert Origin.parse(text) == (scheme, host, default if port is None else port)


# -- exemptions


def test_an_exempt_view_is_open_to_every_page(ask: Any) -> None:
    headers = {"Origin": OTHER, "Sec-Fetch-Site": "cross-site"}
    assert ask(make_app(), "POST", "/hook", headers) == (200, "done")


def test_a_disabled_plugin_refuses_nothing(ask: Any, tmp_path: Any) -> None:
    (tmp_path / "trivet.toml").write_text('disable = ["csrf"]\n')
    app = Trivet("shop", root_path=str(tmp_path), static_folder=None)

    @app.post("/thing")
    def thing() -> str:
        return "done"

    assert ask(app, "POST", "/thing", {"Origin": OTHER})[0] == 200


# -- what a refusal says


def test_a_refusal_names_the_origin_and_how_to_trust_it(ask: Any) -> None:
    _, body = ask(make_app(), "POST", "/thing", {"Origin": "https://APP.example:8443"})
    assert "Cross-origin POST request refused" in body
    assert "https://app.example:8443" in body
    assert "TRUSTED_ORIGINS" in body
    assert "proxy" in body


def test_a_refusal_repeats_nothing_that_is_no_origin(ask: Any) -> None:
    _, body = ask(make_app(), "POST", "/thing", {"Origin": "https://<script>alert(1)</script>"})
    assert "script" not in body
    assert "does not name the origin" in body


def test_a_refusal_can_be_answered_by_an_error_handler(ask: Any) -> None:
    app = make_app()

    @app.errorhandler(CrossOriginRefused)
    def refused(error: CrossOriginRefused) -> tuple[str, int]:
        return "not from there", 403

    assert ask(app, "POST", "/thing", {"Origin": OTHER}) == (403, "not from there")


def test_nothing_of_the_application_runs_before_a_refusal(ask: Any) -> None:
    app = make_app()
    seen = []
    app.before_request(lambda: seen.append("before"))
    assert ask(app, "POST", "/thing", {"Origin": OTHER})[0] == 403
    assert seen == []


def test_a_refusal_logs_no_header(ask: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        assert ask(make_app(), "POST", "/thing", {"Origin": OTHER})[0] == 403
    assert not any("evil" in record.getMessage() for record in caplog.records if record.name == "shop")


# -- WebSockets


def shake_hands(headers: Headers, scheme: str = "ws", **config: Any) -> str:
    """Open a WebSocket and return the type of the first message that comes back."""
    app = make_app(**config)
    sent: list[Any] = []

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.accept()

    raw = [(b"host", b"shop.example")]
    raw += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "websocket",
        "path": "/ws",
        "raw_path": b"/ws",
        "query_string": b"",
        "scheme": scheme,
        "headers": raw,
    }

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app.asgi(scope, receive, send))
    return str(sent[0]["type"])


@pytest.mark.parametrize("headers", [{"Origin": OTHER}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_handshake_from_elsewhere_is_refused(headers: Headers) -> None:
    assert shake_hands(headers) == "websocket.close"


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://shop.example"}, {"Sec-Fetch-Site": "same-origin", "Origin": "null"}]
)
def test_a_handshake_from_here_or_from_no_browser_is_accepted(headers: Headers) -> None:
    assert shake_hands(headers) == "websocket.accept"


def test_a_handshake_over_tls_is_not_open_to_a_page_without_it() -> None:
    assert shake_hands({"Origin": "http://shop.example"}, "wss") == "websocket.close"
    assert shake_hands({"Origin": "https://shop.example"}, "wss") == "websocket.accept"


def test_a_handshake_from_a_trusted_origin_is_accepted() -> None:
    assert shake_hands({"Origin": "https://app.example"}, TRUSTED_ORIGINS=["https://app.example"]) == "websocket.accept"


# -- endpoints with several rules


def test_an_endpoint_with_one_unsafe_rule_is_protected_on_all_its_rules(ask: Any) -> None:
    app = make_app()

    def both() -> str:
        return "done"

    app.add_url_rule("/both", "both", both, methods=["GET"])
    app.add_url_rule("/both/change", "both", both, methods=["POST"])
    assert ask(app, "POST", "/both/change", {"Origin": OTHER})[0] == 403
    assert ask(app, "GET", "/both", {"Origin": OTHER})[0] == 200


def test_a_request_that_no_rule_matches_is_answered_as_ever(ask: Any) -> None:
    assert ask(make_app(), "POST", "/nowhere", {"Origin": OTHER})[0] == 404
    assert ask(make_app(), "POST", "/read", {"Origin": OTHER})[0] == 405


@pytest.mark.parametrize("text", ["https://straße.example", "http://a.example:65536", "http://a.example:0"])
def test_an_origin_that_browsers_may_spell_otherwise_cannot_be_trusted(text: str) -> None:
    with pytest.raises(ConfigError, match="not an origin that can be trusted"):
        TrustedOrigins([text])


def test_a_function_may_trust_more_than_can_be_listed() -> None:
    trusted = TrustedOrigins()
    trusted.trust_if(lambda origin: origin.endswith(".shop.example"))
    assert "https://eu.shop.example" in trusted
    assert "https://shop.example.evil.example" not in trusted
    assert "null" not in trusted


def test_an_origin_may_be_trusted_with_one_part_of_an_application_only(ask: Any) -> None:
    app = make_app()
    app.trusted_origins.trust_for(lambda ctx, origin: ctx.path == "/thing" and origin == OTHER)
    assert OTHER not in app.trusted_origins
    assert ask(app, "POST", "/thing", {"Origin": OTHER})[0] == 200
    assert ask(app, "POST", "/later", {"Origin": OTHER})[0] == 403
    assert ask(app, "POST", "/thing", {"Origin": "https://third.example"})[0] == 403
