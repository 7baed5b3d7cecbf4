"""What a session says of who somebody is, in signed cookies and on the server: how long, and from where."""

import time
from typing import Any

import pytest

from trivet import current_context, session
from trivet.sessions import SecureCookieSessionInterface
from trivet_auth import AuthConfigError, current_user, session_protected
from trivet_auth.accounts import stay
from trivet_auth.stores.redis import RedisStore

from .people_site import (
    Make,
    Site,
    close_browser,
    cookie,
    done,
    every_kind_of_view,
    said_of_cookies,
    status,
    text,
)

every_kind_of_session = pytest.mark.parametrize("sessions", ["cookie", "server"])
ELSEWHERE = {"headers": {"User-Agent": "another browser"}}


def change(client: Any, **values: Any) -> None:
    """Change what is in a client's session."""
    with client.session_transaction() as found:
        found.update(values)


# -- beginning anew


@every_kind_of_session
@every_kind_of_view
def test_what_was_planted_does_not_survive_signing_in(
    make_app: Make, make_client: Make, sessions: str, views: str
) -> None:
    site = Site(make_app, views, AUTH_SESSIONS=sessions, AUTH_KEEP=["cart"])
    client = make_client(site.app)
    change(client, planted=1, cart=2, _fresh=True, _flashes=[("message", "planted")], **{"_user_id.staff": "7"})
    client.get("/in/ada")
    with client.session_transaction() as found:
        assert set(found) - {"_user_id", "_fresh", "_id", "_auth_at", "_auth_stamp"} == {"cart"}
        assert (found["_user_id"], found["_fresh"]) == ("1", True)


@every_kind_of_session
def test_another_persons_data_is_gone_when_somebody_signs_in(make_app: Make, make_client: Make, sessions: str) -> None:
    site = Site(make_app, AUTH_SESSIONS=sessions)
    client = make_client(site.app)
    for path in ("/in/ada", "/put/draft/x", "/in/bob"):
        client.get(path)
    assert (text(client, "/who"), text(client, "/names")) == ("bob", "")


@every_kind_of_session
def test_all_data_is_gone_when_somebody_signs_out(make_app: Make, make_client: Make, sessions: str) -> None:
    site = Site(make_app, AUTH_SESSIONS=sessions, AUTH_KEEP=["cart"])
    client = make_client(site.app)
    for path in ("/in/ada", "/put/draft/x", "/put/cart/x"):
        client.get(path)
    assert text(client, "/names") == "cart draft"
    client.get("/out")
    assert text(client, "/names") == "cart"


@every_kind_of_session
def test_nobody_who_signs_out_leaves_no_cookie(make_app: Make, make_client: Make, sessions: str) -> None:
    site = Site(make_app, AUTH_SESSIONS=sessions)
    client = make_client(site.app)
    assert "Set-Cookie" not in client.get("/out").headers
    client.get("/in/ada")
    assert "Max-Age=0" in said_of_cookies(client.get("/out"))["session"]


@every_kind_of_session
def test_a_permanent_session_stays_permanent(make_app: Make, make_client: Make, sessions: str) -> None:
    site = Site(make_app, AUTH_SESSIONS=sessions, PERMANENT_SESSION_LIFETIME=3600)
    site.app.before_request(lambda: setattr(session, "permanent", True))
    client = make_client(site.app)
    for path in ("/in/ada", "/confirm"):
        assert "Expires=" in said_of_cookies(client.get(path))["session"], path
    assert text(client, "/who") == "ada"


@every_kind_of_session
def test_a_session_that_becomes_permanent_gets_a_cookie_that_lasts(
    make_app: Make, make_client: Make, sessions: str
) -> None:
    site = Site(make_app, AUTH_SESSIONS=sessions)
    site.add("/permanent", lambda: done(setattr, session, "permanent", True))
    client = make_client(site.app)
    assert "Expires=" not in said_of_cookies(client.get("/in/ada"))["session"]
    assert "Expires=" in said_of_cookies(client.get("/permanent"))["session"]


@every_kind_of_session
def test_the_cookie_has_the_attributes_of_the_configuration(make_app: Make, make_client: Make, sessions: str) -> None:
    site = Site(make_app, AUTH_SESSIONS=sessions)
    client = make_client(site.app)
    line = said_of_cookies(client.get("/in/ada"))["session"]
    assert ("HttpOnly" in line, "SameSite=Lax" in line, "Secure" in line) == (True, True, False)
    line = said_of_cookies(make_client(site.app).get("/in/ada", base_url="https://localhost"))["session"]
    assert ("HttpOnly" in line, "SameSite=Lax" in line, "Secure" in line) == (True, True, True)
    other = Site(
        make_app,
        AUTH_SESSIONS=sessions,
        SESSION_COOKIE_NAME="__Host-mine",
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=True,
    )
    client = make_client(other.app)
    for path in ("/in/ada", "/out"):
        line = said_of_cookies(client.get(path, base_url="https://localhost"))["__Host-mine"]
        assert ("SameSite=Strict" in line, "Secure" in line, "HttpOnly" in line, "Path=/" in line) == (True,) * 4, path


# -- for how long


@every_kind_of_session
@every_kind_of_view
def test_one_has_to_sign_in_again_after_a_time(make_app: Make, make_client: Make, sessions: str, views: str) -> None:
    site = Site(make_app, views, AUTH_SESSIONS=sessions, AUTH_SESSION_LIFETIME=3600)
    client = make_client(site.app)
    for ago, who in ((3500, "ada"), (3700, "nobody"), (-30, "ada"), (-120, "nobody")):
        client.get("/in/ada")
        change(client, _auth_at=time.time() - ago)
        assert text(client, "/who") == who, ago


@every_kind_of_session
def test_a_sign_in_is_fresh_for_a_time(make_app: Make, make_client: Make, sessions: str) -> None:
    site = Site(make_app, AUTH_SESSIONS=sessions, AUTH_FRESH_FOR=600)
    client = make_client(site.app)
    client.get("/in/ada")
    assert status(client, "/deep") == 200
    change(client, _auth_at=time.time() - 700)
    assert (status(client, "/inside"), status(client, "/deep")) == (200, 401)
    client.get("/confirm")
    assert status(client, "/deep") == 200


@every_kind_of_session
@every_kind_of_view
@pytest.mark.parametrize("change_of", ["password_hash", "generation"])
def test_another_password_or_generation_ends_sessions(
    make_app: Make, make_client: Make, sessions: str, views: str, change_of: str
) -> None:
    site = Site(make_app, views, AUTH_SESSIONS=sessions)

    def alter() -> str:
        bool(current_user.is_authenticated)
        setattr(site.ada, change_of, 1 if change_of == "generation" else "another")
        stay(current_context(), "default", site.ada)
        return "altered"

    site.add("/alter", alter)
    client, other = make_client(site.app), make_client(site.app)
    for one in (client, other):
        for path in ("/in/ada", "/put/draft/x"):
            one.get(path)
    client.get("/alter")
    assert [text(one, "/who") for one in (client, other)] == ["ada", "nobody"]
    assert [text(one, "/names") for one in (client, other)] == ["draft", ""]
    assert site.watcher.names().count("session.ended") == 1


@every_kind_of_session
def test_a_user_who_is_gone_is_nobody(make_app: Make, make_client: Make, sessions: str) -> None:
    site = Site(make_app, AUTH_SESSIONS=sessions)
    client = make_client(site.app)
    client.get("/in/ada")
    ada = site.people.pop("1")
    assert text(client, "/who") == "nobody"
    site.people["1"] = ada
    assert text(client, "/who") == "nobody", "the session has ended"


@every_kind_of_session
def test_a_locked_account_is_nobodys_until_it_is_unlocked(make_app: Make, make_client: Make, sessions: str) -> None:
    site = Site(make_app, AUTH_SESSIONS=sessions)
    client = make_client(site.app)
    client.get("/in/ada")
    site.ada.active = False
    assert (text(client, "/who"), status(client, "/inside"), text(client, "/in/ada")) == ("nobody", 401, "False")
    site.ada.active = True
    assert text(client, "/who") == "ada"


# -- from where


@every_kind_of_session
@every_kind_of_view
def test_a_session_from_another_browser_is_not_fresh(
    make_app: Make, make_client: Make, sessions: str, views: str
) -> None:
    site = Site(make_app, views, AUTH_SESSIONS=sessions)
    client, heard = make_client(site.app), []
    client.get("/in/ada")
    with session_protected.connected_to(lambda app: heard.append(app), site.app):
        assert (text(client, "/who", **ELSEWHERE), status(client, "/deep", **ELSEWHERE)) == ("ada", 401)
    assert heard == [site.app, site.app]
    assert site.watcher.names() == ["login", "session.moved"], "it has moved once"
    assert status(client, "/deep") == 401, "it is not fresh any more for anybody"
    client.get("/confirm", **ELSEWHERE)
    assert status(client, "/deep", **ELSEWHERE) == 200


@every_kind_of_session
@every_kind_of_view
def test_strictly_protected_a_session_from_another_browser_is_over(
    make_app: Make, make_client: Make, sessions: str, views: str
) -> None:
    site = Site(make_app, views, AUTH_SESSIONS=sessions, SESSION_PROTECTION="strong")
    client = make_client(site.app)
    for path in ("/in/ada", "/put/draft/x"):
        client.get(path)
    assert text(client, "/who", **ELSEWHERE) == "nobody"
    assert (text(client, "/names", **ELSEWHERE), text(client, "/who")) == ("", "nobody")


@every_kind_of_view
@pytest.mark.parametrize("protection", [None, "basic", "strong"])
def test_protection_does_not_break_remembered_browsers(
    make_app: Make, make_client: Make, views: str, protection: str | None
) -> None:
    site = Site(make_app, views, SESSION_PROTECTION=protection)
    client = make_client(site.app)
    client.get("/remember/ada")
    close_browser(client)
    assert [text(client, "/who") for _ in range(3)] == ["ada"] * 3
    assert [text(client, "/who", **ELSEWHERE) for _ in range(3)] == ["ada"] * 3
    assert status(client, "/deep") == 401
    assert ("session.moved" in site.watcher.names()) == (protection == "strong")


def test_where_a_request_comes_from_is_what_the_trusted_proxy_says(make_app: Make, make_client: Make) -> None:
    for trusted, who in ((0, "ada"), (1, "nobody")):
        site = Site(make_app, SESSION_PROTECTION="strong", TRUSTED_PROXIES=trusted)
        client = make_client(site.app)
        client.get("/in/ada", headers={"X-Forwarded-For": "10.0.0.1"})
        assert text(client, "/who", headers={"X-Forwarded-For": "10.0.0.1"}) == "ada"
        assert text(client, "/who", headers={"X-Forwarded-For": "10.0.0.2"}) == who


def test_protection_of_an_unknown_kind_is_an_error(make_app: Make) -> None:
    site = Site(make_app)
    client = site.app.test_client()
    client.get("/in/ada")
    site.app.config["SESSION_PROTECTION"] = "storng"
    with pytest.raises(AuthConfigError, match="must be 'basic', 'strong' or None, not 'storng'"):
        client.get("/who")


# -- on the server


def test_a_store_that_cannot_be_reached_is_503(make_app: Make, make_client: Make) -> None:
    site = Site(make_app, AUTH_SESSIONS="server", TESTING=False)
    site.auth.store = RedisStore("redis://127.0.0.1:1/0")
    client = make_client(site.app)
    for path in ("/in/ada", "/remember/ada"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5"), path
    client.set_cookie("session", "x" * 43)
    assert status(client, "/who") == 503
    assert status(client, "/still") == 200


def test_a_session_that_is_too_large_is_an_error_that_says_so(make_app: Make) -> None:
    site = Site(make_app, AUTH_SESSIONS="server")
    site.add("/fill", lambda: done(session.__setitem__, "x", "x" * 70_000))
    with pytest.raises(ValueError, match=r"kind 'session' is .* characters of JSON; at most 65535"):
        site.app.test_client().get("/fill")


def test_sessions_on_the_server_replace_no_interface_of_the_applications(make_app: Make) -> None:
    class Own(SecureCookieSessionInterface):
        pass

    site = Site(make_app, AUTH_SESSIONS="server")
    site.app.session_interface = Own()
    with pytest.raises(AuthConfigError, match="session_interface, Own"):
        site.app.seal()


@every_kind_of_session
def test_signing_in_again_in_one_request_leaves_one_session(make_app: Make, make_client: Make, sessions: str) -> None:
    site = Site(make_app, AUTH_SESSIONS=sessions)
    client = make_client(site.app)
    for _ in range(3):
        client.get("/in/ada")
    assert cookie(client) is not None
    assert len(site.sessions_of("ada")) == (1 if sessions == "server" else 0)
