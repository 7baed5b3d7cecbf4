"""Flask-WTF: a form with its token, a file, and protection of every other request that changes something."""

import io
import re

import pytest
from flask import Blueprint, Flask, render_template_string
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf
from flask_wtf.file import FileAllowed, FileField, FileRequired
from wtforms import StringField
from wtforms.validators import DataRequired

PAGE = "<form method=post>{{ form.hidden_tag() }}{{ form.name() }}</form>{{ form.errors }}"


class NameForm(FlaskForm):
    name = StringField(validators=[DataRequired()])


class PhotoForm(FlaskForm):
    photo = FileField(validators=[FileRequired(), FileAllowed(["png"])])


@pytest.fixture
def app():
    app = Flask(__name__)
    app.secret_key = "for the tests"
    protect = CSRFProtect(app)

    @app.route("/name", methods=["GET", "POST"])
    def name():
        form = NameForm()
        if form.validate_on_submit():
            return f"hello {form.name.data}"
        return render_template_string(PAGE, form=form)

    @app.post("/photo")
    def photo():
        form = PhotoForm()
        if form.validate_on_submit():
            return form.photo.data.filename
        return form.errors, 422

    @app.get("/token")
    def token():
        return generate_csrf() + "\n" + render_template_string("{{ csrf_token() }}")

    @app.put("/items")
    def put():
        return "put"

    hooks = Blueprint("hooks", __name__)
    hooks.post("/hook")(lambda: "hooked")
    protect.exempt(hooks)
    app.register_blueprint(hooks)

    @app.post("/exempt")
    @protect.exempt
    def exempt():
        return "exempt"

    @app.errorhandler(CSRFError)
    def refused(error):
        return f"refused: {error.description}", 400

    return app


def token_in(page):
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page).group(1)


def test_a_form_with_its_token_is_taken(app):
    client = app.test_client()
    token = token_in(client.get("/name").text)
    assert client.post("/name", data={"name": "Ada", "csrf_token": token}).text == "hello Ada"


def test_a_form_without_its_token_or_with_somebody_elses_is_refused(app):
    client = app.test_client()
    assert client.post("/name", data={"name": "Ada"}).text == "refused: The CSRF token is missing."
    client.get("/name")
    other = token_in(app.test_client().get("/name").text)
    answer = client.post("/name", data={"name": "Ada", "csrf_token": other})
    assert (answer.status_code, answer.text) == (400, "refused: The CSRF tokens do not match.")


def test_what_is_missing_stands_in_the_page(app):
    client = app.test_client()
    token = token_in(client.get("/name").text)
    assert "This field is required." in client.post("/name", data={"csrf_token": token}).text


def test_a_file_is_checked(app):
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    assert client.post("/photo", data={"photo": (io.BytesIO(b"x"), "me.png")}).text == "me.png"
    assert client.post("/photo", data={"photo": (io.BytesIO(b"x"), "me.exe")}).status_code == 422
    assert client.post("/photo", data={}).json == {"photo": ["This field is required."]}


def test_a_header_can_carry_the_token(app):
    client = app.test_client()
    assert client.put("/items").status_code == 400
    token, again = client.get("/token").text.split("\n")
    assert token == again
    assert client.put("/items", headers={"X-CSRFToken": token}).text == "put"


def test_exempt_views_and_blueprints_are_open(app):
    client = app.test_client()
    assert client.post("/exempt").text == "exempt"
    assert client.post("/hook").text == "hooked"
