"""Several realms in one application: customers and staff, each with accounts of their own."""

from collections.abc import Callable
from typing import Any

import pytest

from trivet import Blueprint, Trivet, hookimpl, request, session
from trivet_auth import (
    AuthConfigError,
    LoginManager,
    MemoryUsers,
    confirm_login,
    current_user,
    login_fresh,
    login_remembered,
    login_required,
    login_user,
    logout_user,
)
from trivet_auth.accounts import end_session, end_sessions, sessions
from trivet_auth.remember import RememberTokens
from trivet_auth.sessions import KIND, StoredSessions, digest_of
from trivet_auth.state import Auth

from .people_site import Make, close_browser, cookie, done, status, text
from .store_homes import Clock, Home, everywhere

every_kind_of_session = pytest.mark.parametrize("kind", ["cookie", "server"])


class Realms:
    """An application with customers, and staff in a blueprint; both begin with the identifier 1."""

    def __init__(self, make_app: Make, **config: Any) -> None:
        settings = {"SECRET_KEY": "a key that only this test knows", "AUTH_STORE": "memory", **config}
        self.app: Trivet = make_app(plugins=["auth"], config=settings)
        self.customers, self.staff = MemoryUsers(), MemoryUsers()
        self.manager: LoginManager[Any] = LoginManager(self.app, users=self.customers)
        self.staff_manager: LoginManager[Any] = LoginManager(
            self.app, realm="staff", blueprints=["admin"], users=self.staff
        )
        self.ada, self.bob = self.customers.create("ada"), self.customers.create("bob")
        self.eve = self.staff.create("eve")
        admin = Blueprint("admin", "admin", url_prefix="/admin")
        inner = Blueprint("inner", "inner", url_prefix="/inner")
        for part, users in ((self.app, self.customers), (admin, self.staff), (inner, self.staff)):
            add_pages(part, users)
        admin.register_blueprint(inner)
        self.app.register_blueprint(admin)
        self.app.add_url_rule("/both", view_func=self.both)

    def both(self) -> str:
        """Return who is asking in each realm, whatever the view's."""
        return f"{name_of(self.manager.current_user)} {name_of(self.staff_manager.current_user)}"

    @property
    def auth(self) -> Auth:
        return Auth.of(self.app)


def name_of(user: Any) -> str:
    return str(user.email) if user.is_authenticated else "nobody"


def add_pages(part: Any, users: MemoryUsers) -> None:
    """Add pages to the application, or to a blueprint."""
    pages: dict[str, Callable[..., Any]] = {
        "/in/<name>": lambda name: str(login_user(users.find(name), remember="remember" in request.args)),
        "/out": lambda: str(logout_user()),
        "/who": lambda: name_of(current_user),
        "/how": lambda: f"fresh={login_fresh()} remembered={login_remembered()}",
        "/confirm": lambda: done(confirm_login),
        "/inside": login_required(lambda: "inside"),
        "/put/<name>": lambda name: done(session.__setitem__, name, True),
        "/names": lambda: " ".join(sorted(name for name in session if not name.startswith("_"))),
    }
    for rule, view in pages.items():
        part.add_url_rule(rule, endpoint=rule.split("/")[1], view_func=view)


def who(client: Any) -> list[str]:
    """Return who it is in each realm."""
    return [text(client, "/who"), text(client, "/admin/who")]


@every_kind_of_session
def test_the_realm_of_a_view_is_that_of_its_blueprint(make_app: Make, make_client: Make, kind: str) -> None:
    site = Realms(make_app, AUTH_SESSIONS=kind)
    client = make_client(site.app)
    client.get("/in/ada")
    assert who(client) == ["ada", "nobody"]
    assert (status(client, "/inside"), status(client, "/admin/inside"), status(client, "/admin/inner/inside")) == (
        200,
        401,
        401,
    )
    other = make_client(site.app)
    other.get("/admin/in/eve")
    assert who(other) == ["nobody", "eve"]
    assert text(other, "/admin/inner/who") == "eve"


@every_kind_of_session
def test_people_of_both_realms_are_side_by_side_in_one_browser(make_app: Make, make_client: Make, kind: str) -> None:
    site = Realms(make_app, AUTH_SESSIONS=kind)
    client = make_client(site.app)
    for path in ("/in/ada", "/admin/in/eve"):
        client.get(path)
    assert (who(client), text(client, "/both")) == (["ada", "eve"], "ada eve")
    client.get("/in/bob")
    assert who(client) == ["bob", "eve"]
    client.get("/admin/out")
    assert who(client) == ["bob", "nobody"]
    client.get("/out")
    assert who(client) == ["nobody", "nobody"]
    assert cookie(client) is None


@every_kind_of_session
def test_data_does_not_go_from_one_persons_session_into_anothers(make_app: Make, make_client: Make, kind: str) -> None:
    site = Realms(make_app, AUTH_SESSIONS=kind)
    client = make_client(site.app)
    for path in ("/in/ada", "/put/draft", "/admin/in/eve"):
        client.get(path)
    assert text(client, "/names") == ""
    client.get("/put/draft")
    client.get("/admin/out")
    assert (text(client, "/names"), who(client)) == ("", ["ada", "nobody"])


@every_kind_of_session
def test_freshness_is_each_realms_own(make_app: Make, make_client: Make, kind: str) -> None:
    site = Realms(make_app, AUTH_SESSIONS=kind)
    client = make_client(site.app)
    client.get("/in/ada?remember=yes")
    close_browser(client)
    client.get("/admin/in/eve")
    assert text(client, "/how") == "fresh=False remembered=True"
    assert text(client, "/admin/how") == "fresh=True remembered=False"
    client.get("/confirm")
    assert text(client, "/how") == "fresh=True remembered=True"
    assert who(client) == ["ada", "eve"]


def test_remembered_browsers_have_a_cookie_for_each_realm(make_app: Make, make_client: Make) -> None:
    site = Realms(make_app)
    client = make_client(site.app)
    for path in ("/in/ada?remember=yes", "/admin/in/eve?remember=yes"):
        client.get(path)
    customers, staff = cookie(client, "remember_token"), cookie(client, "remember_token_staff")
    assert customers != staff
    close_browser(client)
    assert who(client) == ["ada", "eve"]
    client.get("/admin/out")
    close_browser(client)
    assert who(client) == ["ada", "nobody"]
    # A cookie of one realm is nothing in the other.
    other = site.app.test_client(use_cookies=False)
    swapped = f"remember_token={staff}; remember_token_staff={customers}"
    assert [text(other, path, headers={"Cookie": swapped}) for path in ("/who", "/admin/who")] == ["nobody"] * 2


def test_a_token_is_of_one_realm(make_app: Make, make_client: Make) -> None:
    site = Realms(make_app)
    client = make_client(site.app)
    for owner, expected in (("default:1", ["ada", 401]), ("staff:1", [401, "eve"])):
        token, _ = site.auth.tokens.create(owner, "a test", None, 60)
        answers = [client.get(path, headers={"Authorization": f"Bearer {token}"}) for path in ("/who", "/admin/who")]
        assert [one.text if one.status_code == 200 else one.status_code for one in answers] == expected


def test_strangers_are_sent_to_the_page_of_the_realm(make_app: Make, make_client: Make) -> None:
    site = Realms(make_app)
    site.manager.login_view, site.staff_manager.login_view = "/login", "/admin/login"
    client = make_client(site.app)
    found = [client.get(path).headers["Location"] for path in ("/inside", "/admin/inside", "/admin/inner/inside")]
    assert found == [
        "/login?next=%2Finside",
        "/admin/login?next=%2Fadmin%2Finside",
        "/admin/login?next=%2Fadmin%2Finner%2Finside",
    ]


def test_the_realm_can_be_named(make_app: Make, make_client: Make) -> None:
    site = Realms(make_app)
    site.app.add_url_rule("/eve-in", endpoint="eve-in", view_func=lambda: str(login_user(site.eve, realm="staff")))
    site.app.add_url_rule("/eve-out", endpoint="eve-out", view_func=lambda: str(logout_user(realm="staff")))
    site.app.add_url_rule(
        "/eve-how", endpoint="eve-how", view_func=lambda: f"{login_fresh(realm='staff')} {login_fresh()}"
    )
    client = make_client(site.app)
    assert text(client, "/eve-in") == "True"
    assert (who(client), text(client, "/eve-how")) == (["nobody", "eve"], "True False")
    client.get("/eve-out")
    assert who(client) == ["nobody", "nobody"]


def test_a_realm_that_there_is_not_is_an_error_that_names_those_there_are(make_app: Make) -> None:
    site = Realms(make_app)
    with site.app.test_request_context(), pytest.raises(AuthConfigError, match=r"no realm 'stuff'.*'staff'"):
        login_user(site.eve, realm="stuff")


@pytest.mark.parametrize("name", ["", "a:b", "a b", "ä", "1a", "a" * 33, "a;b", "a.b"])
def test_a_realm_has_a_name_that_cookies_can_have(name: str) -> None:
    with pytest.raises(AuthConfigError, match="A realm cannot be called"):
        LoginManager(realm=name)


def test_a_plugin_is_asked_for_the_people_of_one_realm(make_app: Make, make_client: Make) -> None:
    site = Realms(make_app)

    class Robots:
        name = "robots"

        @hookimpl
        def trivet_auth_authenticate(self, realm: str) -> Any:
            return site.eve if realm == "staff" else None

    site.app.plugins.register(Robots())
    assert who(make_client(site.app)) == ["nobody", "eve"]


# -- sessions of both realms on the server


def open_both(site: Realms, make_client: Make, home: Home, clock: Clock) -> Any:
    """Keep sessions in a store, and return a browser in which somebody of each realm has signed in."""
    store = home.open(clock)
    site.auth.store, site.auth.remember = store, RememberTokens(store, 1000, clock=clock)
    site.app.seal()
    site.app.session_interface = StoredSessions(store, 1000, 1000, clock)
    client = make_client(site.app)
    for path in ("/in/ada", "/admin/in/eve"):
        client.get(path)
    assert who(client) == ["ada", "eve"]
    return client


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(make_app: Make) -> Realms:
    return Realms(make_app, AUTH_SESSIONS="server")


@everywhere()
def test_each_of_the_two_lists_and_ends_their_own_sessions(
    site: Realms, make_client: Make, store_home: Home, clock: Clock
) -> None:
    client = open_both(site, make_client, store_home, clock)
    auth = site.auth
    with site.app.app_context():
        [theirs] = sessions(auth, "default", site.ada)
        [staffs] = sessions(auth, "staff", site.eve)
        assert theirs.id != staffs.id
        assert not end_session(auth, "default", site.ada, staffs.id)
        assert end_session(auth, "staff", site.eve, staffs.id)
        assert sessions(auth, "staff", site.eve) == []
        assert sessions(auth, "default", site.ada) == [theirs]
    assert who(client) == ["ada", "nobody"]
    assert site.auth.store.owned(KIND, "staff:1") == []


@everywhere()
def test_ending_the_session_of_who_came_first_ends_it_for_both(
    site: Realms, make_client: Make, store_home: Home, clock: Clock
) -> None:
    client = open_both(site, make_client, store_home, clock)
    with site.app.app_context():
        assert end_sessions(site.auth, "default", site.ada).sessions == 1
    assert who(client) == ["nobody", "nobody"]


@everywhere()
@pytest.mark.parametrize("path", ["/confirm", "/put/x", "/in/bob"])
def test_who_was_revoked_in_one_realm_does_not_come_back_by_the_other(
    site: Realms, make_client: Make, store_home: Home, clock: Clock, path: str
) -> None:
    site.app.before_request(lambda: site.both() and meanwhile())
    meanwhile: Callable[[], Any] = lambda: None  # noqa: E731
    client = open_both(site, make_client, store_home, clock)
    meanwhile = lambda: done(site.auth.store.delete_owned, KIND, "staff:1") and None  # noqa: E731
    client.get(path)
    meanwhile = lambda: None  # noqa: E731
    assert who(client) == ["bob" if path == "/in/bob" else "ada", "nobody"]


@everywhere()
def test_both_stay_as_long_as_the_session_is_used(
    site: Realms, make_client: Make, store_home: Home, clock: Clock
) -> None:
    client = open_both(site, make_client, store_home, clock)
    site.app.session_interface.lifetime = 10_000  # type: ignore[attr-defined]
    for _ in range(3):
        clock.now += 900
        assert who(client) == ["ada", "eve"]
    clock.now += 1100
    assert who(client) == ["nobody", "nobody"]


@everywhere()
def test_nothing_is_left_in_the_store_when_both_have_gone(
    site: Realms, make_client: Make, store_home: Home, clock: Clock
) -> None:
    client = open_both(site, make_client, store_home, clock)
    copy = cookie(client)
    client.get("/out")
    assert who(client) == ["nobody", "eve"]
    assert site.auth.store.get(KIND, digest_of(copy or "")) is None
    client.get("/admin/out")
    for owner in ("default:1", "staff:1", ""):
        assert site.auth.store.owned(KIND, owner) == []
