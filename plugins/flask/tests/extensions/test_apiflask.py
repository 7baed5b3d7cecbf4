"""APIFlask: input, output, errors, tokens and the OpenAPI document."""

import pytest
from apiflask import APIBlueprint, APIFlask, HTTPTokenAuth, Schema, abort
from apiflask.fields import Integer, String
from apiflask.validators import Length, OneOf
from apiflask.views import MethodView
from flask.cli import FlaskGroup


class PetIn(Schema):
    name = String(required=True, validate=Length(1, 10))
    kind = String(required=True, validate=OneOf(["dog", "cat"]))


class PetOut(Schema):
    id = Integer()
    name = String()
    kind = String()


class Page(Schema):
    size = Integer(load_default=2)


@pytest.fixture
def app():
    app = APIFlask(__name__, title="Pets", version="2")
    auth = HTTPTokenAuth()
    auth.verify_token(lambda token: {"name": "ada"} if token == "secret" else None)
    pets = [{"id": 0, "name": "Rex", "kind": "dog"}]

    @app.get("/pets")
    @app.input(Page, location="query")
    @app.output(PetOut(many=True))
    def all_pets(query_data):
        return pets[: query_data["size"]]

    @app.get("/pets/<int:number>")
    @app.output(PetOut)
    @app.doc(summary="One pet", responses=[404])
    def one(number):
        if number >= len(pets):
            abort(404, "No such pet", detail={"number": number})
        return pets[number]

    part = APIBlueprint("part", __name__, url_prefix="/part", tag="Part")

    class Pets(MethodView):
        decorators = (part.auth_required(auth),)

        @part.input(PetIn)
        @part.output(PetOut, status_code=201)
        def post(self, json_data):
            pets.append({"id": len(pets), **json_data})
            return pets[-1], {"X-Made-By": auth.current_user["name"]}

    part.add_url_rule("/pets", view_func=Pets.as_view("pets"))
    app.register_blueprint(part)

    @app.get("/async/<int:number>")
    @app.output(PetOut)
    async def later(number):
        return pets[number]

    @app.get("/fail")
    def fail():
        raise ZeroDivisionError

    return app


def test_what_is_sent_is_checked(app):
    client = app.test_client()
    key = {"Authorization": "Bearer secret"}
    made = client.post("/part/pets", json={"name": "Tom", "kind": "cat"}, headers=key)
    assert (made.status_code, made.json) == (201, {"id": 1, "name": "Tom", "kind": "cat"})
    assert made.headers["X-Made-By"] == "ada"
    wrong = client.post("/part/pets", json={"name": "Tom", "kind": "cow"}, headers=key)
    assert wrong.status_code == 422
    assert wrong.json["detail"]["json"]["kind"] == ["Must be one of: dog, cat."]
    assert client.post("/part/pets", json={}).json == {"message": "Unauthorized", "detail": {}}


def test_what_is_returned_has_the_shape(app):
    client = app.test_client()
    assert client.get("/pets?size=1").json == [{"id": 0, "name": "Rex", "kind": "dog"}]
    assert client.get("/async/0").json["name"] == "Rex"


def test_errors_are_json(app):
    client = app.test_client()
    missing = client.get("/pets/7")
    assert (missing.status_code, missing.json) == (404, {"message": "No such pet", "detail": {"number": 7}})
    assert client.get("/nothing").json == {"message": "Not Found", "detail": {}}
    assert client.delete("/pets").json == {"message": "Method Not Allowed", "detail": {}}
    failed = client.get("/fail")
    assert (failed.status_code, failed.json) == (500, {"message": "Internal Server Error", "detail": {}})


def test_the_document_describes_the_views(app):
    client = app.test_client()
    document = client.get("/openapi.json").json
    assert document["info"] == {"title": "Pets", "version": "2"}
    assert document["paths"]["/pets/{number}"]["get"]["summary"] == "One pet"
    assert document["paths"]["/part/pets"]["post"]["tags"] == ["Part"]
    assert "swagger" in client.get("/docs").text.lower()


def test_the_document_can_be_printed(app, monkeypatch):
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")  # and taken back afterwards
    done = app.test_cli_runner().invoke(FlaskGroup(create_app=lambda: app), ["spec"])
    assert '"Pets"' in done.output
