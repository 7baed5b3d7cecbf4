"""Flask-JWT-Extended: tokens in headers and cookies, refreshed, revoked, expired."""

from datetime import timedelta

import pytest
from flask import Flask, jsonify, request
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    current_user,
    get_jwt,
    get_jwt_identity,
    jwt_required,
    set_access_cookies,
    unset_jwt_cookies,
)


@pytest.fixture
def app():
    app = Flask(__name__)
    app.config.update(JWT_SECRET_KEY="a key of at least thirty-two bytes", JWT_TOKEN_LOCATION=["headers", "cookies"])
    manager = JWTManager(app)
    revoked = set()
    manager.token_in_blocklist_loader(lambda header, payload: payload["jti"] in revoked)
    manager.user_lookup_loader(lambda header, payload: {"name": payload["sub"]})

    @app.post("/login")
    def login():
        name = request.json["name"]
        lasts = timedelta(seconds=request.json.get("lasts", 60))
        answer = jsonify(
            access=create_access_token(name, expires_delta=lasts, additional_claims={"role": "admin"}),
            refresh=create_refresh_token(name),
        )
        set_access_cookies(answer, create_access_token(name))
        return answer

    @app.route("/me", methods=["GET", "POST"])
    @jwt_required()
    def me():
        return jsonify(name=current_user["name"], role=get_jwt().get("role"))

    @app.get("/me-async")
    @jwt_required(optional=True)
    async def me_async():
        return str(get_jwt_identity())

    @app.post("/refresh")
    @jwt_required(refresh=True)
    def refresh():
        return jsonify(access=create_access_token(get_jwt_identity()))

    @app.post("/revoke")
    @jwt_required(locations=["headers"])
    def revoke():
        revoked.add(get_jwt()["jti"])
        answer = jsonify(ok=True)
        unset_jwt_cookies(answer)
        return answer

    return app


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_a_token_in_the_header_opens(app):
    client = app.test_client(use_cookies=False)
    tokens = client.post("/login", json={"name": "ada"}).json
    assert client.get("/me", headers=bearer(tokens["access"])).json == {"name": "ada", "role": "admin"}
    assert client.get("/me-async", headers=bearer(tokens["access"])).text == "ada"


def test_none_a_broken_and_an_expired_one_do_not(app):
    client = app.test_client(use_cookies=False)
    missing = client.get("/me")
    assert (missing.status_code, list(missing.json)) == (401, ["msg"])
    assert client.get("/me", headers=bearer("broken")).status_code == 422
    token = client.post("/login", json={"name": "ada", "lasts": -5}).json["access"]
    assert client.get("/me", headers=bearer(token)).json == {"msg": "Token has expired"}
    assert client.get("/me-async").text == "None"


def test_a_refresh_token_gives_a_new_one_and_nothing_else(app):
    client = app.test_client(use_cookies=False)
    refresh = client.post("/login", json={"name": "ada"}).json["refresh"]
    access = client.post("/refresh", headers=bearer(refresh)).json["access"]
    assert client.get("/me", headers=bearer(access)).json["name"] == "ada"
    assert client.get("/me", headers=bearer(refresh)).json == {"msg": "Only non-refresh tokens are allowed"}


def test_a_revoked_token_is_closed(app):
    client = app.test_client(use_cookies=False)
    token = client.post("/login", json={"name": "ada"}).json["access"]
    assert client.post("/revoke", headers=bearer(token)).json == {"ok": True}
    assert client.get("/me", headers=bearer(token)).json == {"msg": "Token has been revoked"}


def test_a_token_in_a_cookie_needs_the_other_cookies_value_to_change_something(app):
    client = app.test_client()
    client.post("/login", json={"name": "ada"})
    assert client.get("/me").json["name"] == "ada"
    assert client.post("/me").json == {"msg": "Missing CSRF token"}
    value = client.get_cookie("csrf_access_token").value
    assert client.post("/me", headers={"X-CSRF-TOKEN": value}).json["name"] == "ada"
