"""Switching flows on: what is there, what has to be configured, and what of one's own takes their place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trivet import Trivet, hookimpl, request
from trivet_auth import AuthConfigError, LoginManager, MemoryUsers, Users, login_user
from trivet_auth import accounts as service
from trivet_auth.flows import FLOWS, Login, Register, Sent
from trivet_auth.options import FLOWS as NAMES
from trivet_auth.state import Auth

from .database_app import FAST
from .flow_fixtures import MakeSite
from .flow_site import ADA, GOOD, Site

Make = Callable[..., Trivet]
BASE = {"SECRET_KEY": "only here", "AUTH_STORE": "memory", "AUTH_PASSWORD": FAST}


def flows_app(make_app: Make, *flows: str, users: Any = None, **config: Any) -> Trivet:
    """Make an application with some flows."""
    app = make_app(plugins=["auth"], config={**BASE, "AUTH_FLOWS": list(flows), **config})
    LoginManager(app, users=users or MemoryUsers())
    return app


def wrong(app: Trivet) -> str:
    """Return what is wrong with an application's configuration."""
    with pytest.raises(AuthConfigError) as caught:
        app.seal()
    return str(caught.value)


# -- what is there


def test_each_flow_there_is_has_its_pages() -> None:
    assert tuple(FLOWS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_flow_alone_is_there_and_no_other(make_app: Make, name: str) -> None:
    app = flows_app(make_app, name)
    app.seal()
    there = {rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint.startswith("auth.")}
    assert there == {"auth.static", *(f"auth.{flow.name}" for flow in FLOWS[name])}


def test_nothing_is_there_unless_it_is_switched_on(make_app: Make) -> None:
    app = flows_app(make_app)
    assert app.test_client().get("/auth/login").status_code == 404
    assert "auth" not in app.blueprints


@pytest.mark.parametrize("name", NAMES)
def test_each_page_that_stands_alone_can_be_opened(make_app: Make, make_client: Callable[..., Any], name: str) -> None:
    app = flows_app(make_app, name, "login")
    users = MemoryUsers()
    app.login_manager.users = users  # type: ignore[attr-defined]

    @app.get("/enter")
    def enter() -> str:
        return str(login_user(users.find(ADA)))

    app.seal()
    with app.app_context():
        service.create(Auth.of(app), "default", ADA, GOOD)
    client = make_client(app)
    client.get("/enter")
    for flow in FLOWS[name]:
        if hasattr(flow, "get"):
            answer = client.get(f"/auth{flow.rule}")
            assert answer.status_code in (200, 303, 400, 409)


def test_the_prefix_can_be_another(make_memory_site: MakeSite) -> None:
    site = make_memory_site(AUTH_PREFIX="/account").open(ADA)
    browser = site.browser()
    assert browser.get("/private").location == "/account/login?next=%2Fprivate"
    assert browser.fill("/account/login", email=ADA, password=GOOD).status_code == 303
    browser.send("/account/forgot", email=ADA)
    assert site.link.startswith("/account/reset?token=")


def test_there_need_not_be_a_prefix(make_memory_site: MakeSite) -> None:
    site = make_memory_site(AUTH_PREFIX="").open(ADA)
    page = site.browser().get("/login")
    assert 'href="/auth-static/auth.css"' in page.text
    with site.browser().get("/auth-static/auth.css") as style:
        assert style.status_code == 200
    assert site.browser().send("/login", email=ADA, password=GOOD).status_code == 200


def test_a_policy_of_the_application_s_own_stays(make_memory_site: MakeSite) -> None:
    site = make_memory_site()

    @site.app.after_request
    def add(response: Any) -> Any:
        response.headers.setdefault("Content-Security-Policy", "default-src 'self'")
        return response

    answer = site.open().browser().get("/auth/login")
    assert answer.headers.getlist("Content-Security-Policy") == ["default-src 'self'"]


def test_a_flow_works_where_everybody_has_to_sign_in(make_memory_site: MakeSite) -> None:
    site = make_memory_site(AUTH_REQUIRE_LOGIN=True).open(ADA)
    browser = site.browser()
    assert browser.get("/who").location == "/auth/login?next=%2Fwho"
    assert browser.fill("/auth/login", email=ADA, password=GOOD).status_code == 303
    assert browser.who == ADA


def test_another_page_to_sign_in_on_stays(make_app: Make) -> None:
    app = flows_app(make_app, "login")
    app.login_manager.login_view = "own"  # type: ignore[attr-defined]
    app.seal()
    assert app.login_manager.login_view == "own"  # type: ignore[attr-defined]


def test_pages_afterwards_can_be_others(make_memory_site: MakeSite) -> None:
    site = make_memory_site(AUTH_AFTER_LOGIN="/home", AUTH_AFTER_LOGOUT="/bye").open(ADA)
    browser = site.browser()
    assert browser.fill("/auth/login", email=ADA, password=GOOD).location == "/home"
    assert browser.fill("/auth/logout").location == "/bye"


# -- what has to be configured


def test_a_misspelt_flow_is_told_the_nearest(make_app: Make) -> None:
    assert "Did you mean 'logout'?" in wrong(flows_app(make_app, "logut"))


def test_without_a_key_it_says_so(make_app: Make) -> None:
    assert "SECRET_KEY" in wrong(flows_app(make_app, "login", SECRET_KEY=None))


def test_without_people_it_says_where_to_name_them(make_app: Make) -> None:
    app = make_app(plugins=["auth"], config={**BASE, "AUTH_FLOWS": ["login"]})
    assert '[auth] model = "package.models:User"' in wrong(app)


@pytest.mark.parametrize("name", ["verify", "forgot", "email"])
def test_flows_with_links_need_the_address_of_the_site(make_app: Make, name: str) -> None:
    app = flows_app(make_app, name, TESTING=False, AUTH_MAIL={"url": "console:"})
    assert "[auth] url" in wrong(app)


def test_flows_without_links_need_none(make_app: Make) -> None:
    flows_app(make_app, "login", "logout", "register", "totp", "sessions", "tokens", TESTING=False).seal()


@pytest.mark.parametrize(
    "url",
    ["app.example.com", "ftp://a.example", "https://", "https://u:p@a.example", "https://a/?b", "http://[", "x y"],
)
def test_an_address_that_is_none_is_refused(make_app: Make, url: str) -> None:
    assert "[auth] url" in wrong(flows_app(make_app, "forgot", AUTH_URL=url))


def test_flows_that_only_tell_by_mail_what_was_changed_do_without(make_memory_site: MakeSite) -> None:
    site = make_memory_site(AUTH_FLOWS=["login", "password"], TESTING=False)
    site.app.plugins.unregister("seeing")
    browser = site.open(ADA).signed_in()
    answer = browser.send("/auth/password", current_password=GOOD, password="another one that is long")
    assert answer.status_code == 200
    assert "outbox" not in vars(site.app.extensions["trivet_auth.flows"])


def test_flows_with_mail_need_a_way_to_send_it(make_app: Make) -> None:
    app = flows_app(make_app, "forgot", TESTING=False, AUTH_URL="https://a.example")
    message = wrong(app)
    assert "[auth.mail] url" in message
    assert "trivet_auth_send_mail" in message


@pytest.mark.parametrize("way", ["debug", "hook", "console"])
def test_one_way_to_send_mail_is_enough(make_app: Make, way: str) -> None:
    app = flows_app(make_app, "forgot", TESTING=False, AUTH_URL="https://a.example")
    if way == "debug":
        app.config["DEBUG"] = True
    elif way == "hook":
        app.plugins.register(OwnMail())
    else:
        app.config["AUTH_MAIL"] = {"url": "console:"}
    app.seal()


class OwnMail:
    """Sends mail."""

    name = "own-mail"

    @hookimpl
    def trivet_auth_send_mail(self) -> bool:
        """Send one."""
        return True


# -- one's own


def test_a_function_takes_the_place_of_a_page(make_memory_site: MakeSite) -> None:
    site = make_memory_site()
    site.auth.flows["login"] = lambda: f"mine: {request.method}"
    site.open()
    assert site.browser().get("/auth/login").text == "mine: GET"
    assert site.browser().post("/auth/login").text == "mine: POST"


def test_an_asynchronous_function_does_too(make_memory_site: MakeSite) -> None:
    async def mine() -> str:
        return "mine"

    site = make_memory_site()
    site.auth.flows["logout"] = mine
    site.open()
    assert site.browser().get("/auth/logout").text == "mine"


def test_a_subclass_takes_the_place_of_a_flow(make_memory_site: MakeSite) -> None:
    class Mine(Login):
        def user_facts(self, user: Any) -> dict[str, Any]:
            return {"greeting": f"Hello, {user.email}"}

    site = make_memory_site()
    site.auth.flows["login"] = Mine
    site.open(ADA)
    assert site.browser().login().json["user"] == {"greeting": f"Hello, {ADA}"}


def test_what_takes_the_place_of_nothing_is_an_error(make_app: Make) -> None:
    app = flows_app(make_app, "login")
    Auth.of(app).flows["lgoin"] = lambda: ""
    assert "['lgoin']" in wrong(app)


def test_a_view_of_the_application_s_own_wins(make_memory_site: MakeSite) -> None:
    site = make_memory_site()
    site.app.add_url_rule("/auth/login", "auth.login", lambda: "mine")
    site.open()
    assert site.browser().get("/auth/login").text == "mine"
    assert site.browser().get("/private").location.startswith("/auth/login")


def test_a_template_of_the_application_s_own_wins(make_memory_site: MakeSite, tmp_path: Path) -> None:
    (tmp_path / "auth" / "mail").mkdir(parents=True)
    (tmp_path / "auth" / "base.html").write_text("<p>My shop</p>{% block content %}{% endblock %}")
    (tmp_path / "auth" / "mail" / "reset.txt").write_text("Mine\n\nGo to {{ link }}\n")
    site = make_memory_site()
    site.app.template_folder = str(tmp_path)
    site.open(ADA)
    page = site.browser().get("/auth/login").text
    assert page.startswith("<p>My shop</p>")
    assert 'name="password"' in page
    site.browser().send("/auth/forgot", email=ADA)
    assert (site.mail.subject, site.mail.text.strip()) == ("Mine", f"Go to https://app.example.com{site.link}")


class Join(Register):
    """Asks for a name, on a page of its own."""

    template = "join.html"
    shown = ("email", "name")

    def fields(self, sent: Sent) -> Any:
        """Return the name."""
        return {"name": sent.line("name", missing="Enter your name.")}


def test_a_template_adds_a_field_with_the_macros_of_the_page_that_it_extends(
    make_memory_site: MakeSite, tmp_path: Path
) -> None:
    block = '{% block fields %}{{ form.field("name", "Your name") }}{% endblock %}'
    (tmp_path / "join.html").write_text('{% extends "auth/register.html" %}' + block)
    site = make_memory_site()
    site.app.template_folder = str(tmp_path)
    site.auth.flows["register"] = Join
    browser = site.open().browser()
    page = browser.post("/auth/register", email="bob@example.com", password="short", name="Bob & Co")
    assert 'value="Bob &amp; Co"' in page.text
    assert 'id="password-error"' in page.text
    assert browser.fill("/auth/register", email="bob@example.com", password=GOOD, name="").status_code == 422
    assert browser.fill("/auth/register", email="bob@example.com", password=GOOD, name="Bob").status_code == 303


def test_sentences_are_translated_by_the_realm(make_memory_site: MakeSite) -> None:
    site = make_memory_site()
    site.app.login_manager.localize_callback = str.upper  # type: ignore[attr-defined]
    site.open(ADA)
    assert site.browser().login(password="x").json["error"]["message"] == "E-MAIL ADDRESS OR PASSWORD IS WRONG."


def test_people_of_another_realm_have_flows_if_the_blueprint_is_theirs(make_app: Make, make_client: Any) -> None:
    config = {**BASE, "AUTH_FLOWS": ["login"], "AUTH_REALMS": {"staff": {"blueprints": ["auth"]}}}
    app = make_app(plugins=["auth"], config=config)
    LoginManager(app, realm="staff", users=MemoryUsers())
    app.seal()
    with app.app_context():
        service.create(Auth.of(app), "staff", ADA, GOOD)
    client = make_client(app)
    assert client.post("/auth/login", json={"email": ADA, "password": GOOD}).json["user"]["email"] == ADA


class Member:
    """Somebody with nothing but a name and a password."""

    is_active = is_authenticated = True

    def __init__(self, name: str, password_hash: str) -> None:
        self.name = name
        self.password_hash = password_hash

    def get_id(self) -> str:
        """Return the name."""
        return self.name


class Members(Users):
    """People with names instead of addresses; every method is asynchronous."""

    def __init__(self) -> None:
        self.known: dict[str, Member] = {}

    async def get(self, id: str) -> Any:
        """Return a member."""
        return self.known.get(id)

    async def find(self, login: str) -> Any:
        """Return a member."""
        return self.known.get(login)

    async def save(self, user: Any, **fields: Any) -> None:
        """Set attributes."""
        vars(user).update(fields)


def test_people_of_another_make_sign_in_and_change_their_password(make_app: Make, make_client: Any) -> None:
    members = Members()
    app = flows_app(make_app, "login", "password", users=members)
    app.seal()
    members.known["ada"] = Member("ada", Auth.of(app).passwords.hash(GOOD))
    client = make_client(app)
    answer = client.post("/auth/login", json={"email": "Ada", "password": GOOD})
    assert answer.json["user"] == {"id": "ada", "email": None}
    wanted = {"current_password": GOOD, "password": "another one that is long"}
    assert client.post("/auth/password", json=wanted).status_code == 200
    assert client.post("/auth/login", json={"email": "ada", "password": wanted["password"]}).status_code == 200


def test_the_store_that_cannot_be_reached_is_a_503(make_memory_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    from trivet_auth.records import StoreError

    site: Site = make_memory_site(PROPAGATE_EXCEPTIONS=False).open(ADA)

    def away(*args: Any, **kwargs: Any) -> Any:
        raise StoreError("The store is away.")

    monkeypatch.setattr(site.auth.store, "get", away)
    answer = site.browser().login()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
