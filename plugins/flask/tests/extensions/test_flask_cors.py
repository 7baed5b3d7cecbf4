"""Flask-Cors: preflights and answers to other origins, errors included."""

import pytest
from flask import Blueprint, Flask
from flask_cors import CORS, cross_origin

SHOP = "https://shop.example"


@pytest.fixture
def app():
    app = Flask(__name__)
    CORS(app, resources={r"/api/*": {"origins": [SHOP, "https://bank.example"], "supports_credentials": True}})

    @app.route("/api/items", methods=["GET", "PUT"])
    def items():
        return {"items": []}

    @app.get("/api/fail")
    def fail():
        raise ZeroDivisionError

    @app.get("/page")
    def page():
        return "page"

    @app.route("/open", methods=["GET", "POST"])
    @cross_origin(send_wildcard=True, expose_headers=["X-Total"])
    def opened():
        return "open"

    part = Blueprint("part", __name__, url_prefix="/part")
    CORS(part, send_wildcard=True)
    part.get("/")(lambda: "part")
    app.register_blueprint(part)
    return app


def test_a_preflight_is_answered(app):
    answer = app.test_client().options("/api/items", headers={"Origin": SHOP, "Access-Control-Request-Method": "PUT"})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.parametrize(("path", "status"), [("/api/items", 200), ("/api/nothing", 404), ("/api/fail", 500)])
def test_every_answer_below_the_path_names_the_origin(app, path, status):
    answer = app.test_client().get(path, headers={"Origin": SHOP})
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Origin" in answer.headers["Vary"]


def test_other_origins_and_other_paths_get_nothing(app):
    client = app.test_client()
    assert "Access-Control-Allow-Origin" not in client.get("/api/items", headers={"Origin": "https://x"}).headers
    assert "Access-Control-Allow-Origin" not in client.get("/page", headers={"Origin": SHOP}).headers


def test_a_decorated_view_answers_everybody(app):
    client = app.test_client()
    answer = client.get("/open", headers={"Origin": SHOP})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Expose-Headers"] == "X-Total"
    asked = client.options("/open", headers={"Origin": SHOP, "Access-Control-Request-Method": "POST"})
    assert asked.headers["Access-Control-Allow-Origin"] == "*"


def test_a_blueprint_can_have_it_alone(app):
    assert app.test_client().get("/part/", headers={"Origin": SHOP}).headers["Access-Control-Allow-Origin"] == "*"
