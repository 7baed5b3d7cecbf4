"""Signing in: the password, and then the second factor of those who have one."""

from typing import Any, ClassVar

from ..users import normalise
from . import proving
from .base import Flow
from .codes import use_code
from .sent import Refused
from .services import state_of

_WRONG = "E-mail address or password is wrong."


class Login(Flow):
    """Signs people in by their password."""

    name = "login"
    rule = "/login"
    template = "auth/login.html"
    shown: ClassVar[tuple[str, ...]] = ("email",)

    async def get(self) -> Any:
        """Show the form; send those on who have signed in just now."""
        if self.json:
            known = self.identity.user.is_authenticated
            return self.done("", user=self.user_facts(self.identity.user) if known else None)
        if proving.is_recent(self):
            return self.done(self.next_sent or self.auth.options.after_login)
        return await self.page()

    async def post(self) -> Any:
        """Sign somebody in.

        Unknown, locked and wrong take the same way, and get the same answer.
        """
        sent = self.sent
        email = sent.line("email", missing="Enter your e-mail address.")
        password = sent.text("password", missing="Enter your password.")
        sent.check()
        tries = self.tries("login", normalise(email) or email)
        await tries.take()
        user = await self.accounts.find(email)
        right = await proving.knows_password(self, user, password)
        if not right or user is None or not user.is_active:
            await tries.failed()
            self.tell("login.failed", user)
            raise Refused(401, "invalid_credentials", _WRONG, headers=self.challenge)
        await tries.succeeded()
        if self.services.must_verify and not is_verified(user):
            await self._ask_to_verify(user)
        return await proving.sign_in(self, user, remember=sent.flag("remember"), to=self.next_sent, method="password")

    async def _ask_to_verify(self, user: Any) -> None:
        await send_verification(self, user)
        raise Refused(
            403, "unverified", "Confirm your e-mail address first: we have sent you the link to do so once more."
        )


class LoginCode(Flow):
    """The second step of signing in: a code of the authenticator app, or a recovery code."""

    name = "login_code"
    rule = "/login/code"
    template = "auth/login_code.html"

    async def context(self) -> dict[str, Any]:
        """Return whether the page asks for a recovery code."""
        return {"recovery": "recovery" in self.ctx.request.args or self.sent.flag("recovery")}

    async def get(self) -> Any:
        """Show the form."""
        who = await proving.pending(self)
        if who is None or who.secret:
            return self.done(self.url("login"))
        return await self.page()

    async def post(self) -> Any:
        """Take a code, and sign in who has given the password before."""
        who = await proving.pending(self)
        if who is None or who.secret:
            proving.forget_pending(self)
            raise proving.password_first(self)
        code = self.sent.line("code", missing="Enter the code.")
        self.sent.check()
        tries = self.tries("code", self.manager.id_of(who.user))
        await tries.take()
        method = await use_code(self, who.user, code)
        if method is None:
            await tries.failed()
            self.tell("login.code_wrong", who.user)
            self.sent.wrong("code", "This code is wrong, or was used before.")
            self.sent.check()
        await tries.succeeded()
        proving.forget_pending(self)
        return await proving.enter(self, who._replace(method=f"{who.method}+{method}"))


def is_verified(user: Any) -> bool:
    """Tell whether a user's address has been confirmed; that of users who cannot tell counts as such."""
    return getattr(user, "verified_at", 0) is not None


async def send_verification(flow: Flow, user: Any, count: bool = True) -> None:
    """Send a user the link by which the address is confirmed.

    :param count: whether the mail is counted here.
    :raises Refused: there were too many mails: 429.
    """
    if count:
        await flow.count_mail(user.email)
    token = await flow.driver.block(flow.services.links.issue, "verify", flow.accounts.owner_of(user), state_of(user))
    flow.mail("verify", user.email, link=flow.link_to("verify", token))
