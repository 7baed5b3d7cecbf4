"""Registering and confirming an address: what is told to whom, and that nobody takes another's address."""

from typing import Any

import pytest

from trivet_auth.flows import Register, Sent

from .flow_fixtures import EVERYWHERE, MakeSite
from .flow_site import ADA, BETTER, BOB, GOOD, Site

#: What everybody gets who registers.
SENT = {"message": "We have sent you a mail. Open the link in it to confirm your address."}


def register(site: Site, email: str = BOB, password: str = GOOD) -> Any:
    """Register by JSON."""
    return site.browser().send("/auth/register", email=email, password=password)


# -- the way


@EVERYWHERE
def test_who_registers_and_confirms_is_signed_in(site: Site) -> None:
    browser = site.browser()
    answer = browser.fill("/auth/register", email=BOB, password=GOOD)
    assert SENT["message"] in browser.follow(answer).text
    assert site.kinds == [("register", BOB)]
    assert not site.exists(BOB)
    answer = browser.fill(site.link, password=GOOD)
    assert (answer.status_code, answer.location) == (303, "/")
    assert browser.who == BOB
    assert site.of(BOB, "verified_at") is not None


def test_json_goes_the_same_way(site: Site) -> None:
    browser = site.browser()
    answer = browser.send("/auth/register", email=BOB, password=GOOD)
    assert (answer.status_code, answer.json) == (202, SENT)
    answer = browser.send("/auth/verify", token=site.token, password=GOOD)
    assert answer.json["user"]["email"] == BOB
    assert browser.who == BOB
    assert site.signed_in(BOB).who == BOB


def test_the_link_begins_with_the_configured_address_whatever_the_request_says(site: Site) -> None:
    site.browser().client.post(
        "/auth/register", json={"email": BOB, "password": GOOD}, headers={"Host": "evil.example"}
    )
    assert "https://app.example.com/auth/verify?token=lnk_" in site.mail.text
    assert "evil" not in site.mail.text


def test_looking_at_the_link_uses_nothing_up(site: Site) -> None:
    register(site)
    for _ in range(3):
        assert site.browser().get(site.link).status_code == 200
    assert not site.exists(BOB)
    assert site.browser().fill(site.link, password=GOOD).status_code == 303


# -- what is told


def test_who_has_an_account_gets_the_same_answer_and_another_mail(site: Site) -> None:
    known, unknown = register(site, ADA), register(site, BOB)
    assert (known.status_code, known.json) == (unknown.status_code, unknown.json) == (202, SENT)
    assert site.kinds == [("taken", ADA), ("register", BOB)]
    assert "token" not in site.seen.mails[0].text
    assert site.signed_in(ADA, GOOD).who == ADA


def test_a_link_that_nobody_was_sent_is_of_the_same_cost(site: Site) -> None:
    before = len(site.auth.store.owned("link", ""))
    register(site, ADA)
    register(site, BOB)
    assert len(site.auth.store.owned("link", "")) == before + 2


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@example.com", "a b@example.com", "a@b\r\nBcc: eve@example.com"])
def test_what_is_no_address_is_refused(site: Site, email: str) -> None:
    answer = register(site, email)
    assert answer.status_code == 422
    assert "email" in answer.json["error"]["fields"]
    assert not site.seen.mails


@pytest.mark.parametrize("password", ["", "short", "password1", BOB, "Example Shop 1", "x" * 1025, "\ud800" * 10])
def test_a_weak_password_is_refused_beside_its_field(site: Site, password: str) -> None:
    answer = register(site, password=password)
    assert answer.status_code == 422
    assert list(answer.json["error"]["fields"]) == ["password"]


def test_a_refused_form_shows_the_address_and_not_the_password(site: Site) -> None:
    page = site.browser().post("/auth/register", email=BOB, password="short1")
    assert page.status_code == 422
    assert f'value="{BOB}"' in page.text
    assert "short1" not in page.text
    assert 'aria-describedby="password-error"' in page.text


# -- links


def test_a_link_works_once(site: Site) -> None:
    register(site)
    link, token = site.link, site.token
    site.browser().send("/auth/verify", token=token, password=GOOD)
    assert site.browser().get(link).status_code == 400
    answer = site.browser().send("/auth/verify", token=token, password=GOOD)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "invalid_link")


def test_a_link_is_of_no_use_to_who_does_not_know_the_password(site: Site) -> None:
    register(site)
    token = site.token
    answer = site.browser().send("/auth/verify", token=token, password=BETTER)
    assert answer.status_code == 422
    assert not site.exists(BOB)
    assert site.browser().send("/auth/verify", token=token, password=GOOD).status_code == 200


def test_nobody_gets_an_account_confirmed_that_a_stranger_has_begun(site: Site) -> None:
    register(site, password=BETTER)  # the stranger
    theirs = site.token
    register(site, password=GOOD)  # Bob
    assert site.browser().send("/auth/verify", token=theirs, password=GOOD).status_code == 422
    assert site.browser().send("/auth/verify", token=site.token, password=GOOD).status_code == 200
    late = site.browser().send("/auth/verify", token=theirs, password=BETTER)
    assert (late.status_code, late.json["error"]["code"]) == (409, "taken")
    assert site.browser().login(BOB, BETTER).status_code == 401


def test_the_password_of_a_link_cannot_be_guessed_for_ever(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_THROTTLE={"account": 2}).open()
    register(site)
    codes = [site.browser().send("/auth/verify", token=site.token, password=BETTER).status_code for _ in range(3)]
    assert codes == [422, 422, 429]


# -- without confirmation


def test_without_confirmation_one_is_signed_in_at_once(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_VERIFY=False).open()
    browser = site.browser()
    assert browser.fill("/auth/register", email=BOB, password=GOOD).status_code == 303
    assert browser.who == BOB
    assert site.of(BOB, "verified_at") is None
    assert site.kinds == [("verify", BOB)]
    browser.fill(site.link)
    assert site.of(BOB, "verified_at") is not None
    assert browser.who == BOB


def test_without_confirmation_it_is_said_that_an_address_is_taken(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_VERIFY=False).open(ADA)
    answer = register(site, ADA, BETTER)
    assert answer.status_code == 422
    assert answer.json["error"]["fields"] == {"email": ["There is an account with this address."]}
    assert site.signed_in(ADA, GOOD).who == ADA


# -- addresses of people who are there


def test_who_is_not_confirmed_is_told_so_after_the_password_and_gets_the_link(site: Site) -> None:
    site.add(BOB, verified_at=None)
    assert site.browser().login(BOB, BETTER).status_code == 401
    assert not site.seen.mails
    answer = site.browser().login(BOB, GOOD)
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "unverified")
    browser = site.browser()
    assert browser.send("/auth/verify", token=site.token, password=BETTER).status_code == 422
    assert browser.send("/auth/verify", token=site.token, password=GOOD).status_code == 200
    assert browser.who == BOB


def test_who_is_signed_in_asks_for_the_link_once_more(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_VERIFY=False).open()
    site.add(BOB, verified_at=None)
    browser = site.signed_in(BOB)
    assert browser.send("/auth/verify/send").status_code == 202
    assert browser.send("/auth/verify", token=site.token).status_code == 200
    assert browser.send("/auth/verify/send").json == {"message": "Your address is confirmed already."}
    assert site.browser().send("/auth/verify/send").status_code == 401


@pytest.mark.parametrize("change", ["password", "email", "lock"])
def test_a_link_ends_when_something_has_changed(site: Site, change: str) -> None:
    site.add(BOB, verified_at=None)
    site.browser().login(BOB)
    if change == "password":
        site.do("set_password", BOB, BETTER)
    elif change == "email":
        site.do("save", BOB, email="bobby@example.com")
    else:
        site.do("lock", BOB)
    answer = site.browser().send("/auth/verify", token=site.token, password=GOOD)
    assert answer.json["error"]["code"] == "invalid_link"


# -- one's own fields


class WithName(Register):
    """Asks for a name too."""

    def fields(self, sent: Sent) -> Any:
        """Return the name."""
        return {"name": sent.line("name", missing="Enter your name.")}


class WithNameLater(Register):
    """The same, asynchronous."""

    async def fields(self, sent: Sent) -> Any:
        """Return the name."""
        return {"name": sent.line("name", missing="Enter your name.")}


@pytest.mark.parametrize("flow", [WithName, WithNameLater])
@pytest.mark.parametrize("verify", [True, False])
def test_a_subclass_asks_for_more(make_flow_site: MakeSite, flow: type[Register], verify: bool) -> None:
    site = make_flow_site(AUTH_VERIFY=verify)
    site.auth.flows["register"] = flow
    site.open()
    browser = site.browser()
    answer = browser.send("/auth/register", email=BOB, password=GOOD)
    assert answer.json["error"]["fields"] == {"name": ["Enter your name."]}
    browser.send("/auth/register", email=BOB, password=GOOD, name="Bob")
    if verify:
        browser.send("/auth/verify", token=site.token, password=GOOD)
    assert site.of(BOB, "name") == "Bob"
