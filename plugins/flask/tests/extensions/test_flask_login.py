"""Flask-Login: log in, be remembered, log out, and be sent to the login page."""

import asyncio

import httpx
import pytest
from flask import Blueprint, Flask, redirect, render_template_string, request, url_for
from flask_login import (
    FlaskLoginClient,
    LoginManager,
    UserMixin,
    current_user,
    fresh_login_required,
    login_required,
    login_user,
    logout_user,
    user_logged_in,
)


class User(UserMixin):
    def __init__(self, name):
        self.id = name


@pytest.fixture
def app():
    app = Flask(__name__)
    app.secret_key = "for the tests"
    manager = LoginManager(app)
    manager.login_view = manager.refresh_view = "login"

    @manager.user_loader
    def load(name):
        return User(name) if name == "ada" else None

    @manager.request_loader
    def load_by_key(request):
        return User("ada") if request.headers.get("X-Key") == "secret" else None

    @app.route("/login", methods=["GET", "POST"])
    def login():
        if request.method == "GET":
            return "please log in"
        login_user(User(request.form["name"]), remember="remember" in request.form)
        return redirect(request.args.get("next") or url_for("home"))

    @app.get("/logout")
    @login_required
    def logout():
        logout_user()
        return "bye"

    @app.get("/")
    def home():
        return render_template_string("{{ current_user.id if current_user.is_authenticated else 'nobody' }}")

    @app.get("/private")
    @login_required
    def private():
        return f"for {current_user.id}"

    @app.get("/private-async")
    @login_required
    async def private_async():
        return f"for {current_user.id}"

    @app.get("/password")
    @fresh_login_required
    def password():
        return "changed"

    area = Blueprint("area", __name__, url_prefix="/area")
    area.before_request(login_required(lambda: None))
    area.get("/")(lambda: "inside")
    app.register_blueprint(area)
    return app


def test_who_is_not_logged_in_is_sent_to_the_login_page(app):
    answer = app.test_client().get("/private")
    assert (answer.status_code, answer.location) == (302, "/login?next=%2Fprivate")


def test_who_logs_in_is_known_until_they_log_out(app):
    client = app.test_client()
    assert client.get("/").text == "nobody"
    answer = client.post("/login?next=/private", data={"name": "ada"}, follow_redirects=True)
    assert answer.text == "for ada"
    assert client.get("/").text == "ada"
    assert client.get("/password").text == "changed"
    assert client.get("/logout").text == "bye"
    assert client.get("/").text == "nobody"


def test_who_wants_to_be_remembered_is_known_without_a_session_but_not_freshly(app):
    client = app.test_client()
    client.post("/login", data={"name": "ada", "remember": "1"})
    assert client.get_cookie("remember_token") is not None
    client.delete_cookie("session")
    assert client.get("/private").text == "for ada"
    assert client.get("/password").status_code == 302
    client.get("/logout")
    assert client.get_cookie("remember_token") is None
    assert client.get("/private").status_code == 302


def test_an_unknown_user_in_the_session_is_nobody(app):
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = "mallory"
    assert client.get("/").text == "nobody"


def test_a_header_can_say_who_it_is(app):
    assert app.test_client().get("/private", headers={"X-Key": "secret"}).text == "for ada"


def test_a_blueprint_can_be_closed_by_a_before_function(app):
    client = app.test_client()
    assert client.get("/area/").status_code == 302
    assert client.get("/area/", headers={"X-Key": "secret"}).text == "inside"


def test_an_asynchronous_view_is_guarded_too(app):
    client = app.test_client()
    assert client.get("/private-async").status_code == 302
    assert client.get("/private-async", headers={"X-Key": "secret"}).text == "for ada"


def test_without_a_login_page_the_answer_is_401(app):
    app.login_manager.login_view = None
    assert app.test_client().get("/private").status_code == 401


def test_the_signal_tells_of_a_login(app):
    told = []

    def tell(sender, user):
        told.append(user.id)

    with user_logged_in.connected_to(tell, app):
        app.test_client().post("/login", data={"name": "ada"})
    assert told == ["ada"]


def test_its_test_client_is_logged_in(app):
    app.test_client_class = FlaskLoginClient
    with app.test_client(user=User("ada")) as client:
        assert client.get("/private").text == "for ada"
        assert current_user.id == "ada"


@pytest.mark.skipif(not hasattr(Flask, "asgi_context_class"), reason="Flask itself has no ASGI")
def test_it_answers_the_same_under_asgi(app):
    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            before = await client.get("/private-async")
            await client.post("/login", data={"name": "ada", "remember": "1"})
            known = [(await client.get(path)).text for path in ("/private", "/private-async", "/area/")]
            client.cookies.delete("session")
            remembered = (await client.get("/private-async")).text
            await client.get("/logout")
            return before, known, remembered, await client.get("/private")

    before, known, remembered, after = asyncio.run(ask())
    assert before.headers["location"] == "/login?next=%2Fprivate-async"
    assert known == ["for ada", "for ada", "inside"]
    assert remembered == "for ada"
    assert after.status_code == 302
