"""Changing the address: confirmed by a link that is sent to the new one, and told to the old one."""

from typing import Any, ClassVar

from ..errors import TakenError
from ..links import Link
from . import links, proving
from .base import Flow
from .registering import address_in
from .sent import Refused
from .services import now, state_of
from .verify import token_in


class Email(Flow):
    """Sends the link to the new address; nothing is changed by that, or tells whether it is another account's."""

    name = "email"
    rule = "/email"
    template = "auth/email.html"
    guarded = True
    shown: ClassVar[tuple[str, ...]] = ("email",)

    async def context(self) -> dict[str, Any]:
        """Return the present address, and whether the password is asked for."""
        return {"present": self.identity.user.email, **proving.asked(self)}

    async def get(self) -> Any:
        """Show the form."""
        return await self.page()

    async def post(self) -> Any:
        """Send the link."""
        user = self.identity.user
        email = address_in(self, "email")
        if email == user.email:
            self.sent.wrong("email", "This is your address already.")
        self.sent.check()
        if await proving.prove(self):
            proving.renew(self, proven=True)
        await self.count_mail(email)
        other = await self.accounts.find(email)
        owner, issue = self.accounts.owner_of(user), self.services.links.issue
        token = await self.driver.block(issue, "email", owner, state_of(user), {"email": email})
        if other is None:
            self.mail("email", email, link=self.link_to("email_confirm", token))
        else:
            self.mail("taken", other.email, link="")
        self.tell("email.asked", user)
        message = "We have sent a mail to the new address. Open the link in it while you are signed in here."
        return self.done(self.url("email"), message, status=202)


class EmailConfirm(Flow):
    """Changes the address of somebody who has the link, and has signed in: a wrong address may be a stranger's."""

    name = "email_confirm"
    rule = "/email/confirm"
    template = "auth/email_confirm.html"
    guarded = True

    async def context(self) -> dict[str, Any]:
        """Return the token, for the form, and the new address."""
        link = await self._found()
        return {"token": token_in(self), "email": link.data["email"]}

    async def get(self) -> Any:
        """Show the form, if the link works."""
        return await self.page()

    async def post(self) -> Any:
        """Change the address, and end all other sessions."""
        user, link = self.identity.user, await self._found()
        before, email = user.email, link.data["email"]
        await links.use_link(self, link)
        verified = {"verified_at": now()} if hasattr(user, "verified_at") else {}
        try:
            await self.accounts.save(user, email=email, **verified)
        except TakenError:
            raise Refused(
                409, "taken", "There is another account with this address.", template="auth/refused.html"
            ) from None
        await self.accounts.end_sessions(user, keep=self.identity.credential)
        await self.driver.block(self.services.links.revoke_all, link.owner)
        proving.renew(self, proven=False)
        self.tell("email.changed", user)
        self.mail("email_changed", before)
        return self.done(self.auth.options.after_login, "Your address is changed.", user=self.user_facts(user))

    async def _found(self) -> Link:
        link = await links.read_link(self, token_in(self), "email")
        user = self.identity.user
        if link is None or link.owner != self.accounts.owner_of(user) or not link.is_for(state_of(user)):
            raise links.dead_link()
        return link
