"""One's sessions: a list of them, an end to one, and signing out everywhere."""

from typing import Any

from ..signing_in import logout_user
from . import proving
from .base import Flow
from .sent import Refused


class _SessionList(Flow):
    """What the page shows."""

    template = "auth/sessions.html"
    guarded = True

    async def context(self) -> dict[str, Any]:
        """Return the sessions; those in signed cookies are not known one by one."""
        listed = self.auth.options.sessions == "server"
        found = await self.accounts.sessions(self.identity.user) if listed else []
        own = self.identity.credential
        shown = [{**one._asdict(), "present": one.id == own} for one in found]
        return {"listed": listed, "sessions": shown}

    async def page(self, status: int = 200, template: str = "", **names: Any) -> Any:
        """Return the page, which asks for the password if that is needed to end something."""
        return await super().page(status, template, **proving.asked(self), **names)


class Sessions(_SessionList):
    """Lists the sessions of the person who asks, and ends them all."""

    name = "sessions"
    rule = "/sessions"

    async def get(self) -> Any:
        """Show them."""
        return self.done("", **await self.context()) if self.json else await self.page()

    async def post(self) -> Any:
        """End all sessions and remembered browsers; with ``others`` all but this one (ASVS 5, 7.5.2)."""
        user, proven = self.identity.user, await proving.prove(self)
        if self.sent.flag("others"):
            await self.accounts.end_sessions(user, keep=self.identity.credential)
            proving.renew(self, proven=proven)
            return self.done(self.url("sessions"), "You are signed in here only.")
        await self.accounts.end_sessions(user)
        logout_user(realm=self.realm)
        return self.done(self.auth.options.after_logout, "You have signed out everywhere.")

    delete = post


class Session(_SessionList):
    """Ends one session."""

    name = "session"
    on_page = "sessions"
    rule = "/sessions/<id>"

    async def post(self, id: str) -> Any:
        """End it. Other browsers that are remembered have to sign in again when their sessions end, this one too."""
        user = self.identity.user
        if id == self.identity.credential:
            logout_user(realm=self.realm)
            return self.done(self.auth.options.after_logout, "You have signed out.")
        if await proving.prove(self):
            proving.renew(self, proven=True)
        if not await self.accounts.end_session(user, id):
            raise Refused(404, "not_found", "There is no such session any more.")
        # A remembered browser would begin another session; which one belongs to this session is not known.
        remember, own = self.auth.remember, self.manager.remember_cookie(self.ctx)
        await self.driver.block(remember.revoke_all, self.accounts.owner_of(user), own)
        return self.done(self.url("sessions"), "The session is ended.")

    delete = post
