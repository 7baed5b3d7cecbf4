"""A forgotten password: asking for a link by mail, and choosing another password with it."""

from typing import Any, ClassVar

from ..links import Link
from . import links
from .base import Flow
from .login import is_verified
from .registering import address_in
from .services import now, state_of
from .verify import token_in


class Forgot(Flow):
    """Sends the link. The answer is the same whether or not there is an account, and takes as long."""

    name = "forgot"
    rule = "/forgot"
    template = "auth/forgot.html"
    shown: ClassVar[tuple[str, ...]] = ("email",)

    async def get(self) -> Any:
        """Show the form."""
        return await self.page()

    async def post(self) -> Any:
        """Send a mail, if there is somebody to send it to."""
        email = address_in(self, "email")
        self.sent.check()
        await self.count_mail(email)
        user = await self.accounts.find(email)
        known = user is not None and user.is_active
        owner, state = (self.accounts.owner_of(user), state_of(user)) if known else ("", "")
        # For nobody it is made too, because making it takes its time; it leads nowhere.
        token = await self.driver.block(self.services.links.issue, "reset", owner, state)
        # To the address that is kept: the one that was typed may only look like it.
        to = user.email if known else email
        self.mail("reset", to, sends=known, link=self.link_to("reset", token))
        self.tell("reset.asked", user)
        message = "If there is an account with this address, we have sent a mail there."
        return self.done(self.url("forgot"), message, status=202)


class Reset(Flow):
    """Takes another password from somebody who has the link."""

    name = "reset"
    rule = "/reset"
    template = "auth/reset.html"

    async def context(self) -> dict[str, Any]:
        """Return the token, for the form."""
        return {"token": token_in(self)}

    async def get(self) -> Any:
        """Show the form, if the link works."""
        await self._found()
        return await self.page()

    async def post(self) -> Any:
        """Change the password; all sessions end, and a second factor stays."""
        link, user = await self._found()
        password = self.sent.text("password", missing="Choose a password.")
        if password:
            await self.check_strength(password, user)
        self.sent.check()
        await links.use_link(self, link)
        await self.accounts.set_password(user, password)
        if not is_verified(user):  # the mail has reached them
            await self.accounts.save(user, verified_at=now())
        await self.driver.block(self.services.links.revoke_all, link.owner)
        self.mail_user("password_changed", user)
        to = self.url("login") if "login" in self.services.on else self.auth.options.after_login
        return self.done(to, "Your password is changed. Please sign in.")

    async def _found(self) -> tuple[Link, Any]:
        link = await links.read_link(self, token_in(self), "reset")
        if link is None:
            raise links.dead_link()
        return link, await links.user_of(self, link)
