"""An application with the ready-made flows, the mails that it sends, and browsers that fill in its forms."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from trivet import Trivet, current_context, hookimpl
from trivet_auth import LoginManager, MemoryUsers, current_user, login_required
from trivet_auth import accounts as service
from trivet_auth.flows import FLOWS
from trivet_auth.state import Auth

from .database_app import FAST, people_app

Make = Callable[..., Trivet]
ADA, BOB = "ada@example.com", "bob@example.com"
GOOD, BETTER = "violet kettles hum at noon", "seven slow lanterns drift"
#: What everybody gets who cannot be signed in.
WRONG = {"error": {"code": "invalid_credentials", "message": "E-mail address or password is wrong."}}
SITE = "https://app.example.com"


class Seeing:
    """A plugin that takes the mails, and notes what happens."""

    name = "seeing"

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.events: list[Any] = []

    @hookimpl
    def trivet_auth_send_mail(self, mail: Any) -> bool:
        """Take a mail."""
        self.mails.append(mail)
        return True

    @hookimpl
    def trivet_auth_event(self, event: Any) -> None:
        """Note an event."""
        self.events.append(event)


class Site:
    """An application with all flows, and Ada, whose address is confirmed."""

    def __init__(self, app: Trivet, client: Callable[..., Any]) -> None:
        self.app = app
        self.seen = Seeing()
        self._client = client
        _add_views(app)
        app.plugins.register(self.seen)
        self.auth = Auth.of(app)

    def open(self, *emails: str) -> "Site":
        """End the setup, and make accounts."""
        self.app.seal()
        for email in emails:
            self.add(email)
        return self

    def add(self, email: str, password: str | None = GOOD, **fields: Any) -> None:
        """Make an account; its address is confirmed unless it is said otherwise."""
        with self.app.app_context():
            service.create(self.auth, "default", email, password, **{"verified_at": 1.0, **fields})

    def of(self, email: str, name: str) -> Any:
        """Return an attribute of somebody; ``None`` if there is nobody."""
        with self.app.app_context():
            user = service.find(self.auth, "default", email)
            return getattr(user, name) if user is not None else None

    def do(self, action: str, email: str, /, *args: Any, **kwargs: Any) -> Any:
        """Do something to somebody's account."""
        with self.app.app_context():
            user = service.find(self.auth, "default", email)
            return getattr(service, action)(self.auth, "default", user, *args, **kwargs)

    def exists(self, email: str) -> bool:
        """Tell whether somebody has an account."""
        return self.of(email, "email") is not None

    def browser(self, **options: Any) -> "Browser":
        """Return a browser."""
        return Browser(self._client(self.app, **options))

    def signed_in(self, email: str = ADA, password: str = GOOD, **more: Any) -> "Browser":
        """Return a browser in which somebody has signed in."""
        browser = self.browser()
        assert browser.login(email, password, **more).status_code == 200
        return browser

    @property
    def mail(self) -> Any:
        """The last mail."""
        return self.seen.mails[-1]

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """The kinds of all mails, and where they went."""
        return [(mail.kind, mail.to) for mail in self.seen.mails]

    @property
    def link(self) -> str:
        """The path and query of the link in the last mail."""
        [found] = re.findall(rf"{SITE}(/\S+)", self.mail.text)
        return str(found)

    @property
    def token(self) -> str:
        """The token in that link."""
        return self.link.partition("token=")[2]

    def happened(self, name: str) -> bool:
        """Tell whether something was logged."""
        return any(event.name == name for event in self.seen.events)


def _add_views(app: Trivet) -> None:
    @app.get("/who")
    def who() -> str:
        return getattr(current_user, "email", "nobody")

    @app.get("/how")
    def how() -> dict[str, Any]:
        ctx: Any = current_context()
        return {"method": ctx.identity.method, "fresh": ctx.identity.fresh}

    @app.get("/private")
    @login_required
    def private() -> str:
        return "for people only"


def memory_site(make_app: Make, client: Callable[..., Any], **config: Any) -> Site:
    """Make a site whose people are in memory."""
    app = make_app(plugins=["auth"], config={**_settings(), "SECRET_KEY": "only here", **config})
    LoginManager(app, users=MemoryUsers())
    return Site(app, client)


def database_site(make_app: Make, client: Callable[..., Any], url: str, **config: Any) -> Site:
    """Make a site whose people are in a database."""
    return Site(people_app(make_app, url, **{**_settings(), **config}), client)


def _settings() -> dict[str, Any]:
    return {
        "AUTH_STORE": "memory",
        "AUTH_PASSWORD": FAST,
        "AUTH_FLOWS": list(FLOWS),
        "AUTH_URL": SITE,
        "AUTH_SITE": "Example Shop",
        "AUTH_ROLES": {"editor": ["tasks:read", "tasks:write"]},
    }


class Forms(HTMLParser):
    """Reads the forms of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, or a field of the last one."""
        given = dict(attrs)
        if tag == "form":
            self.forms.append({"action": given.get("action") or "", "fields": {}, "buttons": []})
        elif tag == "button" and self.forms and given.get("formaction"):
            self.forms[-1]["buttons"].append(given["formaction"])
        elif tag == "input" and self.forms and given.get("type") != "checkbox":
            self.forms[-1]["fields"][given["name"]] = given.get("value") or ""


class Browser:
    """A browser, which keeps cookies, and a program, which speaks JSON."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def get(self, path: str, **more: Any) -> Any:
        """Open a page."""
        return self.client.get(path, **more)

    @property
    def who(self) -> str:
        """Who is signed in."""
        return str(self.get("/who").text)

    def send(self, path: str, _method: str = "POST", **fields: Any) -> Any:
        """Send JSON."""
        return self.client.open(path, method=_method, json=fields)

    def login(self, email: str = ADA, password: str = GOOD, **more: Any) -> Any:
        """Sign in by JSON."""
        return self.send("/auth/login", email=email, password=password, **more)

    def post(self, path: str, **fields: Any) -> Any:
        """Send a form without opening its page before."""
        return self.client.post(path, data=fields)

    def fill(self, path: str, _form: int = 0, _press: str = "", **fields: Any) -> Any:
        """Open a page, fill in one of its forms, and send it.

        :param _form: its place on the page.
        :param _press: where the button that is pressed sends it to, if that is not the same for all.
        """
        page = self.get(path)
        assert page.status_code == 200, page.text
        form = Forms(page.text).forms[_form]
        assert not _press or _press in form["buttons"]
        unknown = set(fields) - set(form["fields"]) - {"remember", "scopes"}
        assert not unknown, f"the form has no {unknown}"
        return self.client.post(_press or form["action"] or path, data={**form["fields"], **fields})

    def follow(self, answer: Any) -> Any:
        """Go where an answer sends one."""
        assert answer.status_code == 303, answer.text
        parts = urlsplit(answer.location)
        return self.get(f"{parts.path}?{parts.query}" if parts.query else parts.path)
