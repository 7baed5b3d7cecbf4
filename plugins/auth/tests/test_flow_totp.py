"""The second factor: set up, asked for, used once, and taken away."""

import re
from typing import Any

import pyotp
import pytest

from trivet_auth.flows import proving
from trivet_auth.flows.services import now

from .flow_at_once import send_at_once
from .flow_fixtures import EVERYWHERE, App, Clock, MakeSite
from .flow_site import ADA, BETTER, GOOD, Browser, Site

KINDS = pytest.mark.parametrize("sessions", ["cookie", "server"])


def set_up(browser: Browser, clock: Clock) -> tuple[App, list[str]]:
    """Set an app up by JSON; return it and the recovery codes."""
    shown = browser.send("/auth/totp").json
    app = App(shown["secret"], clock)
    return app, browser.send("/auth/totp/setup", code=app.code()).json["recovery_codes"]


def ready(site: Site, clock: Clock) -> tuple[App, list[str]]:
    """Set an app up for Ada."""
    site.app.extensions["trivet_auth.flows"].steps._clock = clock
    return set_up(site.signed_in(), clock)


def first_step(site: Site, **more: Any) -> Browser:
    """Return a browser in which Ada has given her password."""
    browser = site.browser()
    answer = browser.login(**more)
    assert (answer.status_code, answer.json) == (
        202,
        {"second_factor": ["totp", "recovery"], "next": "/auth/login/code"},
    )
    return browser


# -- setting up


@EVERYWHERE
@KINDS
def test_an_app_is_set_up_with_its_first_code(make_flow_site: MakeSite, sessions: str, clock: Clock) -> None:
    site = make_flow_site(AUTH_SESSIONS=sessions).open(ADA)
    site.app.extensions["trivet_auth.flows"].steps._clock = clock
    browser, other = site.signed_in(), site.signed_in()
    answer = browser.fill("/auth/totp")
    assert answer.location == "/auth/totp/setup"
    page = browser.follow(answer).text
    [secret] = re.findall(r"<code>([A-Z2-7]{32})</code>", page)
    assert "<svg" in page
    assert "style=" not in page
    assert 'autocomplete="one-time-code"' in page
    assert site.of(ADA, "totp_secret") is None
    before = browser.client.get_cookie("session").value
    done = browser.fill("/auth/totp/setup", code=App(secret, clock).code())
    assert len(re.findall(r"<code>[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}</code>", done.text)) == 10
    assert secret not in (site.of(ADA, "totp_secret") or "")
    assert browser.client.get_cookie("session").value != before
    assert (browser.who, other.who) == (ADA, "nobody")
    assert site.kinds == [("totp_on", ADA)]


def test_the_first_code_has_to_be_right(site: Site, clock: Clock) -> None:
    browser = site.signed_in()
    browser.send("/auth/totp")
    answer = browser.send("/auth/totp/setup", code="000000")
    assert list(answer.json["error"]["fields"]) == ["code"]
    assert site.of(ADA, "totp_secret") is None
    page = browser.fill("/auth/totp/setup", code="12345")
    assert page.status_code == 422
    assert "<svg" in page.text


def test_the_page_of_a_set_up_that_was_not_begun_says_so(site: Site) -> None:
    browser = site.signed_in()
    assert browser.get("/auth/totp/setup").status_code == 409
    assert browser.send("/auth/totp/setup", code="000000").json["error"]["code"] == "totp_not_begun"


def test_a_secret_waits_for_its_first_code_for_some_minutes_only(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = site.signed_in()
    browser.send("/auth/totp")
    later = now() + 901
    monkeypatch.setattr("trivet_auth.flows.totp.now", lambda: later)
    assert browser.get("/auth/totp/setup").status_code == 409


def test_an_app_cannot_be_set_up_over_another(site: Site, clock: Clock) -> None:
    site.app.extensions["trivet_auth.flows"].steps._clock = clock
    browser = site.signed_in()
    set_up(browser, clock)
    before = site.of(ADA, "totp_secret")
    assert browser.send("/auth/totp").json["error"]["code"] == "totp_on"
    assert browser.send("/auth/totp/setup", code="000000").json["error"]["code"] == "totp_not_begun"
    assert site.of(ADA, "totp_secret") == before


def test_who_has_not_just_signed_in_gives_the_password(site: Site) -> None:
    browser = site.signed_in(remember=True)
    browser.client.delete_cookie("session")
    assert list(browser.send("/auth/totp").json["error"]["fields"]) == ["current_password"]
    assert browser.send("/auth/totp", current_password=GOOD).status_code == 200


@EVERYWHERE
def test_who_has_not_just_signed_in_gives_a_code_too(make_flow_site: MakeSite, clock: Clock) -> None:
    site = make_flow_site(AUTH_SESSIONS="server").open(ADA)
    app, codes = ready(site, clock)
    browser = site.browser()
    browser.login(remember=True)
    browser.send("/auth/login/code", code=app.code())
    browser.client.delete_cookie("session")

    def fields(**sent: str) -> list[str]:
        return sorted(browser.send("/auth/totp/codes", **sent).json["error"]["fields"])

    assert fields() == ["current_code", "current_password"]
    assert fields(current_password=GOOD) == ["current_code"]
    assert fields(current_password=GOOD, current_code="000000") == ["current_code"]
    assert fields(current_password="wrong", current_code=app.code()) == ["current_password"]
    assert "code.wrong" in [event.name for event in site.seen.events]
    page = browser.get("/auth/totp").text
    assert page.count('name="current_code"') == page.count('name="current_password"') == 2
    assert browser.send("/auth/totp/codes", current_password=GOOD, current_code=codes[0]).status_code == 200
    assert browser.send("/auth/totp/disable").status_code == 200  # it has been proved just now


def test_a_code_is_used_up_by_proving_who_one_is(site: Site, clock: Clock) -> None:
    app, _ = ready(site, clock)
    browser = site.browser()
    browser.login(remember=True)
    browser.send("/auth/login/code", code=app.code())
    browser.client.delete_cookie("session")
    code = app.code()
    assert browser.send("/auth/totp/codes", current_password=GOOD, current_code=code).status_code == 200
    browser.client.delete_cookie("session")
    answer = browser.send("/auth/totp/codes", current_password=GOOD, current_code=code)
    assert list(answer.json["error"]["fields"]) == ["current_code"]


# -- signing in


@EVERYWHERE
@KINDS
def test_a_code_is_asked_for_after_the_password(make_flow_site: MakeSite, sessions: str, clock: Clock) -> None:
    site = make_flow_site(AUTH_SESSIONS=sessions).open(ADA)
    app, _ = ready(site, clock)
    browser = site.browser()
    answer = browser.fill("/auth/login?next=/private", email=ADA, password=GOOD)
    assert (answer.status_code, answer.location) == (303, "/auth/login/code")
    assert browser.who == "nobody"
    assert browser.get("/private").status_code == 302
    answer = browser.fill("/auth/login/code", code=app.code())
    assert (answer.status_code, answer.location) == (303, "/private")
    assert browser.who == ADA


def test_a_wrong_code_signs_nobody_in(site: Site, clock: Clock) -> None:
    ready(site, clock)
    browser = first_step(site)
    for code in ("000000", "", "12 34", "x" * 5000, "\ud800"):
        assert browser.send("/auth/login/code", code=code).status_code == 422
        assert browser.who == "nobody"


def test_a_code_is_right_once(site: Site, clock: Clock) -> None:
    app, _ = ready(site, clock)
    code = app.code()
    assert first_step(site).send("/auth/login/code", code=code).status_code == 200
    assert first_step(site).send("/auth/login/code", code=code).status_code == 422


def test_the_code_of_the_set_up_does_not_sign_in(site: Site, clock: Clock) -> None:
    app, _ = ready(site, clock)
    assert first_step(site).send("/auth/login/code", code=app._codes.at(int(clock.now))).status_code == 422


def test_a_recovery_code_signs_in_once_and_is_told_of(site: Site, clock: Clock) -> None:
    _, codes = ready(site, clock)
    browser = first_step(site)
    page = browser.get("/auth/login/code?recovery=1").text
    assert "Recovery code" in page
    assert browser.fill("/auth/login/code?recovery=1", code=codes[0].lower()).status_code == 303
    assert browser.who == ADA
    assert site.kinds[-1] == ("recovery_used", ADA)
    assert "9 of your codes are left" in site.mail.text
    assert first_step(site).send("/auth/login/code", code=codes[0]).status_code == 422


def test_of_many_who_use_one_code_at_once_one_is_signed_in(make_memory_site: MakeSite, clock: Clock) -> None:
    site = make_memory_site(AUTH_THROTTLE={"account": 50}).open(ADA)
    app, codes = ready(site, clock)
    for code in (app.code(), codes[0]):
        browsers = [first_step(site) for _ in range(5)]
        assert sorted(send_at_once(browsers, "/auth/login/code", code=code)) == [200, 422, 422, 422, 422]


def test_codes_cannot_be_guessed(make_flow_site: MakeSite, clock: Clock) -> None:
    site = make_flow_site(AUTH_THROTTLE={"account": 3}).open(ADA)
    app, _ = ready(site, clock)
    browser = first_step(site)
    codes = [browser.send("/auth/login/code", code="000000").status_code for _ in range(4)]
    assert codes == [422, 422, 422, 429]
    assert first_step(site).send("/auth/login/code", code=app.code()).status_code == 429


def test_nobody_gets_to_the_second_step_without_the_first(site: Site, clock: Clock) -> None:
    app, _ = ready(site, clock)
    assert site.browser().get("/auth/login/code").location == "/auth/login"
    answer = site.browser().send("/auth/login/code", code=app.code())
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "password_first")


@pytest.mark.parametrize("change", ["time", "password", "lock"])
def test_the_second_step_ends(site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    app, _ = ready(site, clock)
    browser = first_step(site)
    if change == "time":
        later = now() + 301
        monkeypatch.setattr(proving, "now", lambda: later)
    elif change == "password":
        site.do("set_password", ADA, BETTER)
    else:
        site.do("lock", ADA)
    assert browser.send("/auth/login/code", code=app.code()).json["error"]["code"] == "password_first"
    assert browser.who == "nobody"


def test_a_browser_is_remembered_after_the_second_step_only(site: Site, clock: Clock) -> None:
    app, _ = ready(site, clock)
    browser = first_step(site, remember=True)
    assert browser.client.get_cookie("remember_token") is None
    browser.send("/auth/login/code", code=app.code())
    browser.client.delete_cookie("session")
    assert browser.who == ADA


def test_a_remembered_browser_can_sign_in_again(site: Site, clock: Clock) -> None:
    app, _ = ready(site, clock)
    browser = first_step(site, remember=True)
    browser.send("/auth/login/code", code=app.code())
    browser.client.delete_cookie("session")
    assert browser.get("/how").json["method"] == "remember"
    assert browser.login().status_code == 202
    assert browser.who == "nobody"
    assert browser.send("/auth/login/code", code=app.code()).status_code == 200
    assert browser.who == ADA


def test_another_password_by_mail_does_not_get_around_it(site: Site, clock: Clock) -> None:
    ready(site, clock)
    site.browser().send("/auth/forgot", email=ADA)
    browser = site.browser()
    browser.send("/auth/reset", token=site.token, password=BETTER)
    assert browser.who == "nobody"
    assert browser.login(ADA, BETTER).status_code == 202


def test_a_secret_that_cannot_be_read_any_more_leaves_the_recovery_codes(site: Site, clock: Clock) -> None:
    _, codes = ready(site, clock)
    site.do("save", ADA, totp_secret="gAAAAA-not-ours")
    browser = first_step(site)
    assert browser.send("/auth/login/code", code="000000").status_code == 422
    assert site.happened("totp.unreadable")
    assert browser.send("/auth/login/code", code=codes[0]).status_code == 200


def test_it_is_asked_for_where_the_flow_that_sets_it_up_is_off(
    make_memory_site: MakeSite, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_memory_site(AUTH_FLOWS=["login"]).open()
    secret = pyotp.random_base32()
    site.add(ADA, totp_secret=site.auth.sealer.seal(secret, "totp:default:1"))
    site.app.extensions["trivet_auth.flows"].steps._clock = clock
    browser = first_step(site)
    assert browser.send("/auth/login/code", code=App(secret, clock).code()).status_code == 200


# -- afterwards


def test_new_recovery_codes_take_the_place_of_the_old_ones(site: Site, clock: Clock) -> None:
    site.app.extensions["trivet_auth.flows"].steps._clock = clock
    browser = site.signed_in()
    _, old = set_up(browser, clock)
    new = browser.send("/auth/totp/codes").json["recovery_codes"]
    assert not set(old) & set(new)
    assert first_step(site).send("/auth/login/code", code=old[0]).status_code == 422
    assert first_step(site).send("/auth/login/code", code=new[0]).status_code == 200


@KINDS
def test_it_is_taken_away_and_other_sessions_end(make_flow_site: MakeSite, sessions: str, clock: Clock) -> None:
    site = make_flow_site(AUTH_SESSIONS=sessions).open(ADA)
    site.app.extensions["trivet_auth.flows"].steps._clock = clock
    browser = site.signed_in()
    app, codes = set_up(browser, clock)
    other = first_step(site)
    other.send("/auth/login/code", code=app.code())
    assert browser.fill("/auth/totp", _form=1).location == "/auth/totp"
    assert (browser.who, other.who) == (ADA, "nobody")
    assert site.kinds[-1] == ("totp_off", ADA)
    assert site.signed_in().who == ADA
    assert browser.send("/auth/totp/codes").json["error"]["code"] == "totp_off"
    assert not site.app.extensions["trivet_auth.flows"].recovery.use(f"default:{site.of(ADA, 'id')}", codes[0])


@pytest.mark.parametrize("path", ["/auth/totp/disable", "/auth/totp/codes"])
def test_a_remembered_browser_alone_is_not_enough(site: Site, clock: Clock, path: str) -> None:
    app, _ = ready(site, clock)
    browser = first_step(site, remember=True)
    browser.send("/auth/login/code", code=app.code())
    browser.client.delete_cookie("session")
    assert sorted(browser.send(path).json["error"]["fields"]) == ["current_code", "current_password"]
    assert browser.send(path, current_password=BETTER, current_code=app.code()).status_code == 422
    assert browser.send(path, current_password=GOOD, current_code=app.code()).status_code == 200


def test_the_page_says_how_it_is(site: Site, clock: Clock) -> None:
    site.app.extensions["trivet_auth.flows"].steps._clock = clock
    browser = site.signed_in()
    headers = {"Accept": "application/json"}
    assert browser.get("/auth/totp", headers=headers).json == {"on": False, "codes_left": 0}
    set_up(browser, clock)
    assert browser.get("/auth/totp", headers=headers).json == {"on": True, "codes_left": 10}
    assert "10 recovery codes left" in browser.get("/auth/totp").text
