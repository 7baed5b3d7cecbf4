"""What is done to accounts, from plain code and in requests of both kinds, and what has ended afterwards."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from trivet import Trivet, current_context, hookimpl, session
from trivet_auth import AuthConfigError, LoginManager, MemoryUsers, TakenError, Users, current_user, login_user
from trivet_auth import accounts as service
from trivet_auth.accounts import Accounts, WeakPasswordError, stay
from trivet_auth.state import Auth

from .database_app import FAST, empty_database, people_app

Make = Callable[..., Trivet]
GOOD, BETTER = "violet kettles hum at noon", "seven slow lanterns drift"


class Seeing:
    """A plugin that notes what happens."""

    name = "seeing"

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.registered: list[str] = []

    @hookimpl
    def trivet_auth_event(self, event: Any) -> None:
        """Note an event."""
        self.events.append((event.name, event.user))

    @hookimpl
    def trivet_auth_registered(self, user: Any) -> None:
        """Note somebody new."""
        self.registered.append(user.email)


class Site:
    """An application with Ada, and what happens there."""

    def __init__(self, app: Trivet) -> None:
        self.app = app
        self.seen = Seeing()
        add_views(app)
        app.plugins.register(self.seen)
        app.seal()
        self.auth = Auth.of(app)
        with app.app_context():
            service.create(self.auth, "default", "ada@example.com", GOOD)

    @property
    def ada(self) -> Any:
        """Ada, in a context."""
        return service.find(self.auth, "default", "ada@example.com")


def add_views(app: Trivet) -> None:
    """Add views that sign in, say who is there, and change accounts."""

    @app.post("/login")
    def login() -> str:
        users = Auth.of(app).realm("default").users
        return str(login_user(users.find("ada@example.com"), remember=True))

    @app.get("/who")
    def who() -> str:
        return getattr(current_user, "email", "nobody")

    @app.post("/plain/<action>")
    def plain(action: str) -> Any:
        user = current_context().identity.user  # type: ignore[attr-defined]
        arguments = (BETTER,) if action == "set_password" else ()
        ended = getattr(service, action)(Auth.of(app), "default", user, *arguments)
        return "" if ended is None else list(ended)

    @app.post("/async/<action>")
    async def waiting(action: str) -> Any:
        ctx: Any = current_context()
        arguments = (BETTER,) if action == "set_password" else ()
        ended = await getattr(Accounts.in_context(ctx), action)(ctx.identity.user, *arguments)
        return "" if ended is None else list(ended)

    @app.post("/others")
    async def others() -> Any:
        ctx: Any = current_context()
        user = ctx.identity.user
        ended = await Accounts.in_context(ctx).end_sessions(user, keep=ctx.identity.credential)
        stay(ctx, "default", user)
        session["kept"] = True
        return list(ended)


@pytest.fixture(params=["memory", "database"])
def make_site(request: pytest.FixtureRequest, make_app: Make) -> Iterator[Callable[..., Site]]:
    """Make an application with Ada, who is kept in memory or in a database."""
    if request.param == "memory":

        def make(**config: Any) -> Site:
            settings = {"SECRET_KEY": "only here", "AUTH_STORE": "memory", "AUTH_PASSWORD": FAST, **config}
            app = make_app(plugins=["auth"], config=settings)
            LoginManager(app, users=MemoryUsers())
            return Site(app)

        yield make
        return
    with empty_database("sqlite") as url:
        yield lambda **config: Site(people_app(make_app, url, AUTH_STORE="memory", **config))


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """One whose sessions are in signed cookies."""
    return make_site()


def browser(site: Site, make_client: Callable[..., Any]) -> Any:
    """Return a browser that Ada has signed in with."""
    client = make_client(site.app)
    assert client.post("/login").text == "True"
    assert client.get("/who").text == "ada@example.com"
    return client


STORES = pytest.mark.parametrize("kind", ["cookie", "server"])


# -- sessions


@STORES
@pytest.mark.parametrize("action", ["lock", "set_password", "end_sessions", "end_everything"])
def test_every_session_has_ended(
    make_site: Callable[..., Site], make_client: Callable[..., Any], kind: str, action: str
) -> None:
    site = make_site(AUTH_SESSIONS=kind)
    first, second = browser(site, make_client), browser(site, make_client)
    with site.app.app_context():
        arguments = (BETTER,) if action == "set_password" else ()
        ended = getattr(service, action)(site.auth, "default", site.ada, *arguments)
    assert ended.sessions == (2 if kind == "server" else 0)
    assert ended.browsers == 2
    assert ended.everywhere
    assert [client.get("/who").text for client in (first, second)] == ["nobody", "nobody"]


@STORES
@pytest.mark.parametrize("flavour", ["plain", "async"])
@pytest.mark.parametrize("action", ["lock", "set_password", "end_sessions", "end_everything"])
def test_a_view_of_either_kind_can_end_them(
    make_site: Callable[..., Site],
    make_client: Callable[..., Any],
    kind: str,
    flavour: str,
    action: str,
) -> None:
    site = make_site(AUTH_SESSIONS=kind)
    client = browser(site, make_client)
    assert client.post(f"/{flavour}/{action}").json[1] == 1
    assert client.get("/who").text == "nobody"


@STORES
def test_one_session_goes_on_while_the_others_end(
    make_site: Callable[..., Site], make_client: Callable[..., Any], kind: str
) -> None:
    site = make_site(AUTH_SESSIONS=kind)
    mine, other = browser(site, make_client), browser(site, make_client)
    mine.post("/others")
    assert mine.get("/who").text == "ada@example.com"
    assert other.get("/who").text == "nobody"


def test_sessions_on_the_server_are_listed_and_ended_one_by_one(
    make_site: Callable[..., Site], make_client: Callable[..., Any]
) -> None:
    site = make_site(AUTH_SESSIONS="server")
    first, second = browser(site, make_client), browser(site, make_client)
    for client in (first, second):
        client.delete_cookie("remember_token")
    with site.app.app_context():
        listed = service.sessions(site.auth, "default", site.ada)
        assert [one.method for one in listed] == ["session", "session"]
        assert listed[0].seen >= listed[1].seen
        assert service.end_session(site.auth, "default", site.ada, listed[0].id)
        assert not service.end_session(site.auth, "default", site.ada, listed[0].id)
        assert service.sessions(site.auth, "default", site.ada) == listed[1:]
    assert sorted(client.get("/who").text for client in (first, second)) == ["ada@example.com", "nobody"]


def test_nobody_ends_the_session_of_somebody_else(
    make_site: Callable[..., Site], make_client: Callable[..., Any]
) -> None:
    site = make_site(AUTH_SESSIONS="server")
    client = browser(site, make_client)
    with site.app.app_context():
        bob = service.create(site.auth, "default", "bob@example.com")
        (session_of_ada,) = service.sessions(site.auth, "default", site.ada)
        assert not service.end_session(site.auth, "default", bob, session_of_ada.id)
        assert service.end_everything(site.auth, "default", bob)[:3] == (0, 0, 0)
    assert client.get("/who").text == "ada@example.com"


# -- tokens


def test_tokens_end_with_everything_and_with_a_lock_but_not_with_a_password(site: Site) -> None:
    with site.app.app_context():
        owner = f"default:{site.ada.get_id()}"
        text, _ = site.auth.tokens.create(owner, "laptop", None, 3600)
        assert service.set_password(site.auth, "default", site.ada, BETTER).tokens == 0
        assert service.end_sessions(site.auth, "default", site.ada).tokens == 0
        assert site.auth.tokens.check(text) is not None
        assert service.end_everything(site.auth, "default", site.ada).tokens == 1
        assert site.auth.tokens.check(text) is None
        text, _ = site.auth.tokens.create(owner, "laptop", None, 3600)
        assert service.lock(site.auth, "default", site.ada).tokens == 1
        assert site.auth.tokens.check(text) is None


# -- locks


def test_who_is_locked_cannot_sign_in_until_unlocked(site: Site, make_client: Callable[..., Any]) -> None:
    client = make_client(site.app)
    with site.app.app_context():
        service.lock(site.auth, "default", site.ada)
    assert client.post("/login").text == "False"
    with site.app.app_context():
        service.unlock(site.auth, "default", site.ada)
    assert client.post("/login").text == "True"


def test_an_unlocked_account_is_not_signed_in_where_it_was(site: Site, make_client: Callable[..., Any]) -> None:
    client = browser(site, make_client)
    with site.app.app_context():
        service.lock(site.auth, "default", site.ada)
        service.unlock(site.auth, "default", site.ada)
    assert client.get("/who").text == "nobody"


# -- passwords


def test_a_new_password_is_the_one_that_works(site: Site) -> None:
    with site.app.app_context():
        generation = site.ada.generation
        service.set_password(site.auth, "default", site.ada, BETTER)
        assert site.auth.passwords.verify(site.ada.password_hash, BETTER).ok
        assert not site.auth.passwords.verify(site.ada.password_hash, GOOD).ok
        assert site.ada.generation == generation + 1


@pytest.mark.parametrize("password", ["q7!", "ada@example.com", "testapp testapp"])
def test_a_weak_password_is_refused_with_the_reasons_and_changes_nothing(site: Site, password: str) -> None:
    with site.app.app_context():
        with pytest.raises(WeakPasswordError) as caught:
            service.set_password(site.auth, "default", site.ada, password)
        assert caught.value.problems
        assert password not in str(caught.value)
        assert site.auth.passwords.verify(site.ada.password_hash, GOOD).ok


# -- making


def test_a_new_account_is_told_of(site: Site) -> None:
    assert site.seen.registered == ["ada@example.com"]
    assert site.seen.events[0][0] == "account.created"


def test_an_account_is_found_however_its_name_is_typed(site: Site) -> None:
    with site.app.app_context():
        assert service.find(site.auth, "default", "  ADA@example.com ") is not None
        assert service.find(site.auth, "default", "ada\0") is None


def test_an_account_cannot_be_made_twice_nor_with_a_name_that_cannot_be_one(site: Site) -> None:
    with site.app.app_context():
        with pytest.raises(TakenError):
            service.create(site.auth, "default", "Ada@Example.com", GOOD)
        with pytest.raises(ValueError, match="cannot be a login name"):
            service.create(site.auth, "default", "two\nlines", GOOD)
        with pytest.raises(WeakPasswordError):
            service.create(site.auth, "default", "bob@example.com", "bob@example.com")


@pytest.mark.parametrize(
    ("action", "event"),
    [
        ("lock", "account.locked"),
        ("unlock", "account.unlocked"),
        ("end_sessions", "sessions.revoked"),
        ("end_everything", "everything.revoked"),
    ],
)
def test_what_is_done_is_logged_with_the_user(site: Site, action: str, event: str) -> None:
    with site.app.app_context():
        getattr(service, action)(site.auth, "default", site.ada)
        assert site.seen.events[-1] == (event, site.ada.get_id())


# -- what cannot be


def test_without_a_place_for_accounts_it_says_what_to_write(make_app: Make) -> None:
    app = make_app(plugins=["auth"], config={"SECRET_KEY": "only here", "AUTH_STORE": "memory"})
    LoginManager(app).user_loader(lambda id: None)
    app.seal()
    with app.app_context(), pytest.raises(AuthConfigError, match=r'\[auth\] model = "package\.models:User"'):
        service.find(Auth.of(app), "default", "ada@example.com")


class Plain:
    """Somebody whom only a loader knows, and who has no generation."""

    is_active = is_authenticated = True

    def get_id(self) -> str:
        """Return an identifier."""
        return "7"


def test_sessions_of_people_who_only_have_a_loader_end_on_the_server(make_app: Make) -> None:
    config = {"SECRET_KEY": "only here", "AUTH_STORE": "memory"}
    for kind, everywhere in (("server", True), ("cookie", False)):
        app = make_app(plugins=["auth"], config={**config, "AUTH_SESSIONS": kind})
        LoginManager(app).user_loader(lambda id: Plain())
        app.seal()
        with app.app_context():
            assert service.end_sessions(Auth.of(app), "default", Plain()) == (0, 0, 0, everywhere)


def test_somebody_without_an_attribute_that_is_needed_is_told_of(site: Site) -> None:
    with site.app.app_context(), pytest.raises(AuthConfigError, match="Plain has no attribute 'locked'"):
        service.lock(site.auth, "default", Plain())


def test_on_an_event_loop_the_functions_for_plain_code_say_so(site: Site) -> None:
    async def go() -> None:
        async with site.app.app_context():
            with pytest.raises(RuntimeError, match=r"await Accounts\.in_context\(ctx, realm\)\.find"):
                service.find(site.auth, "default", "ada@example.com")

    site.app.loops.run(go())


class Slow(Users):
    """People who have to be waited for."""

    def __init__(self) -> None:
        self._people = MemoryUsers()
        self._people.create("ada")

    async def get(self, id: str) -> Any:
        """Return somebody, after a moment."""
        await asyncio.sleep(0)
        return self._people.get(id)

    async def find(self, login: str) -> Any:
        """Return somebody, after a moment."""
        await asyncio.sleep(0)
        return self._people.find(login)


def test_an_asynchronous_view_waits_for_asynchronous_people(make_app: Make, make_client: Callable[..., Any]) -> None:
    app = make_app(plugins=["auth"], config={"SECRET_KEY": "only here", "AUTH_STORE": "memory"})
    people = Slow()
    LoginManager(app, users=people)

    @app.get("/find")
    async def find() -> str:
        return str((await Accounts.in_context(current_context()).find("ada")).get_id())

    assert make_client(app).get("/find").text == "1"
