"""``trivet auth`` where there are ready-made flows: a link for another password, and lost second factors."""

import re
from typing import Any

import pyotp
from click.testing import CliRunner, Result

from trivet_auth.command import make_command

from .flow_fixtures import MakeSite
from .flow_site import ADA, BETTER, BOB, Site


def run(site: Site, *args: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(make_command(site.app), args, catch_exceptions=False)


def refused(site: Site, *args: str) -> str:
    """Run one that fails, and return what it says."""
    result = run(site, *args)
    assert result.exit_code == 1, result.output
    return result.output


# -- a link


def test_an_administrator_has_the_link_sent(site: Site) -> None:
    browser = site.signed_in()
    result = run(site, "send-reset", ADA)
    assert (result.exit_code, result.output) == (0, f"{ADA}: the link is sent\n")
    assert site.kinds == [("reset", ADA)]
    assert (browser.who, site.signed_in().who) == (ADA, ADA)  # nothing has changed by that
    [token] = re.findall(r"token=(\S+)", site.mail.text)
    assert site.browser().send("/auth/reset", token=token, password=BETTER).status_code == 200
    assert site.signed_in(password=BETTER).who == ADA
    assert "reset.asked" in [event.name for event in site.seen.events]


def test_a_link_is_sent_to_nobody_who_is_not_there_or_is_locked(site: Site) -> None:
    assert "There is no account 'bob@example.com'" in refused(site, "send-reset", BOB)
    run(site, "lock", ADA)
    assert "Unlock the account first: trivet auth unlock ada@example.com" in refused(site, "send-reset", ADA)
    assert not site.seen.mails


def test_a_link_needs_the_flow_to_which_it_leads(make_flow_site: MakeSite) -> None:
    site = make_flow_site(AUTH_FLOWS=["login"], AUTH_REALMS={"staff": {}}).open(ADA)
    assert '[auth] flows = ["login", "forgot"]' in refused(site, "send-reset", ADA)
    assert "for the realm 'staff'" in refused(site, "send-reset", ADA, "--realm", "staff")


class Refusing(list[Any]):
    """Mails that nobody takes."""

    def append(self, mail: Any) -> None:
        """Refuse it, and say more than may be repeated."""
        raise ConnectionRefusedError(111, mail.text)


def test_a_mail_that_cannot_be_sent_is_an_error_without_the_link(site: Site) -> None:
    site.seen.mails = Refusing()
    said = refused(site, "send-reset", ADA)
    assert "The mail could not be sent: ConnectionRefusedError 111." in said
    assert "token=" not in said


# -- second factors


def test_who_has_lost_the_second_factor_is_freed_of_it(site: Site) -> None:
    browser = site.signed_in()
    secret = browser.send("/auth/totp").json["secret"]
    codes = browser.send("/auth/totp/setup", code=pyotp.TOTP(secret).now()).json["recovery_codes"]
    assert site.browser().login().status_code == 202
    result = run(site, "remove-second-factor", ADA)
    assert (result.exit_code, "the second factor is taken away" in result.output) == (0, True)
    assert browser.who == "nobody"
    assert site.signed_in().who == ADA
    assert site.of(ADA, "totp_secret") is None
    recovery = site.app.extensions["trivet_auth.flows"].recovery
    assert not recovery.use(f"default:{site.of(ADA, 'id')}", codes[0])


def test_who_has_no_second_factor_cannot_lose_it(site: Site) -> None:
    assert f"{ADA} has no second factor." in refused(site, "remove-second-factor", ADA)
