"""The second factor: an authenticator app is set up and taken away, and recovery codes are made."""

from typing import Any

from ..signing_in import logout_user
from ..totp import new_secret, qr_svg, uri, verify
from . import proving
from .base import Flow
from .codes import has_second_factor, purpose_of, setup_purpose_of
from .sent import Refused
from .services import now

#: The name in the session of a sealed secret that is being set up.
_WAITING = "_auth_totp"


class _SecondFactor(Flow):
    """What these pages have in common."""

    template = "auth/totp.html"
    guarded = True
    on_page = "totp"

    @property
    def user(self) -> Any:
        """Whose second factor it is."""
        return self.identity.user

    @property
    def owner(self) -> str:
        """What it is filed under."""
        return self.accounts.owner_of(self.user)

    async def context(self) -> dict[str, Any]:
        """Return whether there is one, how many recovery codes are left, and whether the password is asked for."""
        return {**proving.asked(self), **await self.state()}

    async def state(self) -> dict[str, Any]:
        """Return whether there is one, and how many recovery codes are left."""
        on = has_second_factor(self.user)
        return {"on": on, "codes_left": await self.driver.block(self.services.recovery.left, self.owner) if on else 0}

    async def end_others(self, proven: bool) -> None:
        """End all other sessions of somebody whose way of signing in has changed (ASVS 5, 7.4.3)."""
        await self.accounts.end_sessions(self.user, keep=self.identity.credential)
        proving.renew(self, proven=proven)

    async def show_codes(self) -> Any:
        """Make recovery codes in place of those there were, and show them once."""
        codes = await self.driver.block(self.services.recovery.issue, self.owner)
        if self.json:
            return self.done("", recovery_codes=codes)
        return await self.page(template="auth/totp_codes.html", codes=codes, goes_on=self.url("totp"))

    def need_one(self) -> None:
        """Go on only if there is a second factor.

        :raises Refused: there is none: 409.
        """
        if not has_second_factor(self.user):
            raise Refused(409, "totp_off", "No authenticator app is set up.")


class Totp(_SecondFactor):
    """Shows whether there is a second factor, and begins to set one up."""

    name = "totp"
    rule = "/totp"

    async def get(self) -> Any:
        """Show it."""
        return self.done("", **await self.state()) if self.json else await self.page()

    async def post(self) -> Any:
        """Make a secret, which counts as soon as a code of it was typed in."""
        proven = await proving.prove(self)
        if has_second_factor(self.user):
            raise Refused(409, "totp_on", "An authenticator app is set up already. Take it away first.")
        proving.renew(self, proven=proven)
        secret = new_secret()
        sealed = self.auth.sealer.seal(secret, setup_purpose_of(self.owner))
        self.ctx.session[_WAITING] = {"sealed": sealed, "until": now() + proving.SETUP_FOR}
        return self.done(self.url("totp_setup"), **_shown(self, self.user, secret))


class TotpSetup(_SecondFactor):
    """Shows the secret, and takes the first code of it."""

    name = "totp_setup"
    rule = "/totp/setup"
    template = "auth/totp_setup.html"

    async def context(self) -> dict[str, Any]:
        """Return the secret as text and as a QR code."""
        return _shown(self, self.user, self._secret(), with_qr=True)

    async def get(self) -> Any:
        """Show the secret."""
        return await self.page()

    async def post(self) -> Any:
        """Take a code, switch the second factor on, and show the recovery codes."""
        await _switch_on(self, self.user, self._secret())
        del self.ctx.session[_WAITING]
        await self.end_others(proven=False)
        return await self.show_codes()

    def _secret(self) -> str:
        """Return the secret that is being set up in this session.

        :raises Refused: there is none, or it has waited too long: 409.
        """
        waiting = self.ctx.session.get(_WAITING)
        alive = isinstance(waiting, dict) and now() <= waiting["until"] and not has_second_factor(self.user)
        secret = self.auth.sealer.open(waiting["sealed"], setup_purpose_of(self.owner)) if alive else None
        if secret is None:
            raise Refused(
                409, "totp_not_begun", "Please begin once more to set up your app.", template="auth/totp_again.html"
            )
        return secret


class TotpDisable(_SecondFactor):
    """Takes the second factor away from somebody who gives the password, or has just signed in."""

    name = "totp_disable"
    rule = "/totp/disable"

    async def post(self) -> Any:
        """Take it away, with the recovery codes."""
        proven = await proving.prove(self)
        self.need_one()
        await self.accounts.save(self.user, totp_secret=None)
        await self.driver.block(self.services.steps.forget, self.owner)
        await self.driver.block(self.services.recovery.revoke, self.owner)
        await self.end_others(proven)
        self.tell("totp.off", self.user)
        self.mail_user("totp_off", self.user)
        if self.services.demands_second_factor:
            logout_user(realm=self.realm)
            return self.done(self.url("login"), "Sign in again to set up another app.")
        return self.done(self.url("totp"), "Your authenticator app is not asked for any more.")


class TotpCodes(_SecondFactor):
    """Makes new recovery codes for somebody who gives the password, or has just signed in."""

    name = "totp_codes"
    rule = "/totp/codes"

    async def post(self) -> Any:
        """Make them; the old ones are worth nothing any more."""
        proven = await proving.prove(self)
        self.need_one()
        proving.renew(self, proven=proven)
        self.tell("recovery.issued", self.user)
        return await self.show_codes()


class LoginSetup(Flow):
    """Sets up the second factor of somebody who has given the password, where nobody can sign in without one."""

    name = "login_setup"
    rule = "/login/setup"
    template = "auth/totp_setup.html"

    async def context(self) -> dict[str, Any]:
        """Return the secret as text and as a QR code."""
        who, secret = await self._waiting()
        return _shown(self, who.user, secret, with_qr=True)

    async def get(self) -> Any:
        """Show the secret."""
        if not self.json:
            begun = await proving.pending(self) is not None or "login" not in self.services.on
            return await self.page() if begun else self.done(self.url("login"))
        who, secret = await self._waiting()
        return self.done("", **_shown(self, who.user, secret))

    async def post(self) -> Any:
        """Take the first code, sign in, and show the recovery codes."""
        who, secret = await self._waiting()
        user = who.user
        await _switch_on(self, user, secret)
        await self.accounts.end_sessions(user)
        proving.forget_pending(self)
        to = await proving.let_in(self, who._replace(method=f"{who.method}+totp"))
        codes = await self.driver.block(self.services.recovery.issue, self.accounts.owner_of(user))
        if self.json:
            return self.done("", recovery_codes=codes, user=self.user_facts(user), next=to)
        return await self.page(template="auth/totp_codes.html", codes=codes, goes_on=to)

    async def _waiting(self) -> tuple[proving.Pending, str]:
        """Return who has given the password, and the secret.

        :raises Refused: nobody has, or it is too late: 401.
        """
        who = await proving.pending(self)
        owner = self.accounts.owner_of(who.user) if who is not None else ""
        secret = self.auth.sealer.open(who.secret, setup_purpose_of(owner)) if who is not None and who.secret else None
        if who is None or secret is None:
            raise proving.password_first(self)
        return who, secret


async def _switch_on(flow: Flow, user: Any, secret: str) -> None:
    """Take the first code of a secret, and have it asked for from now on.

    :raises Refused: the code is wrong, or there were too many tries.
    """
    sent, block, steps, owner = flow.sent, flow.driver.block, flow.services.steps, flow.accounts.owner_of(user)
    code = sent.line("code", missing="Enter the code that the app shows.")
    sent.check()
    tries = flow.tries("code", flow.manager.id_of(user))
    await tries.take()
    if verify(secret, code) is None:
        await tries.failed()
        sent.wrong("code", "This code is wrong. Check the clock of your device, and enter the next one.")
        sent.check()
    await tries.succeeded()
    await block(steps.forget, owner)
    await block(steps.verify, owner, secret, code)  # this code is used now
    await flow.accounts.save(user, totp_secret=flow.auth.sealer.seal(secret, purpose_of(owner)))
    flow.tell("totp.on", user)
    flow.mail_user("totp_on", user)


def _shown(flow: Flow, user: Any, secret: str, with_qr: bool = False) -> dict[str, Any]:
    address = uri(secret, getattr(user, "email", "") or flow.manager.id_of(user), flow.services.site)
    qr = {"qr": qr_svg(address, "QR code for your authenticator app")} if with_qr else {}
    return {"secret": secret, "uri": address, **qr}
