"""Changing the password."""

from typing import Any

from . import proving
from .base import Flow


class Password(Flow):
    """Changes the password of somebody who knows the present one (ASVS 5, 6.2.3), and ends all other sessions."""

    name = "password"
    rule = "/password"
    template = "auth/password.html"
    guarded = True

    async def context(self) -> dict[str, Any]:
        """Return what is asked for, and the name that password managers keep the password under."""
        return {**proving.asked(self, always=True), "email": getattr(self.identity.user, "email", "")}

    async def get(self) -> Any:
        """Show the form."""
        return await self.page()

    async def post(self) -> Any:
        """Change it."""
        user = self.identity.user
        password = self.sent.text("password", missing="Choose a new password.")
        if password:
            await self.check_strength(password, user)
        self.sent.check()
        proven = await proving.prove(self, always=True)
        owner = self.accounts.owner_of(user)
        await self.accounts.set_password(user, password, keep=self.identity.credential)
        await self.driver.block(self.services.links.revoke_all, owner)
        proving.renew(self, proven=proven)
        self.mail_user("password_changed", user)
        return self.done(self.next_sent or self.auth.options.after_login, "Your password is changed.")
