"""Confirming an address: by the link that was sent there, and the password that goes with it."""

import hmac
from typing import Any

from ..errors import TakenError
from ..links import Link
from . import proving
from .base import Flow
from .links import dead_link, read_link, use_link, user_of
from .login import is_verified, send_verification
from .sent import Refused
from .services import now


class Verify(Flow):
    """Confirms addresses.

    The link alone is not enough where there is a password: somebody may have registered under another's address, who
    then opens the link and must not confirm the stranger's account.
    """

    name = "verify"
    rule = "/verify"
    template = "auth/verify.html"

    async def get(self) -> Any:
        """Show the form, if the link works; nothing is confirmed by looking at it."""
        link, user = await self._found()
        return await self.page(asks_password=self._asks_password(link, user))

    async def post(self) -> Any:
        """Confirm an address."""
        link, user = await self._found()
        if self._asks_password(link, user):
            await self._check_password(link, user)
        await use_link(self, link)
        if user is None:
            user = await self._make(link)
        elif not is_verified(user):
            await self.accounts.save(user, verified_at=now())
        self.tell("address.verified", user)
        message = "Your address is confirmed."
        if self._is_there(user) or not getattr(user, "password_hash", None):
            return self.done(self.auth.options.after_login, message)
        return await proving.sign_in(self, user, remember=False, to="", method="password", message=message)

    async def context(self) -> dict[str, Any]:
        """Return the token, for the form; and that there is a password, for a form that is shown again."""
        return {"token": token_in(self), "asks_password": True}

    async def _found(self) -> tuple[Link, Any]:
        """Return the link, and the user; ``None`` for one who is yet to be made.

        :raises Refused: it does not work.
        """
        token = token_in(self)
        link = await read_link(self, token, "register")
        if link is not None:
            return link, None
        link = await read_link(self, token, "verify")
        if link is None:
            raise dead_link()
        return link, await user_of(self, link)

    def _is_there(self, user: Any) -> bool:
        """Tell whether a user has signed in, in this browser."""
        known = self.identity.user
        return self.identity.known and hmac.compare_digest(self.manager.id_of(known), self.manager.id_of(user))

    def _asks_password(self, link: Link, user: Any) -> bool:
        return user is None or bool(user.password_hash and not self._is_there(user))

    async def _check_password(self, link: Link, user: Any) -> None:
        password = self.sent.text("password", missing="Enter the password that you have chosen.")
        self.sent.check()
        tries = self.tries("verify", link.key)
        await tries.take()
        if not await self._is_right(link, user, password):
            await tries.failed()
            self.tell("verify.failed", user)
            self.sent.wrong("password", "This is not the password that was chosen with this address.")
            self.sent.check()
        await tries.succeeded()

    async def _is_right(self, link: Link, user: Any, password: str) -> bool:
        if user is not None:
            return await proving.knows_password(self, user, password)
        verdict = await self.driver.block(self.auth.passwords.verify, link.data["password_hash"], password)
        return verdict.ok

    async def _make(self, link: Link) -> Any:
        """Make the account of somebody who has registered."""
        data = link.data
        fields = {**data["fields"], "password_hash": data["password_hash"], "verified_at": now()}
        try:
            return await self.accounts.create(data["email"], **fields)
        except TakenError:
            raise Refused(
                409, "taken", "There is an account with this address by now.", template="auth/refused.html"
            ) from None


class VerifySend(Flow):
    """Sends somebody who has signed in the link once more."""

    name = "verify_send"
    rule = "/verify/send"
    template = "auth/refused.html"
    guarded = True

    async def post(self) -> Any:
        """Send it, unless the address is confirmed."""
        user = self.identity.user
        if is_verified(user):
            return self.done(self.auth.options.after_login, "Your address is confirmed already.")
        await send_verification(self, user)
        return self.done(self.auth.options.after_login, "We have sent you the link.", status=202)


def token_in(flow: Flow) -> str:
    """Return the token of a link: of the form, or of the address that was opened."""
    return flow.sent.text("token") or str(flow.ctx.request.args.get("token", ""))
