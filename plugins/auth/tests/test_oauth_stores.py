"""Signing in by a provider with people in a database, with asynchronous people, and with sessions on the server."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from trivet_auth import MemoryUsers, Users, current_user
from trivet_auth.state import Auth
from trivet_db.state import State

from .database_app import empty_database, people_app
from .provider import Provider, serve, visit
from .provider_site import URL, Make, Site, configured, sign_in, who

Clients = Callable[..., Any]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serve(Provider()) as made:
        yield made


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_people_and_links_can_be_in_a_database(
    make_app: Make, provider: Provider, make_client: Clients, kind: str
) -> None:
    with empty_database(kind) as url:
        oauth = {"main": configured(provider), "other": configured(provider)}
        app = people_app(make_app, url, AUTH_URL=URL, AUTH_SESSIONS="server", AUTH_OAUTH=oauth)
        app.add_url_rule("/who", view_func=lambda: getattr(current_user, "email", "nobody"), endpoint="who")
        sign_in(make_client(app))
        client = make_client(app)
        sign_in(client)
        assert who(client) == "ada@example.com"
        assert client.post("/auth/oauth/main/unlink").status_code == 409
        back = visit(client.post("/auth/oauth/other/link").location)
        assert client.get(back).location == "/auth/oauth"
        assert client.post("/auth/oauth/main/unlink").location == "/auth/oauth"
        assert who(client) == "ada@example.com"
        State.of(app).engines.dispose()


class Waiting(Users):
    """People who have to be waited for."""

    def __init__(self) -> None:
        self._people = MemoryUsers()

    async def get(self, id: str) -> Any:
        await asyncio.sleep(0)
        return self._people.get(id)

    async def find(self, login: str) -> Any:
        await asyncio.sleep(0)
        return self._people.find(login)

    async def create(self, login: str, **fields: Any) -> Any:
        await asyncio.sleep(0)
        return self._people.create(login, **fields)

    async def save(self, user: Any, **fields: Any) -> None:
        await asyncio.sleep(0)
        self._people.save(user, **fields)


def test_people_may_have_to_be_waited_for(make_app: Make, provider: Provider, make_client: Clients) -> None:
    site = Site(make_app, {"main": configured(provider)})
    Auth.of(site.app).realm("default").users = Waiting()
    for _ in range(2):
        client = make_client(site.app)
        assert sign_in(client).status_code == 303
        assert who(client) == "ada@example.com"


class Bare:
    """A user with nothing but an address."""

    is_active = is_authenticated = True
    is_anonymous = False

    def __init__(self, email: str) -> None:
        self.email = email

    def get_id(self) -> str:
        return self.email


class BareUsers(Users):
    """People of an application of one's own, who know nothing of passwords and verified addresses."""

    def __init__(self) -> None:
        self.people: dict[str, Bare] = {}

    def get(self, id: str) -> Bare | None:
        return self.people.get(id)

    def find(self, login: str) -> Bare | None:
        return self.people.get(login)

    def create(self, login: str, **fields: Any) -> Bare:
        assert not fields
        return self.people.setdefault(login, Bare(login))


def test_users_need_no_more_than_an_identifier(make_app: Make, provider: Provider, make_client: Clients) -> None:
    site = Site(make_app, {"main": configured(provider)})
    Auth.of(site.app).realm("default").users = BareUsers()
    sign_in(make_client(site.app))
    client = make_client(site.app)
    assert sign_in(client).status_code == 303
    assert who(client) == "ada@example.com"
    assert client.post("/auth/oauth/main/unlink").status_code == 409


def test_a_session_on_the_server_says_how_one_has_signed_in(
    make_app: Make, provider: Provider, make_client: Clients
) -> None:
    site = Site(make_app, {"main": configured(provider)}, AUTH_SESSIONS="server")
    sign_in(make_client(site.app))
    [(_, record)] = site.auth.store.owned("session", "default:1")
    assert record.data["method"] == "oauth:main"


def test_an_application_below_a_path_comes_back_there(make_app: Make, provider: Provider, make_client: Clients) -> None:
    site = Site(make_app, {"main": configured(provider)}, AUTH_URL=f"{URL}/shop")
    client = make_client(site.app)
    answer = client.post("/auth/oauth/main", base_url=f"{URL}/shop/")
    back = visit(answer.location)
    assert back.startswith("/shop/auth/oauth/main/callback?")
    assert client.get(back.removeprefix("/shop"), base_url=f"{URL}/shop/").status_code == 303


def test_on_an_event_loop_nobody_waits_for_somebody_else_s_provider(make_app: Make, provider: Provider) -> None:
    site = Site(make_app, {"main": configured(provider)})
    was_asked, others_were_answered = threading.Event(), threading.Event()

    def wait() -> tuple[Any, int]:
        was_asked.set()
        return ({"error": "invalid_grant"}, 400) if others_were_answered.wait(20) else ("", 500)

    provider.answers["/token"] = wait

    async def ask() -> tuple[int, str]:
        transport = httpx.ASGITransport(app=site.app)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            begun = await client.post("/auth/oauth/main")
            back = await asyncio.to_thread(visit, begun.headers["Location"])
            waiting = asyncio.create_task(client.get(back))
            await asyncio.to_thread(was_asked.wait)
            answer = await client.get("/who")
            others_were_answered.set()
            return (await waiting).status_code, answer.text

    assert asyncio.run(ask()) == (400, "nobody")
