"""Signing out."""

from typing import Any

from ..signing_in import logout_user
from .base import Flow


class Logout(Flow):
    """Signs people out: by a form, so that no page of another site can do it, nor a browser that looks ahead."""

    name = "logout"
    rule = "/logout"
    template = "auth/logout.html"

    async def get(self) -> Any:
        """Show the button."""
        return await self.page()

    async def post(self) -> Any:
        """Sign out; who has not signed in is out already."""
        logout_user(realm=self.realm)
        return self.done(self.next_sent or self.auth.options.after_logout, "You have signed out.")
