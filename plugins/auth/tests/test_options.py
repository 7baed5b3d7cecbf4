"""The options of ``[auth]``: what each one does, and what is said of a value that it cannot have."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trivet import ConfigError, Trivet
from trivet_auth import (
    AuthConfigError,
    LoginManager,
    MemoryUsers,
    Options,
    can,
    current_user,
    login_fresh,
    login_user,
    logout_user,
)
from trivet_auth.state import Auth
from trivet_auth.stores.database import DatabaseStore
from trivet_auth.stores.file import FileStore
from trivet_auth.stores.memory import MemoryStore
from trivet_auth.stores.redis import RedisStore

from .database_app import User, empty_database, people_app
from .flow_fixtures import MakeSite
from .flow_site import ADA, BETTER, BOB, GOOD
from .store_homes import REDIS, need_redis

Make = Callable[..., Trivet]
MakeClient = Callable[..., Any]
BASIC = {"SECRET_KEY": "only in these tests", "AUTH_STORE": "memory"}


def make_site(make_app: Make, **config: Any) -> Trivet:
    """Make an application whose people are in memory, with views that read and write the session."""
    app = make_app(plugins=["auth"], config={**BASIC, **config})
    users = MemoryUsers()
    LoginManager(app, users=users)
    users.create(ADA, roles=["editor"])
    app.add_url_rule("/who", "who", lambda: getattr(current_user, "email", "nobody"))
    app.add_url_rule("/may", "may", lambda: str(can("tasks:write")))
    app.add_url_rule("/out", "out", lambda: str(logout_user()), methods=["POST"])

    @app.post("/in")
    def enter() -> str:
        return str(login_user(users.get("1"), remember=True))

    @app.get("/fresh")
    def fresh() -> str:
        return str(login_fresh())

    return app


def older(client: Any, seconds: float) -> None:
    """Have somebody signed in so many seconds earlier."""
    with client.session_transaction() as session:
        session["_auth_at"] = time.time() - seconds


def test_every_option_has_a_test() -> None:
    tests = [name for name in globals() if name.startswith("test_")]
    tables = {"password", "throttle", "realms", "jwt", "oauth", "mail"}  # see test_option_tables.py
    names = {one.name for one in msgspec.structs.fields(Options)} - tables
    assert [name for name in sorted(names) if not any(one.startswith(f"test_{name}_") for one in tests)] == []


# -- where things are kept


def test_model_names_the_class_of_the_users(make_app: Make) -> None:
    with empty_database("sqlite") as url:
        app = people_app(make_app, url)
        app.seal()
        assert Auth.of(app).realm("default").users.model is User


def test_model_needs_the_plugin_db(make_app: Make) -> None:
    with pytest.raises(AuthConfigError, match=r"\[auth\] model of 'default' is 'a:B', which needs the plugin \"db\""):
        make_app(plugins=["auth"], config={**BASIC, "AUTH_MODEL": "a:B"}).seal()


@pytest.mark.parametrize(("value", "kind"), [("memory", MemoryStore), ("file", FileStore), ("auto", FileStore)])
def test_store_says_where_records_are(make_app: Make, value: str, kind: type[Any]) -> None:
    assert type(Auth.of(make_app(plugins=["auth"], config={"AUTH_STORE": value})).store) is kind


def test_store_is_the_database_where_there_is_one(make_app: Make) -> None:
    for value in ("auto", "db"):
        app = make_app(plugins=["db", "auth"], config={"SQLALCHEMY_DATABASE_URI": "sqlite://", "AUTH_STORE": value})
        app.seal()
        assert type(Auth.of(app).store) is DatabaseStore


def test_store_db_needs_the_plugin(make_app: Make) -> None:
    app = make_app(plugins=["auth"], config={"AUTH_STORE": "db"})
    with pytest.raises(AuthConfigError, match=r'store = "db" needs the plugin "db": pip install trivet-db'):
        app.seal()


def test_store_file_is_in_the_instance_folder(make_app: Make, tmp_path: Path) -> None:
    app = make_app(plugins=["auth"], config={"AUTH_STORE": "file"})
    app.instance_path = str(tmp_path)
    assert repr(Auth.of(app).store) == f"<FileStore {str(tmp_path / 'auth.db')!r}>"


def test_redis_is_the_url_of_the_store(make_app: Make) -> None:
    need_redis()
    app = make_app(plugins=["auth"], config={**BASIC, "AUTH_STORE": "redis", "AUTH_REDIS": REDIS})
    app.seal()
    store = Auth.of(app).store
    assert isinstance(store, RedisStore)
    assert store.get("test", "none") is None
    store.close()


def test_redis_has_to_be_given_for_its_store(make_app: Make) -> None:
    app = make_app(plugins=["auth"], config={"AUTH_STORE": "redis"})
    with pytest.raises(AuthConfigError, match=r'store = "redis" needs its URL: \[auth\] redis = "redis://'):
        app.seal()


def test_redis_that_nothing_is_kept_in_is_a_mistake(make_app: Make) -> None:
    app = make_app(plugins=["auth"], config={"AUTH_REDIS": REDIS})
    with pytest.raises(AuthConfigError, match=r'Say so: \[auth\] store = "redis"'):
        app.seal()


PASSWORD = "s3cretpass"


@pytest.mark.parametrize(
    "url",
    [
        f"redis://user:{PASSWORD}@host:port/0",
        f"redis://user:{PASSWORD}@host/zero",
        f"redis://user:12/{PASSWORD}@host/0",
        f"redis://user:12?{PASSWORD}@host/0",
        f"redis://user:12#{PASSWORD}@host/0",
        f"redis://user:{PASSWORD}@host/0?no_such_option=1",
        f"http://user:{PASSWORD}@host/0",
        f"redis://[user:{PASSWORD}@host/0",
        PASSWORD,
    ],
)
def test_redis_that_is_no_url_is_refused_without_its_password(make_app: Make, url: str) -> None:
    app = make_app(plugins=["auth"], config={"AUTH_STORE": "redis", "AUTH_REDIS": url})
    with pytest.raises(AuthConfigError, match=r"^\[auth\] redis: The URL of the Redis is none") as caught:
        app.seal()
    assert PASSWORD not in str(caught.value)


def test_redis_prefix_is_the_application_s_name_unless_it_is_said(make_app: Make) -> None:
    config = {"AUTH_STORE": "redis", "AUTH_REDIS": f"redis://user:{PASSWORD}@127.0.0.1:6379/0"}
    one = make_app(plugins=["auth"], config=config, name="shop")
    other = make_app(plugins=["auth"], config={**config, "AUTH_REDIS_PREFIX": "staging:"})
    assert repr(Auth.of(one).store) == "<RedisStore redis://127.0.0.1:6379/0 'shop:auth:'>"
    assert repr(Auth.of(other).store) == "<RedisStore redis://127.0.0.1:6379/0 'staging:'>"


# -- sessions


@pytest.mark.parametrize(("value", "listed"), [("cookie", 0), ("server", 1)])
def test_sessions_are_kept_where_it_is_said(make_app: Make, make_client: MakeClient, value: str, listed: int) -> None:
    app = make_site(make_app, AUTH_SESSIONS=value)
    client = make_client(app)
    client.post("/in")
    assert client.get("/who").text == ADA
    assert len(Auth.of(app).store.owned("session", "default:1")) == listed


@pytest.mark.parametrize("sessions", ["cookie", "server"])
def test_session_lifetime_is_after_how_long_one_signs_in_again(
    make_app: Make, make_client: MakeClient, sessions: str
) -> None:
    client = make_client(make_site(make_app, AUTH_SESSIONS=sessions, AUTH_SESSION_LIFETIME=600))
    client.post("/in")
    client.delete_cookie("remember_token")
    older(client, 590)
    assert client.get("/who").text == ADA
    older(client, 601)
    assert client.get("/who").text == "nobody"


def test_session_idle_is_after_how_long_a_session_on_the_server_ends(make_app: Make, make_client: MakeClient) -> None:
    app, now = make_site(make_app, AUTH_SESSIONS="server", AUTH_SESSION_IDLE=600), time.time()
    moment = [now]
    Auth.of(app).__dict__["store"] = MemoryStore(lambda: moment[0])
    app.seal()
    app.session_interface._clock = lambda: moment[0]  # type: ignore[attr-defined]
    client = make_client(app)
    client.post("/in")
    client.delete_cookie("remember_token")
    for _ in range(3):
        moment[0] += 590
        assert client.get("/who").text == ADA
    moment[0] += 601
    assert client.get("/who").text == "nobody"


def test_keep_names_what_survives_signing_in_and_out(make_app: Make, make_client: MakeClient) -> None:
    client = make_client(make_site(make_app, AUTH_KEEP=["cart"]))
    for path in ("/in", "/out"):
        with client.session_transaction() as session:
            session["cart"], session["planted"] = "7 apples", "by somebody else"
        client.post(path)
        with client.session_transaction() as session:
            assert (session.get("cart"), session.get("planted")) == ("7 apples", None)


@pytest.mark.parametrize("name", ["_user_id", "_fresh", "_id", "_auth_stamp", "_user_id.staff"])
def test_keep_cannot_name_what_says_who_has_signed_in(make_app: Make, name: str) -> None:
    with pytest.raises(AuthConfigError, match=rf"\[auth\] keep names '{name}', which says who has signed in"):
        make_site(make_app, AUTH_KEEP=["cart", name]).seal()


def test_remember_lifetime_is_how_long_a_browser_is_remembered(make_app: Make, make_client: MakeClient) -> None:
    client = make_client(make_site(make_app, AUTH_REMEMBER_LIFETIME=7200))
    client.post("/in")
    expires = client.get_cookie("remember_token").expires
    assert 7100 < expires.timestamp() - time.time() < 7300


def test_fresh_for_is_how_long_a_sign_in_counts_as_fresh(make_app: Make, make_client: MakeClient) -> None:
    client = make_client(make_site(make_app, AUTH_FRESH_FOR=600))
    client.post("/in")
    assert client.get("/fresh").text == "True"
    older(client, 601)
    assert (client.get("/fresh").text, client.get("/who").text) == ("False", ADA)


# -- may they


@pytest.mark.parametrize(("value", "status"), [(False, 200), (True, 401)])
def test_require_login_keeps_strangers_out(make_app: Make, make_client: MakeClient, value: bool, status: int) -> None:
    assert make_client(make_site(make_app, AUTH_REQUIRE_LOGIN=value)).get("/who").status_code == status


@pytest.mark.parametrize(("roles", "may"), [({"editor": ["tasks:write"]}, "True"), ({"editor": []}, "False")])
def test_roles_hold_permissions(make_app: Make, make_client: MakeClient, roles: dict[str, list[str]], may: str) -> None:
    client = make_client(make_site(make_app, AUTH_ROLES=roles))
    client.post("/in")
    assert client.get("/may").text == may


def test_token_prefix_is_what_tokens_begin_with(make_app: Make) -> None:
    auth = Auth.of(make_site(make_app, AUTH_TOKEN_PREFIX="shop"))
    text, _ = auth.tokens.create("default:1", "laptop", None, None)
    assert text.startswith("shop_")


# -- flows


def test_flows_are_off_unless_they_are_named(make_app: Make, make_client: MakeClient) -> None:
    client = make_client(make_site(make_app, AUTH_FLOWS=["login"]))
    assert client.get("/auth/login").status_code == 200
    assert client.get("/auth/register").status_code == 404
    assert make_client(make_site(make_app)).get("/auth/login").status_code == 404


def test_flows_that_are_none_are_refused_with_the_nearest_name(make_app: Make) -> None:
    with pytest.raises(AuthConfigError, match=r"flows names 'logn', .* Did you mean 'login'\?"):
        make_site(make_app, AUTH_FLOWS=["logn"]).seal()


@pytest.mark.parametrize("prefix", ["", "/account", "/my/account"])
def test_prefix_is_the_path_below_which_flows_are(make_app: Make, make_client: MakeClient, prefix: str) -> None:
    client = make_client(make_site(make_app, AUTH_FLOWS=["login"], AUTH_PREFIX=prefix))
    assert client.get(f"{prefix}/login").status_code == 200


def test_site_is_what_mails_call_it_and_what_no_password_may_be_made_of(make_memory_site: MakeSite) -> None:
    site = make_memory_site(AUTH_SITE="Kettledrum Weekly").open(ADA)
    site.browser().send("/auth/forgot", email=ADA)
    assert "Kettledrum Weekly" in site.mail.subject + site.mail.text
    answer = site.browser().send("/auth/register", email=BOB, password="my kettledrum 77")
    assert answer.status_code == 422


def test_url_is_where_links_in_mails_lead_whatever_the_host_says(make_memory_site: MakeSite) -> None:
    site = make_memory_site(AUTH_URL="https://shop.example/app").open(ADA)
    site.browser().client.post("/auth/forgot", json={"email": ADA}, headers={"Host": "evil.example"})
    assert "https://shop.example/app/auth/" in site.mail.text
    assert "evil.example" not in site.mail.text


def test_after_login_is_where_one_goes_then(make_memory_site: MakeSite) -> None:
    browser = make_memory_site(AUTH_AFTER_LOGIN="/tasks?all=1").open(ADA).browser()
    assert browser.fill("/auth/login", email=ADA, password=GOOD).location == "/tasks?all=1"


def test_after_logout_is_where_one_goes_then(make_memory_site: MakeSite) -> None:
    browser = make_memory_site(AUTH_AFTER_LOGOUT="/bye").open(ADA).signed_in()
    assert browser.post("/auth/logout").location == "/bye"


@pytest.mark.parametrize(("verify", "status"), [(True, 403), (False, 200)])
def test_verify_is_whether_an_address_has_to_be_confirmed_first(
    make_memory_site: MakeSite, verify: bool, status: int
) -> None:
    site = make_memory_site(AUTH_VERIFY=verify).open()
    site.add(BOB, verified_at=None)
    assert site.browser().login(BOB).status_code == status


@pytest.mark.parametrize(("wanted", "status"), [("optional", 200), ("required", 202)])
def test_second_factor_is_whether_everybody_needs_one(make_memory_site: MakeSite, wanted: str, status: int) -> None:
    site = make_memory_site(AUTH_SECOND_FACTOR=wanted).open(ADA)
    assert site.browser().login().status_code == status


@pytest.mark.parametrize("tokens", [True, False])
def test_csrf_tokens_are_in_forms_where_they_are_wanted(make_memory_site: MakeSite, tokens: bool) -> None:
    site = make_memory_site(AUTH_CSRF_TOKENS=tokens).open(ADA)
    assert (site.browser().post("/auth/login", email=ADA, password=GOOD).status_code == 303) is not tokens
    assert site.browser().fill("/auth/login", email=ADA, password=GOOD).status_code == 303


def test_link_lifetime_is_how_long_links_work(make_memory_site: MakeSite) -> None:
    site = make_memory_site(AUTH_LINK_LIFETIME=600).open(ADA)
    site.browser().send("/auth/forgot", email=ADA)
    assert "10 minutes" in site.mail.text
    [(_, record)] = site.auth.store.owned("link", "default:1")
    assert record.expires is not None
    assert 500 < record.expires - time.time() <= 600
    assert site.browser().send("/auth/reset", token=site.token, password=BETTER).status_code == 200


# -- what cannot be

WRONG = [
    ("SESSION_LIFETIME", 0, "Expected `int` >= 1"),
    ("SESSION_IDLE", -1, "Expected `int` >= 1"),
    ("REMEMBER_LIFETIME", 0, "Expected `int` >= 1"),
    ("FRESH_FOR", -1, "Expected `int` >= 0"),
    ("LINK_LIFETIME", 0, "Expected `int` >= 1"),
    ("STORE", "rediss", "Invalid enum value 'rediss'"),
    ("SESSIONS", "database", "Invalid enum value 'database'"),
    ("REQUIRE_LOGIN", "perhaps", "Expected `bool`"),
    ("ROLES", {"editor": "tasks:write"}, "Expected `array`"),
    ("ROLES", {"editor": ["write"]}, "'write' cannot be the name of a permission"),
    ("ROLES", {"a": ["@b"], "b": ["@a"]}, "in a circle: 'a' → 'b' → 'a'"),
    ("KEEP", "cart", "Expected `array`"),
    ("PREFIX", "auth", "[auth] prefix is 'auth'. It is the beginning of a path"),
    ("PREFIX", "/auth/", "[auth] prefix is '/auth/'"),
    ("PREFIX", "/a b", "[auth] prefix is '/a b'"),
    ("AFTER_LOGIN", "tasks", "[auth] after_login is 'tasks'. It is a path on this site"),
    ("AFTER_LOGIN", "//evil.example", "[auth] after_login is '//evil.example'"),
    ("AFTER_LOGIN", "/\\evil.example", r"[auth] after_login is '/\\evil.example'"),
    ("AFTER_LOGOUT", "https://evil.example", "[auth] after_logout is 'https://evil.example'"),
    ("AFTER_LOGOUT", "/a\r\nSet-Cookie: a=b", "[auth] after_logout is '/a"),
    ("TOKEN_PREFIX", "my_token", "[auth] token_prefix: The prefix of a token cannot be 'my_token'"),
    ("TOKEN_PREFIX", "", "[auth] token_prefix: The prefix of a token cannot be ''"),
]


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_value_that_cannot_be_is_an_error_that_names_the_option(
    make_app: Make, name: str, value: Any, said: str
) -> None:
    app = make_app(plugins=["auth"], config={**BASIC, f"AUTH_{name}": value})
    with pytest.raises(ConfigError) as caught:
        app.seal()
    assert said in str(caught.value)
    assert name.lower() in str(caught.value).lower()


def test_an_option_that_is_misspelt_is_an_error_with_the_right_name(make_app: Make) -> None:
    with pytest.raises(ConfigError, match=r"Did you mean AUTH_REQUIRE_LOGIN\?"):
        make_app(plugins=["auth"], config={"AUTH_REQUIRE_LOGINS": True}).seal()


def test_options_come_from_the_file_and_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trivet.toml").write_text(
        'plugins = ["auth"]\n[auth]\nstore = "memory"\nroles.editor = ["tasks:write"]\n'
        "[auth.realms.staff]\nblueprints = []\n[auth.throttle]\naccount = 3\n"
    )
    monkeypatch.setenv("TRIVET_AUTH_REQUIRE_LOGIN", "true")
    monkeypatch.setenv("TRIVET_AUTH_KEEP", "cart, language")
    app = Trivet("options", root_path=str(tmp_path))
    app.seal()
    options = Auth.of(app).options
    assert (options.store, options.roles, list(options.realms)) == ("memory", {"editor": ["tasks:write"]}, ["staff"])
    assert (options.throttle.account, options.require_login, options.keep) == (3, True, ["cart", "language"])


def test_secrets_are_not_shown(make_app: Make) -> None:
    url = f"redis://user:{PASSWORD}@127.0.0.1/0"
    jwt = {"algorithms": ["HS256"], "keys": [PASSWORD * 4], "issuer": "https://i", "audience": "https://a"}
    mail = {"url": f"smtps://user:{PASSWORD}@mail.example"}
    oauth = {"one": {"client_id": "shop", "client_secret": PASSWORD, "issuer": "https://id.example"}}
    config = {"AUTH_STORE": "redis", "AUTH_REDIS": url, "AUTH_JWT": jwt, "AUTH_MAIL": mail, "AUTH_OAUTH": oauth}
    app = make_app(plugins=["auth"], config={**BASIC, **config})
    assert PASSWORD not in repr(Auth.of(app).options)
    for option in app.plugins.describe_options("auth", app.config):
        assert PASSWORD not in repr(option.value), option.name
