"""A forgotten password: a link that works once, for its user, as long as nothing has changed."""

from typing import Any

import pytest

from trivet_auth import MemoryUsers

from .flow_fixtures import EVERYWHERE, MakeSite
from .flow_site import ADA, BETTER, BOB, GOOD, Site

#: What everybody gets who has forgotten a password.
SENT = {"message": "If there is an account with this address, we have sent a mail there."}


def forget(site: Site, email: str = ADA) -> Any:
    """Ask for the link by JSON."""
    return site.browser().send("/auth/forgot", email=email)


def reset(site: Site, token: str, password: str = BETTER) -> Any:
    """Choose another password by JSON."""
    return site.browser().send("/auth/reset", token=token, password=password)


# -- the way


@EVERYWHERE
def test_the_link_leads_to_another_password(site: Site) -> None:
    browser = site.browser()
    answer = browser.fill("/auth/forgot", email=" ADA@example.com ")
    assert SENT["message"] in browser.follow(answer).text
    assert site.kinds == [("reset", ADA)]
    answer = browser.fill(site.link, password=BETTER)
    assert answer.location == "/auth/login"
    assert "Please sign in." in browser.follow(answer).text
    assert site.browser().login(ADA, GOOD).status_code == 401
    assert site.signed_in(ADA, BETTER).who == ADA
    assert site.kinds[-1] == ("password_changed", ADA)


def test_json_goes_the_same_way(site: Site) -> None:
    answer = forget(site)
    assert (answer.status_code, answer.json) == (202, SENT)
    assert reset(site, site.token).status_code == 200
    assert site.signed_in(ADA, BETTER).who == ADA


@pytest.mark.parametrize("who", ["unknown", "locked"])
def test_nobody_else_gets_a_mail_and_all_get_the_same_answer(site: Site, who: str) -> None:
    if who == "locked":
        site.do("lock", ADA)
    answer = forget(site, ADA if who == "locked" else "eve@example.com")
    assert (answer.status_code, answer.json) == (202, SENT)
    assert not site.seen.mails
    assert len(site.auth.store.owned("link", "")) == 1  # it leads nowhere, and has cost the same


def seen_from_outside(answer: Any) -> Any:
    """Return all of an answer that can be seen on the wire, but the session's signature and time."""
    headers = {name: value for name, value in answer.headers.items() if name != "Set-Cookie"}
    return answer.status_code, headers, answer.data, "Set-Cookie" in answer.headers


@pytest.mark.parametrize("path", ["forgot", "register"])
def test_answers_about_known_and_unknown_addresses_look_the_same_on_the_wire(
    make_memory_site: MakeSite, path: str
) -> None:
    site = make_memory_site(TESTING=False).open(ADA)
    for options in ({"json": {"email": "", "password": GOOD}}, {"data": {"email": "", "password": GOOD}}):
        seen = []
        for email in (ADA, "eve@example.com"):
            body = {kind: {**fields, "email": email} for kind, fields in options.items()}
            answer = site.browser().client.post(f"/auth/{path}", **body, buffered=True)
            seen.append(seen_from_outside(answer))
        assert seen[0] == seen[1]
    assert site.app.extensions["trivet_auth.flows"].outbox.wait()


class Sloppy(MemoryUsers):
    """Finds people by addresses that are not quite theirs, as some databases do."""

    def find(self, login: str) -> Any:
        """Return whoever has an address that looks like it."""
        return super().find(login.replace("á", "a"))


def test_a_mail_goes_to_the_address_that_is_kept(make_memory_site: MakeSite) -> None:
    site = make_memory_site()
    site.app.login_manager.users = Sloppy()  # type: ignore[attr-defined]
    site.open(ADA)
    for path in ("forgot", "register"):
        site.browser().send(f"/auth/{path}", email="ádá@example.com", password=GOOD)
    assert [to for _, to in site.kinds] == [ADA, ADA]


def test_everybody_is_signed_out_and_forgotten(site: Site) -> None:
    browser = site.signed_in(remember=True)
    forget(site)
    reset(site, site.token)
    assert browser.who == "nobody"


def test_an_address_is_confirmed_by_the_way(site: Site) -> None:
    site.add(BOB, verified_at=None)
    forget(site, BOB)
    reset(site, site.token)
    assert site.signed_in(BOB, BETTER).who == BOB


def test_who_never_had_a_password_gets_one(site: Site) -> None:
    site.add(BOB, None)
    forget(site, BOB)
    reset(site, site.token)
    assert site.signed_in(BOB, BETTER).who == BOB


# -- links


def test_looking_at_the_link_uses_nothing_up(site: Site) -> None:
    forget(site)
    for _ in range(3):
        assert site.browser().get(site.link).status_code == 200
    assert reset(site, site.token).status_code == 200


def test_a_weak_password_does_not_use_the_link_up(site: Site) -> None:
    forget(site)
    token = site.token
    for password in ("", "short", ADA):
        assert list(reset(site, token, password).json["error"]["fields"]) == ["password"]
    assert reset(site, token).status_code == 200


@pytest.mark.parametrize("change", ["used", "password", "email", "sessions", "lock"])
def test_a_link_ends_when_something_has_changed(site: Site, change: str) -> None:
    forget(site)
    token = site.token
    if change == "used":
        reset(site, token)
    elif change == "password":
        site.do("set_password", ADA, BETTER)
    elif change == "email":
        site.do("save", ADA, email="lovelace@example.com")
    elif change == "sessions":
        site.do("end_sessions", ADA)
    else:
        site.do("lock", ADA)
    answer = reset(site, token, "another one that is long")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "invalid_link")


def test_using_one_link_ends_the_others(site: Site) -> None:
    forget(site)
    first = site.token
    forget(site)
    assert reset(site, site.token).status_code == 200
    assert reset(site, first).status_code == 400


def test_a_link_for_one_thing_is_of_no_use_for_another(site: Site) -> None:
    forget(site)
    token = site.token
    assert site.browser().send("/auth/verify", token=token, password=GOOD).status_code == 400
    assert site.signed_in().send("/auth/email/confirm", token=token).status_code == 400
    assert reset(site, token).status_code == 200


def test_a_link_of_nobody_is_of_no_use(site: Site) -> None:
    token = site.app.extensions["trivet_auth.flows"].links.issue("reset", "")
    assert reset(site, token).status_code == 400
    token = site.app.extensions["trivet_auth.flows"].links.issue("reset", "default:999999")
    assert reset(site, token).status_code == 400


@pytest.mark.parametrize("token", ["", "lnk_", "lnk_x_y", "x" * 5000, "lnk_\u00e9", "\ud800", "%00"])
def test_what_is_no_link_is_refused(site: Site, token: str) -> None:
    assert reset(site, token).json["error"]["code"] == "invalid_link"
    page = site.browser().get("/auth/reset", query_string={"token": token.encode("utf-8", "replace").decode()})
    assert page.status_code == 400
    assert "does not work" in page.text


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_link_that_is_cut_off_is_refused(site: Site, cut: int) -> None:
    forget(site)
    assert reset(site, site.token[:-cut]).json["error"]["code"] == "invalid_link"


def test_a_link_ends_with_its_time(make_flow_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_flow_site(AUTH_LINK_LIFETIME=3600).open(ADA)
    forget(site)
    links = site.app.extensions["trivet_auth.flows"].links
    later = links._clock() + 3601
    monkeypatch.setattr(links, "_clock", lambda: later)
    assert reset(site, site.token).status_code == 400


# -- limits


def forget_from(site: Site, email: str, address: str) -> int:
    """Ask for a link from an address; return the status."""
    browser = site.browser()
    browser.client.environ_base["REMOTE_ADDR"] = address
    return int(browser.send("/auth/forgot", email=email).status_code)


def test_one_address_gets_so_many_mails_in_an_hour_whether_or_not_there_is_an_account(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_THROTTLE={"mails": 2}).open(ADA)
    for net, email in (("192.0.2", ADA), ("198.51.100", "eve@example.com")):
        codes = [forget_from(site, email, f"{net}.{number // 2}") for number in range(11)]
        assert codes == [202] * 10 + [429]
    assert len(site.seen.mails) == 10


def test_who_has_many_mails_sent_to_somebody_does_not_keep_them_from_asking_for_one(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_THROTTLE={"mails": 2}).open(ADA)
    assert [forget_from(site, ADA, "192.0.2.66") for _ in range(4)] == [202, 202, 429, 429]
    assert forget_from(site, ADA, "192.0.2.1") == 202


def test_from_one_address_so_many_mails_can_be_caused_in_an_hour(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_THROTTLE={"mails": 2}).open()
    answers = [forget(site, f"person{number}@example.com") for number in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600
