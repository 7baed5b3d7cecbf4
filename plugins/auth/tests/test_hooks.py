"""The plugin's hooks: each is called, in the order of the plugins, and says clearly what it cannot use."""

import inspect
import logging
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from trivet import PluginError, Trivet, current_context, hookimpl
from trivet_auth import (
    AuthConfigError,
    Identity,
    LoginManager,
    MemoryUsers,
    accounts,
    current_user,
    hooks,
    login_user,
    logout_user,
    requires,
)
from trivet_auth.state import Auth

from .flow_fixtures import MakeSite
from .flow_site import ADA, BOB

Make = Callable[..., Trivet]
MakeClient = Callable[..., Any]
BASIC = {"SECRET_KEY": "only in these tests", "AUTH_STORE": "memory"}
NAMES = [name for name in vars(hooks) if name.startswith("trivet_auth_")]


def plugin(_plugin: str, **implementations: Callable[..., Any]) -> Any:
    """Make a plugin that implements hooks, given without ``trivet_auth_`` in front."""
    made = ModuleType(_plugin)
    for name, function in implementations.items():
        setattr(made, f"trivet_auth_{name}", hookimpl(function, specname=f"trivet_auth_{name}"))
    return made


def site(make_app: Make, *plugins: Any, **config: Any) -> tuple[Trivet, MemoryUsers]:
    """Make an application with people in memory, Ada among them, and views to sign in and out by each kind of code."""
    app = make_app(plugins=["auth", *plugins], config={**BASIC, **config})
    users = MemoryUsers()
    LoginManager(app, users=users)
    users.create("ada")

    @app.get("/who")
    def who() -> str:
        return getattr(current_user, "email", "nobody")

    @app.get("/async/who")
    async def async_who() -> str:
        return getattr(current_user, "email", "nobody")

    @app.post("/in")
    def enter() -> str:
        return str(login_user(users.get("1")))

    @app.post("/async/in")
    async def async_enter() -> str:
        return str(login_user(users.get("1")))

    @app.post("/out")
    def leave() -> str:
        return str(logout_user())

    @app.post("/async/out")
    async def async_leave() -> str:
        return str(logout_user())

    @app.get("/guarded")
    @requires("tasks:write")
    def guarded() -> str:
        return "written"

    return app, users


#: Views of plain and of asynchronous code, by what their paths begin with.
BOTH = pytest.mark.parametrize("kind", ["", "/async"])


# -- all of them


def test_every_hook_has_tests_here() -> None:
    tests = " ".join(name for name in globals() if name.startswith("test_"))
    assert [name for name in NAMES if f"test_{name.removeprefix('trivet_auth_')}_" not in tests] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_hook_is_an_implementation_of_it(make_app: Make, name: str) -> None:
    _, found, example = str(inspect.getdoc(getattr(hooks, name))).partition("::\n")
    assert found
    made = ModuleType("example")
    exec(textwrap.dedent(example), {"hookimpl": hookimpl}, made.__dict__)
    app = make_app(plugins=["auth"], config=BASIC)
    assert app.plugins.register(made).hooks == [name]


def test_a_misspelt_hook_is_refused_with_the_right_name(make_app: Make) -> None:
    with pytest.raises(PluginError, match=r"'trivet_auth_loged_in'.*Did you mean 'trivet_auth_logged_in'\?"):
        make_app(plugins=["auth", plugin("wrong", loged_in=lambda ctx: None)])


def test_an_argument_that_a_hook_does_not_have_is_refused(make_app: Make) -> None:
    app = make_app(plugins=["auth"])
    with pytest.raises(PluginError, match=r"'trivet_auth_event'.*argument 'evnt'.*Did you mean 'event'\?"):
        app.plugins.register(plugin("wrong", event=lambda evnt: None))


# -- who is asking


def knowing(name: str, answer: Any, asked: list[str]) -> Any:
    """Make a plugin that says who is asking."""

    def authenticate(ctx: Any, realm: str) -> Any:
        asked.append(f"{name} of {realm}")
        return answer

    return plugin(name, authenticate=authenticate)


@BOTH
def test_authenticate_is_asked_in_order_until_one_knows(make_app: Make, make_client: MakeClient, kind: str) -> None:
    asked: list[str] = []
    robot = MemoryUsers().create("robot")
    first, second, third = (knowing(name, one, asked) for name, one in [("a", None), ("b", robot), ("c", None)])
    app, _ = site(make_app, first, second, third)
    assert make_client(app).get(f"{kind}/who").text == "robot"
    assert asked == ["a of default", "b of default"]


@BOTH
def test_authenticate_may_be_asynchronous(make_app: Make, make_client: MakeClient, kind: str) -> None:
    robot = MemoryUsers().create("robot")

    async def authenticate() -> Any:
        return robot

    app, _ = site(make_app, plugin("knowing", authenticate=authenticate))
    assert make_client(app).get(f"{kind}/who").text == "robot"


def test_authenticate_is_asked_once_for_a_request(make_app: Make, make_client: MakeClient) -> None:
    asked: list[str] = []
    app, _ = site(make_app, knowing("a", None, asked))

    @app.get("/twice")
    def twice() -> str:
        return f"{current_user.is_anonymous} {current_user.is_authenticated}"

    assert make_client(app).get("/twice").text == "True False"
    assert len(asked) == 1


def test_authenticate_is_not_asked_about_who_is_signed_in(make_app: Make, make_client: MakeClient) -> None:
    asked: list[str] = []
    app, _ = site(make_app, knowing("a", MemoryUsers().create("robot"), asked))
    client = make_client(app)
    client.post("/in")
    asked.clear()
    assert client.get("/who").text == "ada"
    assert asked == []


def test_authenticate_may_say_more_by_an_identity(make_app: Make, make_client: MakeClient) -> None:
    robot = MemoryUsers().create("robot", permissions=["tasks:write", "tasks:read"])
    identity = Identity(robot, "elsewhere", "api-key", scopes=frozenset({"tasks:read"}))
    app, _ = site(make_app, knowing("a", identity, []))
    client = make_client(app)
    assert client.get("/who").text == "robot"
    assert client.get("/guarded").status_code == 403


def test_authenticate_cannot_let_in_who_is_locked(make_app: Make, make_client: MakeClient) -> None:
    app, _ = site(make_app, knowing("a", MemoryUsers().create("robot", locked=True), []))
    assert make_client(app).get("/who").text == "nobody"


@BOTH
@pytest.mark.parametrize("answer", [True, "robot", {"id": 7}])
def test_authenticate_that_returns_no_user_is_an_error_that_says_what_is_wanted(
    make_app: Make, make_client: MakeClient, kind: str, answer: Any
) -> None:
    app, _ = site(make_app, knowing("a", answer, []))
    client = make_client(app)
    wanted = rf"trivet_auth_authenticate returned '{type(answer).__name__}': a user object with get_id\(\)"
    with pytest.raises(AuthConfigError, match=wanted):
        client.get(f"{kind}/who")


# -- may they


def deciding(name: str, answer: Any, asked: list[str]) -> Any:
    """Make a plugin that decides."""

    def authorize(identity: Any, permission: str, resource: Any) -> Any:
        asked.append(f"{name}: {identity.user.email} {permission} {resource}")
        return answer

    return plugin(name, authorize=authorize)


@pytest.mark.parametrize(("answer", "status"), [(True, 200), (False, 403)])
def test_authorize_is_asked_in_order_until_one_decides(
    make_app: Make, make_client: MakeClient, answer: bool, status: int
) -> None:
    asked: list[str] = []
    plugins = [deciding(name, one, asked) for name, one in [("a", None), ("b", answer), ("c", not answer)]]
    app, _ = site(make_app, *plugins)
    client = make_client(app)
    client.post("/in")
    assert client.get("/guarded").status_code == status
    assert asked == ["a: ada tasks:write None", "b: ada tasks:write None"]


@pytest.mark.parametrize("answer", [1, "yes", []])
def test_authorize_that_returns_no_truth_value_is_an_error(
    make_app: Make, make_client: MakeClient, answer: Any
) -> None:
    app, _ = site(make_app, deciding("a", answer, []))
    client = make_client(app)
    client.post("/in")
    wanted = rf"trivet_auth_authorize returned '{type(answer).__name__}': True, False or None is wanted"
    with pytest.raises(AuthConfigError, match=wanted):
        client.get("/guarded")


# -- being told


def telling(name: str, told: list[Any], hook: str, asynchronous: bool = False) -> Any:
    """Make a plugin that notes that it was told of somebody signing in or out."""

    def plain(ctx: Any, identity: Any) -> None:
        told.append((name, identity.user.email, dict(ctx.session).get("_user_id")))

    async def waiting(ctx: Any, identity: Any) -> None:
        plain(ctx, identity)

    return plugin(name, **{hook: waiting if asynchronous else plain})


@BOTH
@pytest.mark.parametrize("asynchronous", [False, True])
def test_logged_in_is_told_to_all_in_order_when_the_session_is_the_new_one(
    make_app: Make, make_client: MakeClient, kind: str, asynchronous: bool
) -> None:
    told: list[Any] = []
    app, _ = site(make_app, *(telling(name, told, "logged_in", asynchronous) for name in "abc"))
    assert make_client(app).post(f"{kind}/in").text == "True"
    assert told == [("a", "ada", "1"), ("b", "ada", "1"), ("c", "ada", "1")]


@BOTH
@pytest.mark.parametrize("asynchronous", [False, True])
def test_logged_in_may_put_something_into_the_session(
    make_app: Make, make_client: MakeClient, kind: str, asynchronous: bool
) -> None:
    def plain(ctx: Any) -> None:
        ctx.session["greeted"] = "not yet"

    async def waiting(ctx: Any) -> None:
        plain(ctx)

    app, _ = site(make_app, plugin("greeting", logged_in=waiting if asynchronous else plain))
    client = make_client(app)
    client.post(f"{kind}/in")
    with client.session_transaction() as session:
        assert session["greeted"] == "not yet"


@BOTH
@pytest.mark.parametrize("asynchronous", [False, True])
def test_logged_in_that_fails_fails_the_request(
    make_app: Make, make_client: MakeClient, kind: str, asynchronous: bool
) -> None:
    def plain(ctx: Any) -> None:
        raise LookupError("no greeting")

    async def waiting(ctx: Any) -> None:
        plain(ctx)

    app, _ = site(make_app, plugin("greeting", logged_in=waiting if asynchronous else plain))
    client = make_client(app)
    with pytest.raises(LookupError, match="no greeting"):
        client.post(f"{kind}/in")


@BOTH
@pytest.mark.parametrize("asynchronous", [False, True])
def test_logged_out_is_told_to_all_in_order_who_it_was(
    make_app: Make, make_client: MakeClient, kind: str, asynchronous: bool
) -> None:
    told: list[Any] = []
    app, _ = site(make_app, *(telling(name, told, "logged_out", asynchronous) for name in "ab"))
    client = make_client(app)
    client.post("/in")
    client.post(f"{kind}/out")
    assert told == [("a", "ada", None), ("b", "ada", None)]


def test_logged_out_is_not_told_of_who_had_not_signed_in(make_app: Make, make_client: MakeClient) -> None:
    told: list[Any] = []
    app, _ = site(make_app, telling("a", told, "logged_out"))
    make_client(app).post("/out")
    assert told == []


@BOTH
@pytest.mark.parametrize("asynchronous", [False, True])
def test_registered_is_told_to_all_in_order(
    make_app: Make, make_client: MakeClient, kind: str, asynchronous: bool
) -> None:
    told: list[Any] = []

    def make(name: str) -> Any:
        def plain(ctx: Any, user: Any) -> None:
            told.append((name, user.email, ctx.has_request))

        async def waiting(ctx: Any, user: Any) -> None:
            plain(ctx, user)

        return plugin(name, registered=waiting if asynchronous else plain)

    app, _ = site(make_app, make("a"), make("b"))

    @app.post("/register")
    def register() -> str:
        return str(accounts.create(Auth.of(app), "default", "bob").email)

    @app.post("/async/register")
    async def async_register() -> str:
        user = await accounts.Accounts.in_context(current_context(), "default").create("bob")
        return str(user.email)

    assert make_client(app).post(f"{kind}/register").text == "bob"
    assert told == [("a", "bob", True), ("b", "bob", True)]


def test_registered_is_told_without_a_request_too(make_app: Make) -> None:
    told: list[Any] = []
    app, _ = site(make_app, plugin("a", registered=lambda ctx, user: told.append((ctx, user.email))))
    app.seal()
    accounts.create(Auth.of(app), "default", "bob")
    assert told == [(None, "bob")]


def test_send_mail_is_asked_in_order_until_one_has_sent_it(make_memory_site: MakeSite) -> None:
    asked: list[str] = []

    def make(name: str, answer: Any) -> Any:
        def send_mail(mail: Any) -> Any:
            asked.append(f"{name}: {mail.kind} to {mail.to}")
            return answer

        return plugin(name, send_mail=send_mail)

    made = make_memory_site()
    made.app.plugins.unregister("seeing")
    for one in (make("c", True), make("b", True), make("a", None)):  # who is registered last is asked first
        made.app.plugins.register(one)
    made.open(ADA).browser().send("/auth/forgot", email=ADA)
    assert asked == [f"a: reset to {ADA}", f"b: reset to {ADA}"]


def test_send_mail_that_fails_is_logged_without_the_address(
    make_memory_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    def send_mail(mail: Any) -> Any:
        raise OSError(f"cannot reach {mail.to}")

    made = make_memory_site()
    made.app.plugins.register(plugin("a", send_mail=send_mail))
    answer = made.open(ADA).browser().send("/auth/forgot", email=ADA)
    assert answer.json == made.browser().send("/auth/forgot", email=BOB).json
    assert "could not be sent: OSError" in caplog.text
    assert ADA not in caplog.text
    assert made.happened("mail.failed")


@BOTH
@pytest.mark.parametrize("asynchronous", [False, True])
def test_event_is_told_to_all_in_order(make_app: Make, make_client: MakeClient, kind: str, asynchronous: bool) -> None:
    told: list[Any] = []

    def make(name: str) -> Any:
        def plain(event: Any) -> None:
            told.append((name, event.name, event.user))

        async def waiting(event: Any) -> None:
            plain(event)

        return plugin(name, event=waiting if asynchronous else plain)

    app, _ = site(make_app, make("a"), make("b"))
    make_client(app).post(f"{kind}/in")
    assert told == [("a", "login", "1"), ("b", "login", "1")]


@BOTH
@pytest.mark.parametrize("asynchronous", [False, True])
def test_event_that_fails_is_logged_and_changes_nothing(
    make_app: Make, make_client: MakeClient, kind: str, asynchronous: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def plain(event: Any) -> None:
        raise LookupError("no alarm")

    async def waiting(event: Any) -> None:
        plain(event)

    app, _ = site(make_app, plugin("a", event=waiting if asynchronous else plain))
    client = make_client(app)
    assert client.post(f"{kind}/in").text == "True"
    assert client.get("/who").text == "ada"
    [record] = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert record.getMessage() == "An implementation of trivet_auth_event failed."


def test_event_is_told_without_a_context_too(make_app: Make) -> None:
    told: list[Any] = []

    async def event(event: Any) -> None:
        told.append((event.name, event.address))

    app, _ = site(make_app, plugin("a", event=event))
    app.seal()
    Auth.of(app).event("test")
    assert told == [("test", "")]
