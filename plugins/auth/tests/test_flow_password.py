"""Changing the password and the address: who may, and what ends."""

from typing import Any

import pytest

from .flow_fixtures import EVERYWHERE, MakeSite
from .flow_site import ADA, BETTER, BOB, GOOD, Browser, Site

NEW = "lovelace@example.com"
KINDS = pytest.mark.parametrize("sessions", ["cookie", "server"])


def change(browser: Browser, password: str = BETTER, current: str = GOOD) -> Any:
    """Change the password by JSON."""
    return browser.send("/auth/password", password=password, current_password=current)


# -- the password


@EVERYWHERE
@KINDS
def test_the_other_sessions_end_and_this_one_goes_on(make_flow_site: MakeSite, sessions: str) -> None:
    site = make_flow_site(AUTH_SESSIONS=sessions).open(ADA)
    mine, other = site.signed_in(), site.signed_in(remember=True)
    before = mine.client.get_cookie("session").value
    answer = mine.fill("/auth/password", current_password=GOOD, password=BETTER)
    assert (answer.status_code, answer.location) == (303, "/")
    assert mine.client.get_cookie("session").value != before
    assert (mine.who, other.who) == (ADA, "nobody")
    assert mine.who == ADA
    assert site.browser().login(ADA, GOOD).status_code == 401
    assert site.signed_in(ADA, BETTER).who == ADA
    assert site.kinds == [("password_changed", ADA)]


@pytest.mark.parametrize("current", ["", BETTER])
def test_the_present_password_is_needed_though_one_has_just_signed_in(site: Site, current: str) -> None:
    browser = site.signed_in()
    answer = change(browser, current=current)
    assert answer.status_code == 422
    assert list(answer.json["error"]["fields"]) == ["current_password"]
    assert site.signed_in(ADA, GOOD).who == ADA


def test_a_weak_password_is_refused(site: Site) -> None:
    answer = change(site.signed_in(), "example shop")
    assert list(answer.json["error"]["fields"]) == ["password"]


def test_the_present_password_cannot_be_guessed_in_a_session_that_was_left_open(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_THROTTLE={"account": 2}).open(ADA)
    browser = site.signed_in()
    assert [change(browser, current=BETTER).status_code for _ in range(3)] == [422, 422, 429]
    assert change(browser).status_code == 429


def test_who_has_no_password_gets_one_after_signing_in_just_now(site: Site) -> None:
    browser = site.signed_in()
    site.do("save", ADA, password_hash=None)
    with browser.client.session_transaction() as session:
        del session["_auth_stamp"], session["_auth_at"]  # as one begins who has come by another way
        site.do("save", ADA, generation=0)
    assert browser.who == ADA
    with browser.client.session_transaction() as session:
        session["_fresh"] = False
    answer = browser.send("/auth/password", password=BETTER)
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "fresh_login_required")
    with browser.client.session_transaction() as session:
        session["_fresh"] = True
    assert browser.send("/auth/password", password=BETTER).status_code == 200
    assert site.signed_in(ADA, BETTER).who == ADA


@pytest.mark.parametrize("path", ["/auth/password", "/auth/email", "/auth/totp", "/auth/sessions", "/auth/tokens"])
def test_only_people_who_have_signed_in_get_there(site: Site, path: str) -> None:
    assert site.browser().get(path).location.startswith("/auth/login?next=%2Fauth")
    answer = site.browser().send(path)
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == 'Form realm="default"'


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("tokens/x", "tokens"),
        ("sessions/x", "sessions"),
        ("totp/disable", "totp"),
        ("totp/codes", "totp"),
        ("totp/setup", "totp"),
    ],
)
def test_who_sends_a_form_too_late_comes_back_to_its_page(site: Site, path: str, page: str) -> None:
    browser = site.browser()
    answer = browser.post(f"/auth/{path}")
    assert answer.location == f"/auth/login?next=/auth/{page}"
    assert browser.fill(answer.location, email=ADA, password=GOOD).location == f"/auth/{page}"


@pytest.mark.parametrize("path", ["/auth/password", "/auth/email", "/auth/totp", "/auth/sessions", "/auth/tokens"])
def test_a_token_is_no_key_to_the_account(site: Site, path: str) -> None:
    text, _ = site.auth.tokens.create(f"default:{site.of(ADA, 'id')}", "all", None, 3600)
    client = site.browser().client
    headers = {"Authorization": f"Bearer {text}"}
    page = client.get(path, headers=headers)
    assert page.status_code == 403
    assert "tasks:read" not in page.text
    answer = client.post(path, json={"current_password": GOOD, "password": BETTER}, headers=headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "session_required")


# -- the address


@EVERYWHERE
@KINDS
def test_a_link_to_the_new_address_changes_it(make_flow_site: MakeSite, sessions: str) -> None:
    site = make_flow_site(AUTH_SESSIONS=sessions).open(ADA)
    browser, other = site.signed_in(), site.signed_in()
    assert browser.fill("/auth/email", email=NEW).location == "/auth/email"
    assert site.kinds == [("email", NEW)]
    assert site.exists(ADA)
    before = browser.client.get_cookie("session").value
    assert browser.fill(site.link).status_code == 303
    assert browser.client.get_cookie("session").value != before
    assert (browser.who, other.who) == (NEW, "nobody")
    assert site.kinds[-1] == ("email_changed", ADA)
    assert site.browser().login(ADA).status_code == 401
    assert site.signed_in(NEW).who == NEW


def test_somebody_else_s_address_gets_the_same_answer_and_no_link(site: Site) -> None:
    site.add(BOB)
    browser = site.signed_in()
    known, unknown = (browser.send("/auth/email", email=email) for email in (BOB, NEW))
    assert (known.status_code, known.json) == (unknown.status_code, unknown.json)
    assert known.status_code == 202
    assert site.kinds == [("taken", BOB), ("email", NEW)]
    assert "token" not in site.seen.mails[0].text


def test_who_has_not_just_signed_in_gives_the_password(site: Site) -> None:
    browser = site.signed_in(remember=True)
    browser.client.delete_cookie("session")
    answer = browser.send("/auth/email", email=NEW)
    assert list(answer.json["error"]["fields"]) == ["current_password"]
    assert browser.fill("/auth/email", email=NEW, current_password=BETTER).status_code == 422
    assert not site.seen.mails
    assert browser.fill("/auth/email", email=NEW, current_password=GOOD).status_code == 303
    assert browser.get("/how").json == {"method": "session", "fresh": True}
    assert site.kinds == [("email", NEW)]


def test_a_link_is_for_who_has_asked_for_it_alone(site: Site) -> None:
    site.add(BOB)
    site.signed_in().send("/auth/email", email=NEW)
    assert site.browser().get(site.link).location.startswith("/auth/login?next=")
    assert site.signed_in(BOB).send("/auth/email/confirm", token=site.token).status_code == 400
    assert site.signed_in(BOB).get(site.link).status_code == 400
    assert site.exists(BOB)


def test_a_link_to_an_address_that_was_taken_meanwhile_changes_nothing(site: Site) -> None:
    browser = site.signed_in()
    browser.send("/auth/email", email=NEW)
    site.add(NEW)
    answer = browser.send("/auth/email/confirm", token=site.token)
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "taken")
    assert browser.who == ADA


def test_a_link_ends_with_another_password(site: Site) -> None:
    browser = site.signed_in()
    browser.send("/auth/email", email=NEW)
    token = site.token
    change(browser)
    assert browser.send("/auth/email/confirm", token=token).status_code == 400


@pytest.mark.parametrize("email", ["", "nonsense", ADA])
def test_an_address_that_cannot_be_the_new_one_is_refused(site: Site, email: str) -> None:
    answer = site.signed_in().send("/auth/email", email=email)
    assert list(answer.json["error"]["fields"]) == ["email"]
