"""Flask-Limiter: limits for the application, a view, a blueprint and a class-based view."""

import pytest
from flask import Blueprint, Flask, request
from flask.cli import FlaskGroup
from flask.views import MethodView
from flask_limiter import Limiter, RateLimitExceeded
from flask_limiter.util import get_remote_address


@pytest.fixture
def app():
    app = Flask(__name__)
    app.config["RATELIMIT_HEADERS_ENABLED"] = True
    limiter = Limiter(get_remote_address, app=app, default_limits=["3 per hour"], storage_uri="memory://")

    @app.get("/default")
    def default():
        return "default"

    @app.get("/slow")
    @limiter.limit("1 per hour", key_func=lambda: request.args.get("key", ""))
    def slow():
        return "slow"

    @app.get("/free")
    @limiter.exempt
    def free():
        return "free"

    part = Blueprint("part", __name__)
    part.get("/part")(lambda: "part")
    limiter.limit("2 per hour")(part)
    app.register_blueprint(part)

    class Item(MethodView):
        decorators = (limiter.limit("1 per hour", methods=["POST"]),)

        def get(self):
            return "item"

        def post(self):
            return "made"

    app.add_url_rule("/item", view_func=Item.as_view("item"))

    @app.errorhandler(RateLimitExceeded)
    def too_many(error):
        return {"limit": error.description}, 429

    return app


def statuses(app, path, times, method="GET"):
    client = app.test_client()
    return [client.open(path, method=method).status_code for _ in range(times)]


def test_views_have_the_default_limit(app):
    assert statuses(app, "/default", 4) == [200, 200, 200, 429]
    assert app.test_client().get("/default").json == {"limit": "3 per 1 hour"}


def test_the_headers_tell_what_is_left(app):
    headers = app.test_client().get("/default").headers
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("3", "2")


def test_a_view_can_have_a_limit_for_each_key(app):
    assert statuses(app, "/slow?key=a", 2) == [200, 429]
    assert statuses(app, "/slow?key=b", 2) == [200, 429]


def test_an_exempt_view_has_none(app):
    assert statuses(app, "/free", 5) == [200] * 5


def test_a_blueprint_has_a_limit_of_its_own(app):
    assert statuses(app, "/part", 3) == [200, 200, 429]


def test_a_method_of_a_class_based_view_can_be_limited(app):
    assert statuses(app, "/item", 2, "POST") == [200, 429]
    assert app.test_client().get("/item").text == "item"


def test_the_command_lists_the_limits(app, monkeypatch):
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")  # and taken back afterwards
    group = FlaskGroup(create_app=lambda: app)
    done = app.test_cli_runner().invoke(group, ["limiter", "limits"])
    assert done.exit_code == 0, done.output
    assert "slow" in done.output
