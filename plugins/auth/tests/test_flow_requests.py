"""What flows do with what they are sent: wrong types and sizes, too many tries, other origins, no token."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .flow_at_once import send_at_once
from .flow_fixtures import MakeSite
from .flow_site import ADA, BETTER, BOB, GOOD, WRONG, Forms, Site

#: Where anybody can send something.
OPEN = ["login", "login/code", "logout", "register", "verify", "forgot", "reset"]
#: Where somebody who has signed in can.
GUARDED = ["verify/send", "password", "email", "email/confirm", "totp", "totp/setup", "totp/disable", "totp/codes"]
GUARDED += ["sessions", "sessions/x", "tokens", "tokens/x"]
FORM = "application/x-www-form-urlencoded"


def send(site: Site, path: str, body: bytes, kind: str, **headers: str) -> Any:
    """Send a body to a flow, signed in where that is needed."""
    browser = site.signed_in() if path in GUARDED else site.browser()
    return browser.client.post(f"/auth/{path}", data=body, content_type=kind, headers=headers)


# -- what cannot be read


#: Bodies that cannot be read, and the answers.
UNREADABLE: list[tuple[bytes, str, int]] = [
    (b"{", "application/json", 400),
    (b"[1]", "application/json", 400),
    (b'"x"', "application/json", 400),
    (b"\xff\xfe{}", "application/json", 400),
    (b"[" * 10_000, "application/json", 400),
    (b"<a/>", "application/xml", 415),
    (b"hello", "text/plain", 415),
    (b"email=\xff", FORM, 400),
    (b"--x\r\nnonsense", "multipart/form-data; boundary=x", 400),
    (b"email=" + b"x" * 70_000, FORM, 413),
    (b'{"email": "' + b"x" * 70_000 + b'"}', "application/json", 413),
]
VALUES: list[Any] = [7, None, True, [], {}, ["a"], {"a": 1}, "\x00", "\ud800", "x" * 20_000, "a\r\nb: c"]


@pytest.fixture
def calm_site(make_memory_site: MakeSite) -> Site:
    """A site whose limits are far away."""
    names = ("account", "account_anywhere", "address", "mails")
    return make_memory_site(AUTH_THROTTLE=dict.fromkeys(names, 10_000)).open(ADA)


@pytest.mark.parametrize("path", [*OPEN, *GUARDED])
def test_what_cannot_be_read_is_refused(calm_site: Site, path: str) -> None:
    answers = [send(calm_site, path, body, kind) for body, kind, _ in UNREADABLE]
    assert [answer.status_code for answer in answers] == [status for _, _, status in UNREADABLE]
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


@pytest.mark.parametrize("path", [*OPEN, *GUARDED])
def test_values_of_any_kind_are_no_fault_of_ours(calm_site: Site, path: str) -> None:
    names = ("email", "password", "current_password", "token", "code", "next", "name", "scopes", "days", "remember")
    browser, codes = calm_site.browser(), []
    for value in VALUES:
        if path in GUARDED and browser.who == "nobody":
            browser = calm_site.signed_in()
        codes.append(browser.send(f"/auth/{path}", **dict.fromkeys(names, value)).status_code)
    assert max(codes) < 500


@pytest.mark.parametrize("path", [*OPEN, *GUARDED])
def test_bytes_that_are_not_utf_8_are_no_fault_of_ours(calm_site: Site, path: str) -> None:
    body = b"&".join(name + b"=%ff%00" for name in (b"email", b"password", b"token", b"code", b"name", b"next"))
    assert send(calm_site, path, body, FORM).status_code < 500


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.sampled_from(["email", "password", "next"]), st.text() | st.integers() | st.none()))
def test_whatever_is_sent_to_sign_in_is_refused(calm_site: Site, fields: dict[str, Any]) -> None:
    assert calm_site.browser().send("/auth/login", **fields).status_code in (401, 422)


def test_a_refused_form_is_a_page_and_refused_json_is_json(site: Site) -> None:
    assert send(site, "login", b"x", "text/plain").mimetype == "text/html"
    for likes in ("*/*", "text/html,*/*;q=0.8", "application/json;q=0.5,*/*"):
        assert send(site, "login", b"x", "text/plain", Accept=likes).mimetype == "text/html", likes
    for likes in ("application/json, text/plain, */*", "application/json,text/html;q=0.9"):
        assert send(site, "login", b"x", "text/plain", Accept=likes).mimetype == "application/json", likes
    answer = send(site, "login", b"x", "text/plain", Accept="application/json")
    assert answer.json == {
        "error": {"code": "unsupported_media_type", "message": "Send a form, or JSON as application/json."}
    }


@pytest.mark.parametrize(("email", "focused"), [(ADA, "password"), ("", "email")])
def test_the_first_field_that_is_wrong_has_the_focus(calm_site: Site, email: str, focused: str) -> None:
    page = calm_site.browser().client.post("/auth/login", data={"email": email}).text
    assert re.findall(r"<input[^>]* name=\"(\w+)\"[^>]* autofocus", page) == [focused]


def test_other_methods_are_405(site: Site) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        assert site.browser().client.open("/auth/login", method=method).status_code == 405


def test_a_page_can_be_looked_at_without_its_body(site: Site) -> None:
    answer = site.browser().client.head("/auth/login")
    assert (answer.status_code, answer.data) == (200, b"")


# -- too many tries


def test_an_account_is_closed_to_one_address_and_open_to_others(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_THROTTLE={"account": 2}).open(ADA)
    browser = site.browser()
    answers = [browser.login(password=BETTER) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 900
    assert answers[-1].json["error"]["code"] == "too_many_tries"
    assert browser.login().status_code == 429
    page = browser.post("/auth/login", email=ADA, password=GOOD)
    assert page.status_code == 429
    assert "Please wait" in page.text
    assert int(page.headers["Retry-After"]) > 0
    elsewhere = site.browser()
    elsewhere.client.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert elsewhere.login().status_code == 200


def test_an_unknown_account_is_closed_in_the_same_way(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_THROTTLE={"account": 2}).open()
    browser = site.browser()
    assert [browser.login("eve@example.com").status_code for _ in range(3)] == [401, 401, 429]


def test_one_address_may_not_try_many_accounts(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_THROTTLE={"address": 3}).open()
    browser = site.browser()
    codes = [browser.login(f"person{number}@example.com").status_code for number in range(4)]
    assert codes == [401, 401, 401, 429]


def test_the_addresses_of_one_network_of_ipv6_are_one(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_THROTTLE={"address": 2}).open()
    codes = []
    for address in ("2001:db8::1", "2001:db8::2:2", "2001:db8:0:0:ffff::3", "2001:db8:0:1::1"):
        browser = site.browser()
        browser.client.environ_base["REMOTE_ADDR"] = address
        codes.append(browser.login().status_code)
    assert codes == [401, 401, 429, 401]


def test_many_tries_at_once_are_no_more_than_one_may(make_memory_site: MakeSite) -> None:
    site = make_memory_site(AUTH_THROTTLE={"account": 3}).open(ADA)
    browsers = [site.browser() for _ in range(8)]
    codes = send_at_once(browsers, "/auth/login", email=ADA, password=BETTER)
    assert codes.count(401) <= 3
    assert set(codes) <= {401, 429}


def test_who_signs_in_is_not_counted(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_THROTTLE={"account": 2}).open(ADA)
    assert [site.browser().login().status_code for _ in range(4)] == [200] * 4


# -- one link, at once


@pytest.mark.parametrize("path", ["reset", "verify"])
def test_of_many_who_use_one_link_at_once_one_succeeds(make_memory_site: MakeSite, path: str) -> None:
    site = make_memory_site().open(ADA)
    if path == "reset":
        site.browser().send("/auth/forgot", email=ADA)
        fields = {"token": site.token, "password": BETTER}
    else:
        site.browser().send("/auth/register", email=BOB, password=GOOD)
        fields = {"token": site.token, "password": GOOD}
    browsers = [site.browser() for _ in range(6)]
    assert sorted(send_at_once(browsers, f"/auth/{path}", **fields)) == [200, 400, 400, 400, 400, 400]


# -- other origins, and tokens in forms


@pytest.mark.parametrize("path", [*OPEN, *GUARDED])
def test_pages_of_other_origins_are_refused(calm_site: Site, path: str) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert send(calm_site, path, b"email=a", FORM, **headers).status_code == 403


@pytest.mark.parametrize("path", OPEN)
def test_a_form_without_its_token_is_refused_where_tokens_are_on(make_flow_site: MakeSite, path: str) -> None:
    site = make_flow_site(AUTH_CSRF_TOKENS=True).open(ADA)
    for token in ("", "nonsense", "x" * 5000):
        answer = site.browser().post(f"/auth/{path}", csrf_token=token, email=ADA, password=GOOD)
        assert answer.status_code == 403
        assert "out of date" in answer.text or "does not work" in answer.text


def test_a_form_with_its_token_is_taken(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_CSRF_TOKENS=True).open(ADA)
    browser = site.browser()
    assert browser.fill("/auth/login", email=ADA, password=GOOD).status_code == 303
    assert browser.fill("/auth/password", current_password=GOOD, password=BETTER).status_code == 303
    assert browser.fill("/auth/logout").status_code == 303


def test_a_token_is_of_its_session_alone(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_CSRF_TOKENS=True).open(ADA)
    mine, other = site.browser(), site.browser()
    token = Forms(mine.get("/auth/login").text).forms[0]["fields"]["csrf_token"]
    other.get("/auth/login")
    assert other.post("/auth/login", csrf_token=token, email=ADA, password=GOOD).status_code == 403
    assert mine.post("/auth/login", csrf_token=token, email=ADA, password=GOOD).status_code == 303
    assert mine.post("/auth/logout", csrf_token=token).status_code == 403


def test_the_token_may_be_in_a_header(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_CSRF_TOKENS=True).open(ADA)
    browser = site.browser()
    token = Forms(browser.get("/auth/login").text).forms[0]["fields"]["csrf_token"]
    answer = browser.client.post("/auth/login", data={"email": ADA, "password": GOOD}, headers={"X-CSRF-Token": token})
    assert answer.status_code == 303


def test_json_needs_no_token(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_CSRF_TOKENS=True).open(ADA)
    assert site.browser().login(password=BETTER).json == WRONG
    assert site.browser().login().status_code == 200
