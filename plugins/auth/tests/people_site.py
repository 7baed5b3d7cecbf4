"""An application with people, whose views and loaders are of either kind."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

import pytest

from trivet import Trivet, hookimpl, session
from trivet_auth import (
    LoginManager,
    UserMixin,
    confirm_login,
    current_user,
    fresh_login_required,
    login_fresh,
    login_remembered,
    login_required,
    login_user,
    logout_user,
)
from trivet_auth.accounts import SessionInfo, sessions
from trivet_auth.records import Store
from trivet_auth.remember import RememberTokens
from trivet_auth.sessions import StoredSessions
from trivet_auth.state import Auth

Make = Callable[..., Any]

#: The kinds of views, and of loaders.
KINDS = ("plain", "async")
every_kind_of_view = pytest.mark.parametrize("views", KINDS)
every_kind_of_loader = pytest.mark.parametrize("loaders", KINDS)


class Person(UserMixin):
    """Somebody with a password, whose sessions can be ended."""

    def __init__(self, id: str, name: str) -> None:
        self.id = id
        self.name = name
        self.active = True
        self.password_hash = "hash of the first password"
        self.generation = 0

    @property
    def is_active(self) -> bool:
        return self.active


class Watcher:
    """A plugin that notes what it is told."""

    name = "watcher"

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.told: list[tuple[str, str]] = []

    @hookimpl
    def trivet_auth_event(self, event: Any) -> None:
        self.events.append(event)

    @hookimpl
    def trivet_auth_logged_in(self, identity: Any) -> None:
        self.told.append(("in", identity.user.name))

    @hookimpl
    def trivet_auth_logged_out(self, identity: Any) -> None:
        self.told.append(("out", identity.user.name))

    def names(self) -> list[str]:
        """Return the names of the events."""
        return [one.name for one in self.events]


class Site:
    """An application with Ada and Bob.

    :param views: the kind of its views.
    :param loaders: the kind of its user loader.
    """

    def __init__(
        self,
        make_app: Make,
        views: str = "plain",
        loaders: str = "plain",
        plugins: Iterable[Any] = ("auth",),
        **config: Any,
    ) -> None:
        settings = {"SECRET_KEY": "a key that only this test knows", "AUTH_STORE": "memory", **config}
        self.app: Trivet = make_app(plugins=list(plugins), config=settings)
        self.watcher = Watcher()
        self.app.plugins.register(self.watcher)
        self.people = {one.id: one for one in (Person("1", "ada"), Person("2", "bob"))}
        self.manager: LoginManager[Person] = LoginManager(self.app)
        self.views, self.called = views, 0
        #: Something that other requests do while a page is being made.
        self.meanwhile: Callable[[], Any] = lambda: None
        self.manager.user_loader(self.people.get if loaders == "plain" else self._load)
        self._add_pages()

    async def _load(self, id: str) -> Person | None:
        await asyncio.sleep(0)
        return self.people.get(id)

    @property
    def ada(self) -> Person:
        return self.people["1"]

    @property
    def auth(self) -> Auth:
        return Auth.of(self.app)

    def add(self, rule: str, function: Callable[..., Any], *decorators: Callable[..., Any], **options: Any) -> None:
        """Add a view of the site's kind."""

        def plain(**values: Any) -> Any:
            self.called += 1
            return function(**values)

        async def asynchronous(**values: Any) -> Any:
            await asyncio.sleep(0)
            return plain(**values)

        view = plain if self.views == "plain" else asynchronous
        for one in decorators:
            view = one(view)
        self.app.add_url_rule(rule, endpoint=rule, view_func=view, **options)

    def use(self, store: Store, clock: Callable[[], float]) -> "Site":
        """Keep sessions and remembered browsers in a store, by a clock that is set by hand."""
        self.auth.store = store
        self.auth.remember = RememberTokens(store, self.auth.options.remember_lifetime, clock=clock)
        self.app.seal()
        interface = self.app.session_interface
        if isinstance(interface, StoredSessions):
            self.app.session_interface = StoredSessions(store, interface.lifetime, interface.idle, clock)
        return self

    def sessions_of(self, name: str) -> list[SessionInfo]:
        """Return somebody's sessions, as lists show them."""
        with self.app.app_context():
            return sessions(self.auth, "default", self.named(name))

    def _add_pages(self) -> None:
        self.add("/in/<name>", lambda name: str(login_user(self.named(name))))
        self.add("/remember/<name>", lambda name: str(login_user(self.named(name), remember=True)))
        self.add("/out", lambda: str(logout_user()))
        self.add("/confirm", lambda: done(confirm_login))
        self.add("/who", lambda: current_user.name if current_user.is_authenticated else "nobody")
        self.add("/how", lambda: f"fresh={login_fresh()} remembered={login_remembered()}")
        self.add("/inside", lambda: "inside", login_required)
        self.add("/deep", lambda: "deep", fresh_login_required)
        self.add("/still", lambda: "still")
        self.add("/put/<name>/<value>", lambda name, value: done(session.__setitem__, name, value))
        self.add("/names", lambda: " ".join(sorted(name for name in session if not name.startswith("_"))))
        self.add("/renew", lambda: done(session.regenerate, True))
        self.add("/meanwhile/<name>", self._busy)

    def _busy(self, name: str) -> str:
        """Look who it is, let others do something, and then change the session."""
        who = current_user.name if current_user.is_authenticated else "nobody"
        self.meanwhile()
        if name == "renew":
            session.regenerate(keep=True)
        elif name == "confirm":
            confirm_login()
        session[name] = True
        return who

    def named(self, name: str) -> Person:
        return next(one for one in self.people.values() if one.name == name)


def done(function: Callable[..., object], *values: Any) -> str:
    """Do something for a view."""
    function(*values)
    return "done"


def text(client: Any, path: str, **options: Any) -> str:
    """Return the text of a page."""
    return client.get(path, **options).text  # type: ignore[no-any-return]


def status(client: Any, path: str, **options: Any) -> int:
    """Return the status of a page."""
    return client.get(path, **options).status_code  # type: ignore[no-any-return]


def cookie(client: Any, name: str = "session") -> str | None:
    """Return the value of a cookie that a client has."""
    found = client.get_cookie(name)
    return found.value if found is not None else None


def close_browser(client: Any) -> None:
    """Forget the session, as a browser does when it is closed."""
    client.delete_cookie("session")


def said_of_cookies(answer: Any) -> dict[str, str]:
    """Return what an answer says of cookies, by their names."""
    return {line.partition("=")[0]: line for line in answer.headers.getlist("Set-Cookie")}


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return all that was logged, with what goes with it."""
    return [f"{record.getMessage()} {getattr(record, 'auth', '')}" for record in caplog.records]


def log_everything(caplog: pytest.LogCaptureFixture) -> None:
    """Have the log of what matters for security be caught."""
    caplog.set_level(logging.INFO, "trivet.auth")


# -- several requests on one event loop


class Answer:
    """What came back by ASGI."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.status: int = messages[0]["status"]
        self.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in messages[0]["headers"]]
        self.text = b"".join(one.get("body", b"") for one in messages[1:]).decode()

    def cookies(self) -> dict[str, str]:
        """Return the values of the cookies that are set; empty for those that are deleted."""
        lines = [value for name, value in self.headers if name.lower() == "set-cookie"]
        return {one.partition("=")[0]: one.partition("=")[2].partition(";")[0] for one in lines}


async def ask(app: Any, path: str, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """Ask for a page by ASGI, on the running loop."""
    path, _, query = path.partition("?")
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (b"host", b"localhost"),
            *((name.lower().encode(), value.encode("latin-1")) for name, value in headers),
        ],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 5000),
    }

    async def receive() -> dict[str, Any]:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("unreachable")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app.asgi(scope, receive, send)
    return Answer(sent)


def ask_at_once(app: Any, *wanted: tuple[str, dict[str, str]]) -> list[Answer]:
    """Ask for pages at the same time, on one event loop; each is a path and the cookies that are sent with it."""

    async def together() -> list[Answer]:
        return await asyncio.gather(
            *(ask(app, path, [("cookie", "; ".join(f"{k}={v}" for k, v in sent.items()))]) for path, sent in wanted)
        )

    return asyncio.run(together())
