"""Personal access tokens: a list of one's own, a new one, which is shown once, and an end to one."""

import difflib
from typing import Any, ClassVar

from ..access import MAX_NAME, MAX_SCOPES, TokenInfo
from ..deciding import rules_of
from . import proving
from .base import Flow
from .sent import Refused

#: What stands for everything that the person may do.
ALL = "*"
#: Days for which a token works, unless it is said; and the most.
DAYS, MAX_DAYS = 90, 366
#: How many tokens somebody may have.
MAX_TOKENS = 100
_DAY = 86_400


class _TokenList(Flow):
    """What the page shows."""

    template = "auth/tokens.html"
    guarded = True
    shown: ClassVar[tuple[str, ...]] = ("name", "days")

    async def context(self) -> dict[str, Any]:
        """Return the tokens, the scopes there are, and whether the password is asked for."""
        return {
            "tokens": [_described(one) for one in await self.listed()],
            "scopes": self.scopes,
            "chosen": self.sent.texts("scopes"),
            "default_days": DAYS,
            **proving.asked(self),
        }

    async def listed(self) -> list[TokenInfo]:
        """Return the tokens."""
        return await self.driver.block(self.auth.tokens.list, self.accounts.owner_of(self.identity.user))

    @property
    def scopes(self) -> list[str]:
        """The permissions that roles and rules of the application name."""
        known = self.auth.roles_of(self.realm).permissions | rules_of(self.ctx.app, self.realm).permissions
        return sorted(known)


class Tokens(_TokenList):
    """Lists the tokens of the person who asks, and makes new ones."""

    name = "tokens"
    rule = "/tokens"

    async def get(self) -> Any:
        """Show them."""
        if not self.json:
            return await self.page()
        return self.done("", tokens=[_described(one) for one in await self.listed()], scopes=self.scopes)

    async def post(self) -> Any:
        """Make a token, and show its text once."""
        name, scopes, days = self._name(), self._scopes(), self._days()
        self.sent.check()
        proven = await proving.prove(self)
        if len(await self.listed()) >= MAX_TOKENS:
            raise Refused(409, "too_many_tokens", f"You have {MAX_TOKENS} tokens. Revoke one before you make another.")
        owner = self.accounts.owner_of(self.identity.user)
        create = self.auth.tokens.create
        text, info = await self.driver.block(create, owner, name, scopes, days * _DAY)
        proving.renew(self, proven=proven)
        self.tell("token.created", self.identity.user, token=info.id)
        if self.json:
            return self.done("", status=201, token=text, **_described(info))
        return await self.page(201, "auth/token_new.html", token=text, made=_described(info))

    def _name(self) -> str:
        name = self.sent.line("name", missing="Give the token a name.")
        if len(name) > MAX_NAME or not name.isprintable():
            self.sent.wrong("name", f"Use one line of up to {MAX_NAME} characters.")
        return name

    def _scopes(self) -> list[str] | None:
        """Return what the token may do; ``None``: all that the person may."""
        chosen, known = self.sent.texts("scopes"), self.scopes
        if not chosen and "scopes" not in self.sent.errors:
            self.sent.wrong("scopes", f'Choose what the token may do; "{ALL}" is all that you may.')
        for one in chosen[: MAX_SCOPES + 1]:
            if one != ALL and one not in known:
                near = difflib.get_close_matches(one, known, 1)
                self.sent.wrong("scopes", "There is no such scope." + (f" Did you mean {near[0]}?" if near else ""))
        if len(chosen) > MAX_SCOPES:
            self.sent.wrong("scopes", f"Choose at most {MAX_SCOPES}.")
        return None if ALL in chosen else chosen

    def _days(self) -> int:
        days = self.sent.number("days", DAYS)
        if not 1 <= days <= MAX_DAYS:
            self.sent.wrong("days", f"Enter a number of days from 1 to {MAX_DAYS}.")
        return days


class Token(_TokenList):
    """Ends one token."""

    name = "token"
    on_page = "tokens"
    rule = "/tokens/<id>"

    async def post(self, id: str) -> Any:
        """End it."""
        user = self.identity.user
        if not await self.driver.block(self.auth.tokens.revoke, self.accounts.owner_of(user), id):
            raise Refused(404, "not_found", "There is no such token any more.")
        self.tell("token.revoked", user, token=id)
        return self.done(self.url("tokens"), "The token is revoked.")

    delete = post


def _described(info: TokenInfo) -> dict[str, Any]:
    return {
        "id": info.id,
        "name": info.name,
        "scopes": sorted(info.scopes) if info.scopes is not None else [ALL],
        "created": info.created,
        "used": info.used,
        "expires": info.expires,
    }
