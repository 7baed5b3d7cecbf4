"""flask-smorest: schemas for what comes and goes, ETags, pages, and the OpenAPI document."""

import marshmallow
import pytest
from flask import Flask
from flask.views import MethodView
from flask_smorest import Api, Blueprint, abort


class PetSchema(marshmallow.Schema):
    id = marshmallow.fields.Int(dump_only=True)
    name = marshmallow.fields.String(required=True)


class QuerySchema(marshmallow.Schema):
    name = marshmallow.fields.String()


@pytest.fixture
def app():
    app = Flask(__name__)
    app.config.update(
        API_TITLE="Pets",
        API_VERSION="1",
        OPENAPI_VERSION="3.0.2",
        OPENAPI_URL_PREFIX="/docs",
        OPENAPI_SWAGGER_UI_PATH="/ui",
        OPENAPI_SWAGGER_UI_URL="https://cdn.example/",
    )
    api = Api(app)
    part = Blueprint("pets", "pets", url_prefix="/pets", description="All pets")
    pets = [{"id": 0, "name": "Rex"}]

    @part.route("/")
    class Pets(MethodView):
        @part.arguments(QuerySchema, location="query")
        @part.response(200, PetSchema(many=True))
        @part.paginate()
        def get(self, args, pagination_parameters):
            pagination_parameters.item_count = len(pets)
            return [pet for pet in pets if args.get("name") in (None, pet["name"])]

        @part.arguments(PetSchema)
        @part.response(201, PetSchema)
        def post(self, new):
            pets.append({"id": len(pets), **new})
            return pets[-1]

    @part.route("/<int:number>")
    class Pet(MethodView):
        @part.etag
        @part.response(200, PetSchema)
        def get(self, number):
            if number >= len(pets):
                abort(404, message="No such pet.")
            return pets[number]

    api.register_blueprint(part)
    return app


def test_what_is_sent_is_checked_and_kept(app):
    client = app.test_client()
    assert client.post("/pets/", json={"name": "Tom"}).json == {"id": 1, "name": "Tom"}
    wrong = client.post("/pets/", json={"nme": "Tom"})
    assert wrong.status_code == 422
    assert wrong.json["errors"]["json"]["name"] == ["Missing data for required field."]
    found = client.get("/pets/?name=Tom")
    assert found.json == [{"id": 1, "name": "Tom"}]
    assert '"total": 2' in found.headers["X-Pagination"]


def test_what_is_unchanged_is_not_sent_again(app):
    client = app.test_client()
    first = client.get("/pets/0")
    assert first.json["name"] == "Rex"
    assert client.get("/pets/0", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_errors_are_json(app):
    client = app.test_client()
    assert client.get("/pets/7").json == {"code": 404, "message": "No such pet.", "status": "Not Found"}
    assert client.get("/nothing").json == {"code": 404, "status": "Not Found"}
    assert client.delete("/pets/0").json["code"] == 405


def test_the_document_describes_the_views(app):
    document = app.test_client().get("/docs/openapi.json").json
    assert set(document["paths"]) == {"/pets/", "/pets/{number}"}
    assert "Pet" in document["components"]["schemas"]
    assert "swagger-ui" in app.test_client().get("/docs/ui").text


def test_the_document_can_be_printed(app):
    done = app.test_cli_runner().invoke(args=["openapi", "print"])
    assert '"/pets/"' in done.output, done.output
