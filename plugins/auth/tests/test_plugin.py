"""The plugin: its face, what it brings to an application, and what it does around a request."""

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import trivet_auth
from trivet import Blueprint, ConfigError, Trivet, current_context, hookimpl
from trivet.sessions import SecureCookieSessionInterface
from trivet.testing import make_app as make_other_app
from trivet_auth import AuthConfigError, LoginManager, MemoryUsers, current_user, login_user, public
from trivet_auth.records import Record, StoreError
from trivet_auth.state import Auth
from trivet_auth.stores.file import FileStore
from trivet_auth.stores.memory import MemoryStore

from .database_app import empty_database

Make = Callable[..., Trivet]
BASIC = {"SECRET_KEY": "only in these tests", "AUTH_STORE": "memory"}


def site(make_app: Make, plugins: tuple[Any, ...] = (), **config: Any) -> tuple[Trivet, MemoryUsers]:
    """Make an application whose people are in memory, and on which ``/login/<name>`` signs in."""
    app = make_app(plugins=["auth", *plugins], config={**BASIC, **config})
    users = MemoryUsers()
    LoginManager(app, users=users)
    users.create("ada")

    @app.post("/login/<name>")
    @public
    def login(name: str) -> str:
        return str(login_user(users.find(name)))

    return app, users


# -- the face


def test_every_public_name_has_a_home_that_type_checkers_know() -> None:
    face: ModuleType = trivet_auth
    assert sorted(face._HOMES) == sorted(face.__all__)
    assert set(face.__all__) <= set(dir(face))
    for name in face.__all__:
        getattr(face, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        face.nothing  # noqa: B018
    stub = ast.parse(Path(str(face.__file__)).with_suffix(".pyi").read_text())
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    assert {alias.name: node.module for node in imports for alias in node.names} == face._HOMES


def loaded_after(code: str) -> set[str]:
    """Return the modules that are there after some code has run in a new process."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ran.stdout.split())


DOMAIN = (
    *("access", "bearer", "bearer_keys", "identity", "opaque", "passwords", "permissions", "records", "refusals"),
    *("remember", "sealing", "strength", "throttle", "totp", "stores.file", "stores.memory", "stores.redis"),
    "stores.database",
)


def test_the_domain_knows_nothing_of_the_framework() -> None:
    loaded = loaded_after("".join(f"import trivet_auth.{name}\n" for name in DOMAIN))
    assert {"trivet_auth.access", "trivet_auth.stores.database"} <= loaded
    assert not [name for name in loaded if name == "trivet" or name.startswith(("trivet.", "trivet_db"))]


def test_what_is_not_configured_is_not_imported() -> None:
    code = (
        "from trivet.testing import make_app\n"
        "app = make_app(plugins=['auth'], config={'SECRET_KEY': 'x', 'AUTH_STORE': 'memory'})\n"
        "app.seal()"
    )
    loaded = loaded_after(code)
    unwanted = ("flows", "oauth", "command", "models", "stores.redis", "stores.database", "mail")
    assert "trivet_auth.plugin" in loaded
    assert not {f"trivet_auth.{name}" for name in unwanted} & loaded
    assert not {"sqlalchemy", "redis", "authlib", "httpx", "zxcvbn", "trivet_db"} & loaded


# -- what it brings


def test_the_command_has_a_group_of_the_plugin(make_app: Make) -> None:
    app, _ = site(make_app)
    [command] = [one for one in app.plugins.hook.trivet_commands(app=app) if one.name == "auth"]
    result = app.test_cli_runner().invoke(command, ["create-user", "bob", "--no-password"])
    assert result.output == "bob: made, with the identifier 2\n"


PROJECT = """
from trivet import Trivet
from trivet_auth import UserModel
from trivet_db import SQLAlchemy

app = Trivet(__name__)
db = SQLAlchemy(app)

class User(UserModel, db.Model):
    pass
"""
SETTINGS = """
app = "shop:app"
plugins = ["db", "auth"]

[config]
SECRET_KEY = "only in this test"

[db]
url = "{url}"

[auth]
model = "shop:User"

[auth.password]
time_cost = 1
memory_cost = 64
parallelism = 1
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_in_a_new_project_commands_make_the_tables_and_an_account(tmp_path: Path, kind: str) -> None:
    def trivet(*args: str, input: str = "") -> str:
        command = [sys.executable, "-m", "trivet", *args]
        ran = subprocess.run(command, cwd=tmp_path, input=input, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    with empty_database(kind) as url:
        (tmp_path / "shop.py").write_text(PROJECT)
        (tmp_path / "trivet.toml").write_text(SETTINGS.replace("{url}", url))
        trivet("db", "upgrade")
        trivet("db", "migrate", "-m", "users")
        trivet("db", "upgrade")
        trivet("auth", "create-user", "ada@example.com", "--password-stdin", input="violet kettles hum at noon")
        assert "ada@example.com" in trivet("auth", "users")
        assert "trivet-auth" in trivet("plugins")


def test_it_says_where_things_are_kept_and_who_signs_in(make_app: Make) -> None:
    app, _ = site(make_app, AUTH_REALMS={"staff": {}})
    app.seal()
    [lines] = [lines for lines in app.plugins.hook.trivet_describe(app=app) if lines and "store" in lines[0]]
    assert lines == [
        "store: <MemoryStore of this process>",
        "sessions: cookie",
        "realm 'default': <MemoryUsers>",
        "realm 'staff': nothing loads its users",
        "tokens: begin with trv_",
    ]


def test_a_store_in_memory_is_warned_of_where_it_is_no_test(make_app: Make) -> None:
    app, _ = site(make_app, TESTING=False)
    app.seal()
    lines = [line for lines in app.plugins.hook.trivet_describe(app=app) for line in lines]
    assert 'warning: [auth] store = "memory" is forgotten at each start, and no other process knows of it.' in lines


def test_passwords_that_are_too_short_or_must_not_be_long_are_warned_of(make_app: Make) -> None:
    app, _ = site(make_app, AUTH_PASSWORD={"min_length": 7, "max_length": 63})
    app.seal()
    lines = [line for lines in app.plugins.hook.trivet_describe(app=app) for line in lines]
    assert "warning: [auth.password] min_length = 7 lets people choose passwords that are guessed." in lines
    assert "warning: [auth.password] max_length = 63 refuses long ones; 64 characters are usual." in lines


def test_a_setting_of_flask_login_that_does_nothing_is_warned_of(make_app: Make) -> None:
    app, _ = site(make_app, REMEMBER_COOKIE_REFRESH_EACH_REQUEST=True)
    app.seal()
    lines = [line for lines in app.plugins.hook.trivet_describe(app=app) for line in lines]
    assert "warning: REMEMBER_COOKIE_REFRESH_EACH_REQUEST does nothing: nobody is remembered for ever." in lines


def test_sessions_that_are_to_be_protected_in_an_unknown_way_are_an_error_before_the_first_request(
    make_app: Make,
) -> None:
    app, _ = site(make_app)
    Auth.of(app).realm("default").session_protection = "high"
    with pytest.raises(AuthConfigError, match="must be 'basic', 'strong' or None, not 'high'"):
        app.seal()


def test_the_end_of_the_process_closes_the_store(make_app: Make, tmp_path: Path) -> None:
    app, _ = site(make_app, AUTH_STORE="file")
    app.instance_path = str(tmp_path)
    store = Auth.of(app).store
    assert isinstance(store, FileStore)
    store.put("test", "a", Record({}))
    assert store._writer._connection is not None
    app.plugins.hook.trivet_shutdown(app=app)
    assert store._writer._connection is None


def test_it_is_set_up_after_trivet_db_whatever_the_list_says(make_app: Make) -> None:
    app = make_app(plugins=["auth", "db"], config={**BASIC, "SQLALCHEMY_DATABASE_URI": "sqlite://"})
    names = [one.name for one in app.plugins.enabled]
    assert names.index("db") < names.index("auth")


def test_templates_know_the_current_user(make_app: Make, make_client: Callable[..., Any]) -> None:
    app = make_app(plugins=["auth"], config=BASIC)

    @app.get("/")
    def index() -> str:
        return str(app.jinja_env.from_string("{{ current_user.is_anonymous }}").render(names(app)))

    assert make_client(app).get("/").text == "True"


def test_an_application_s_manager_says_whether_templates_know_the_current_user(
    make_app: Make, make_client: Callable[..., Any]
) -> None:
    app = make_app(plugins=["auth"], config=BASIC)
    LoginManager(app, add_context_processor=False)

    @app.get("/")
    def index() -> str:
        return str("current_user" in names(app))

    assert make_client(app).get("/").text == "False"


def names(app: Trivet) -> dict[str, Any]:
    """Return what every template gets."""
    found: dict[str, Any] = {}
    app.update_template_context(found)
    return found


# -- realms


def test_a_realm_for_a_blueprint_that_is_not_there_is_refused_with_the_nearest_name(make_app: Make) -> None:
    app, _ = site(make_app, AUTH_REALMS={"staff": {"blueprints": ["admn"]}})
    app.register_blueprint(Blueprint("admin", __name__))
    with pytest.raises(AuthConfigError, match=r"'staff' is for .* blueprint 'admn'.*Did you mean 'admin'\?"):
        app.seal()


def test_a_blueprint_in_two_realms_is_refused(make_app: Make) -> None:
    app, _ = site(make_app, AUTH_REALMS={"staff": {"blueprints": ["admin"]}})
    LoginManager(app, realm="customers", blueprints=["admin"])
    app.register_blueprint(Blueprint("admin", __name__))
    with pytest.raises(AuthConfigError, match=r"'admin' is in two realms, 'customers' and 'staff'"):
        app.seal()


def test_a_blueprint_that_a_plugin_brings_later_may_be_in_a_realm(make_app: Make) -> None:
    class Admin:
        name = "admin"

        @hookimpl(trylast=True)
        def trivet_setup(self, app: Any) -> None:
            app.register_blueprint(Blueprint("admin", __name__))

    app, _ = site(make_app, (Admin(),), AUTH_REALMS={"staff": {"blueprints": ["admin"]}})
    app.seal()


def test_a_realm_that_is_not_there_is_named_with_those_that_are(make_app: Make) -> None:
    app, _ = site(make_app, AUTH_REALMS={"staff": {}})
    app.seal()
    with pytest.raises(
        AuthConfigError, match=r"no realm 'stuff'\. Did you mean 'staff'\? There are 'default', 'staff';"
    ):
        Auth.of(app).realm("stuff")


def test_a_role_belongs_to_its_realm_and_else_to_all(make_app: Make) -> None:
    staff = {"roles": {"boss": ["shop:close"]}}
    app, _ = site(make_app, AUTH_ROLES={"reader": ["shop:read"]}, AUTH_REALMS={"staff": staff, "guests": {}})
    app.seal()
    auth = Auth.of(app)
    assert "boss" in auth.roles_of("staff")
    assert "reader" not in auth.roles_of("staff")
    assert "reader" in auth.roles_of("guests")
    assert "boss" not in auth.roles_of("default")


# -- where it is not enabled, or not alone


def test_without_the_plugin_its_state_is_an_error_that_says_what_to_write(make_app: Make) -> None:
    with pytest.raises(AuthConfigError, match=r"The plugin 'auth' is not enabled .* plugins = \[\"auth\"\]"):
        Auth.of(make_app())


def test_two_applications_have_nothing_in_common(make_app: Make) -> None:
    one, other = (make_app(plugins=["auth"], config=BASIC) for _ in range(2))
    assert Auth.of(one) is Auth.of(one)
    assert Auth.of(one) is not Auth.of(other)
    assert Auth.of(one).store is not Auth.of(other).store


def test_sessions_on_the_server_do_not_replace_another_interface(make_app: Make) -> None:
    class Own(SecureCookieSessionInterface):
        """An interface of the application's."""

    app, _ = site(make_app, AUTH_SESSIONS="server")
    app.session_interface = Own()
    with pytest.raises(AuthConfigError, match=r"would replace the application's session_interface, Own\."):
        app.seal()


def test_an_error_of_configuration_is_one_of_trivet_s(make_app: Make) -> None:
    app = make_other_app(plugins=["auth"], config={**BASIC, "AUTH_ROLES": {"a": ["@b"]}})
    with pytest.raises(ConfigError, match=r"^\[auth\.roles\]: The role 'a' includes 'b', which is no role\."):
        app.seal()


# -- a store that cannot be reached


class Away(MemoryStore):
    """A store whose server has gone away."""

    away = False

    def get(self, kind: str, key: str) -> Record | None:
        if self.away:
            raise StoreError("The store cannot be reached.")
        return super().get(kind, key)


def away_site(make_app: Make, **config: Any) -> tuple[Trivet, Away]:
    """Make an application whose store can go away, with views of both kinds."""
    app, _ = site(make_app, AUTH_SESSIONS="server", PROPAGATE_EXCEPTIONS=False, **config)
    store = Auth.of(app).__dict__["store"] = Away()

    @app.get("/plain")
    def plain() -> str:
        return str(current_user.is_anonymous)

    @app.get("/async")
    async def asynchronous() -> str:
        return str(current_user.is_anonymous)

    return app, store


@pytest.mark.parametrize("path", ["/plain", "/async"])
def test_a_store_that_cannot_be_reached_is_a_503_and_then_all_is_well(
    make_app: Make, make_client: Callable[..., Any], path: str
) -> None:
    app, store = away_site(make_app)
    client = make_client(app)
    client.post("/login/ada")
    store.away = True
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.text == "Signing in is not possible at the moment. Please try again.\n"
    store.away = False
    assert client.get(path).text == "False"


@pytest.mark.parametrize("path", ["/plain", "/async"])
def test_an_error_handler_of_the_application_s_comes_first(
    make_app: Make, make_client: Callable[..., Any], path: str
) -> None:
    app, store = away_site(make_app)
    app.register_error_handler(StoreError, lambda error: ("gone", 500))
    client = make_client(app)
    client.post("/login/ada")
    store.away = True
    assert (client.get(path).status_code, client.get(path).text) == (500, "gone")


# -- everybody has to sign in


def guarded_site(make_app: Make) -> Trivet:
    """Make an application that everybody has to sign in for."""
    app, _ = site(make_app, AUTH_REQUIRE_LOGIN=True)

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    @app.get("/async")
    async def asynchronous() -> str:
        return "async"

    @app.get("/open")
    @public
    async def opened() -> str:
        return "open"

    return app


@pytest.mark.parametrize("path", ["/plain", "/async"])
def test_a_view_that_is_not_public_is_refused_to_strangers(
    make_app: Make, make_client: Callable[..., Any], path: str
) -> None:
    client = make_client(guarded_site(make_app))
    assert client.get(path).status_code == 401
    client.post("/login/ada")
    assert client.get(path).text == path[1:]


def test_what_is_public_and_what_asks_what_is_allowed_is_not(make_app: Make, make_client: Callable[..., Any]) -> None:
    client = make_client(guarded_site(make_app))
    assert client.get("/open").text == "open"
    assert client.options("/plain").status_code == 200
    assert client.get("/nowhere").status_code == 404


# -- what is found out ahead of asynchronous views


def async_site(make_app: Make) -> tuple[Trivet, list[str]]:
    """Make an application with an asynchronous loader that notes what it loads, and an asynchronous view."""
    app = make_app(plugins=["auth"], config=BASIC)
    manager: LoginManager[Any] = LoginManager(app)
    users, loaded = MemoryUsers(), list[str]()
    users.create("ada")

    @manager.user_loader
    async def load(id: str) -> Any:
        loaded.append(id)
        return users.get(id)

    @app.post("/login")
    async def login() -> str:
        return str(login_user(users.get("1")))

    @app.get("/who")
    async def who() -> str:
        return getattr(current_user, "email", "nobody")

    @app.get("/how")
    async def how() -> str:
        ctx: Any = current_context()
        return str(ctx.identity.method)

    return app, loaded


def test_an_asynchronous_view_knows_who_is_asking_without_waiting(
    make_app: Make, make_client: Callable[..., Any]
) -> None:
    app, loaded = async_site(make_app)
    client = make_client(app)
    assert client.get("/who").text == "nobody"
    client.post("/login")
    assert client.get("/who").text == "ada"
    assert loaded == ["1"]


def test_nobody_is_looked_for_by_the_cookies_of_others(make_app: Make, make_client: Callable[..., Any]) -> None:
    app, _ = async_site(make_app)

    @app.get("/news")
    async def news() -> str:
        return "news"

    answer = make_client(app).get("/news", headers={"Cookie": "analytics=1; other=2"})
    assert "Vary" not in answer.headers
    assert "Cache-Control" not in answer.headers


@pytest.mark.parametrize("kind", ["request_loader", "header_loader", "hook"])
def test_what_knows_people_by_any_request_is_awaited_without_a_cookie(
    make_app: Make, make_client: Callable[..., Any], kind: str
) -> None:
    app, _ = async_site(make_app)
    robot = MemoryUsers().create("robot")

    async def load(given: Any) -> Any:
        return robot

    if kind == "hook":

        class Knowing:
            name = "knowing"

            @hookimpl
            async def trivet_auth_authenticate(self, realm: str) -> Any:
                return robot

        app.plugins.register(Knowing())
    else:
        getattr(app.login_manager, kind)(load)  # type: ignore[attr-defined]
    headers = {"Authorization": "Basic eDp5"} if kind == "header_loader" else {}
    assert make_client(app).get("/who", headers=headers).text == "robot"
