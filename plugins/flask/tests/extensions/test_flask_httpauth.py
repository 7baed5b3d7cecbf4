"""Flask-HTTPAuth: passwords, digests, tokens and roles in the ``Authorization`` header."""

import pytest
from flask import Flask, g, jsonify
from flask_httpauth import HTTPBasicAuth, HTTPDigestAuth, HTTPTokenAuth, MultiAuth
from werkzeug.datastructures import Authorization
from werkzeug.http import parse_dict_header


@pytest.fixture
def app():
    app = Flask(__name__)
    app.secret_key = "for the tests"
    basic, token, digest = HTTPBasicAuth(), HTTPTokenAuth(), HTTPDigestAuth()
    multi = MultiAuth(basic, token)

    @basic.verify_password
    def check(name, password):
        return name if password == "secret" else None

    @basic.get_user_roles
    def roles(name):
        return ["admin"] if name == "ada" else []

    @basic.error_handler
    def refused(status):
        return jsonify(error=status), status

    @token.verify_token
    def known(value):
        g.by = "token"
        return "robot" if value == "t0ken" else None

    @digest.get_password
    def password(name):
        return "secret" if name == "ada" else None

    @app.get("/me")
    @basic.login_required
    def me():
        return basic.current_user()

    @app.get("/admin")
    @basic.login_required(role="admin")
    def admin():
        return "admin"

    @app.get("/either")
    @multi.login_required
    def either():
        return f"{multi.current_user()} by {g.get('by', 'password')}"

    @app.get("/maybe")
    @basic.login_required(optional=True)
    async def maybe():
        return str(basic.current_user())

    @app.get("/digest")
    @digest.login_required
    def digested():
        return digest.username()

    return app


def test_the_right_password_opens(app):
    client = app.test_client()
    assert client.get("/me", auth=("ada", "secret")).text == "ada"
    wrong = client.get("/me", auth=("ada", "guess"))
    assert (wrong.status_code, wrong.json) == (401, {"error": 401})
    assert wrong.headers["WWW-Authenticate"] == 'Basic realm="Authentication Required"'


def test_a_role_can_be_required(app):
    client = app.test_client()
    assert client.get("/admin", auth=("ada", "secret")).text == "admin"
    assert client.get("/admin", auth=("bob", "secret")).json == {"error": 403}


def test_a_token_does_as_well(app):
    client = app.test_client()
    assert client.get("/either", headers={"Authorization": "Bearer t0ken"}).text == "robot by token"
    assert client.get("/either", auth=("bob", "secret")).text == "bob by password"
    assert client.get("/either").status_code == 401


def test_an_optional_login_may_be_left_out(app):
    client = app.test_client()
    assert client.get("/maybe").text == "None"
    assert client.get("/maybe", auth=("bob", "secret")).text == "bob"


def test_a_digest_is_asked_for_with_a_nonce_kept_in_the_session(app):
    client = app.test_client()
    asked = client.get("/digest")
    assert asked.status_code == 401
    challenge = parse_dict_header(asked.headers["WWW-Authenticate"].partition(" ")[2])
    from hashlib import md5

    def digest(*parts):
        return md5(":".join(parts).encode()).hexdigest()

    realm, nonce = challenge["realm"], challenge["nonce"]
    values = {
        "username": "ada",
        "realm": realm,
        "nonce": nonce,
        "uri": "/digest",
        "opaque": challenge["opaque"],
        "qop": "auth",
        "nc": "00000001",
        "cnonce": "c",
        "algorithm": "MD5",
        "response": digest(digest("ada", realm, "secret"), nonce, "00000001", "c", "auth", digest("GET", "/digest")),
    }
    answer = client.get("/digest", auth=Authorization("digest", values))
    assert (answer.status_code, answer.text) == (200, "ada")
