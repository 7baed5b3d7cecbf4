"""Browsers that are remembered, from end to end: known again, rotated, stolen, forged, expired, revoked."""

from collections.abc import Callable
from typing import Any

import pytest

from trivet_auth import login_user, user_loaded_from_cookie
from trivet_auth.accounts import end_everything
from trivet_auth.remember import KIND

from .people_site import (
    Make,
    Site,
    ask_at_once,
    close_browser,
    cookie,
    every_kind_of_loader,
    every_kind_of_view,
    said_of_cookies,
    status,
    text,
)
from .remembering import with_another_token, with_key_of
from .store_homes import DAY, Clock, Home, everywhere

MakeSite = Callable[..., Site]
TOKEN = "remember_token"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_site(make_app: Make, store_home: Home, clock: Clock) -> MakeSite:
    """Make a site whose remembered browsers, and sessions, are in a store."""

    def make(views: str = "plain", loaders: str = "plain", sessions: str = "server", **config: Any) -> Site:
        site = Site(make_app, views, loaders, AUTH_SESSIONS=sessions, **config)
        return site.use(store_home.open(clock), clock)

    return make


def reopen(client: Any, path: str = "/who") -> str:
    """Open the browser again, and return the text of a page."""
    close_browser(client)
    return text(client, path)


def send(client: Any, value: str | None, path: str = "/who") -> Any:
    """Return what somebody gets who sends a cookie of theirs."""
    other = client.application.test_client(use_cookies=False)
    return other.get(path, headers={"Cookie": f"{TOKEN}={value}"})


# -- known again


@everywhere()
@pytest.mark.parametrize("sessions", ["cookie", "server"])
def test_a_remembered_browser_is_known_when_it_is_opened_again(
    make_site: MakeSite, make_client: Make, sessions: str
) -> None:
    site = make_site(sessions=sessions)
    client, other = make_client(site.app), make_client(site.app)
    client.get("/remember/ada")
    other.get("/in/ada")
    assert (reopen(client), reopen(other)) == ("ada", "nobody")
    assert text(client, "/how") == "fresh=False remembered=True"
    assert (status(client, "/inside"), status(client, "/deep")) == (200, 401)
    if sessions == "server":
        assert sorted(one.method for one in site.sessions_of("ada")) == ["remember", "session", "session"]


@every_kind_of_view
@every_kind_of_loader
def test_views_and_loaders_of_every_kind_know_a_remembered_browser(
    make_app: Make, make_client: Make, views: str, loaders: str
) -> None:
    site, heard = Site(make_app, views, loaders), []
    client = make_client(site.app)
    client.get("/remember/ada")
    with user_loaded_from_cookie.connected_to(lambda app, user: heard.append(user.name), site.app):
        assert [reopen(client, path) for path in ("/who", "/inside", "/still")] == ["ada", "inside", "still"]
        assert text(client, "/who") == "ada"
    assert heard[:2] == ["ada", "ada"]


@everywhere()
def test_the_cookie_is_replaced_when_it_is_used(make_site: MakeSite, make_client: Make) -> None:
    site = make_site()
    client = make_client(site.app)
    client.get("/remember/ada")
    texts = [cookie(client, TOKEN)]
    for _ in range(3):
        assert reopen(client) == "ada"
        texts.append(cookie(client, TOKEN))
    assert len(set(texts)) == 4
    assert len(site.auth.store.owned(KIND, "default:1")) == 1
    assert "Set-Cookie" not in client.get("/who").headers


@everywhere()
def test_the_store_has_nothing_that_signs_anybody_in(make_site: MakeSite, make_client: Make) -> None:
    site = make_site()
    client = make_client(site.app)
    client.get("/remember/ada")
    [(_, record)] = site.auth.store.owned(KIND, "default:1")
    family, token = (cookie(client, TOKEN) or "").split(".")
    for secret in (family.rpartition("_")[2], token.rpartition("_")[2]):
        assert secret not in repr(record)


def test_the_cookie_is_hidden_from_scripts_and_other_sites(make_app: Make, make_client: Make) -> None:
    site = Site(make_app)
    for scheme in ("http", "https"):
        client = make_client(site.app)
        for path in ("/remember/ada", "/who", "/out"):
            if path == "/who":
                client.delete_cookie("session")
            line = said_of_cookies(client.get(path, base_url=f"{scheme}://localhost"))[TOKEN]
            assert ("HttpOnly" in line, "SameSite=Lax" in line, "Path=/" in line) == (True, True, True), line
            assert ("Secure" in line) == (scheme == "https"), line


# -- used twice


@everywhere()
def test_a_cookie_that_was_stolen_ends_all_that_came_of_it(
    make_site: MakeSite, make_client: Make, clock: Clock
) -> None:
    site = make_site()
    client = make_client(site.app)
    client.get("/remember/ada")
    stolen = cookie(client, TOKEN)
    assert reopen(client) == "ada"
    clock.now += 61
    assert send(client, stolen).text == "nobody"
    assert site.watcher.names()[-1] == "remember.reused"
    assert reopen(client) == "nobody", "nobody can tell who of the two it is"
    assert cookie(client, TOKEN) is None


@everywhere()
def test_a_page_with_many_parts_does_not_sign_a_remembered_browser_out(make_site: MakeSite, clock: Clock) -> None:
    site = make_site("async")
    client = site.app.test_client()
    client.get("/remember/ada")
    sent = {TOKEN: cookie(client, TOKEN) or ""}
    answers = ask_at_once(site.app, *[("/who", sent)] * 6)
    assert [one.text for one in answers] == ["ada"] * 6
    [replaced] = {one.cookies()[TOKEN] for one in answers if one.cookies().get(TOKEN)}
    assert all(one.cookies()["session"] for one in answers)
    clock.now += 61
    client.set_cookie(TOKEN, replaced)
    assert reopen(client) == "ada"
    assert "remember.reused" not in site.watcher.names()


@everywhere()
def test_a_browser_whose_answer_was_lost_is_known_for_a_while(
    make_site: MakeSite, make_client: Make, clock: Clock
) -> None:
    site = make_site()
    client = make_client(site.app)
    client.get("/remember/ada")
    before = cookie(client, TOKEN)
    assert reopen(client) == "ada"
    clock.now += 59
    answer = send(client, before)
    assert answer.text == "ada"
    assert TOKEN not in said_of_cookies(answer), "the cookie that the browser has, or may have got, is left alone"


# -- expired, forged, revoked


@everywhere()
@pytest.mark.parametrize("uses", [0, 3])
def test_a_remembered_browser_is_forgotten_in_the_end(
    make_site: MakeSite, make_client: Make, clock: Clock, uses: int
) -> None:
    site = make_site(REMEMBER_COOKIE_DURATION=10 * DAY)
    client = make_client(site.app)
    client.get("/remember/ada")
    for _ in range(uses):
        clock.now += 3 * DAY
        assert reopen(client) == "ada"
    clock.now += (10 - 3 * uses) * DAY + 1
    assert reopen(client) == "nobody"
    assert cookie(client, TOKEN) is None


@everywhere()
def test_what_is_no_cookie_of_ours_is_nobodys(make_site: MakeSite, make_client: Make) -> None:
    site = make_site()
    client = make_client(site.app)
    client.get("/remember/ada")
    good = cookie(client, TOKEN) or ""
    family, token = good.split(".")
    forged = [good[:-1], good + "x", family, token, f"{token}.{family}", good.lower(), good.replace("rmf", "rmx")]
    forged += [with_key_of(good), "1|" + "0" * 128, "x" * 10_000, "", '""', "%00", "\xff", "."]
    for value in forged:
        answer = send(client, value)
        assert (answer.status_code, answer.text) == (200, "nobody"), value
        assert "Max-Age=0" in said_of_cookies(answer)[TOKEN], value
    assert reopen(client) == "ada", "nobody can end it who has not held it"
    assert send(client, with_another_token(cookie(client, TOKEN) or "")).text == "nobody"


@everywhere()
def test_signing_out_forgets_the_browser_and_no_other(make_site: MakeSite, make_client: Make) -> None:
    site = make_site()
    client, other = make_client(site.app), make_client(site.app)
    for one in (client, other):
        one.get("/remember/ada")
    copy = cookie(client, TOKEN)
    client.get("/out")
    assert cookie(client, TOKEN) is None
    assert (send(client, copy).text, reopen(client), reopen(other)) == ("nobody", "nobody", "ada")


@everywhere()
def test_everything_that_was_ended_stays_so(make_site: MakeSite, make_client: Make) -> None:
    site = make_site()
    client = make_client(site.app)
    client.get("/remember/ada")
    with site.app.app_context():
        assert end_everything(site.auth, "default", site.ada).browsers == 1
    assert (text(client, "/who"), reopen(client)) == ("nobody", "nobody")


@every_kind_of_view
@pytest.mark.parametrize("change", ["password_hash", "generation", "active"])
def test_another_password_or_a_lock_forgets_browsers(
    make_app: Make, make_client: Make, views: str, change: str
) -> None:
    site = Site(make_app, views)
    client = make_client(site.app)
    client.get("/remember/ada")
    setattr(site.ada, change, {"password_hash": "another", "generation": 1, "active": False}[change])
    assert reopen(client) == "nobody"
    assert cookie(client, TOKEN) is None
    site.ada.active = True
    assert reopen(client) == "nobody"


def test_a_user_who_is_gone_is_forgotten(make_app: Make, make_client: Make) -> None:
    site = Site(make_app)
    client = make_client(site.app)
    client.get("/remember/ada")
    del site.people["1"]
    assert (reopen(client), cookie(client, TOKEN)) == ("nobody", None)


# -- somebody else with the same browser


@everywhere()
def test_somebody_else_who_signs_in_has_the_browser_forget_who_was_before(
    make_site: MakeSite, make_client: Make
) -> None:
    site = make_site()
    client = make_client(site.app)
    client.get("/remember/ada")
    copy = cookie(client, TOKEN)
    client.get("/in/bob")
    assert cookie(client, TOKEN) is None
    assert (reopen(client), send(client, copy).text) == ("nobody", "nobody")


@everywhere()
def test_signing_in_again_leaves_one_remembered_browser(make_site: MakeSite, make_client: Make) -> None:
    site = make_site()
    client = make_client(site.app)
    for _ in range(3):
        client.get("/remember/ada")
    assert len(site.auth.store.owned(KIND, "default:1")) == 1
    client.get("/in/ada")
    assert text(client, "/how") == "fresh=True remembered=True"
    assert reopen(client) == "ada", "a password that was asked for again does not forget the browser"


@every_kind_of_view
def test_who_is_not_remembered_is_said_not_to_be(make_app: Make, make_client: Make, views: str) -> None:
    site = Site(make_app, views)
    client = make_client(site.app)
    assert text(client, "/how") == "fresh=False remembered=False"
    client.get("/in/ada")
    assert text(client, "/how") == "fresh=True remembered=False"
    client.set_cookie(TOKEN, "forged")
    assert text(client, "/how") == "fresh=True remembered=False"
    client.get("/remember/ada")
    assert text(client, "/how") == "fresh=True remembered=True"
    client.get("/confirm")
    assert text(client, "/how") == "fresh=True remembered=True"


def test_a_view_that_fails_remembers_all_the_same(make_app: Make, make_client: Make) -> None:
    site = Site(make_app, TESTING=False)

    @site.app.get("/fail")
    def fail() -> str:
        login_user(site.ada, remember=True)
        raise ZeroDivisionError

    client = make_client(site.app)
    assert status(client, "/fail") == 500
    assert (text(client, "/who"), reopen(client)) == ("ada", "ada")


def test_a_cookie_that_lasts_longer_than_dates_can_say_is_set(make_app: Make, make_client: Make) -> None:
    site = Site(make_app, REMEMBER_COOKIE_DURATION=10**12)
    client = make_client(site.app)
    assert "Expires=Fri, 31 Dec 9999" in said_of_cookies(client.get("/remember/ada"))[TOKEN]
    assert reopen(client) == "ada"
