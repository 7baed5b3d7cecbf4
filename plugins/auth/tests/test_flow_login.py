"""Signing in by a password: as a page and as JSON, and the one answer for all who cannot."""

from typing import Any

import pytest

from .flow_site import ADA, BETTER, GOOD, WRONG, Site

# -- the page


def test_the_form_signs_in_and_sends_on(site: Site) -> None:
    browser = site.browser()
    answer = browser.fill("/auth/login", email=ADA, password=GOOD)
    assert (answer.status_code, answer.location) == (303, "/")
    assert browser.who == ADA


def test_json_signs_in_and_says_who(site: Site) -> None:
    browser = site.browser()
    answer = browser.login()
    assert answer.json["user"] == {"id": str(site.of(ADA, "id")), "email": ADA}
    assert answer.json["next"] == "/"
    assert browser.who == ADA


def test_a_wrong_password_is_401_with_the_form_and_without_the_password(site: Site) -> None:
    answer = site.browser().fill("/auth/login", email=ADA, password=BETTER)
    assert answer.status_code == 401
    assert "is wrong" in answer.text
    assert f'value="{ADA}"' in answer.text
    assert BETTER not in answer.text


@pytest.mark.parametrize("who", ["wrong", "unknown", "locked", "impossible"])
def test_who_cannot_be_signed_in_is_told_the_same(site: Site, who: str) -> None:
    if who == "locked":
        site.do("lock", ADA)
    email = {"unknown": "eve@example.com", "impossible": "e\x07ve"}.get(who, ADA)
    answer = site.browser().login(email, GOOD if who == "locked" else BETTER)
    assert (answer.status_code, answer.json) == (401, WRONG)
    assert site.happened("login.failed")


def test_a_name_is_the_same_however_it_is_typed(site: Site) -> None:
    browser = site.browser()
    assert browser.login("  Ada@EXAMPLE.com ").status_code == 200
    assert browser.who == ADA


@pytest.mark.parametrize("field", ["email", "password"])
def test_what_is_missing_is_said_beside_its_field(site: Site, field: str) -> None:
    fields = {"email": ADA, "password": GOOD, field: ""}
    answer = site.browser().send("/auth/login", **fields)
    assert answer.status_code == 422
    assert list(answer.json["error"]["fields"]) == [field]
    page = site.browser().post("/auth/login", **fields)
    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text


# -- what follows


def test_a_refused_page_leads_to_the_form_and_back(site: Site) -> None:
    browser = site.browser()
    answer = browser.get("/private?page=2")
    assert answer.location == "/auth/login?next=%2Fprivate%3Fpage%3D2"
    assert browser.fill(answer.location, email=ADA, password=GOOD).location == "/private?page=2"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nSet-Cookie: a=b"],
)
def test_nobody_is_sent_to_another_site(site: Site, target: str) -> None:
    answer = site.browser().post("/auth/login", email=ADA, password=GOOD, next=target)
    assert answer.location == "/"
    assert site.browser().login(next=target).json["next"] == "/"


def test_a_session_that_was_planted_is_another_one_afterwards(site: Site) -> None:
    browser = site.browser()
    with browser.client.session_transaction() as session:
        session["planted"] = "yes"
    before = browser.client.get_cookie("session").value
    browser.login()
    assert browser.client.get_cookie("session").value != before
    with browser.client.session_transaction() as session:
        assert "planted" not in session


def test_only_a_browser_that_wants_it_is_remembered(site: Site) -> None:
    for remember in (False, True):
        browser = site.signed_in(remember=remember)
        browser.client.delete_cookie("session")
        assert browser.who == (ADA if remember else "nobody")


def test_a_remembered_person_signs_in_once_more_to_be_fresh(site: Site) -> None:
    browser = site.signed_in(remember=True)
    browser.client.delete_cookie("session")
    assert browser.get("/how").json == {"method": "remember", "fresh": False}
    assert browser.fill("/auth/login", email=ADA, password=GOOD).status_code == 303
    assert browser.get("/how").json == {"method": "session", "fresh": True}


def test_who_has_just_signed_in_is_sent_on_from_the_form(site: Site) -> None:
    answer = site.signed_in().get("/auth/login?next=/private")
    assert (answer.status_code, answer.location) == (303, "/private")


def test_json_says_who_is_signed_in(site: Site) -> None:
    headers = {"Accept": "application/json"}
    assert site.browser().get("/auth/login", headers=headers).json == {"user": None}
    assert site.signed_in().get("/auth/login", headers=headers).json["user"]["email"] == ADA


# -- passwords of yesterday


def test_an_old_hash_is_replaced_by_one_of_today(site: Site) -> None:
    from werkzeug.security import generate_password_hash

    site.do("save", ADA, password_hash=generate_password_hash(GOOD, "pbkdf2:sha256:1000"))
    browser = site.signed_in()
    assert site.of(ADA, "password_hash").startswith("$argon2id$")
    assert browser.who == ADA
    assert site.signed_in().who == ADA


# -- signing out


def test_the_form_signs_out(site: Site) -> None:
    browser = site.signed_in(remember=True)
    answer = browser.fill("/auth/logout")
    assert (answer.status_code, answer.location) == (303, "/")
    assert browser.who == "nobody"
    assert browser.client.get_cookie("remember_token") is None


def test_json_signs_out_whoever_asks(site: Site) -> None:
    browser = site.signed_in()
    for _ in range(2):
        assert browser.send("/auth/logout").json == {"message": "You have signed out."}
        assert browser.who == "nobody"


def test_opening_the_page_signs_nobody_out(site: Site) -> None:
    browser = site.signed_in()
    assert browser.get("/auth/logout").status_code == 200
    assert browser.who == ADA


# -- what every answer says


def test_no_answer_is_kept_or_tells_where_it_came_from(site: Site) -> None:
    answers: list[Any] = [
        site.browser().get("/auth/login"),
        site.browser().login(),
        site.browser().login(password=BETTER),
        site.browser().post("/auth/login", email=ADA, password=BETTER),
        site.browser().get("/auth/logout"),
    ]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert {"cookie", "accept"} <= {one.lower() for one in answer.vary}


def test_pages_hold_no_scripts_and_styles_of_their_own(site: Site) -> None:
    page = site.browser().get("/auth/login").text
    assert "<script" not in page
    assert "style=" not in page
    assert "<style" not in page
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page
    with site.browser().get("/auth/static/auth.css") as style:
        assert style.mimetype == "text/css"
