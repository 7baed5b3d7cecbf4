"""What the reference of ``trivet-auth`` says of its errors is what is raised, and nothing is missing."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

import trivet_auth
from trivet import PluginError, Trivet, current_context, hookimpl
from trivet.sessions import SecureCookieSessionInterface
from trivet_auth import Auth, AuthConfigError, LoginManager, MemoryUsers, UserMixin, Users, login_user
from trivet_auth import accounts as service
from trivet_auth.deciding import can, requires

from .pages import DOCS, ROOT, code_in, sections, table

REFERENCE = DOCS / "reference" / "auth.md"
PACKAGE = ROOT / "plugins" / "auth" / "trivet_auth"
ERRORS = list(table(sections(REFERENCE)["Errors"].partition("\n### ")[0]))
WRONG = list(table(sections(REFERENCE, 3)["What is configured wrongly"]))
MISUSED = list(table(sections(REFERENCE, 3)["What is used wrongly"]))
#: Exceptions that end inside of the plugin, or are answers: Werkzeug's Unauthorized and Forbidden.
INTERNAL = {"InvalidToken", "Refused", "UnknownKeyError", "_Denied", "_Refused", "_RefusedKey"}


class Own(SecureCookieSessionInterface):
    """Sessions of the application's own."""


def bare(kept: bool = False, **config: Any) -> Trivet:
    """Return an application that reads no configuration file; its people are kept in memory, or loaded somehow."""
    app = Trivet("docs", plugins=["auth"], config_file=False)
    app.session_interface = config.pop("session_interface", app.session_interface)
    given = {name if name.isupper() else f"AUTH_{name.upper()}": value for name, value in config.items()}
    app.config.update({"SECRET_KEY": "only here", **given})
    LoginManager(app, users=MemoryUsers() if kept else None)
    return app


# -- the classes


def error_classes() -> dict[str, type[BaseException]]:
    """Return every exception class that a module of the plugin defines, by name."""
    found: dict[str, type[BaseException]] = {}
    for module in pkgutil.walk_packages(trivet_auth.__path__, "trivet_auth."):
        if ".migrations" in module.name:
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == module.name:
                found[name] = value
    return found


def test_every_error_stands_in_the_table_with_its_base() -> None:
    said = {code_in(row[0]): code_in(row[1]) for row in ERRORS}
    made = {name: one.__bases__[0].__name__ for name, one in error_classes().items() if name not in INTERNAL}
    assert said == made


# -- what is configured wrongly


def misconfigured(row: list[str]) -> AuthConfigError:
    """Return the error for what a row shows."""
    given: dict[str, Any] = eval(f"dict({code_in(row[0])})", {"Own": Own})
    app = bare(kept=row[1] == "kept", **given)
    with pytest.raises((AuthConfigError, PluginError)) as caught:
        app.seal()
    error = caught.value if isinstance(caught.value, AuthConfigError) else caught.value.__cause__
    assert isinstance(error, AuthConfigError)
    return error


@pytest.mark.parametrize("row", WRONG, ids=[row[0] for row in WRONG])
def test_what_is_configured_wrongly_raises_what_the_page_says(row: list[str]) -> None:
    assert row[1] in ("kept", "loaders")
    assert row[2] in str(misconfigured(row))


def texts_of_errors(*modules: str) -> Iterator[str]:
    """Yield of every configuration error in some modules the longest text that stands in the code."""
    for name in modules:
        for node in ast.walk(ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "AuthConfigError":
                texts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
                yield max((one for one in texts if isinstance(one, str)), key=len, default="").strip(":. ")


#: What needs a library to be missing, or a blueprint to be in two realms; and what is only logged.
ELSEWHERE = ("needs the library redis", "Its views ask for the", "no plugin has sent it")


def test_every_error_of_a_configuration_stands_in_the_tables() -> None:
    raised = [str(misconfigured(row)) for row in WRONG] + [str(USES[row[1]]()) for row in MISUSED]
    modules = ("options", "state", "plugin", "mail", "flows/__init__", "flows/services", "manager", "cookies")
    missing = [text for text in texts_of_errors(*modules) if not any(text in one for one in raised)]
    assert [text for text in missing if not any(one in text for one in ELSEWHERE)] == []


# -- what is used wrongly


class User(UserMixin):
    """Somebody with nothing but an identifier, and roles that are no names."""

    id = "7"
    roles = (7,)


class People(Users):
    """People who can be loaded, and nothing else."""

    def get(self, id: str) -> User:
        return User()


def raised(act: Callable[[], object]) -> BaseException:
    """Return what something raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller looks at it
        act()
    return caught.value


@contextmanager
def answering(app: Trivet, **more: Any) -> Iterator[Any]:
    """A request to an application."""
    with app.test_request_context("/", **more) as ctx:
        yield ctx


def in_request(act: Callable[[Any], object], app: Trivet) -> BaseException:
    """Return what something raises in a request."""
    with answering(app) as ctx:
        return raised(lambda: act(ctx))


def signed_in(act: Callable[[Any], object], app: Trivet) -> BaseException:
    """Return what something raises in a request of somebody who has signed in."""
    with answering(app) as ctx:
        login_user(User())
        return raised(lambda: act(ctx))


def with_hook(name: str) -> Trivet:
    """Return an application with a plugin whose hook returns a text."""
    app = bare()
    functions: dict[str, Callable[..., str]] = {
        "trivet_auth_authenticate": lambda ctx, realm: "somebody",
        "trivet_auth_authorize": lambda permission: "yes",
    }
    app.plugins.register(SimpleNamespace(name="wrong", **{name: hookimpl(functions[name])}))
    return app


def of_people() -> Trivet:
    """Return an application whose class of people can only load them."""
    app = Trivet("docs", plugins=["auth"], config_file=False)
    app.config["SECRET_KEY"] = "only here"
    LoginManager(app, users=People())
    return app


def known_later(app: Trivet, **config: Any) -> BaseException:
    """Return what a request raises whose session says who has signed in, in an application with other settings."""
    app.add_url_rule("/", "index", lambda: str(trivet_auth.current_user.get_id()))
    app.config.update(TESTING=True, **config)
    client: Any = app.test_client()
    with client.session_transaction() as session:
        session.update({"_user_id": "7", "_fresh": True})
    return raised(lambda: client.get("/"))


def on_a_loop() -> BaseException:
    """Return what a function for plain code raises in an asynchronous view."""
    app, found = bare(kept=True), []

    @app.get("/")
    async def index() -> str:
        found.append(raised(lambda: service.lock(Auth.of(app), "default", User())))
        assert current_context().on_loop
        return ""

    async def ask() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            """Leave the answer alone."""

        await app.asgi({**scope, "http_version": "1.1", "scheme": "http", "server": ("localhost", 80)}, receive, send)

    asyncio.run(ask())
    return found[0]


def made_twice() -> None:
    app = bare(kept=True, store="memory", password={"time_cost": 1, "memory_cost": 8, "parallelism": 1})
    with app.app_context():
        for _ in range(2):
            service.create(Auth.of(app), "default", "ada@example.com")


def keyless() -> object:
    app = bare()
    app.config["SECRET_KEY"] = None
    return Auth.of(app).sealer


def without_a_view() -> None:
    app = bare(kept=True, flows=["login"])
    Auth.of(app).flows["registr"] = lambda: ""
    app.seal()


USES: dict[str, Callable[[], BaseException]] = {
    "something of the plugin is used in an application that does not enable it": lambda: raised(
        lambda: Auth.of(Trivet("docs", config_file=False))
    ),
    "a realm is named that is not there": lambda: in_request(
        lambda ctx: Auth.of(ctx.app).realm("staf"), bare(realms={"staff": {}})
    ),
    "an application gets a second LoginManager for a realm": lambda: raised(lambda: LoginManager(bare())),
    "`auth.flows` has a name that no view of a flow has": lambda: raised(without_a_view),
    "a realm gets a name that cannot be one": lambda: raised(lambda: LoginManager(realm="the staff")),
    "somebody signs in, and nothing can load users": lambda: known_later(bare()),
    "an account is to be changed, and there are loaders only": lambda: in_request(
        lambda ctx: service.find(Auth.of(ctx.app), "default", "ada"), bare()
    ),
    "a class of people lacks a method": lambda: in_request(
        lambda ctx: service.find(Auth.of(ctx.app), "default", "ada"), of_people()
    ),
    "a user lacks an attribute that is to be saved": lambda: in_request(
        lambda ctx: service.save(Auth.of(ctx.app), "default", User(), generation=1), bare(kept=True)
    ),
    "a user's roles are no names": lambda: signed_in(lambda ctx: can("tasks:write"), of_people()),
    "`REMEMBER_COOKIE_DURATION` is no duration": lambda: in_request(
        lambda ctx: login_user(User(), remember=True), bare(REMEMBER_COOKIE_DURATION="a week")
    ),
    "trivet_auth_authenticate returns something else": lambda: in_request(
        lambda ctx: ctx.identity, with_hook("trivet_auth_authenticate")
    ),
    "trivet_auth_authorize returns something else": lambda: signed_in(
        lambda ctx: can("tasks:write"), with_hook("trivet_auth_authorize")
    ),
    "something is to be sealed, and there is no key": lambda: raised(keyless),
    "an account is made with a weak password": lambda: in_request(
        lambda ctx: service.create(Auth.of(ctx.app), "default", "ada@example.com", "sesame"), bare(kept=True)
    ),
    "an account is made a second time": lambda: raised(made_twice),
    "a permission has a name that cannot be one": lambda: raised(lambda: requires("tasks")),
    "nothing is required": lambda: raised(requires),
    "somebody is signed in outside of a request": lambda: raised(lambda: login_user(User())),
    "a function for plain code is called on an event loop": on_a_loop,
}


def test_there_is_a_case_for_each_wrong_use() -> None:
    assert [row[1] for row in MISUSED] == list(USES)


@pytest.mark.parametrize("row", MISUSED, ids=[row[1] for row in MISUSED])
def test_what_is_used_wrongly_raises_what_the_page_says(row: list[str]) -> None:
    error = USES[row[1]]()
    assert type(error).__name__ == code_in(row[0])
    assert row[2] in str(error)
