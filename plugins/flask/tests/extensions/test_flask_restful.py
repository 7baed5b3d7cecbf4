"""Flask-RESTful: resources, arguments, marshalling, errors in JSON."""

import pytest
from flask import Blueprint, Flask, make_response
from flask_restful import Api, Resource, abort, fields, marshal_with, reqparse

SHAPE = {"task": fields.String, "url": fields.Url("api.todo", absolute=True)}


@pytest.fixture
def app():
    app = Flask(__name__)
    part = Blueprint("api", __name__)
    api = Api(part, prefix="/api", catch_all_404s=True)
    todos = {"1": {"task": "build", "number": "1"}}
    parser = reqparse.RequestParser()
    parser.add_argument("task", required=True, help="say what", location="json")

    class Todo(Resource):
        @marshal_with(SHAPE)
        def get(self, number):
            if number not in todos:
                abort(404, message=f"no {number}")
            return todos[number]

        def put(self, number):
            todos[number] = {"task": parser.parse_args()["task"], "number": number}
            return todos[number], 201, {"X-Made": number}

        def delete(self, number):
            return 1 / 0

    api.add_resource(Todo, "/todos/<number>", endpoint="todo")

    @api.representation("text/csv")
    def csv(data, code, headers=None):
        return make_response(",".join(map(str, data.values())), code, headers)

    app.register_blueprint(part)

    @app.get("/page")
    def page():
        return "page"

    return app


def test_a_resource_is_read_and_written(app):
    client = app.test_client()
    assert client.get("/api/todos/1").json == {"task": "build", "url": "http://localhost/api/todos/1"}
    made = client.put("/api/todos/2", json={"task": "test"})
    assert (made.status_code, made.json["task"], made.headers["X-Made"]) == (201, "test", "2")
    assert client.get("/api/todos/2").json["task"] == "test"


def test_errors_are_json(app):
    client = app.test_client()
    assert client.get("/api/todos/9").json["message"].startswith("no 9")
    assert client.put("/api/todos/2", json={}).json == {"message": {"task": "say what"}}
    wrong = client.post("/api/todos/1")
    assert (wrong.status_code, wrong.json["message"]) == (405, "The method is not allowed for the requested URL.")
    assert "GET" in wrong.headers["Allow"]
    failed = client.delete("/api/todos/1")
    assert (failed.status_code, failed.json) == (500, {"message": "Internal Server Error"})


def test_the_client_chooses_the_representation(app):
    answer = app.test_client().get("/api/todos/1", headers={"Accept": "text/csv"})
    assert (answer.text, answer.content_type) == ("build,http://localhost/api/todos/1", "text/csv")


def test_other_views_are_left_alone(app):
    client = app.test_client()
    assert client.get("/page").text == "page"
    assert client.get("/nothing").status_code == 404


def test_on_an_application_it_answers_404_in_json():
    app = Flask(__name__)
    Api(app, catch_all_404s=True)
    answer = app.test_client().get("/nothing")
    assert (answer.status_code, answer.json["message"][:13]) == (404, "The requested")
