"""Registering: an account for somebody new, made when the address is confirmed, or at once."""

from typing import Any, ClassVar

from ..errors import TakenError
from ..mail import is_address
from ..users import normalise
from . import proving
from .base import Flow
from .login import send_verification
from .sent import Sent

_ADDRESS = "Enter an e-mail address, such as name@example.com."


class Register(Flow):
    """Registers people.

    Where addresses have to be confirmed nothing tells whether there is an account already: both get the same answer,
    and a mail. There is no account before the address is confirmed, so nobody can take an address that is another's.
    """

    name = "register"
    rule = "/register"
    template = "auth/register.html"
    shown: ClassVar[tuple[str, ...]] = ("email",)

    def fields(self, sent: Sent) -> Any:
        """Return further attributes of the new user, which JSON can say; a subclass may be ``async`` too.

        ::

            class MyRegister(Register):
                def fields(self, sent):
                    return {"name": sent.line("name", missing="Enter your name.")}
        """
        return {}

    async def get(self) -> Any:
        """Show the form."""
        return await self.page()

    async def post(self) -> Any:
        """Register somebody."""
        email, password = await self._wanted()
        fields = await self.driver.call(self.fields, self.sent)
        self.sent.check()
        await self.count_mail(email)
        if self.services.must_verify:
            return await self._send_link(email, password, fields)
        return await self._make(email, password, fields)

    async def _wanted(self) -> tuple[str, str]:
        """Return address and password, and note what is wrong with them."""
        email = address_in(self, "email")
        password = self.sent.text("password", missing="Choose a password.")
        if password:
            await self.check_strength(password, email)
        return email, password

    async def _send_link(self, email: str, password: str, fields: dict[str, Any]) -> Any:
        """Send a mail, by which the account is made, or which says that there is one."""
        hashed = await self.driver.block(self.auth.passwords.hash, password)
        known = await self.accounts.find(email)
        data = {"email": email, "password_hash": hashed, "fields": fields}
        # If there is an account, nobody is sent the link: it is made because making it takes its time.
        token = await self.driver.block(self.services.links.issue, "register", "", email, data)
        if known is None:
            self.mail("register", email, link=self.link_to("verify", token))
        else:
            self.mail("taken", known.email, link=self.link_to("login") if "login" in self.services.on else "")
        self.tell("register.asked", known)
        message = "We have sent you a mail. Open the link in it to confirm your address."
        return self.done(self.url("register"), message, status=202)

    async def _make(self, email: str, password: str, fields: dict[str, Any]) -> Any:
        """Make an account at once, and sign in."""
        try:
            user = await self.accounts.create(email, password, **fields)
        except TakenError:
            self.sent.wrong("email", "There is an account with this address.")
            self.sent.check()
            raise
        if "verify" in self.services.on:
            await send_verification(self, user, count=False)
        return await proving.sign_in(self, user, remember=False, to=self.next_sent, method="password")


def address_in(flow: Flow, name: str) -> str:
    """Return an address that was sent, in its one form; note what is wrong with it."""
    email = normalise(flow.sent.line(name)) or ""
    if not is_address(email):
        flow.sent.wrong(name, _ADDRESS)
    return email
