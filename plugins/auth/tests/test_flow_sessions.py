"""One's sessions and tokens: listed, ended, made, and nobody else's."""

from typing import Any

import pytest

from .flow_fixtures import EVERYWHERE, MakeSite
from .flow_site import ADA, BETTER, BOB, GOOD, Browser, Site

JSON = {"Accept": "application/json"}
KINDS = pytest.mark.parametrize("sessions", ["cookie", "server"])


@pytest.fixture
def server_site(make_flow_site: MakeSite) -> Site:
    """A site whose sessions are on the server."""
    return make_flow_site(AUTH_SESSIONS="server").open(ADA)


def listed(browser: Browser) -> list[dict[str, Any]]:
    """Return the sessions that a browser's person sees."""
    found: list[dict[str, Any]] = browser.get("/auth/sessions", headers=JSON).json["sessions"]
    return found


# -- sessions


@EVERYWHERE
def test_a_session_is_listed_and_ended(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_SESSIONS="server").open(ADA)
    mine, other = site.signed_in(), site.signed_in()
    found = listed(mine)
    assert [one["present"] for one in found].count(True) == 1
    [id] = [one["id"] for one in found if not one["present"]]
    assert mine.fill("/auth/sessions", _press=f"/auth/sessions/{id}").status_code == 303
    assert (mine.who, other.who) == (ADA, "nobody")
    answer = mine.send(f"/auth/sessions/{id}", "DELETE")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")


def test_a_session_that_was_ended_does_not_come_back_by_remembering(server_site: Site) -> None:
    mine, other = server_site.signed_in(remember=True), server_site.signed_in(remember=True)
    [id] = [one["id"] for one in listed(mine) if not one["present"]]
    assert mine.send(f"/auth/sessions/{id}", "DELETE").status_code == 200
    assert other.who == "nobody"
    mine.client.delete_cookie("session")
    assert mine.who == ADA


def test_who_has_not_just_signed_in_gives_the_password_to_end_a_session(server_site: Site) -> None:
    mine, other = server_site.signed_in(remember=True), server_site.signed_in()
    [id] = [one["id"] for one in listed(other) if one["present"]]
    mine.client.delete_cookie("session")
    for path in (f"/auth/sessions/{id}", "/auth/sessions"):
        assert list(mine.send(path).json["error"]["fields"]) == ["current_password"]
    page = mine.get("/auth/sessions").text
    assert page.count('name="current_password"') == 1
    assert page.count("formnovalidate") == 1  # the present one ends without
    assert other.who == ADA
    assert mine.send(f"/auth/sessions/{id}", current_password=GOOD).status_code == 200
    assert other.who == "nobody"
    assert mine.send("/auth/sessions", others=True).status_code == 200  # it has been proved just now


def test_the_password_that_ends_sessions_is_typed_into_the_page(server_site: Site) -> None:
    mine, other = server_site.signed_in(remember=True), server_site.signed_in()
    mine.client.delete_cookie("session")
    [id] = [one["id"] for one in listed(other) if one["present"]]
    wrong = mine.fill("/auth/sessions", _press=f"/auth/sessions/{id}", current_password="wrong")
    assert (wrong.status_code, "This is not your password." in wrong.text) == (422, True)
    assert mine.fill("/auth/sessions", _press=f"/auth/sessions/{id}", current_password=GOOD).status_code == 303
    assert (mine.who, other.who) == (ADA, "nobody")


def test_ending_the_present_session_signs_out(server_site: Site) -> None:
    browser = server_site.signed_in(remember=True)
    [one] = listed(browser)
    assert browser.send(f"/auth/sessions/{one['id']}", "DELETE").json == {"message": "You have signed out."}
    assert browser.who == "nobody"


@pytest.mark.parametrize("id", ["x", "%00", "%ff", "..", "a" * 5000])
def test_what_is_no_session_is_404(server_site: Site, id: str) -> None:
    assert server_site.signed_in().send(f"/auth/sessions/{id}", "DELETE").status_code in (400, 404)


def test_nobody_ends_somebody_else_s_session(server_site: Site) -> None:
    server_site.add(BOB)
    ada, bob = server_site.signed_in(), server_site.signed_in(BOB)
    [one] = listed(ada)
    assert bob.send(f"/auth/sessions/{one['id']}", "DELETE").status_code == 404
    assert ada.who == ADA


@KINDS
def test_one_signs_out_everywhere_else(make_flow_site: MakeSite, sessions: str) -> None:
    site = make_flow_site(AUTH_SESSIONS=sessions).open(ADA)
    mine, other = site.signed_in(), site.signed_in(remember=True)
    before = mine.client.get_cookie("session").value
    assert mine.send("/auth/sessions", others=True).status_code == 200
    assert mine.client.get_cookie("session").value != before
    assert (mine.who, other.who) == (ADA, "nobody")


@KINDS
@pytest.mark.parametrize("way", ["form", "json", "delete"])
def test_one_signs_out_everywhere(make_flow_site: MakeSite, sessions: str, way: str) -> None:
    site = make_flow_site(AUTH_SESSIONS=sessions).open(ADA)
    mine, other = site.signed_in(remember=True), site.signed_in(remember=True)
    if way == "form":
        assert mine.fill("/auth/sessions", _form=-1).location == "/"
    else:
        assert mine.send("/auth/sessions", "DELETE" if way == "delete" else "POST").status_code == 200
    assert (mine.who, other.who) == ("nobody", "nobody")


def test_sessions_in_cookies_are_not_listed(site: Site) -> None:
    browser = site.signed_in()
    assert browser.get("/auth/sessions", headers=JSON).json == {"listed": False, "sessions": []}
    assert "<table" not in browser.get("/auth/sessions").text


# -- tokens


@EVERYWHERE
def test_a_token_is_made_shown_once_used_and_revoked(site: Site) -> None:
    browser = site.signed_in()
    answer = browser.fill("/auth/tokens", name="laptop", scopes=["tasks:read"], days="30")
    assert answer.status_code == 201
    text = answer.text.partition("<code>")[2].partition("</code>")[0]
    assert text.startswith("trv_")
    headers = {"Authorization": f"Bearer {text}"}
    assert site.browser().get("/who", headers=headers).text == ADA
    page = browser.get("/auth/tokens").text
    assert "laptop" in page
    assert text not in page
    assert browser.fill("/auth/tokens", _form=0).location == "/auth/tokens"
    assert site.browser().get("/who", headers=headers).status_code == 401


def test_json_goes_the_same_way(site: Site) -> None:
    browser = site.signed_in()
    made = browser.send("/auth/tokens", name="laptop", scopes=["tasks:read", "tasks:write"], days=7)
    assert made.status_code == 201
    shown = browser.get("/auth/tokens", headers=JSON).json
    assert shown["scopes"] == ["tasks:read", "tasks:write"]
    assert shown["tokens"] == [{name: value for name, value in made.json.items() if name != "token"}]
    assert made.json["expires"] == made.json["created"] + 7 * 86_400
    assert browser.send(f"/auth/tokens/{made.json['id']}", "DELETE").status_code == 200
    assert browser.send(f"/auth/tokens/{made.json['id']}", "DELETE").status_code == 404


def test_a_token_may_do_all_that_its_owner_may_only_if_it_is_said(site: Site) -> None:
    browser = site.signed_in()
    assert list(browser.send("/auth/tokens", name="a").json["error"]["fields"]) == ["scopes"]
    assert browser.send("/auth/tokens", name="a", scopes=["*"]).json["scopes"] == ["*"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": 7}, "name"),
        ({"scopes": "tasks:read"}, "scopes"),
        ({"scopes": ["tasks:raed"]}, "scopes"),
        ({"scopes": ["tasks:read"] * 101}, "scopes"),
        ({"scopes": [7]}, "scopes"),
        ({"days": 0}, "days"),
        ({"days": 367}, "days"),
        ({"days": -1}, "days"),
        ({"days": "many"}, "days"),
        ({"days": True}, "days"),
        ({"days": 1e9}, "days"),
    ],
)
def test_what_cannot_be_a_token_is_said_beside_its_field(site: Site, fields: dict[str, Any], wrong: str) -> None:
    answer = site.signed_in().send("/auth/tokens", **{"name": "laptop", "scopes": ["tasks:read"], **fields})
    assert answer.status_code == 422
    assert list(answer.json["error"]["fields"]) == [wrong]


def test_a_misspelt_scope_is_told_the_nearest(site: Site) -> None:
    answer = site.signed_in().send("/auth/tokens", name="laptop", scopes=["tasks:raed"])
    assert answer.json["error"]["fields"]["scopes"] == ["There is no such scope. Did you mean tasks:read?"]


def test_a_refused_form_shows_what_was_chosen(site: Site) -> None:
    page = site.signed_in().post("/auth/tokens", name="laptop", scopes=["tasks:write"], days="9999")
    assert page.status_code == 422
    assert 'value="laptop"' in page.text
    assert 'value="tasks:write" checked' in page.text
    assert 'id="days-error"' in page.text


def test_who_has_not_just_signed_in_gives_the_password(site: Site) -> None:
    browser = site.signed_in(remember=True)
    browser.client.delete_cookie("session")
    wanted: dict[str, Any] = {"name": "laptop", "scopes": ["*"]}
    assert list(browser.send("/auth/tokens", **wanted).json["error"]["fields"]) == ["current_password"]
    assert browser.send("/auth/tokens", **wanted, current_password=BETTER).status_code == 422
    assert browser.send("/auth/tokens", **wanted, current_password=GOOD).status_code == 201
    assert browser.get("/how").json == {"method": "session", "fresh": True}


def test_signing_in_counts_as_just_now_for_a_quarter_of_an_hour(site: Site) -> None:
    browser = site.signed_in()
    with browser.client.session_transaction() as session:
        session["_auth_at"] -= 901
    assert list(browser.send("/auth/tokens", name="a", scopes=["*"]).json["error"]["fields"]) == ["current_password"]


def test_a_new_token_begins_a_new_session_that_is_no_fresher(server_site: Site) -> None:
    browser = server_site.signed_in()
    with browser.client.session_transaction() as session:
        session["_auth_at"] -= 600
        at = session["_auth_at"]
    before = browser.client.get_cookie("session").value
    assert browser.send("/auth/tokens", name="a", scopes=["*"]).status_code == 201
    assert browser.client.get_cookie("session").value != before
    with browser.client.session_transaction() as session:
        assert session["_auth_at"] == at


def test_nobody_revokes_somebody_else_s_token(site: Site) -> None:
    site.add(BOB)
    made = site.signed_in().send("/auth/tokens", name="laptop", scopes=["*"]).json
    assert site.signed_in(BOB).send(f"/auth/tokens/{made['id']}", "DELETE").status_code == 404
    assert site.auth.tokens.check(made["token"]) is not None


def test_there_is_an_end_to_how_many_tokens_one_has(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trivet_auth.flows.tokens.MAX_TOKENS", 2)
    browser = site.signed_in()
    codes = [browser.send("/auth/tokens", name="a", scopes=["*"]).status_code for _ in range(3)]
    assert codes == [201, 201, 409]
