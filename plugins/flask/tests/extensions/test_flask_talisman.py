"""Flask-Talisman: security headers, https, a nonce, and a policy of one's own for a view."""

import pytest
from flask import Flask, render_template_string, session
from flask_talisman import Talisman


@pytest.fixture
def app():
    app = Flask(__name__)
    app.secret_key = "for the tests"
    talisman = Talisman(
        app,
        content_security_policy={"default-src": "'self'", "script-src": "'self'"},
        content_security_policy_nonce_in=["script-src"],
    )

    @app.get("/")
    def index():
        session["seen"] = 1
        return render_template_string("<script nonce='{{ csp_nonce() }}'></script>")

    @app.get("/embedded")
    @talisman(frame_options="ALLOW-FROM", frame_options_allow_from="https://x", force_https=False)
    def embedded():
        return "embedded"

    return app


def test_http_is_sent_to_https(app):
    answer = app.test_client().get("/?a=1")
    assert (answer.status_code, answer.location) == (302, "https://localhost/?a=1")


def test_the_headers_are_on_every_answer(app):
    client = app.test_client()
    for path, status in (("/", 200), ("/nothing", 404)):
        answer = client.get(path, base_url="https://localhost")
        assert answer.status_code == status
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


def test_the_nonce_in_the_page_is_the_one_in_the_header(app):
    answer = app.test_client().get("/", base_url="https://localhost")
    nonce = answer.text.split("'")[1]
    assert len(nonce) > 10
    assert f"'nonce-{nonce}'" in answer.headers["Content-Security-Policy"]


def test_the_session_cookie_is_secure(app):
    cookie = app.test_client().get("/", base_url="https://localhost").headers["Set-Cookie"]
    assert "Secure" in cookie
    assert "HttpOnly" in cookie


def test_a_view_can_have_a_policy_of_its_own(app):
    answer = app.test_client().get("/embedded")
    assert (answer.text, answer.headers["X-Frame-Options"]) == ("embedded", "ALLOW-FROM https://x")


def test_in_debug_mode_http_stays(app):
    app.debug = True
    assert app.test_client().get("/").status_code == 200
