"""Flask-Session: session data on the server, an identifier in the cookie."""

import pytest
from cachelib import FileSystemCache
from flask import Flask, flash, get_flashed_messages, session
from flask_session import Session


@pytest.fixture
def app(tmp_path):
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY="for the tests",
        SESSION_TYPE="cachelib",
        SESSION_CACHELIB=FileSystemCache(str(tmp_path)),
        SESSION_PERMANENT=False,
    )
    Session(app)

    @app.get("/count")
    def count():
        session["count"] = session.get("count", 0) + 1
        return str(session["count"])

    @app.get("/sid")
    def sid():
        return session.sid

    @app.get("/leave")
    def leave():
        session.clear()
        return "left"

    @app.get("/renew")
    def renew():
        app.session_interface.regenerate(session)
        return session.sid

    @app.get("/flash")
    def say():
        flash("hello")
        return ""

    @app.get("/flashed")
    def said():
        return ",".join(get_flashed_messages())

    @app.get("/plain")
    def plain():
        return "plain"

    return app


def test_the_data_stays_on_the_server(app):
    client = app.test_client()
    assert [client.get("/count").text for _ in range(3)] == ["1", "2", "3"]
    assert client.get("/sid").text in client.get_cookie("session").value
    assert app.test_client().get("/count").text == "1"


def test_a_made_up_identifier_gets_a_new_session(app):
    client = app.test_client()
    client.set_cookie("session", "made-up")
    assert client.get("/count").text == "1"


def test_a_renewed_session_keeps_its_data_under_another_identifier(app):
    client = app.test_client()
    client.get("/count")
    before = client.get("/sid").text
    assert client.get("/renew").text != before
    assert client.get("/count").text == "2"


def test_an_emptied_session_is_forgotten(app):
    client = app.test_client()
    client.get("/count")
    client.get("/leave")
    assert client.get_cookie("session") is None
    assert client.get("/count").text == "1"


def test_messages_are_flashed_through_it(app):
    client = app.test_client()
    client.get("/flash")
    assert client.get("/flashed").text == "hello"
    assert client.get("/flashed").text == ""


def test_what_does_not_touch_the_session_sets_no_cookie(app):
    assert "Set-Cookie" not in app.test_client().get("/plain").headers


def test_a_test_can_look_into_it(app):
    client = app.test_client()
    with client.session_transaction() as held:
        held["count"] = 9
    assert client.get("/count").text == "10"
