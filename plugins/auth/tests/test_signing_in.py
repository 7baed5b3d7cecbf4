"""Signing in and out, and knowing who it is: by both protocols, in plain and in asynchronous code."""

import threading
from typing import Any

import pytest

from trivet import current_app, render_template_string, request, session
from trivet.views import MethodView
from trivet_auth import (
    LoginManager,
    confirm_login,
    current_user,
    load_identity,
    login_user,
    logout_user,
    user_logged_in,
)
from trivet_auth.testing import sign_in

from .people_site import (
    Make,
    Site,
    ask_at_once,
    close_browser,
    cookie,
    done,
    every_kind_of_loader,
    every_kind_of_view,
    log_everything,
    logged,
    status,
    text,
)


@every_kind_of_view
@every_kind_of_loader
def test_somebody_signs_in_and_out(make_app: Make, make_client: Make, views: str, loaders: str) -> None:
    site = Site(make_app, views, loaders)
    client, other = make_client(site.app), make_client(site.app)
    assert text(client, "/who") == "nobody"
    assert text(client, "/in/ada") == "True"
    assert text(client, "/who") == "ada"
    assert text(client, "/inside") == "inside"
    assert text(other, "/who") == "nobody"
    assert text(client, "/out") == "True"
    assert text(client, "/who") == "nobody"
    assert status(client, "/inside") == 401


@every_kind_of_view
@every_kind_of_loader
def test_who_has_signed_in_is_known_at_once(make_app: Make, make_client: Make, views: str, loaders: str) -> None:
    site = Site(make_app, views, loaders)

    def change() -> str:
        seen = [current_user.is_authenticated]
        for name in ("ada", "bob"):
            login_user(site.named(name))
            seen.append(current_user.name)
        logout_user()
        return repr([*seen, current_user.is_authenticated])

    site.add("/change", change)
    assert text(make_client(site.app), "/change") == "[False, 'ada', 'bob', False]"


@every_kind_of_view
@every_kind_of_loader
def test_templates_know_who_it_is(make_app: Make, make_client: Make, views: str, loaders: str) -> None:
    site = Site(make_app, views, loaders)
    page = "{% if current_user.is_authenticated %}{{ current_user.name }}{% else %}nobody{% endif %}"
    site.add("/page", lambda: render_template_string(page))
    client = make_client(site.app)
    assert text(client, "/page") == "nobody"
    client.get("/in/ada")
    assert text(client, "/page") == "ada"


@every_kind_of_view
@every_kind_of_loader
def test_a_request_loader_knows_somebody(make_app: Make, make_client: Make, views: str, loaders: str) -> None:
    site = Site(make_app, views, loaders)

    async def load(request: Any) -> Any:
        return site.people.get(request.args.get("key"))

    site.manager.request_loader(
        load if loaders == "async" else lambda request: site.people.get(request.args.get("key"))
    )
    client = make_client(site.app)
    assert [text(client, f"/who{query}") for query in ("", "?key=1", "?key=9")] == ["nobody", "ada", "nobody"]
    assert status(client, "/inside?key=2") == 200
    assert status(client, "/deep?key=2") == 401


@every_kind_of_view
@every_kind_of_loader
def test_a_header_loader_knows_somebody(make_app: Make, make_client: Make, views: str, loaders: str) -> None:
    site = Site(make_app, views, loaders, AUTH_HEADER_NAME="X-Key")

    async def load(value: str) -> Any:
        return site.people.get(value)

    site.manager.header_loader(load if loaders == "async" else site.people.get)
    client = make_client(site.app)
    assert text(client, "/who", headers={"X-Key": "1"}) == "ada"
    assert text(client, "/who", headers={"X-Key": "9"}) == "nobody"
    assert text(client, "/who", headers={"Authorization": "1"}) == "nobody"


@every_kind_of_loader
def test_asynchronous_methods_of_a_class_know_who_it_is(make_app: Make, make_client: Make, loaders: str) -> None:
    site = Site(make_app, "plain", loaders)

    class Who(MethodView):
        async def get(self) -> str:
            return str(current_user.name)

    site.app.add_url_rule("/class", view_func=Who.as_view("class"))
    client = make_client(site.app)
    client.get("/in/ada")
    assert text(client, "/class") == "ada"


@every_kind_of_view
@every_kind_of_loader
def test_who_is_put_into_the_session_or_taken_out_before_the_view_counts(
    make_app: Make, make_client: Make, views: str, loaders: str
) -> None:
    site = Site(make_app, views, loaders if views == "plain" else "plain", SESSION_PROTECTION=None)

    @site.app.before_request
    def change() -> None:
        if "out" in request.args:
            session.clear()
        elif "bob" in request.args:
            session["_user_id"] = "2"
            session.pop("_auth_at", None)

    client = make_client(site.app)
    client.get("/in/ada")
    assert [text(client, f"/who{query}") for query in ("", "?bob=1", "?out=1")] == ["ada", "bob", "nobody"]
    client.get("/put/x/y")
    assert text(client, "/who?bob=1") == "bob"


@every_kind_of_view
def test_hooks_are_told_who_has_come_and_gone(make_app: Make, make_client: Make, views: str) -> None:
    site = Site(make_app, views)
    client = make_client(site.app)
    for path in ("/out", "/in/ada", "/in/bob", "/out", "/out"):
        client.get(path)
    assert site.watcher.told == [("in", "ada"), ("in", "bob"), ("out", "bob")]


@every_kind_of_view
def test_what_happens_is_logged_without_secrets(
    make_app: Make, make_client: Make, caplog: pytest.LogCaptureFixture, views: str
) -> None:
    site = Site(make_app, views, AUTH_SESSIONS="server")
    client = make_client(site.app)
    log_everything(caplog)
    client.get("/remember/ada")
    secrets = [cookie(client), cookie(client, "remember_token")]
    close_browser(client)
    for path in ("/who", "/confirm", "/out"):
        secrets.append(cookie(client))
        client.get(path)
    said = logged(caplog)
    assert site.watcher.names() == ["login", "login.remembered", "login.confirmed", "logout"]
    assert [line.partition(" ")[0] for line in said] == site.watcher.names()
    assert not any(one in line for one in secrets if one for line in said)
    assert all("'user': '1'" in line and "'address': '127.0.0.1'" in line for line in said)


@every_kind_of_view
def test_an_answer_that_depends_on_who_asks_is_for_them_only(make_app: Make, make_client: Make, views: str) -> None:
    site = Site(make_app, views)
    client = make_client(site.app)
    for path in ("/who", "/in/ada", "/who", "/inside", "/out"):
        answer = client.get(path)
        assert "Cookie" in answer.headers["Vary"], path
        assert answer.headers["Cache-Control"] == "private", path
    still = client.get("/still")
    assert "Vary" not in still.headers
    assert "Cache-Control" not in still.headers


@every_kind_of_view
def test_an_answer_that_depends_on_nobody_is_for_everybody(make_app: Make, make_client: Make, views: str) -> None:
    site = Site(make_app, views)
    client = make_client(site.app)
    client.get("/in/ada")
    assert "Cache-Control" not in client.get("/still").headers
    client.get("/remember/ada")
    close_browser(client)
    answer = client.get("/still")
    assert ("Cache-Control" in answer.headers) == ("Set-Cookie" in answer.headers)


def test_an_error_page_that_knows_who_asks_is_for_them_only(make_app: Make, make_client: Make) -> None:
    site = Site(make_app)
    site.app.register_error_handler(404, lambda error: (f"{bool(current_user.is_authenticated)}", 404))
    answer = make_client(site.app).get("/nowhere")
    assert (answer.status_code, answer.text) == (404, "False")
    assert answer.headers["Cache-Control"] == "private"
    assert "Cookie" in answer.headers["Vary"]


def test_what_a_view_says_of_caches_is_kept_where_it_is_stricter(make_app: Make, make_client: Make) -> None:
    site = Site(make_app)
    for name in ("no-store", "public, max-age=60, s-maxage=60"):
        headers = {"Cache-Control": name}
        site.add(f"/{name[:2]}", lambda headers=headers: (str(current_user.is_authenticated), 200, headers))
    client = make_client(site.app)
    assert client.get("/no").headers["Cache-Control"] == "no-store"
    said = client.get("/pu").headers["Cache-Control"]
    assert sorted(said.split(", ")) == ["max-age=60", "private"]


@every_kind_of_view
def test_a_loader_that_reads_a_slow_store_holds_up_nobody_else(make_app: Make, views: str) -> None:
    site = Site(make_app, "async")
    gate = threading.Event()

    def load(id: str) -> Any:
        return site.people.get(id) if gate.wait(20) else None

    site.manager.user_loader(load)
    site.add("/open", lambda: done(gate.set))
    signer = site.app.session_interface.get_signing_serializer(site.app)  # type: ignore[attr-defined]
    sent = {"session": signer.dumps({"_user_id": "1", "_fresh": True})}
    answers = ask_at_once(site.app, ("/who", sent), ("/open", {}))
    assert [one.text for one in answers] == ["ada", "done"]


def test_plain_code_on_a_loop_cannot_wait_for_an_asynchronous_loader(make_app: Make) -> None:
    site = Site(make_app, "async")
    staff: LoginManager[Any] = LoginManager(site.app, realm="staff")
    staff.user_loader(site._load)

    def early() -> str:
        with pytest.raises(RuntimeError, match=r"await trivet_auth\.load_identity"):
            bool(staff.current_user.is_authenticated)
        return "refused"

    @site.app.get("/late")
    async def late() -> str:
        identity = await load_identity(realm="staff")
        return f"{identity.user.name} {staff.current_user.name}"

    site.add("/early", early)
    site.add("/in-staff", lambda: str(login_user(site.ada, realm="staff")))
    client = site.app.test_client()
    client.get("/in-staff")
    sent = {"session": cookie(client) or ""}
    answers = ask_at_once(site.app, ("/early", sent), ("/late", sent))
    assert [one.text for one in answers] == ["refused", "ada ada"]


@every_kind_of_loader
def test_asynchronous_code_asks_who_it_is(make_app: Make, make_client: Make, loaders: str) -> None:
    site = Site(make_app, "async", loaders)

    @site.app.get("/identity")
    async def identity() -> str:
        found = await load_identity()
        return f"{found.known} {found.method} {found.fresh} {found.realm} {found.user is (await load_identity()).user}"

    client = make_client(site.app)
    assert text(client, "/identity") == "False  False default True"
    client.get("/in/ada")
    assert text(client, "/identity") == "True session True default True"


def test_outside_of_a_request_nobody_signs_in(make_app: Make) -> None:
    site = Site(make_app)
    for function in (lambda: login_user(site.ada), logout_user, confirm_login):
        with pytest.raises(RuntimeError, match="belongs to a request"):
            function()
        with site.app.app_context(), pytest.raises(RuntimeError, match="belongs to a request"):
            function()


def test_outside_of_a_request_there_is_no_current_user(make_app: Make) -> None:
    site = Site(make_app)
    assert not current_user
    with site.app.app_context():
        assert not current_user
    with site.app.test_request_context():
        assert current_user.is_anonymous


def test_a_user_without_an_identifier_cannot_sign_in(make_app: Make) -> None:
    site = Site(make_app)
    site.ada.get_id = lambda: None  # type: ignore[method-assign, assignment, return-value]
    with site.app.test_request_context(), pytest.raises(ValueError, match="nobody cannot sign in"):
        login_user(site.ada)


def test_a_proxy_of_a_user_signs_in_the_user(make_app: Make) -> None:
    site = Site(make_app)
    with site.app.test_request_context():
        login_user(site.ada)
        login_user(current_user)
        assert current_user._get_current_object() is site.ada


def test_without_a_loader_a_session_is_an_error_that_says_what_is_missing(make_app: Make) -> None:
    site = Site(make_app)
    site.manager._user_callback = None
    client = site.app.test_client()
    client.get("/in/ada")
    with pytest.raises(Exception, match=r"@login_manager\.user_loader"):
        client.get("/who")


def test_a_signal_may_have_an_asynchronous_receiver(make_app: Make) -> None:
    site = Site(make_app)
    heard = []

    async def receive(app: Any, user: Any) -> None:
        heard.append((app is site.app, user.name, current_app.name))

    with user_logged_in.connected_to(receive, site.app):
        site.app.test_client().get("/in/ada")
    assert heard == [(True, "ada", "testapp")]


@every_kind_of_view
def test_tests_sign_somebody_in_without_a_request(make_app: Make, make_client: Make, views: str) -> None:
    site = Site(make_app, views, SESSION_PROTECTION=None)
    client = make_client(site.app)
    sign_in(client, site.ada)
    assert (text(client, "/who"), text(client, "/deep")) == ("ada", "deep")
    sign_in(client, site.named("bob"), fresh=False)
    assert (text(client, "/who"), status(client, "/deep")) == ("bob", 401)


@pytest.mark.parametrize("sessions", ["cookie", "server"])
def test_a_session_that_a_test_has_begun_ends_as_others_do(make_app: Make, make_client: Make, sessions: str) -> None:
    site = Site(make_app, AUTH_SESSIONS=sessions)
    client = make_client(site.app)
    sign_in(client, site.ada)
    assert [text(client, "/who"), text(client, "/who")] == ["ada", "ada"]
    site.ada.generation += 1
    assert text(client, "/who") == "nobody"


def test_a_session_of_before_everything_was_ended_is_not_taken_over(make_app: Make, make_client: Make) -> None:
    site = Site(make_app)
    site.ada.generation = 1
    client = make_client(site.app)
    sign_in(client, site.ada)
    assert text(client, "/who") == "nobody"
