"""Arriving from a provider: whose account here it is, and what has to be true before somebody is signed in."""

import time
from typing import Any

from trivet import current_context

from ..accounts import Accounts
from ..driving import Driver
from ..errors import TakenError
from ..flows.login import is_verified
from ..mail import is_address
from ..state import Auth
from ..users import normalise
from .errors import Refused
from .linking import Links
from .provider import Profile, Provider


class Arrival:
    """Somebody who comes from a provider, to one realm.

    :param auth: the state of the application.
    :param realm: the realm's name.
    :param driver: how to wait.
    :param provider: where they come from.
    :param profile: who the provider says they are.
    """

    def __init__(self, auth: Auth, realm: str, driver: Driver, provider: Provider, profile: Profile) -> None:
        self._auth = auth
        self._realm = realm
        self._driver = driver
        self._provider = provider
        self._profile = profile
        self._accounts = Accounts(auth, realm, driver)
        self._links = Links(auth.store)
        self.id = Links.id_of(realm, provider.name, provider.issuer, profile.subject)
        #: The address as a login name; ``None`` if it cannot be one.
        self._login = normalise(profile.email)
        #: Whether the provider has verified this very address, and not one that is only written alike: what is beyond
        #: ASCII has to be the same character by character.
        self._verified = profile.verified and _is_same(profile.email, self._login or "")

    # -- connecting

    async def link(self, user: Any, by: str = "user") -> None:
        """Connect the provider's account with a user.

        :param by: why, for the log.
        :raises Refused: it is connected with another one.
        """
        owner, provider = self._accounts.owner_of(user), self._provider.name
        if not await self._driver.block(self._links.add, self.id, owner, provider, self._profile.email):
            raise Refused("taken", "it is connected with another user")
        self._auth.event("oauth.linked", current_context(), self._realm, user, provider=provider, by=by)

    # -- signing in

    async def user(self, must_be_verified: bool) -> Any:
        """Return the user whose account it is, by a link, by the address, or a new one.

        :param must_be_verified: whether only those sign in whose address has been verified, here or by the provider.
        :raises Refused: there is none, or the user must not sign in.
        """
        user = await self._linked()
        if user is None:
            user = await self._by_email()
        if user is None:
            user = await self._registered()
        if not getattr(user, "is_active", True):
            raise Refused("account", "the user is locked")
        if must_be_verified and not is_verified(user):
            if not self._verified or getattr(user, "email", None) != self._login:
                raise Refused("account", "the user's address has not been verified")
            await self._accounts.save(user, verified_at=time.time())
        return user

    async def _linked(self) -> Any:
        found = await self._driver.block(self._links.find, self.id)
        realm, _, id = found.owner.partition(":")
        if not id or realm != self._realm:
            return None
        user = await self._driver.call(self._auth.realm(realm).load, id)
        if user is None:  # deleted since
            await self._driver.block(self._links.remove, self.id, found.owner)
            return None
        await self._driver.block(self._links.touch, self.id)
        return user

    async def _by_email(self) -> Any:
        """Return a user with the same address, if both sides have verified it, and connect the two."""
        if not self._provider.options.link_by_email or not self._verified:
            return None
        user = await self._accounts.find(self._profile.email)
        if user is None or not getattr(user, "verified_at", None) or getattr(user, "email", None) != self._login:
            return None
        if not getattr(user, "is_active", True):
            raise Refused("account", "the user is locked")
        await self.link(user, "email")
        return user

    async def _registered(self) -> Any:
        """Make an account."""
        login = self._login
        if not self._provider.options.register:
            raise Refused("account", "nobody is registered by this provider")
        if login is None or not is_address(login) or (self._auth.options.verify and not self._verified):
            raise Refused("account", "somebody new needs an address that the provider has verified")
        user = await self._left_unfinished(login)
        if user is None:
            await self._driver.block(self._links.reserve, self.id, login)
            try:
                user = await self._accounts.create(login)
            except TakenError:
                return await self._made_meanwhile()
        if self._verified and hasattr(user, "verified_at") and not user.verified_at:
            await self._accounts.save(user, verified_at=time.time())
        await self.link(user, "register")
        return user

    async def _made_meanwhile(self) -> Any:
        """Return the user, if the same person has come twice at once."""
        user = await self._linked()
        if user is None:
            await self._driver.block(self._links.release, self.id)
            raise Refused("account", "the address is that of another account")
        return user

    async def _left_unfinished(self, login: str) -> Any:
        """Return the account that was made for this person before the link could be kept; nobody can sign in to it."""
        before = await self._driver.block(self._links.find, self.id)
        if before.pending != login or not self._verified:
            return None
        user = await self._accounts.find(login)
        if user is None or getattr(user, "password_hash", None):
            return None
        links = await self._driver.block(self._links.of, self._accounts.owner_of(user))
        return user if not links else None


def _is_same(one: str, other: str) -> bool:
    return one == other or (one.isascii() and other.isascii() and one.lower() == other.lower())
