"""Sentry: an exception becomes an event with its request and user, a request a transaction."""

import asyncio

import httpx
import pytest
import sentry_sdk
from flask import Flask, abort, render_template_string
from flask_login import LoginManager, UserMixin
from sentry_sdk.integrations.flask import FlaskIntegration
from sentry_sdk.transport import Transport


class Kept(Transport):
    def __init__(self):
        super().__init__()
        self.events = []

    def capture_envelope(self, envelope):
        self.events += [item.payload.json for item in envelope.items if item.payload.json is not None]

    def of(self, kind):
        return [event for event in self.events if event.get("type", "error") == kind]


@pytest.fixture
def kept():
    kept = Kept()
    sentry_sdk.init(
        "https://key@sentry.example/1",
        transport=kept,
        integrations=[FlaskIntegration()],
        default_integrations=False,
        traces_sample_rate=1.0,
        send_default_pii=True,
    )
    yield kept
    sentry_sdk.get_global_scope().set_client(None)


@pytest.fixture
def app(kept):
    app = Flask(__name__)
    app.secret_key = "for the tests"
    manager = LoginManager(app)

    class User(UserMixin):
        id = "ada"

    manager.request_loader(lambda request: User())

    @app.route("/fail/<int:number>", methods=["GET", "POST"])
    def fail(number):
        return str(number / 0)

    @app.get("/fail-async")
    async def fail_async():
        raise ValueError("async")

    @app.get("/handled")
    def handled():
        raise KeyError("handled")

    @app.errorhandler(KeyError)
    def handle(error):
        return "handled", 400

    @app.get("/message")
    def message():
        sentry_sdk.capture_message("hello")
        return "sent"

    @app.get("/page")
    def page():
        return render_template_string("{{ sentry_trace_meta }}")

    @app.get("/missing")
    def missing():
        abort(404)

    return app


def test_an_exception_becomes_an_event(app, kept):
    answer = app.test_client().post("/fail/7?a=1", json={"b": 2})
    assert answer.status_code == 500
    (event,) = kept.of("error")
    (error,) = event["exception"]["values"]
    assert (error["type"], error["mechanism"]["type"], error["mechanism"]["handled"]) == (
        "ZeroDivisionError",
        "flask",
        False,
    )
    assert error["stacktrace"]["frames"][-1]["function"] == "fail"
    assert event["transaction"] == "fail"
    assert event["request"]["url"] == "http://localhost/fail/7"
    assert (event["request"]["method"], event["request"]["query_string"]) == ("POST", "a=1")
    assert event["request"]["data"] == {"b": 2}
    assert event["user"]["id"] == "ada"


def test_an_asynchronous_view_is_seen_too(app, kept):
    assert app.test_client().get("/fail-async").status_code == 500
    assert [event["exception"]["values"][-1]["type"] for event in kept.of("error")] == ["ValueError"]


def test_a_handled_exception_and_a_404_are_none(app, kept):
    client = app.test_client()
    assert client.get("/handled").text == "handled"
    assert client.get("/missing").status_code == 404
    assert client.get("/nothing").status_code == 404
    assert kept.of("error") == []


def test_a_message_knows_its_request(app, kept):
    app.test_client().get("/message")
    (event,) = kept.of("error")
    assert (event["message"], event["transaction"]) == ("hello", "message")


def test_a_request_becomes_a_transaction(app, kept):
    app.test_client().get("/page")
    app.test_client().get("/fail/1")
    first, second = kept.of("transaction")
    assert first["transaction"] == "page"
    assert first["contexts"]["trace"]["op"] == "http.server"
    assert first["contexts"]["trace"]["status"] == "ok"
    assert second["contexts"]["trace"]["status"] == "internal_error"


def test_a_template_can_pass_the_trace_on(app):
    assert 'name="sentry-trace"' in app.test_client().get("/page").text


@pytest.mark.skipif(not hasattr(Flask, "asgi_context_class"), reason="Flask itself has no ASGI")
def test_an_exception_under_asgi_becomes_an_event(app, kept):
    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return [(await client.get(path)).status_code for path in ("/fail/7", "/fail-async", "/page")]

    assert asyncio.run(ask()) == [500, 500, 200]
    assert [event["exception"]["values"][-1]["type"] for event in kept.of("error")] == [
        "ZeroDivisionError",
        "ValueError",
    ]
