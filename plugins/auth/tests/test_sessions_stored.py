"""Sessions on the server, in every store: begun, listed, revoked, expired, and written at once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from trivet import current_context, request, session
from trivet_auth import current_user, login_user
from trivet_auth.accounts import end_session, end_sessions
from trivet_auth.sessions import KIND, digest_of

from .people_site import Make, Site, ask_at_once, close_browser, cookie, text
from .store_homes import DAY, Clock, Home, everywhere

MakeSite = Callable[..., Site]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_site(make_app: Make, store_home: Home, clock: Clock) -> MakeSite:
    """Make a site whose sessions are in a store."""

    def make(views: str = "plain", add: Callable[[Site], None] | None = None, **config: Any) -> Site:
        site = Site(make_app, views, AUTH_SESSIONS="server", **config)
        if add is not None:
            add(site)
        return site.use(store_home.open(clock), clock)

    return make


class Together:
    """Where a number of requests wait for one another."""

    def __init__(self, count: int) -> None:
        self.missing = count
        self.all_here = asyncio.Event()

    async def wait_with(self, value: Any) -> Any:
        """Wait until all have come, and return the value."""
        self.missing -= 1
        if not self.missing:
            self.all_here.set()
        await self.all_here.wait()
        return value


def replay(client: Any, value: str | None) -> str:
    """Return who somebody is who sends a cookie of before."""
    other = client.application.test_client(use_cookies=False)
    return text(other, "/who", headers={"Cookie": f"session={value}"})


# -- beginning and ending


@everywhere()
def test_the_cookie_holds_a_random_text_and_the_store_no_more_than_its_digest(make_site: MakeSite) -> None:
    site, texts = make_site(), set()
    for _ in range(5):
        client = site.app.test_client()
        client.get("/in/ada")
        texts.add(cookie(client))
    assert len(texts) == 5
    stored = {key: repr(record) for key, record in site.auth.store.owned(KIND, "default:1")}
    for one in texts:
        assert one is not None
        assert len(one) == 43
        assert digest_of(one) in stored
        assert all(one not in record for record in stored.values())


@everywhere()
def test_a_session_begins_anew_when_somebody_signs_in(make_site: MakeSite, make_client: Make) -> None:
    site = make_site(AUTH_KEEP=["cart"])
    client = make_client(site.app)
    for path in ("/put/planted/x", "/put/cart/y"):
        client.get(path)
    before = cookie(client)
    client.get("/in/ada")
    assert cookie(client) not in (None, before)
    assert text(client, "/names") == "cart"
    assert site.auth.store.get(KIND, digest_of(before or "")) is None
    assert replay(client, before) == "nobody"


@everywhere()
def test_a_copy_of_a_session_is_worth_nothing_after_signing_out(make_site: MakeSite, make_client: Make) -> None:
    site = make_site()
    client = make_client(site.app)
    for path in ("/in/ada", "/put/draft/x"):
        client.get(path)
    copy = cookie(client)
    assert replay(client, copy) == "ada"
    client.get("/out")
    assert cookie(client) is None
    assert replay(client, copy) == "nobody"
    assert site.sessions_of("ada") == []


@everywhere()
@pytest.mark.parametrize("path", ["/confirm", "/renew"])
def test_a_session_goes_on_under_another_name(make_site: MakeSite, make_client: Make, path: str) -> None:
    site = make_site()
    client = make_client(site.app)
    for one in ("/in/ada", "/put/draft/x"):
        client.get(one)
    before = cookie(client)
    client.get(path)
    assert cookie(client) not in (None, before)
    assert (text(client, "/who"), text(client, "/names")) == ("ada", "draft")
    assert replay(client, before) == "nobody"
    assert [one.id for one in site.sessions_of("ada")] == [digest_of(cookie(client) or "")]


@everywhere()
def test_a_session_that_nobody_changes_is_not_written(make_site: MakeSite, make_client: Make) -> None:
    site = make_site()
    client = make_client(site.app)
    client.get("/in/ada")
    [(_, before)] = site.auth.store.owned(KIND, "default:1")
    for path in ("/who", "/inside", "/still", "/names"):
        assert "Set-Cookie" not in client.get(path).headers
    [(_, after)] = site.auth.store.owned(KIND, "default:1")
    assert after == before


# -- lists, and ending from elsewhere


@everywhere()
def test_sessions_are_listed_and_ended_one_by_one(make_site: MakeSite, make_client: Make, clock: Clock) -> None:
    site = make_site()
    clients = {name: make_client(site.app) for name in ("here", "there")}
    for name, client in clients.items():
        clock.now += 1
        client.get("/in/ada", headers={"User-Agent": f"the one {name}"}, environ_base={"REMOTE_ADDR": "10.0.0.7"})
    make_client(site.app).get("/in/bob")
    found = site.sessions_of("ada")
    assert [(one.agent, one.address, one.method) for one in found] == [
        ("the one there", "10.0.0.7", "session"),
        ("the one here", "10.0.0.7", "session"),
    ]
    assert [one.began for one in found] == [clock.now, clock.now - 1]
    with site.app.app_context():
        assert end_session(site.auth, "default", site.ada, found[0].id)
        assert not end_session(site.auth, "default", site.named("bob"), found[1].id)
    assert [text(client, "/who") for client in clients.values()] == ["ada", "nobody"]


@everywhere()
def test_signing_out_everywhere_ends_all_sessions_but_this_one(make_site: MakeSite, make_client: Make) -> None:
    site = make_site()
    here, there, other = (make_client(site.app) for _ in range(3))
    for client in (here, there):
        client.get("/remember/ada")
    other.get("/in/bob")
    with site.app.app_context():
        ended = end_sessions(site.auth, "default", site.ada, keep=digest_of(cookie(here) or ""))
    assert (ended.sessions, ended.browsers, ended.everywhere) == (1, 2, True)
    assert [text(client, "/who") for client in (here, there, other)] == ["ada", "nobody", "bob"]
    close_browser(here)
    assert text(here, "/who") == "nobody"


# -- expiry


@everywhere()
def test_a_session_ends_when_nobody_uses_it(make_site: MakeSite, make_client: Make, clock: Clock) -> None:
    site = make_site(AUTH_SESSION_IDLE=1000)
    client = make_client(site.app)
    client.get("/in/ada")
    for _ in range(5):
        clock.now += 900
        assert text(client, "/who") == "ada"
    clock.now += 1001
    assert text(client, "/who") == "nobody"
    assert site.sessions_of("ada") == []


@everywhere()
@pytest.mark.parametrize("path", ["/who", "/renew", "/put/x/y"])
def test_a_session_ends_however_much_it_is_used(
    make_site: MakeSite, make_client: Make, clock: Clock, path: str
) -> None:
    site = make_site(AUTH_SESSION_IDLE=1000, AUTH_SESSION_LIFETIME=3000)
    client = make_client(site.app)
    client.get("/in/ada")
    for _ in range(4):
        clock.now += 700
        client.get(path)
        assert text(client, "/who") == "ada"
    clock.now += 250
    assert text(client, "/who") == "nobody"


@everywhere()
def test_who_proves_again_who_they_are_begins_anew(make_site: MakeSite, make_client: Make, clock: Clock) -> None:
    site = make_site(AUTH_SESSION_IDLE=DAY, AUTH_SESSION_LIFETIME=3000)
    client = make_client(site.app)
    client.get("/in/ada")
    clock.now += 2000
    client.get("/in/ada")
    clock.now += 2000
    assert text(client, "/who") == "ada"


# -- at the same time


@everywhere()
@pytest.mark.parametrize("name", ["write", "renew", "confirm"])
def test_a_session_that_is_revoked_while_a_request_runs_stays_revoked(
    make_site: MakeSite, make_client: Make, name: str
) -> None:
    site = make_site()
    client = make_client(site.app)
    client.get("/in/ada")
    copy = cookie(client)
    site.meanwhile = lambda: site.auth.store.delete_owned(KIND, "default:1")
    answer = client.get(f"/meanwhile/{name}")
    assert answer.text == "ada"
    assert "session" not in answer.headers.get("Set-Cookie", "")
    assert replay(client, copy) == replay(client, cookie(client)) == "nobody"
    assert site.auth.store.owned(KIND, "default:1") == []


@everywhere()
def test_signing_in_counts_though_the_session_before_was_revoked_meanwhile(
    make_site: MakeSite, make_client: Make
) -> None:
    def busy_sign_in() -> str:
        site.meanwhile()
        return str(login_user(site.named("bob")))

    site = make_site(add=lambda site: site.add("/busy-in", busy_sign_in))
    client = make_client(site.app)
    client.get("/in/ada")
    site.meanwhile = lambda: site.auth.store.delete_owned(KIND, "default:1")
    assert text(client, "/busy-in") == "True"
    assert text(client, "/who") == "bob"


@everywhere()
def test_what_requests_write_at_the_same_time_is_all_kept(make_site: MakeSite) -> None:
    together = Together(4)

    async def write(name: str) -> str:
        """Change something in the session when all requests have read it."""
        session[name] = await together.wait_with(len(session))
        if name == "d":
            del session["before"]
        return current_user.name  # type: ignore[no-any-return]

    site = make_site("async", add=lambda site: site.app.add_url_rule("/write/<name>", view_func=write))
    client = site.app.test_client()
    for path in ("/in/ada", "/put/before/x", "/put/other/x"):
        client.get(path)
    sent = {"session": cookie(client) or ""}
    answers = ask_at_once(site.app, *((f"/write/{name}", sent) for name in "abcd"))
    assert [one.text for one in answers] == ["ada"] * 4
    assert text(client, "/names") == "a b c d other"


@everywhere()
def test_what_is_changed_after_the_session_was_written_does_not_undo_what_others_wrote(make_site: MakeSite) -> None:
    def write_twice(site: Site) -> None:
        @site.app.get("/twice")
        def twice() -> str:
            session["mine"] = 1
            site.meanwhile()
            return "written"

        @site.app.after_request
        def again(response: Any) -> Any:
            if request.path == "/twice":
                interface = site.app.session_interface
                interface.write(current_context().session, current_context())  # type: ignore[attr-defined]
                session["late"] = 1
            return response

    site = make_site(add=write_twice)
    client, other = site.app.test_client(), site.app.test_client()
    client.get("/in/ada")
    other.set_cookie("session", cookie(client) or "")
    site.meanwhile = lambda: other.get("/put/theirs/x")
    client.get("/twice")
    assert text(client, "/names") == "late mine theirs"


@everywhere()
def test_of_requests_that_renew_a_session_at_the_same_time_one_does(make_site: MakeSite) -> None:
    together = Together(3)

    async def renew() -> str:
        name = await together.wait_with(current_user.name)
        session.regenerate(keep=True)
        return str(name)

    site = make_site("async", add=lambda site: site.app.add_url_rule("/renew-all", view_func=renew))
    client = site.app.test_client()
    client.get("/in/ada")
    answers = ask_at_once(site.app, *[("/renew-all", {"session": cookie(client) or ""})] * 3)
    assert [one.text for one in answers] == ["ada"] * 3
    [found] = [one.cookies()["session"] for one in answers if one.cookies()]
    assert replay(client, found) == "ada"
    assert [one.id for one in site.sessions_of("ada")] == [digest_of(found)]
