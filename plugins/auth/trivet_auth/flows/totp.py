"""The second factor: an authenticator app is set up and taken away, and recovery codes are made."""

from typing import Any

from ..totp import new_secret, qr_svg, uri, verify
from . import proving
from .base import Flow
from .codes import has_second_factor, purpose_of
from .sent import Refused
from .services import now

#: Seconds for which a secret waits for its first code.
SETUP_FOR = 900.0
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
        return await self.page(template="auth/totp_codes.html", codes=codes)

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
        sealed = self.auth.sealer.seal(secret, _purpose(self.owner))
        self.ctx.session[_WAITING] = {"sealed": sealed, "until": now() + SETUP_FOR}
        return self.done(self.url("totp_setup"), **_shown(self, secret))


class TotpSetup(_SecondFactor):
    """Shows the secret, and takes the first code of it."""

    name = "totp_setup"
    rule = "/totp/setup"
    template = "auth/totp_setup.html"

    async def context(self) -> dict[str, Any]:
        """Return the secret as text and as a QR code."""
        shown = _shown(self, self._secret())
        return {**shown, "qr": qr_svg(shown["uri"], "QR code for your authenticator app")}

    async def get(self) -> Any:
        """Show the secret."""
        return await self.page()

    async def post(self) -> Any:
        """Take a code, switch the second factor on, and show the recovery codes."""
        secret = self._secret()
        code = self.sent.line("code", missing="Enter the code that the app shows.")
        self.sent.check()
        tries = self.tries("code", self.manager.id_of(self.user))
        await tries.take()
        if verify(secret, code) is None:
            await tries.failed()
            self.sent.wrong("code", "This code is wrong. Check the clock of your device, and enter the next one.")
            self.sent.check()
        await tries.succeeded()
        await self._switch_on(secret, code)
        return await self.show_codes()

    async def _switch_on(self, secret: str, code: str) -> None:
        block, steps, owner = self.driver.block, self.services.steps, self.owner
        del self.ctx.session[_WAITING]
        await block(steps.forget, owner)
        await block(steps.verify, owner, secret, code)  # this code is used now
        await self.accounts.save(self.user, totp_secret=self.auth.sealer.seal(secret, purpose_of(owner)))
        await self.end_others(proven=False)
        self.tell("totp.on", self.user)
        self.mail_user("totp_on", self.user)

    def _secret(self) -> str:
        """Return the secret that is being set up in this session.

        :raises Refused: there is none, or it has waited too long: 409.
        """
        waiting = self.ctx.session.get(_WAITING)
        alive = isinstance(waiting, dict) and now() <= waiting["until"] and not has_second_factor(self.user)
        secret = self.auth.sealer.open(waiting["sealed"], _purpose(self.owner)) if alive else None
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


def _purpose(owner: str) -> str:
    return f"totp-setup:{owner}"


def _shown(flow: _SecondFactor, secret: str) -> dict[str, Any]:
    email = getattr(flow.user, "email", "") or flow.manager.id_of(flow.user)
    return {"secret": secret, "uri": uri(secret, email, flow.services.site)}
