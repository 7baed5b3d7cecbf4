"""Security events: logged in a structured form, told to plugins, and without anything secret in them."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from trivet import Trivet, hookimpl
from trivet_auth import (
    LoginManager,
    MemoryUsers,
    accounts,
    confirm_login,
    current_user,
    login_user,
    logout_user,
    requires,
)
from trivet_auth.state import Auth

from .bearer_tokens import SECRET
from .database_app import FAST

Make = Callable[..., Trivet]
MakeClient = Callable[..., Any]
GOOD, BETTER = "violet kettles hum at noon", "seven slow lanterns drift"
ADA = "ada@example.com"


class Noting:
    """A plugin that notes what happens."""

    name = "noting"

    def __init__(self) -> None:
        self.events: list[Any] = []

    @hookimpl
    def trivet_auth_event(self, event: Any) -> None:
        """Note an event."""
        self.events.append(event)

    @property
    def names(self) -> list[str]:
        """The names of what has happened."""
        return [event.name for event in self.events]

    def last(self, name: str) -> Any:
        """Return the last event of a name."""
        return [event for event in self.events if event.name == name][-1]


class Site:
    """An application whose events are noted and logged, with Ada."""

    def __init__(self, make_app: Make, **config: Any) -> None:
        self.noting = Noting()
        settings = {"SECRET_KEY": "only in these tests", "AUTH_STORE": "memory", "AUTH_PASSWORD": FAST, **config}
        self.app = app = make_app(plugins=["auth", self.noting], config=settings)
        self.users = MemoryUsers()
        self.manager: LoginManager[Any] = LoginManager(app, users=self.users)
        self.auth = Auth.of(app)
        _add_views(app, self.users)
        app.seal()
        self.do("create", ADA, GOOD)
        self.noting.events.clear()

    def do(self, action: str, *args: Any, **kwargs: Any) -> Any:
        """Do something to an account."""
        return getattr(accounts, action)(self.auth, "default", *args, **kwargs)

    @property
    def ada(self) -> Any:
        """Ada."""
        return self.users.find(ADA)


def _add_views(app: Trivet, users: MemoryUsers) -> None:
    @app.post("/in")
    def enter() -> str:
        return str(login_user(users.get("1"), remember=True))

    @app.post("/out")
    def leave() -> str:
        return str(logout_user())

    @app.post("/confirm")
    def confirm() -> str:
        confirm_login()
        return "confirmed"

    @app.get("/who")
    async def who() -> str:
        return getattr(current_user, "email", "nobody")

    @app.get("/guarded")
    @requires("tasks:write")
    def guarded() -> str:
        return "written"


@pytest.fixture
def site(make_app: Make, caplog: pytest.LogCaptureFixture) -> Site:
    caplog.set_level(logging.INFO, "trivet.auth")
    return Site(make_app)


# -- their form


def test_an_event_is_logged_with_its_name_and_a_structure(
    site: Site, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    make_client(site.app).post("/in")
    [record] = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == ("trivet.auth", "INFO", "login")
    assert record.auth == {  # type: ignore[attr-defined]
        "name": "login",
        "realm": "default",
        "user": "1",
        "address": "127.0.0.1",
        "facts": {"method": "session", "remember": True},
    }


def test_a_plugin_is_told_the_same_as_the_log(
    site: Site, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    client = make_client(site.app)
    client.post("/in")
    client.get("/guarded")
    client.post("/out")
    assert site.noting.names == ["login", "access.refused", "logout"]
    assert [event._asdict() for event in site.noting.events] == [one.auth for one in caplog.records]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "level"), [("remember.reused", "WARNING"), ("login.throttled", "WARNING")])
def test_what_may_be_an_attack_is_a_warning(
    site: Site, caplog: pytest.LogCaptureFixture, name: str, level: str
) -> None:
    caplog.clear()
    site.auth.event(name)
    assert [record.levelname for record in caplog.records] == [level]


@pytest.mark.parametrize(("user", "expected"), [(None, ""), ("7", "7"), ("", "")])
def test_a_user_is_named_by_the_identifier(site: Site, user: Any, expected: str) -> None:
    site.auth.event("test", None, "default", user)
    assert site.noting.last("test").user == expected


def test_nobody_has_no_identifier(site: Site) -> None:
    site.auth.event("test", None, "default", site.manager.anonymous_user())
    assert site.noting.last("test").user == ""


def test_an_identifier_is_what_the_realm_says_it_is(site: Site) -> None:
    class Member:
        """Somebody who has an identifier of another name."""

        def code(self) -> int:
            return 12

    site.manager.id_attribute = "code"
    site.auth.event("test", None, "default", Member())
    assert site.noting.last("test").user == "12"


# -- what is told


def test_signing_in_and_out_and_confirming_are_told(site: Site, make_client: MakeClient) -> None:
    client = make_client(site.app)
    client.post("/in")
    client.post("/confirm")
    client.post("/out")
    assert site.noting.names == ["login", "login.confirmed", "logout"]
    assert {event.user for event in site.noting.events} == {"1"}


def test_a_session_that_a_new_password_ends_is_told(site: Site, make_client: MakeClient) -> None:
    client = make_client(site.app)
    client.post("/in")
    site.do("set_password", site.ada, BETTER)
    client.delete_cookie("remember_token")
    assert client.get("/who").text == "nobody"
    assert site.noting.names == ["login", "password.changed", "session.ended"]
    assert site.noting.last("session.ended").user == "1"


def test_a_browser_that_is_remembered_is_told(site: Site, make_client: MakeClient) -> None:
    client = make_client(site.app)
    client.post("/in")
    client.delete_cookie("session")
    assert client.get("/who").text == ADA
    assert site.noting.names == ["login", "login.remembered"]


def test_a_cookie_that_two_have_is_told_with_whose_it_is(site: Site, make_client: MakeClient) -> None:
    client = make_client(site.app)
    client.post("/in")
    stolen = client.get_cookie("remember_token").value
    for _ in range(2):
        client.delete_cookie("session")
        client.get("/who")
    client.delete_cookie("session")
    client.set_cookie("remember_token", stolen)
    assert client.get("/who").text == "nobody"
    assert site.noting.last("remember.reused").user == "1"


@pytest.mark.parametrize(("text", "reason"), [("trv_x", "unknown"), ("a b", "unknown"), ("x" * 9000, "malformed")])
def test_a_token_that_is_refused_is_told_with_the_reason(
    site: Site, make_client: MakeClient, text: str, reason: str
) -> None:
    make_client(site.app).get("/who", headers={"Authorization": f"Bearer {text}"})
    assert site.noting.last("token.refused").facts == {"reason": reason}


def test_what_somebody_may_not_is_told_with_the_permission(site: Site, make_client: MakeClient) -> None:
    client = make_client(site.app)
    client.post("/in")
    assert client.get("/guarded").status_code == 403
    assert site.noting.last("access.refused").facts == {"permission": "tasks:write", "method": "session"}


def test_what_is_done_to_an_account_is_told(site: Site) -> None:
    site.do("create", "bob@example.com")
    site.do("set_roles", site.ada, ["editor"])
    site.do("set_password", site.ada, BETTER)
    site.do("end_sessions", site.ada)
    site.do("end_everything", site.ada)
    site.do("lock", site.ada)
    site.do("unlock", site.ada)
    assert site.noting.names == [
        *("account.created", "roles.changed", "password.changed", "sessions.revoked", "everything.revoked"),
        *("account.locked", "account.unlocked"),
    ]
    assert site.noting.last("roles.changed").facts == {"roles": ["editor"]}


# -- what is not told


def test_no_secret_is_in_an_event_nor_in_the_log(
    make_app: Make, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    jwt = {"algorithms": ["HS256"], "keys": [SECRET], "issuer": "https://i", "audience": "https://a"}
    site = Site(make_app, AUTH_SESSIONS="server", AUTH_JWT=jwt)
    client = make_client(site.app)
    secrets = [GOOD, BETTER, SECRET]

    def note_cookies() -> None:
        secrets.extend(client.get_cookie(name).value for name in ("session", "remember_token"))

    client.post("/in")
    note_cookies()
    for _ in range(2):
        client.delete_cookie("session")
        client.get("/who")
        note_cookies()
    assert site.auth.bearers is not None
    signed, (own, _) = site.auth.bearers.issue("1"), site.auth.tokens.create("default:1", "x", None, None)
    for text in (own, signed, own[:-1] + "!", signed[:-2], f"trv_{BETTER}", BETTER):
        client.get("/guarded", headers={"Authorization": f"Bearer {text}"})
    secrets += [own, signed, signed[:-2]]
    client.delete_cookie("session")
    client.set_cookie("remember_token", secrets[4])
    client.get("/who")
    site.do("set_password", site.ada, BETTER)
    client.post("/out")

    assert {"login", "login.remembered", "remember.reused", "token.refused"} <= set(site.noting.names)
    told = [json.dumps(event._asdict()) for event in site.noting.events]
    logged = [repr(record.__dict__) for record in caplog.records if record.name.startswith("trivet")]
    assert len(logged) >= len(told)
    for secret in secrets:
        assert not [text for text in told + logged if secret in text]
