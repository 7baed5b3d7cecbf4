"""Flask-DebugToolbar: the bar in the page, with what the request did, and its redirects."""

import pytest
from flask import Flask, redirect, render_template_string
from flask_debugtoolbar import DebugToolbarExtension
from flask_sqlalchemy import SQLAlchemy


@pytest.fixture
def app(tmp_path):
    app = Flask(__name__, instance_path=str(tmp_path))
    app.debug = True
    app.config.update(SECRET_KEY="for the tests", SQLALCHEMY_DATABASE_URI="sqlite://", DEBUG_TB_PROFILER_ENABLED=True)
    db = SQLAlchemy(app)
    DebugToolbarExtension(app)

    @app.get("/page/<name>")
    def page(name):
        app.logger.warning("a warning")
        db.session.execute(db.text("select 42"))
        return render_template_string("<html><body>{{ name }}</body></html>", name=name)

    @app.get("/away")
    def away():
        return redirect("/page/x")

    @app.get("/data")
    def data():
        return {"a": 1}

    yield app
    with app.app_context():
        db.engine.dispose()


def test_the_page_gets_the_bar_with_its_panels(app):
    page = app.test_client().get("/page/ada")
    assert "ada" in page.text
    assert 'id="flDebug"' in page.text
    for said in ("a warning", "42", "page", "/away"):
        assert said in page.text
    assert int(page.headers["Content-Length"]) == len(page.data)


def test_a_redirect_is_shown_first(app):
    answer = app.test_client().get("/away")
    assert answer.status_code == 200
    assert 'href="/page/x"' in answer.text


def test_data_and_errors_are_left_alone(app):
    client = app.test_client()
    assert client.get("/data").json == {"a": 1}
    assert client.get("/nothing").status_code == 404
    assert client.post("/data").status_code == 405
    assert "GET" in client.options("/data").headers["Allow"]


def test_its_files_are_served(app):
    assert app.test_client().get("/_debug_toolbar/static/js/toolbar.js").status_code == 200


def test_without_debug_mode_there_is_none():
    app = Flask(__name__)
    DebugToolbarExtension(app)
    app.get("/")(lambda: "<html><body></body></html>")
    assert app.test_client().get("/").text == "<html><body></body></html>"
