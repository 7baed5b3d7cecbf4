"""An application whose people sign in by a provider, and browsers that do so."""

from collections.abc import Callable
from typing import Any

from trivet import Trivet, hookimpl
from trivet_auth import LoginManager, MemoryUsers, current_user, login_user
from trivet_auth.state import Auth

from .database_app import FAST
from .provider import CLIENT, SECRET, Provider, visit

Make = Callable[..., Trivet]
URL = "http://localhost"


class Seeing:
    """A plugin that notes what happens."""

    name = "seeing"

    def __init__(self) -> None:
        self.events: list[Any] = []

    @hookimpl
    def trivet_auth_event(self, event: Any) -> None:
        """Note an event."""
        self.events.append(event)

    def named(self, name: str) -> list[Any]:
        """Return the events of a name."""
        return [event for event in self.events if event.name == name]


def configured(provider: Provider, **more: Any) -> dict[str, Any]:
    """Return what ``[auth.oauth.NAME]`` says of an OpenID provider."""
    return {"client_id": CLIENT, "client_secret": SECRET, "issuer": provider.issuer, **more}


def plain(provider: Provider, **more: Any) -> dict[str, Any]:
    """Return the same of a provider that speaks OAuth 2.0 only."""
    return {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "authorize_url": f"{provider.issuer}/authorize",
        "token_url": f"{provider.issuer}/token",
        "userinfo_url": f"{provider.issuer}/userinfo",
        **more,
    }


class Site:
    """An application with providers."""

    def __init__(self, make_app: Make, oauth: dict[str, Any], **config: Any) -> None:
        settings = {
            "SECRET_KEY": "a key that only these tests know",
            "AUTH_STORE": "memory",
            "AUTH_URL": URL,
            "AUTH_OAUTH": oauth,
            "AUTH_PASSWORD": FAST,
            **config,
        }
        self.app = app = make_app(plugins=["auth"], config=settings)
        self.seen = Seeing()
        app.plugins.register(self.seen)
        self.users = MemoryUsers()
        LoginManager(app, users=self.users)

        @app.get("/who")
        def who() -> str:
            return getattr(current_user, "email", "nobody")

        @app.post("/enter/<login>")
        def enter(login: str) -> str:
            return str(login_user(self.users.find(login)))

    @property
    def auth(self) -> Auth:
        """The state."""
        return Auth.of(self.app)

    def reasons(self) -> list[str]:
        """Return why people were refused."""
        return [event.facts["reason"] for event in self.seen.named("oauth.refused")]


def begin(client: Any, name: str = "main", **fields: str) -> str:
    """Begin to sign in, and return the provider's address."""
    answer = client.post(f"/auth/oauth/{name}", data=fields)
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def sign_in(client: Any, name: str = "main", **fields: str) -> Any:
    """Sign in by a provider, and return the last answer."""
    return client.get(visit(begin(client, name, **fields)))


def who(client: Any) -> str:
    """Return who is signed in."""
    return str(client.get("/who").text)
