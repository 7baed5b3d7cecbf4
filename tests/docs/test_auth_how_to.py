"""What the how-to guides about people, tokens and permissions promise beyond code that runs."""
# ruff: noqa: F811 - the fixture `load` is imported

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import trivet_auth
from trivet import Trivet, hookimpl
from trivet_auth import (
    Auth,
    LoginManager,
    MemoryUsers,
    UserModel,
    accounts,
    current_user,
    login_required,
    login_user,
    requires,
)
from trivet_auth.testing import sign_in

from .pages import DOCS, blocks, code_in, commands, pattern, sections, table
from .test_db_how_to import Load, load, put, type_in  # noqa: F401 - load is a fixture

HOW_TO = DOCS / "how-to"
GOOD = "violet kettles hum at noon"
QUICK = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}


def typed(page: str, number: int, folder: Path) -> None:
    """Type in the commands of a console block, and compare what they print."""
    for command, expected in commands(blocks(HOW_TO / page, "console")[number]):
        said = type_in(command, folder)
        assert pattern(expected).fullmatch(re.sub(r"[ \t]+$", "", said, flags=re.MULTILINE)), f"$ {command}\n{said}"


def shop_in(folder: Path, more: str = "") -> Path:
    """Make the shop of auth-users.md, in which Ada has an account, with more options of [auth]."""
    put("auth-users.md", folder)
    file = folder / "trivet.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("[auth]\n", f"[auth]\n{more}"), encoding="utf-8")
    for command, _ in commands(blocks(HOW_TO / "auth-users.md", "console")[0])[:4]:
        type_in(command, folder)
    return folder


def quick_app(**config: Any) -> Trivet:
    """Return an application with people in memory, and a view that says who is asking."""
    app = Trivet("docs", plugins=["auth"], config_file=False)
    app.config.update(SECRET_KEY="only here", AUTH_STORE="memory", AUTH_PASSWORD=QUICK, TESTING=True, **config)
    LoginManager(app, users=MemoryUsers())
    app.add_url_rule("/", "index", lambda: getattr(current_user, "email", "nobody"))

    @app.post("/enter/<email>")
    def enter(email: str) -> str:
        auth = Auth.of(app)
        login_user(accounts.find(auth, "default", email) or accounts.create(auth, "default", email), remember=True)
        return "in"

    return app


# -- the tutorial


def test_the_mail_of_the_tutorial_leads_to_an_account(load: Load, tmp_path: Path) -> None:
    put("../tutorial/auth.md", tmp_path)
    for command in ("trivet db upgrade", 'trivet db migrate -m "Create users and tasks"', "trivet db upgrade"):
        type_in(command, tmp_path)
    app = load("../tutorial/auth.md", "todo").app
    mails = []

    @hookimpl
    def trivet_auth_send_mail(mail: Any) -> bool:
        mails.append(mail)
        return True

    app.plugins.register(SimpleNamespace(name="mails", trivet_auth_send_mail=trivet_auth_send_mail))
    app.testing, client = True, app.test_client()
    person = {"email": "bob@example.com", "password": "seven slow lanterns drift"}
    assert client.post("/auth/register", json=person).status_code == 202
    [token] = re.findall(r"token=(\S+)", mails[0].text)
    assert client.post("/auth/login", json=person).status_code == 401
    answer = client.post("/auth/verify", json={"token": token, "password": person["password"]})
    assert (answer.status_code, client.get("/").text) == (200, "Hello, bob@example.com.")


# -- auth-users.md


def test_people_in_a_database_come_by_migration_and_command(tmp_path: Path) -> None:
    put("auth-users.md", tmp_path)
    typed("auth-users.md", 0, tmp_path)


def test_the_columns_of_a_model_are_those_of_the_page() -> None:
    text = sections(DOCS / "reference" / "auth.md", 3)["People"]
    [listed] = re.findall(r"autoclass:: trivet_auth\.UserColumns\(\)\n   :members: ((?:.+\n)+)", text)
    assert {"id", *re.findall(r"\w+", listed)} == set(UserModel.__annotations__) | set(
        UserModel.__mro__[1].__annotations__
    )


def test_people_of_a_class_sign_in_and_are_known(load: Load) -> None:
    module = load("auth-users.md", "people", toml="")
    with module.app.app_context():
        ada = accounts.create(Auth.of(module.app), "default", "Ada@example.com", GOOD)
    client = module.app.test_client()
    assert client.get("/").status_code == 401
    sign_in(client, ada)
    assert client.get("/").text == "Hello, ada@example.com."


def test_loaders_and_a_page_of_one_s_own_sign_people_in(load: Load) -> None:
    client = load("auth-users.md", containing="def load_user(id):\n    return USERS", toml="").app.test_client()
    assert client.get("/account").location == "/login?next=%2Faccount"
    assert client.post("/login", data={"name": "ada", "password": "wrong"}).status_code == 401
    assert client.post("/login", data={"name": "eve", "password": GOOD}).status_code == 401
    assert client.post("/login", data={"name": "ada", "password": GOOD}).status_code == 204
    assert client.get("/account").text == "for people only"
    client.post("/logout")
    assert client.get("/account").status_code == 302


def test_a_loader_of_requests_knows_the_robot_by_its_key_and_gives_no_cookie(load: Load) -> None:
    client = load("auth-users.md", containing="load_by_request", toml="").app.test_client()
    answer = client.get("/feed", headers={"X-Api-Key": "sesame"})
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (200, False)
    assert client.get("/feed").status_code == 401


def test_where_everybody_has_to_sign_in_only_public_views_are_open(load: Load) -> None:
    client = load("auth-users.md", containing="REQUIRE_LOGIN", toml="").app.test_client()
    assert [client.get(path).status_code for path in ("/", "/report")] == [200, 401]


def test_answers_for_somebody_are_kept_from_caches() -> None:
    answer = quick_app().test_client().get("/")
    assert answer.headers["Vary"] == "Cookie"
    assert answer.headers["Cache-Control"] == "private"


# -- auth-tokens.md


def test_a_token_is_made_and_listed_by_command(tmp_path: Path) -> None:
    typed("auth-tokens.md", 0, shop_in(tmp_path))


def test_a_token_may_do_what_is_in_its_scopes(load: Load) -> None:
    module = load("auth-tokens.md", "robots")
    client, header = module.app.test_client(), {"Authorization": f"Bearer {module.TOKEN}"}
    assert client.get("/api/tasks", headers=header).json == {"tasks": [], "for": "ada@example.com"}
    [regex] = re.findall(r"Scanners .* one by `(.+?)`", (HOW_TO / "auth-tokens.md").read_text(encoding="utf-8"))
    assert re.fullmatch(regex, module.TOKEN)
    answers = {
        "is unknown, revoked, expired, mistyped, or of a locked account": client.get(
            "/api/tasks", headers={"Authorization": f"Bearer {module.TOKEN[:-1]}"}
        ),
        "is valid, and limited to other scopes": client.post("/api/tasks", headers=header),
        "is missing, from a program": client.get("/api/tasks", headers={"Accept": "application/json"}),
    }
    for what, answer, challenge in said_of_tokens():
        if what in answers:
            given = answers.pop(what)
            said = given.headers["WWW-Authenticate"].replace('"', "")  # a value may stand in quotation marks or not
            assert (given.status_code, said) == (answer, challenge.replace('"', ""))
    assert answers == {}


def said_of_tokens() -> Iterator[tuple[str, int, str]]:
    """Yield what the page says of bearer tokens: which, the status, and the challenge."""
    for what, answer in table(sections(HOW_TO / "auth-tokens.md")["What is answered"]):
        yield what, int(answer[:3]), answer.partition("WWW-Authenticate: ")[2].strip("`")


def test_a_token_of_somebody_who_may_not_is_403_without_a_challenge(load: Load) -> None:
    module = load("auth-tokens.md", "robots")
    with module.app.app_context():
        bob = accounts.create(module.auth, "default", "bob@example.com")
    header = {"Authorization": f"Bearer {module.token_for(bob, 'desktop')}"}
    answer = module.app.test_client().get("/api/tasks", headers=header)
    assert (answer.status_code, answer.headers.get("WWW-Authenticate")) == (403, None)


def test_a_signed_token_is_somebody_s_as_long_as_there_is_such_a_user(load: Load) -> None:
    module = load("auth-tokens.md", "signed")
    client = module.app.test_client()
    answers = [
        client.get("/api/me", headers={"Authorization": f"Bearer {module.token_for(module.User(id))}"})
        for id in ("7", "9")
    ]
    assert [answer.status_code for answer in answers] == [200, 401]
    assert answers[0].json == {"id": "7"}


def test_the_table_for_signed_tokens_can_be_json_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "0123456789abcdefghijklmnopqrstuv"
    text = f'{{"algorithms": ["HS256"], "keys": ["{key}"], "issuer": "i", "audience": "a"}}'
    monkeypatch.setenv("TRIVET_AUTH_JWT", text)
    app = quick_app()
    app.seal()
    found = Auth.of(app).bearers
    assert found is not None
    assert found.check(found.issue("7")).subject == "7"


# -- auth-permissions.md


def test_the_roles_are_listed_by_command(tmp_path: Path) -> None:
    put("auth-permissions.md", tmp_path)
    typed("auth-permissions.md", 0, tmp_path)


@pytest.mark.parametrize(
    ("who", "seen", "own", "other"), [("ada", 200, 204, 403), ("bob", 200, 403, 403), ("eve", 200, 204, 204)]
)
def test_roles_and_rules_decide_as_the_page_says(
    load: Load,
    who: str,
    seen: int,
    own: int,
    other: int,
) -> None:
    module = load("auth-permissions.md", "todo")
    module.app.config["SECRET_KEY"] = "only here"
    client = module.app.test_client()
    sign_in(client, module.USERS[who])
    mine, theirs = (2, 1) if who == "eve" else (1, 2)
    assert client.get("/tasks").status_code == seen
    assert client.delete(f"/tasks/{mine}").status_code == own
    assert client.delete(f"/tasks/{theirs}").status_code == other


def test_nobody_is_let_in_to_a_guarded_blueprint(load: Load) -> None:
    module = load("auth-permissions.md", containing='"site:manage"')
    assert module.app.test_client().get("/admin/").status_code == 401


def test_the_hook_of_the_page_refuses_outside_of_the_office(load: Load) -> None:
    office = load("auth-permissions.md", "office", toml="")
    app = quick_app(AUTH_ROLES={"boss": ["*"]})
    app.plugins.register(SimpleNamespace(name="office", trivet_auth_authorize=office.trivet_auth_authorize))
    app.add_url_rule("/payroll", "payroll", requires("payroll:read")(lambda: "paid"))
    with app.app_context():
        boss = accounts.create(Auth.of(app), "default", "boss@example.com", roles=["boss"])
    client: Any = app.test_client()
    sign_in(client, boss)
    answers = [client.get("/payroll", environ_base={"REMOTE_ADDR": one}) for one in ("192.0.2.9", "198.51.100.9")]
    assert [answer.status_code for answer in answers] == [200, 403]


def test_who_has_no_second_factor_may_not_manage_the_site(load: Load) -> None:
    second = load("auth-permissions.md", "second", toml="")
    app = quick_app(AUTH_ROLES={"boss": ["*"]})
    app.plugins.register(SimpleNamespace(name="second", trivet_auth_authorize=second.trivet_auth_authorize))
    app.add_url_rule("/site", "site", requires("site:manage")(lambda: "managed"))
    with app.app_context():
        boss = accounts.create(Auth.of(app), "default", "boss@example.com", roles=["boss"])
    client: Any = app.test_client()
    sign_in(client, boss)
    before = client.get("/site").status_code
    boss.totp_secret = "sealed"
    assert [before, client.get("/site").status_code] == [403, 200]


# -- auth-realms.md


def test_staff_and_customers_are_kept_apart(tmp_path: Path, load: Load) -> None:
    put("auth-realms.md", tmp_path)
    typed("auth-realms.md", 0, tmp_path)
    app = load("auth-realms.md", "shop").create_app()
    app.config["AUTH_PASSWORD"] = QUICK
    app.seal()
    with app.app_context():
        auth = Auth.of(app)
        customer = accounts.create(auth, "default", "grace@example.com", GOOD)
        grace = accounts.find(auth, "staff", "grace@example.com")
        accounts.set_password(auth, "staff", grace, GOOD)
        assert customer.get_id() == grace.get_id() == "1"
    client = app.test_client()
    assert client.get("/office/orders").location.startswith("/office/sign-in")
    assert client.post("/office/sign-in", data={"email": "grace@example.com", "password": "wrong"}).status_code == 401
    client.post("/office/sign-in", data={"email": "grace@example.com", "password": GOOD})
    assert client.get("/office/orders").text == "orders, for grace@example.com"
    assert client.get("/account").location.startswith("/auth/login")
    client.post("/auth/login", json={"email": "grace@example.com", "password": GOOD})
    assert client.get("/account").text == "the account of grace@example.com"
    assert client.get("/office/orders").status_code == 200
    app.lifespan.stop()


# -- auth-sessions.md


def test_sessions_are_ended_by_command(tmp_path: Path) -> None:
    typed("auth-sessions.md", 0, shop_in(tmp_path, 'sessions = "server"\n'))


@pytest.fixture
def shop(load: Load) -> Any:
    """The shop of the page, of which sessions are on the server."""
    [configuration] = [one.text for one in blocks(HOW_TO / "auth-sessions.md", "toml") if "__Host-" in one.text]
    return load("auth-sessions.md", "shop", toml=configuration.replace("[auth]\n", '[auth]\nstore = "memory"\n'))


def browser(app: Trivet, name: str) -> Any:
    """Return a browser in which somebody has signed in, by https."""
    client: Any = app.test_client()
    client.environ_base["wsgi.url_scheme"] = "https"
    assert client.post(f"/enter/{name}").status_code == 204
    return client


def test_the_cookie_of_the_page_is_for_this_host_only(shop: Any) -> None:
    client = shop.app.test_client()
    [cookie] = client.post("/enter/ada", base_url="https://localhost").headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-session=")
    assert all(one in cookie for one in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"))
    assert "Domain" not in cookie


def test_sessions_are_listed_and_ended_here_elsewhere_and_everywhere(shop: Any) -> None:
    first, second, third = (browser(shop.app, "ada") for _ in range(3))
    stranger = browser(shop.app, "bob")
    assert sorted(one["this"] for one in first.get("/sessions").json) == [False, False, True]
    assert first.post("/sign-out-elsewhere").status_code == 204
    assert [one.get("/sessions").status_code for one in (first, second, third)] == [200, 401, 401]
    assert first.post("/sign-out-everywhere").status_code == 204
    assert [one.get("/sessions").status_code for one in (first, stranger)] == [401, 200]


def test_a_higher_generation_ends_every_session(shop: Any) -> None:
    client = browser(shop.app, "ada")
    with shop.app.app_context():
        for user in Auth.of(shop.app).realm("default").users.all():
            user.generation += 1
    assert client.get("/sessions").status_code == 401


def test_only_so_many_sessions_stay_as_the_hook_allows(
    load: Load,
    make_client: Callable[[Trivet], Any],
) -> None:
    few = load("auth-sessions.md", "few", toml="")
    app = quick_app(AUTH_SESSIONS="server")
    app.plugins.register(SimpleNamespace(name="few", trivet_auth_logged_in=few.trivet_auth_logged_in))
    clients = [make_client(app) for _ in range(5)]
    for client in clients:
        client.post("/enter/ada@example.com")
    found = []
    for client in clients:
        client.delete_cookie("remember_token")
        found.append(client.get("/").text)
    assert found == ["nobody"] * 2 + ["ada@example.com"] * 3


def test_what_the_page_says_of_remembered_browsers_holds(caplog: pytest.LogCaptureFixture) -> None:
    app = quick_app()
    app.add_url_rule("/private", "private", login_required(lambda: "in"))
    client: Any = app.test_client()
    thief = app.test_client()
    client.post("/enter/ada@example.com")
    cookie = client.get_cookie("remember_token").value
    for _ in range(2):
        client.delete_cookie("session")
        assert client.get("/private").text == "in"
    thief.set_cookie("remember_token", cookie)
    with caplog.at_level(logging.INFO, "trivet.auth"):
        assert thief.get("/private").status_code == 401
    assert "remember.reused" in caplog.messages
    client.delete_cookie("session")
    assert client.get("/private").status_code == 401


# -- auth-passwords.md


def test_each_format_of_the_page_is_read() -> None:
    beginnings = [
        one
        for row in table(sections(HOW_TO / "auth-passwords.md")["Take over other hashes"])
        for one in re.findall(r"`([^`]+)`", row[1])
    ]
    tests = (DOCS.parent / "plugins" / "auth" / "tests" / "test_passwords.py").read_text(encoding="utf-8")
    assert len(beginnings) == 10
    assert [one for one in beginnings if one.removesuffix("...") not in tests] == []


def test_names_of_the_company_and_leaked_passwords_are_refused(load: Load, tmp_path: Path) -> None:
    leaked = "correct horse battery staple"
    lines = sorted(hashlib.sha1(one.encode()).hexdigest().upper() for one in (leaked, "a", "b", "c"))
    (tmp_path / "leaked.txt").write_text("".join(f"{one}\n" for one in lines), encoding="ascii")
    module = load("auth-passwords.md", "shop", toml="")
    strength = Auth.of(module.create_app(tmp_path / "leaked.txt")).strength
    assert strength(leaked) == [module.LEAKED]
    assert strength(GOOD) == []
    assert len(strength("shopomatic rocks")) == 1
    assert strength("short") == ["Use at least 8 characters."]


def test_the_defaults_of_the_throttle_are_those_of_the_page() -> None:
    said = {code_in(row[0]): int(row[1]) for row in table(sections(HOW_TO / "auth-passwords.md")["Throttling"])}
    given = Auth.of(quick_app()).options.throttle
    assert said == {name: getattr(given, name) for name in said}


def test_a_page_of_one_s_own_counts_what_fails(load: Load) -> None:
    module = load("auth-passwords.md", "own")
    module.app.config["AUTH_PASSWORD"] = QUICK
    with module.app.app_context():
        accounts.create(module.auth, "default", "ada@example.com", GOOD)
    client = module.app.test_client()

    def enter(email: str, password: str) -> Any:
        return client.post("/enter", data={"email": email, "password": password})

    assert enter("ada@example.com", GOOD).status_code == 204
    assert {enter(email, "wrong").status_code for email in ("ada@example.com", "eve@example.com") * 10} == {401}
    refused = [enter(email, GOOD) for email in ("ada@example.com", "eve@example.com")]
    assert [(one.status_code, int(one.headers["Retry-After"]) > 800) for one in refused] == [(429, True)] * 2


def test_a_password_is_set_by_command(tmp_path: Path) -> None:
    typed("auth-passwords.md", 0, shop_in(tmp_path))


# -- auth-test.md


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    put("auth-test.md", tmp_path)
    said = type_in(f"python -m pytest -q -p no:cacheprovider --rootdir {tmp_path} {tmp_path}", tmp_path)
    assert "10 passed" in said, said


# -- auth-from-flask-login.md


@pytest.fixture
def moved(load: Load) -> Iterator[Any]:
    """The program of the page."""
    app = load("auth-from-flask-login.md", "app").create_app()
    yield app
    app.lifespan.stop()


def test_a_program_for_flask_login_runs(moved: Trivet) -> None:
    client = moved.test_client()
    assert client.get("/settings").location == "/login?next=%2Fsettings"
    client.post("/login", data={"id": "1", "remember": "1"})
    assert [client.get(path).text for path in ("/", "/settings")] == ["ada", "the settings of ada"]
    client.delete_cookie("session")
    assert client.get("/").text == "ada"
    assert client.get("/settings").status_code == 302
    client.post("/logout")
    assert client.get("/").text == "nobody"


def test_a_session_that_flask_login_has_begun_goes_on(moved: Trivet) -> None:
    client: Any = moved.test_client()
    with client.session_transaction() as session:
        session.update({"_user_id": "1", "_fresh": True, "_id": "0123"})
    assert client.get("/").text == "ada"


def test_the_names_of_the_page_are_there() -> None:
    [text] = [one.text for one in blocks(HOW_TO / "auth-from-flask-login.md", "python")]
    for name in re.findall(r"^    (\w+),$", text, re.MULTILINE):
        assert hasattr(trivet_auth, name)
