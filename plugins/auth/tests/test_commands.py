"""``trivet auth``: what its commands do to accounts, and that no password is ever printed."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from trivet import Trivet
from trivet_auth import LoginManager, MemoryUsers, current_user, login_user
from trivet_auth import accounts as service
from trivet_auth.command import make_command
from trivet_auth.database import DatabaseUsers
from trivet_auth.records import Record
from trivet_auth.state import Auth

from .database_app import FAST, SERVERS, Member, User, empty_database, people_app

Make = Callable[..., Trivet]
GOOD, BETTER = "violet kettles hum at noon", "seven slow lanterns drift"
ADA = "ada@example.com"


class Shell:
    """An application, and ``trivet auth`` run for it."""

    def __init__(self, app: Trivet) -> None:
        self.app = app
        app.seal()
        self.auth = Auth.of(app)
        #: All that was printed.
        self.printed = ""

    def run(self, *args: str, input: str = "") -> Result:
        """Run a command; an exception that is not said in words fails the test."""
        result = CliRunner().invoke(make_command(self.app), args, input=input, catch_exceptions=False)
        self.printed += result.output
        return result

    def done(self, *args: str, input: str = "") -> str:
        """Run one that succeeds, and return what it prints on standard output."""
        result = self.run(*args, input=input)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, *args: str, input: str = "", code: int = 1) -> str:
        """Run one that fails, and return what it prints."""
        result = self.run(*args, input=input)
        assert result.exit_code == code, result.output
        return result.output

    def told(self, *args: str) -> Any:
        """Return what a command prints as JSON."""
        return json.loads(self.done(*args, "--json"))

    def look(self, name: str, email: str = ADA) -> Any:
        """Return an attribute of somebody."""
        with self.app.app_context():
            return getattr(service.find(self.auth, "default", email), name)

    def accepts(self, password: str) -> bool:
        """Tell whether Ada's password is this one."""
        return bool(self.auth.passwords.verify(self.look("password_hash"), password).ok)


ROLES = {"editor": ["articles:write"], "chief": ["@editor", "articles:delete"]}


@pytest.fixture(params=[*SERVERS, "memory"])
def shell(request: pytest.FixtureRequest, make_app: Make) -> Iterator[Shell]:
    """An application whose accounts and records are in each kind of database in turn, and in memory."""
    if request.param != "memory":
        with empty_database(request.param) as url:
            yield Shell(people_app(make_app, url, AUTH_ROLES=ROLES))
        return
    config = {"SECRET_KEY": "x", "AUTH_STORE": "memory", "AUTH_PASSWORD": FAST, "AUTH_ROLES": ROLES}
    app = make_app(plugins=["auth"], config=config)
    LoginManager(app, users=MemoryUsers())
    yield Shell(app)


@pytest.fixture
def ada(shell: Shell) -> Shell:
    """The same, where Ada has an account."""
    shell.done("create-user", ADA, "--password-stdin", input=GOOD)
    return shell


@pytest.fixture
def plain(make_app: Make) -> Shell:
    """An application that only has a loader."""
    app = make_app(plugins=["auth"], config={"SECRET_KEY": "x", "AUTH_STORE": "memory"})
    LoginManager(app).user_loader(lambda id: None)
    return Shell(app)


# -- making


def test_an_account_is_made_with_the_password_that_was_asked_for_twice(shell: Shell) -> None:
    said = shell.done("create-user", "Ada@Example.com", input=f"{GOOD}\n{GOOD}\n")
    assert said.endswith(f"{ADA}: made, with the identifier 1\n")
    assert shell.accepts(GOOD)
    assert GOOD not in shell.printed


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_password_is_read_from_standard_input_without_the_end_of_the_line(shell: Shell, ending: str) -> None:
    shell.done("create-user", ADA, "--password-stdin", input=GOOD + ending)
    assert shell.accepts(GOOD)
    assert GOOD not in shell.printed


def test_spaces_belong_to_the_password(shell: Shell) -> None:
    shell.done("create-user", ADA, "--password-stdin", input=f" {GOOD} \n")
    assert shell.accepts(f" {GOOD} ")


@pytest.mark.parametrize("text", ["", "\n", f"{GOOD}\n{GOOD}\n"])
def test_standard_input_that_is_not_one_line_is_refused(shell: Shell, text: str) -> None:
    assert "has to be one line" in shell.refused("create-user", ADA, "--password-stdin", input=text)
    assert shell.told("users") == []


def test_a_weak_password_is_refused_and_not_repeated(shell: Shell) -> None:
    said = shell.refused("create-user", ADA, "--password-stdin", input="q7!zz")
    assert "too weak" in said
    assert "q7!zz" not in said
    assert shell.told("users") == []


def test_a_weak_password_is_asked_for_again(shell: Shell) -> None:
    shell.done("create-user", ADA, input=f"q7!zz\n{GOOD}\n{GOOD}\n")
    assert shell.accepts(GOOD)
    assert "q7!zz" not in shell.printed


def test_an_account_may_have_no_password(shell: Shell) -> None:
    shell.done("create-user", ADA, "--no-password")
    assert shell.look("password_hash") is None


def test_an_account_is_made_with_roles_and_other_attributes(shell: Shell) -> None:
    shell.done("create-user", ADA, "--no-password", "--role", "editor", "--role", "editor", "--set", "name=Ada")
    assert shell.look("roles") == ["editor"]
    assert shell.look("name") == "Ada"


def test_an_address_counts_as_confirmed_unless_it_is_not(shell: Shell) -> None:
    shell.done("create-user", ADA, "--no-password")
    shell.done("create-user", "bob@example.com", "--no-password", "--unverified")
    assert shell.look("verified_at") > 1_700_000_000
    assert shell.look("verified_at", "bob@example.com") is None


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((ADA, "--no-password", "--role", "edtor"), "There is no role 'edtor'. Did you mean 'editor'?"),
        (("two\nlines", "--no-password"), "cannot be a login name"),
        ((ADA, "--no-password", "--password-stdin"), "exclude one another"),
        ((ADA, "--no-password", "--set", "name"), "not of the form NAME=TEXT"),
        ((ADA, "--no-password", "--set", "password_hash=x"), "can be read by others"),
    ],
)
def test_what_cannot_be_made_is_refused_in_words(shell: Shell, args: tuple[str, ...], said: str) -> None:
    result = shell.run("create-user", *args)
    assert result.exit_code in (1, 2)
    assert said in result.output
    assert shell.told("users") == []


def test_a_second_account_of_the_same_name_is_refused_before_a_password_is_asked_for(ada: Shell) -> None:
    assert f"There is an account '{ADA}' already." in ada.refused("create-user", "ADA@example.com")


def test_an_attribute_that_the_model_lacks_is_named(make_app: Make) -> None:
    with empty_database("sqlite") as url:
        shell = Shell(people_app(make_app, url))
        said = shell.refused("create-user", ADA, "--no-password", "--set", "nme=Ada")
        assert "The model User has no attribute 'nme'" in said
        assert "Did you mean 'name'?" in said


# -- passwords


def test_another_password_is_set(ada: Shell) -> None:
    said = ada.done("set-password", ADA, "--password-stdin", input=BETTER)
    assert f"{ADA}: another password is set; ended: 0 sessions" in said
    assert ada.accepts(BETTER)
    assert ada.look("generation") == 1
    assert BETTER not in ada.printed


def test_another_password_has_to_be_strong_too(ada: Shell) -> None:
    assert "too weak" in ada.refused("set-password", ADA, "--password-stdin", input="q7!zz")
    assert ada.accepts(GOOD)


def test_a_password_cannot_be_said_on_the_command_line(shell: Shell) -> None:
    command = make_command(shell.app)
    for one in command.commands.values():
        for parameter in one.params:
            about = [option for option in parameter.opts if "password" in option]
            assert not about or (isinstance(parameter, click.Option) and parameter.is_flag), one.name


# -- locks


def test_locking_ends_what_there_is_and_unlocking_does_not_bring_it_back(ada: Shell) -> None:
    token = ada.done("tokens", ADA, "--create", "laptop").strip()
    owner = f"default:{ada.look('id')}"
    ada.auth.remember.issue(owner)
    assert "locked; ended: 0 sessions, 1 remembered browser, 1 token" in ada.done("lock", ADA)
    assert not ada.look("is_active")
    assert ada.auth.tokens.check(token) is None
    assert ada.done("unlock", ADA) == f"{ADA}: unlocked\n"
    assert ada.look("is_active")
    assert ada.told("tokens", ADA) == []


# -- tokens


def test_a_token_is_printed_once_and_works(ada: Shell) -> None:
    text = ada.done("tokens", ADA, "--create", "laptop", "--scope", "articles:write", "--days", "7")
    info = ada.auth.tokens.check(text.strip())
    assert info is not None
    assert info.owner == f"default:{ada.look('id')}"
    (listed,) = ada.told("tokens", ADA)
    assert (listed["id"], listed["name"], listed["scopes"]) == (info.id, "laptop", ["articles:write"])
    assert listed["expires"] - listed["created"] == pytest.approx(7 * 86_400, abs=1)
    assert text.strip() not in ada.done("tokens", ADA)


def test_a_token_without_scopes_may_do_all_and_works_for_ninety_days(ada: Shell) -> None:
    result = ada.run("tokens", ADA, "--create", "laptop")
    assert "for all that its owner may do" in result.stderr
    (listed,) = ada.told("tokens", ADA)
    assert listed["scopes"] is None
    assert listed["expires"] - listed["created"] == pytest.approx(90 * 86_400, abs=1)


def test_a_token_can_be_had_as_json(ada: Shell) -> None:
    made = ada.told("tokens", ADA, "--create", "laptop")
    assert ada.auth.tokens.check(made["token"]) is not None


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--create", "laptop", "--scope", "write"], "'write' cannot be the name of a permission. Write 'area:action'"),
        (["--create", "two\nlines"], "A token's name has to be one line"),
        (["--create", " "], "A token's name has to be one line of 1 to 100 printable characters"),
        (["--create", "laptop", "--days", "0"], "0 is not in the range x>=1"),
    ],
)
def test_a_token_that_cannot_be_made_is_a_wrong_use_of_the_command(ada: Shell, args: list[str], said: str) -> None:
    assert said in ada.refused("tokens", ADA, *args, code=2)
    assert ada.told("tokens", ADA) == []


@pytest.mark.parametrize("name", ["id", "email", "roles", "password", "totp_secret", "not a name"])
def test_what_is_said_in_another_way_is_not_set(shell: Shell, name: str) -> None:
    assert "--set" in shell.refused("create-user", ADA, "--no-password", "--set", f"{name}=x", code=2)
    assert shell.told("users") == []


def test_scopes_are_for_new_tokens(ada: Shell) -> None:
    assert "--create NAME" in ada.refused("tokens", ADA, "--scope", "x:y", code=2)


def test_a_token_is_ended_by_its_identifier(ada: Shell) -> None:
    first, second = (ada.told("tokens", ADA, "--create", name) for name in ("laptop", "phone"))
    assert ada.done("revoke", ADA, first["id"]) == f"{ADA}: token {first['id']} ended\n"
    assert [one["id"] for one in ada.told("tokens", ADA)] == [second["id"]]
    assert "no token and no session with the identifier" in ada.refused("revoke", ADA, first["id"])


def test_nobody_else_s_token_is_ended(ada: Shell) -> None:
    ada.done("create-user", "bob@example.com", "--no-password")
    made = ada.told("tokens", ADA, "--create", "laptop")
    ada.refused("revoke", "bob@example.com", made["id"])
    assert ada.auth.tokens.check(made["token"]) is not None


def test_all_tokens_end_with_everything_only(ada: Shell) -> None:
    ada.done("tokens", ADA, "--create", "laptop")
    assert "0 tokens" in ada.done("revoke", ADA, "--sessions")
    assert len(ada.told("tokens", ADA)) == 1
    assert "1 token" in ada.done("revoke", ADA, "--all")
    assert ada.told("tokens", ADA) == []


@pytest.mark.parametrize("args", [(), ("--sessions", "--all"), ("abc", "--all")])
def test_it_has_to_be_said_what_ends(ada: Shell, args: tuple[str, ...]) -> None:
    assert "Say what is to end" in ada.refused("revoke", ADA, *args, code=2)


# -- sessions


@pytest.fixture
def signed_in(make_app: Make, make_client: Callable[..., Any]) -> Iterator[tuple[Shell, Any]]:
    """An application with sessions on the server, and a browser that Ada has signed in with."""
    with empty_database("sqlite") as url:
        app = people_app(make_app, url, AUTH_SESSIONS="server")

        @app.post("/login")
        def login() -> str:
            return str(login_user(Auth.of(app).realm("default").users.find(ADA)))

        @app.get("/who")
        def who() -> str:
            return getattr(current_user, "email", "nobody")

        shell = Shell(app)
        shell.done("create-user", ADA, "--no-password")
        client = make_client(app)
        assert client.post("/login", headers={"User-Agent": "A browser\x7f"}).text == "True"
        yield shell, client


def test_sessions_are_listed_and_ended_by_the_beginning_of_their_identifier(signed_in: tuple[Shell, Any]) -> None:
    shell, client = signed_in
    (listed,) = shell.told("sessions", ADA)
    assert (listed["method"], listed["address"]) == ("session", "127.0.0.1")
    table = shell.done("sessions", ADA)
    assert listed["id"][:16] in table
    assert "\x7f" not in table
    assert client.get("/who").text == ADA
    shell.refused("revoke", ADA, listed["id"][:4])
    assert "session" in shell.done("revoke", ADA, listed["id"][:16])
    assert client.get("/who").text == "nobody"
    assert shell.done("sessions", ADA) == "There are no sessions.\n"


def test_all_sessions_end_at_once(signed_in: tuple[Shell, Any]) -> None:
    shell, client = signed_in
    assert "ended: 1 session, 0 remembered browsers, 0 tokens" in shell.done("revoke", ADA, "--sessions")
    assert client.get("/who").text == "nobody"


def test_a_session_s_cookie_is_never_listed(signed_in: tuple[Shell, Any]) -> None:
    shell, client = signed_in
    shell.done("sessions", ADA, "--json")
    cookie = client.get_cookie("session")
    assert cookie is not None
    assert cookie.value not in shell.printed


def test_sessions_in_cookies_cannot_be_listed_and_it_says_so(ada: Shell) -> None:
    assert "kept in signed cookies here" in ada.run("sessions", ADA).stderr


# -- roles


def test_roles_are_given_and_taken_away(ada: Shell) -> None:
    assert ada.done("roles", ADA) == f"{ADA}: no roles\n"
    assert ada.done("roles", ADA, "--add", "editor", "--add", "chief") == f"{ADA}: editor, chief\n"
    assert ada.done("roles", ADA, "--add", "editor", "--remove", "chief") == f"{ADA}: editor\n"
    assert ada.look("roles") == ["editor"]
    assert ada.told("roles", ADA) == {"email": ADA, "roles": ["editor"]}


def test_a_role_that_is_not_declared_is_refused_with_the_nearest_name(ada: Shell) -> None:
    assert "Did you mean 'editor'?" in ada.refused("roles", ADA, "--add", "editr")
    assert "does not have the role 'chief'" in ada.refused("roles", ADA, "--remove", "chief")
    assert ada.look("roles") == []


def test_the_declared_roles_are_listed(ada: Shell) -> None:
    assert ada.told("roles") == ROLES
    assert "chief   @editor, articles:delete" in ada.done("roles")
    ada.refused("roles", "--add", "editor", code=2)


# -- realms, and who is not there


def test_people_are_listed(ada: Shell) -> None:
    ada.done("roles", ADA, "--add", "editor")
    (one,) = ada.told("users")
    assert (one["email"], one["roles"], one["locked"], one["verified"]) == (ADA, ["editor"], False, True)
    assert ADA in ada.done("users")


@pytest.mark.parametrize(
    "command", ["set-password", "lock", "unlock", "tokens", "sessions", "roles", ("revoke", "--all")]
)
def test_somebody_who_is_not_there_is_named(shell: Shell, command: str | tuple[str, str]) -> None:
    name, *more = [command] if isinstance(command, str) else command
    assert "There is no account 'bob@example.com'." in shell.refused(name, "bob@example.com", *more)


def test_a_realm_has_people_of_its_own(make_app: Make) -> None:
    with empty_database("sqlite") as url:
        realms = {"staff": {"model": f"{Member.__module__}:Member", "roles": {"boss": ["*"]}}}
        shell = Shell(people_app(make_app, url, AUTH_REALMS=realms))
        shell.done("create-user", ADA, "--no-password", "--realm", "staff", "--role", "boss")
        assert shell.told("users") == []
        assert [one["email"] for one in shell.told("users", "--realm", "staff")] == [ADA]
        assert f"There is no account '{ADA}'." in shell.refused("lock", ADA)
        assert "in the realm 'staff'" in shell.refused("lock", "bob@example.com", "--realm", "staff")
        assert "There is no realm 'stuff'" in shell.refused("users", "--realm", "stuff")
        assert shell.told("roles", "--realm", "staff") == {"boss": ["*"]}


def test_without_a_place_for_accounts_it_says_what_to_write(plain: Shell) -> None:
    for args in (("users",), ("create-user", ADA, "--no-password"), ("lock", ADA)):
        assert '[auth] model = "package.models:User"' in plain.refused(*args)


def test_a_warning_is_given_of_sessions_that_go_on(make_app: Make) -> None:
    app = make_app(plugins=["auth"], config={"SECRET_KEY": "x", "AUTH_STORE": "memory"})
    users = MemoryUsers()
    LoginManager(app, users=users)
    shell = Shell(app)
    shell.done("create-user", ADA, "--no-password")
    del users._by_id["1"].generation
    assert "has no 'generation'" in shell.run("revoke", ADA, "--sessions").stderr


# -- the store, and the rest


def test_purging_deletes_what_has_expired(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    shell.auth.store.put("test", "old", Record({}, "", now + 60))
    shell.auth.store.put("test", "new", Record({}))
    monkeypatch.setattr(shell.auth.store, "_clock", lambda: now + 61)
    assert shell.done("purge") == "1 record deleted\n"
    assert shell.done("purge") == "0 records deleted\n"
    assert shell.auth.store.get("test", "new") is not None


def test_a_database_without_tables_is_said_in_words(make_app: Make) -> None:
    with empty_database("sqlite") as url:
        shell = Shell(people_app(make_app, url))
        with shell.app.app_context():
            User.__table__.drop(DatabaseUsers(User).db.engine)  # type: ignore[attr-defined]
        assert "The database has refused: no such table: user" in shell.refused("users")


def test_every_command_has_a_line_of_help(plain: Shell) -> None:
    command = make_command(plain.app)
    assert set(command.commands) == {
        *("create-user", "users", "set-password", "send-reset", "remove-second-factor", "lock", "unlock", "roles"),
        *("sessions", "tokens", "revoke", "purge"),
    }
    for name, one in command.commands.items():
        assert one.get_short_help_str(), name
        for parameter in one.params:
            assert parameter.param_type_name == "argument" or getattr(parameter, "help", None), (name, parameter.name)
