"""What extensions lean on besides the documented interface: names, registries, overridden methods, contexts."""

import asyncio
import importlib
import sys
from pathlib import Path

import flask
import pytest
from flask.globals import app_ctx, request_ctx
from flask.sessions import SecureCookieSession


@pytest.mark.parametrize(
    "name",
    [
        "app",
        "blueprints",
        "cli",
        "config",
        "ctx",
        "globals",
        "helpers",
        "json.provider",
        "json.tag",
        "logging",
        "sansio.app",
        "sansio.blueprints",
        "sansio.scaffold",
        "sessions",
        "signals",
        "templating",
        "typing",
        "wrappers",
    ],
)
def test_a_submodule_is_an_attribute_without_being_imported(name):
    found = flask
    for part in name.split("."):
        found = getattr(found, part)
    assert importlib.import_module(f"flask.{name}") is found


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("flask.globals", "_cv_app"),
        ("flask.globals", "_cv_request"),
        ("flask.globals", "_no_app_msg"),
        ("flask.json.provider", "_default"),
        ("flask.sansio.scaffold", "_endpoint_from_view_func"),
        ("flask.sessions", "TaggedJSONSerializer"),
        ("flask.sessions", "URLSafeTimedSerializer"),
        ("flask.templating", "_render"),
        ("flask.views", "http_method_funcs"),
    ],
)
def test_a_name_is_there_that_is_not_documented(module, name):
    assert hasattr(importlib.import_module(module), name)


def test_a_request_in_a_context_of_the_application_keeps_that_one():
    app = flask.Flask(__name__)
    seen = []
    app.get("/", endpoint="see")(lambda: str(seen.append(app_ctx._get_current_object())))
    with app.app_context():
        outer = app_ctx._get_current_object()
        app.test_client().get("/")
        with app.test_request_context():
            assert app_ctx._get_current_object() is outer
            assert request_ctx._get_current_object() is not outer
            with app.app_context():
                assert app_ctx._get_current_object() is not outer
    assert seen == [outer]


def test_a_context_of_the_application_has_no_session():
    app = flask.Flask(__name__)
    with app.app_context():
        assert not hasattr(app_ctx, "session")
    with app.test_request_context():
        assert hasattr(request_ctx, "session")


def test_the_session_of_a_request_can_be_replaced():
    app = flask.Flask(__name__)
    with app.test_request_context():
        request_ctx._session = SecureCookieSession({"mine": 1})
        assert flask.session["mine"] == 1


def test_a_class_can_have_jinja_options_of_its_own():
    class App(flask.Flask):
        jinja_options = dict(  # noqa: RUF012 - as Flask's documentation has it
            flask.Flask.jinja_options, variable_start_string="<<", variable_end_string=">>"
        )

    app = App(__name__)
    with app.app_context():
        assert flask.render_template_string("<< 1 + 1 >>{{ 2 }}") == "2{{ 2 }}"
    assert flask.Flask(__name__).jinja_env.variable_start_string == "{{"


def test_a_call_put_over_flasks_answers_by_wsgi_and_leaves_asgi_alone():
    class App(flask.Flask):
        def __call__(self, environ, start_response):
            environ["REMOTE_USER"] = "ada"
            return super().__call__(environ, start_response)

    app = App(__name__)
    app.get("/", endpoint="see")(lambda: str(flask.request.remote_user))
    assert app.test_client().get("/").text == "ada"
    if hasattr(app, "asgi"):
        sent = []

        async def send(message):
            sent.append(message)

        async def receive():
            return {"type": "http.request"}

        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
        asyncio.run(app(scope, receive, send))
        assert sent[-1]["body"] == b"None"


def test_a_plain_view_can_answer_the_handshake_of_a_websocket():
    app = flask.Flask(__name__)
    app.route("/echo", websocket=True, endpoint="echo")(lambda: flask.request.headers["Upgrade"])
    client = app.test_client()
    assert client.get("/echo", headers={"Upgrade": "websocket", "Connection": "Upgrade"}).text == "websocket"
    assert client.get("/echo").status_code in (400, 426)
    other = flask.Flask(__name__)
    other.route("/echo", websocket=True, endpoint="echo")(lambda: "one")
    with pytest.raises(AssertionError, match="echo"):
        other.route("/echo", websocket=True, endpoint="echo")(lambda: "another")


def test_registries_can_be_changed_after_a_request():
    app = flask.Flask(__name__)
    app.get("/", endpoint="see")(lambda: "view")
    client = app.test_client()
    assert client.get("/").text == "view"
    app.view_functions["see"] = lambda: "wrapped"
    assert client.get("/").text == "wrapped"
    app.before_request_funcs.setdefault(None, []).append(lambda: "before")
    assert client.get("/").text == "before"
    app.after_request_funcs.setdefault(None, []).append(lambda response: flask.Response("after"))
    assert client.get("/").text == "after"


def test_a_filter_of_a_constant_is_asked_each_time():
    app = flask.Flask(__name__)
    said = iter("ab")
    app.jinja_env.filters["say"] = lambda value: next(said)
    with app.app_context():
        assert flask.render_template_string("{{ 'x'|say }}") == "a"
        assert flask.render_template_string("{{ 'x'|say }}") == "b"


def test_only_one_flask_is_there():
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "flask"]
    files = [Path(module.__file__) for module in modules if module.__file__]
    assert len({file.parts[: file.parts.index("flask", -3)] for file in files}) == 1, files
