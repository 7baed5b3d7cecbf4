"""Being known by tokens, by what plugins say, by WebSocket handshakes, and to users in a database."""

import asyncio
import secrets
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.exceptions import Unauthorized

from trivet import Trivet, current_context, hookimpl, websocket
from trivet_auth import Identity, current_user, login_required, login_user
from trivet_auth.accounts import Accounts, create
from trivet_auth.state import Auth

from .database_app import SERVERS, User, db, empty_database, people_app
from .people_site import Make, Site, close_browser, cookie, every_kind_of_loader, every_kind_of_view, status, text

JWT = {
    "algorithms": ["HS256"],
    "keys": ["a key that is long enough for HS256, and known to this test only"],
    "issuer": "https://id.example",
    "audience": "https://api.example",
}


def bearer(token: str) -> dict[str, Any]:
    """Return what a request with a token is sent with."""
    return {"headers": {"Authorization": f"Bearer {token}"}}


def token_of(site: Site, owner: str = "default:1", lifetime: float | None = 60) -> str:
    """Return a new token."""
    return site.auth.tokens.create(owner, "a test", None, lifetime)[0]


def is_refused(answer: Any) -> bool:
    """Tell whether an answer is that to a token which is not valid."""
    said = answer.headers.get("WWW-Authenticate")
    return bool(answer.status_code == 401 and said == 'Bearer realm="default", error="invalid_token"')


# -- tokens


@every_kind_of_view
@every_kind_of_loader
def test_a_token_says_who_it_is(make_app: Make, make_client: Make, views: str, loaders: str) -> None:
    site = Site(make_app, views, loaders)
    client = make_client(site.app)
    client.get("/in/bob")
    sent = bearer(token_of(site))
    assert [text(client, path, **sent) for path in ("/who", "/inside")] == ["ada", "inside"]
    assert status(client, "/deep", **sent) == 401, "a token is no proof that the person is there"
    assert text(client, "/who") == "bob"


@every_kind_of_view
def test_a_token_that_is_not_valid_is_401_wherever_somebody_asks_who_it_is(
    make_app: Make, make_client: Make, views: str
) -> None:
    site = Site(make_app, views)
    client = make_client(site.app)
    client.get("/in/bob")
    good = token_of(site)
    revoked, expired = token_of(site), token_of(site, lifetime=1e-9)
    site.auth.tokens.revoke("default:1", revoked.split("_")[1])
    others = [token_of(site, owner) for owner in ("staff:1", "default:9")]
    for token in (good[:-1], good[:-1] + "?", good + "x", "trv_", revoked, expired, *others):
        assert is_refused(client.get("/who", **bearer(token))), token
        assert is_refused(client.get("/inside", **bearer(token))), token
        assert status(client, "/still", **bearer(token)) == 200, "nobody has asked"


def test_a_token_of_a_locked_account_is_401(make_app: Make, make_client: Make) -> None:
    site = Site(make_app)
    client = make_client(site.app)
    sent = bearer(token_of(site))
    site.ada.active = False
    assert is_refused(client.get("/who", **sent))


@every_kind_of_view
def test_a_refused_token_is_logged_once_with_the_reason(make_app: Make, make_client: Make, views: str) -> None:
    site = Site(make_app, views, AUTH_JWT=JWT)

    def ask_often() -> str:
        for _ in range(3):
            with pytest.raises(Unauthorized):
                bool(current_user.is_authenticated)
        return "refused"

    site.add("/often", ask_often)
    client = make_client(site.app)
    assert site.auth.bearers is not None
    text_of_token = site.auth.bearers.issue("1", None)
    for token in ("trv_x", text_of_token[:-3] + "AAA", "foreign"):
        assert text(client, "/often", **bearer(token)) == "refused"
    found = [(event.name, event.facts["reason"]) for event in site.watcher.events]
    assert found == [("token.refused", reason) for reason in ("unknown", "signature", "unknown")]


@every_kind_of_view
@every_kind_of_loader
def test_a_signed_token_says_who_it_is(make_app: Make, make_client: Make, views: str, loaders: str) -> None:
    site = Site(make_app, views, loaders, AUTH_JWT=JWT)
    client = make_client(site.app)
    client.get("/in/bob")
    assert site.auth.bearers is not None
    good = site.auth.bearers.issue("1", None)
    assert [text(client, path, **bearer(good)) for path in ("/who", "/inside")] == ["ada", "inside"]
    for token in (good[:-3] + "AAA", good[:-1], site.auth.bearers.issue("9", None), "a.b.c", good.partition(".")[0]):
        if token.count(".") == 2:
            assert is_refused(client.get("/who", **bearer(token))), token
    answer = client.get("/who", **bearer(good[:-3] + "AAA"))
    assert "signature" not in answer.text


@every_kind_of_view
def test_the_applications_own_tokens_are_the_loaders(make_app: Make, make_client: Make, views: str) -> None:
    site = Site(make_app, views, AUTH_JWT=JWT)
    own = {"Bearer their.own.token": "1", "bearer plain": "2", "Basic YTpi": "1"}
    site.manager.request_loader(lambda request: site.people.get(own.get(request.headers.get("Authorization", ""), "")))
    client = make_client(site.app)
    names = [text(client, "/who", headers={"Authorization": one}) for one in own]
    assert names == ["ada", "bob", "ada"]
    for unknown in ("Bearer an.other.one", "Bearer other"):
        assert is_refused(client.get("/who", headers={"Authorization": unknown}))
    assert text(client, "/who", headers={"Authorization": "Basic eDp5"}) == "nobody"


def test_who_is_in_the_session_stays_beside_another_programs_token(make_app: Make, make_client: Make) -> None:
    site = Site(make_app)
    client = make_client(site.app)
    client.get("/in/ada")
    assert text(client, "/who", **bearer("of.somebody.else")) == "ada"


# -- plugins


class Robots:
    """A plugin that knows robots by a header."""

    name = "robots"

    def __init__(self, find: Any) -> None:
        self.find = find

    @hookimpl
    def trivet_auth_authenticate(self, ctx: Any, realm: str) -> Any:
        return self.find(ctx.header("X-Robot"))


class AsyncRobots(Robots):
    """The same, asynchronously."""

    @hookimpl
    async def trivet_auth_authenticate(self, ctx: Any, realm: str) -> Any:
        await asyncio.sleep(0)
        return self.find(ctx.header("X-Robot"))


@every_kind_of_view
@pytest.mark.parametrize("plugin", [Robots, AsyncRobots])
def test_a_plugin_knows_somebody(make_app: Make, make_client: Make, views: str, plugin: Any) -> None:
    site = Site(make_app, views)
    answers = {"1": site.ada, "2": Identity(site.people["2"], realm="staff", fresh=True)}
    site.app.plugins.register(plugin(answers.get))
    client = make_client(site.app)
    assert [text(client, "/who", headers={"X-Robot": id}) for id in ("1", "2", "9")] == ["ada", "bob", "nobody"]
    assert status(client, "/deep", headers={"X-Robot": "2"}) == 200
    site.ada.active = False
    assert text(client, "/who", headers={"X-Robot": "1"}) == "nobody"


def test_what_a_plugin_must_not_say_is_an_error_that_names_it(make_app: Make) -> None:
    site = Site(make_app)
    site.app.plugins.register(Robots(lambda value: "ada" if value else None))
    client = site.app.test_client()
    with pytest.raises(Exception, match=r"trivet_auth_authenticate returned 'str'"):
        client.get("/who", headers={"X-Robot": "1"})


# -- WebSockets


async def connect(app: Trivet, headers: list[tuple[str, str]]) -> list[str]:
    """Open a connection, and return what is sent there."""
    sent: list[Any] = []
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/socket",
        "raw_path": b"/socket",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), *((name.encode(), value.encode()) for name, value in headers)],
        "subprotocols": [],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 5000),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app.asgi(scope, receive, send)
    return [one.get("text", one["type"]) for one in sent if one["type"] != "websocket.accept"]


def socket_site(make_app: Make, loaders: str, **config: Any) -> Site:
    """Return a site with a socket that says who has opened it."""
    site = Site(make_app, "plain", loaders, **config)

    @site.app.websocket("/socket")
    @login_required
    async def socket() -> None:
        await websocket.send(current_user.name)

    return site


@every_kind_of_loader
@pytest.mark.parametrize("sessions", ["cookie", "server"])
def test_a_socket_is_opened_by_somebody(make_app: Make, loaders: str, sessions: str) -> None:
    site = socket_site(make_app, loaders, AUTH_SESSIONS=sessions)
    client = site.app.test_client()
    client.get("/remember/ada")
    known = [
        [("cookie", f"session={cookie(client)}")],
        [("cookie", f"remember_token={cookie(client, 'remember_token')}")],
        [("authorization", f"Bearer {token_of(site)}")],
    ]
    for headers in known:
        assert asyncio.run(connect(site.app, headers)) == ["ada", "websocket.close"], headers
    for headers in ([], [("cookie", "session=x; remember_token=y")], [("authorization", "Bearer x")]):
        assert asyncio.run(connect(site.app, headers)) == ["websocket.close"], headers


def test_a_socket_does_not_use_a_remember_cookie_up(make_app: Make) -> None:
    site = socket_site(make_app, "plain")
    client = site.app.test_client()
    client.get("/remember/ada")
    headers = [("cookie", f"remember_token={cookie(client, 'remember_token')}")]
    for _ in range(3):
        assert asyncio.run(connect(site.app, headers)) == ["ada", "websocket.close"]
    close_browser(client)
    assert text(client, "/who") == "ada"


# -- users in a database


@pytest.fixture(params=[*(one for one in SERVERS if one != "mariadb")])
def people(request: pytest.FixtureRequest, make_app: Make) -> Any:
    """An application whose people are in a database, with plain and asynchronous views."""
    with empty_database(request.param) as url:
        app = people_app(make_app, url, AUTH_SESSIONS="server")

        @app.get("/in/<kind>")
        def plain_in(kind: str) -> str:
            user = db.session.scalars(sa.select(User).where(User.email == "ada@example.com")).one()
            return str(login_user(user, remember=True))

        @app.get("/async-in")
        async def async_in() -> str:
            accounts = Accounts.in_context(current_context())
            return str(login_user(await accounts.find("ADA@example.com"), remember=True))

        app.add_url_rule("/who", view_func=login_required(lambda: str(current_user.email)), endpoint="who")

        @app.get("/async-who")
        @login_required
        async def async_who() -> str:
            return str(current_user.email)

        app.seal()
        with app.app_context():
            create(Auth.of(app), "default", "ada@example.com", secrets.token_urlsafe())
        yield app
        with app.app_context():
            db.engine.dispose()


@pytest.mark.parametrize("way_in", ["/in/now", "/async-in"])
def test_users_in_a_database_sign_in(people: Trivet, make_client: Make, way_in: str) -> None:
    client = make_client(people)
    assert status(client, "/who") == status(client, "/async-who") == 401
    assert text(client, way_in) == "True"
    for _ in range(2):
        assert text(client, "/who") == text(client, "/async-who") == "ada@example.com"
    for path in ("/who", "/async-who"):
        close_browser(client)
        assert text(client, path) == "ada@example.com"
