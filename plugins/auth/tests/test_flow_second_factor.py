"""Where nobody signs in without a second factor: it is set up on the way, and without it nobody is known."""

from typing import Any

import pyotp
import pytest

from trivet_auth import AuthConfigError, login_user

from .flow_fixtures import EVERYWHERE, App, Clock, MakeSite
from .flow_site import ADA, BETTER, GOOD, Browser, Site

KINDS = pytest.mark.parametrize("sessions", ["cookie", "server"])
JSON = {"Accept": "application/json"}


@pytest.fixture
def strict(make_flow_site: MakeSite, clock: Clock) -> Site:
    """A site where everybody needs a second factor, and Ada has none yet."""
    return begun(make_flow_site(AUTH_SECOND_FACTOR="required"), clock)


def begun(site: Site, clock: Clock) -> Site:
    """End the setup of a site, and set the clock of its codes."""
    site.open(ADA)
    site.app.extensions["trivet_auth.flows"].steps._clock = clock
    return site


def shown(browser: Browser, clock: Clock) -> App:
    """Return an app that has the secret which a browser is shown."""
    return App(browser.get("/auth/login/setup", headers=JSON).json["secret"], clock)


@EVERYWHERE
@KINDS
def test_who_has_no_second_factor_sets_one_up_to_sign_in(make_flow_site: MakeSite, clock: Clock, sessions: str) -> None:
    site = begun(make_flow_site(AUTH_SECOND_FACTOR="required", AUTH_SESSIONS=sessions), clock)
    browser = site.browser()
    answer = browser.fill("/auth/login?next=/private", email=ADA, password=GOOD)
    assert (answer.status_code, answer.location) == (303, "/auth/login/setup")
    assert browser.who == "nobody"
    assert "<svg" in browser.get("/auth/login/setup").text
    app = shown(browser, clock)
    page = browser.fill("/auth/login/setup", code=app.code())
    assert (page.status_code, page.text.count("<li><code>"), '<a href="/private">' in page.text) == (200, 10, True)
    assert browser.who == ADA
    assert site.kinds == [("totp_on", ADA)]
    again = site.browser()
    assert again.login().json["second_factor"] == ["totp", "recovery"]
    assert again.send("/auth/login/code", code=app.code()).status_code == 200


def test_programs_are_told_the_same(strict: Site, clock: Clock) -> None:
    browser = strict.browser()
    answer = browser.login()
    assert (answer.status_code, answer.json) == (202, {"second_factor": ["setup"], "next": "/auth/login/setup"})
    app = shown(browser, clock)
    answer = browser.send("/auth/login/setup", code=app.code())
    assert len(answer.json.pop("recovery_codes")) == 10
    assert (answer.json["user"]["email"], answer.json["next"], browser.who) == (ADA, "/", ADA)


def test_a_wrong_code_signs_nobody_in(strict: Site, clock: Clock) -> None:
    browser = strict.browser()
    browser.login()
    assert browser.fill("/auth/login/setup", code="000000").status_code == 422
    assert (browser.who, strict.of(ADA, "totp_secret")) == ("nobody", None)
    assert browser.send("/auth/login/setup", code=shown(browser, clock).code()).status_code == 200


def test_codes_are_not_guessed(make_flow_site: MakeSite, clock: Clock) -> None:
    site = begun(make_flow_site(AUTH_SECOND_FACTOR="required", AUTH_THROTTLE={"account": 2}), clock)
    browser = site.browser()
    browser.login()
    assert [browser.send("/auth/login/setup", code="000000").status_code for _ in range(3)] == [422, 422, 429]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_has_given_no_password_is_shown_nothing(strict: Site, method: str) -> None:
    browser = strict.browser()
    answer = browser.client.open("/auth/login/setup", method=method, headers=JSON)
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "password_first")


def test_it_has_to_be_done_in_a_quarter_of_an_hour(strict: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = strict.browser()
    browser.login()
    app = shown(browser, clock)
    monkeypatch.setattr("trivet_auth.flows.proving.SETUP_FOR", -1.0)
    late = strict.browser()
    late.login()
    assert late.get("/auth/login/setup", headers=JSON).status_code == 401
    assert browser.send("/auth/login/setup", code=app.code()).status_code == 200


def test_another_password_ends_what_was_begun(strict: Site, clock: Clock) -> None:
    browser = strict.browser()
    browser.login()
    app = shown(browser, clock)
    strict.do("set_password", ADA, BETTER)
    assert browser.send("/auth/login/setup", code=app.code()).status_code == 401
    assert (browser.who, strict.of(ADA, "totp_secret")) == ("nobody", None)


def test_who_has_one_is_not_shown_how_to_set_one_up(strict: Site, clock: Clock) -> None:
    browser = strict.browser()
    browser.login()
    browser.send("/auth/login/setup", code=shown(browser, clock).code())
    again = strict.browser()
    again.login()
    assert again.get("/auth/login/setup", headers=JSON).status_code == 401


def test_the_page_for_codes_is_not_for_who_has_no_second_factor(strict: Site) -> None:
    browser = strict.browser()
    browser.login()
    assert browser.get("/auth/login/code").location == "/auth/login"
    assert browser.send("/auth/login/code", code="000000").status_code == 401


# -- other ways


def test_nobody_without_one_is_known_by_a_session_from_before(make_flow_site: MakeSite) -> None:
    site = make_flow_site().open(ADA)
    browser = site.signed_in(remember=True)
    site.auth.strict_realm = "default"
    assert browser.who == "nobody"
    browser.client.delete_cookie("session")
    assert browser.who == "nobody"
    assert browser.client.get_cookie("remember_token") is None


def test_nobody_without_one_is_signed_in_by_code(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_SECOND_FACTOR="required")

    @site.app.post("/by-code")
    def by_code() -> str:
        from trivet_auth import accounts

        return str(login_user(accounts.find(site.auth, "default", ADA)))

    site.open(ADA)
    browser = site.browser()
    browser.client.post("/by-code")
    assert browser.who == "nobody"


def test_who_takes_it_away_signs_in_again(strict: Site, clock: Clock) -> None:
    browser = strict.browser()
    browser.login()
    browser.send("/auth/login/setup", code=shown(browser, clock).code())
    assert browser.send("/auth/totp/disable").json == {"message": "Sign in again to set up another app."}
    assert browser.who == "nobody"
    assert browser.login().json["second_factor"] == ["setup"]


def test_without_the_flows_that_it_takes_it_is_an_error(make_memory_site: MakeSite) -> None:
    with pytest.raises(AuthConfigError, match=r'needs the flows .* flows = \["login", "totp"\]'):
        make_memory_site(AUTH_SECOND_FACTOR="required", AUTH_FLOWS=["login"]).open()


def test_the_secret_in_the_cookie_cannot_be_read(strict: Site, clock: Clock) -> None:
    browser = strict.browser()
    browser.login()
    secret: Any = browser.get("/auth/login/setup", headers=JSON).json["secret"]
    assert pyotp.TOTP(secret).now()
    assert secret not in browser.client.get_cookie("session").value
