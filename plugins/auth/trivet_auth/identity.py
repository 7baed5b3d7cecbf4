"""Who is asking: what one request knows about the person or program behind it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a request comes from, and how that is known.

    :ivar user: the application's own user object, or the anonymous one.
    :ivar realm: the realm it belongs to.
    :ivar method: ``"session"``; ``"remember"``: by its cookie, just now; ``"token"``, ``"jwt"``; ``"request"``: by a
        loader of the application; ``"plugin"``, or what a plugin calls it; ``""`` for nobody.
    :ivar fresh: whether the person has proved it in this session, rather than been remembered.
    :ivar scopes: what the credential is limited to; ``None``: nothing.
    :ivar at: when the session of this person began, in Unix seconds; ``None`` if there is none.
    :ivar credential: the identifier of the session or token, which is no secret; ``""`` if it has none.
    """

    user: Any
    realm: str = "default"
    method: str = ""
    fresh: bool = False
    scopes: frozenset[str] | None = None
    at: float | None = None
    credential: str = ""

    @property
    def known(self) -> bool:
        """Whether it is somebody."""
        return self.method != ""


class UserMixin:
    """What a user object has to have, for classes that have an ``id``.

    ::

        class User(UserMixin):
            def __init__(self, id: str) -> None:
                self.id = id
    """

    __hash__ = object.__hash__

    @property
    def is_active(self) -> bool:
        """Whether the account may be used. Locked people cannot sign in, and what they are signed in with ends."""
        return True

    @property
    def is_authenticated(self) -> bool:
        """Whether this is somebody."""
        return self.is_active

    @property
    def is_anonymous(self) -> bool:
        """Whether this is nobody."""
        return False

    def get_id(self) -> str:
        """Return what the user is loaded by again.

        :raises NotImplementedError: if there is no attribute ``id``.
        """
        try:
            return str(self.id)  # type: ignore[attr-defined]
        except AttributeError:
            raise NotImplementedError(
                f"{type(self).__name__} has no attribute 'id'. Give it one, or define get_id()."
            ) from None

    def __eq__(self, other: object) -> bool:
        """Tell whether two objects mean the same user."""
        if isinstance(other, UserMixin):
            return self.get_id() == other.get_id()
        return NotImplemented


class AnonymousUserMixin:
    """Nobody: what ``current_user`` is as long as nobody has signed in."""

    @property
    def is_active(self) -> bool:
        """Nobody's account cannot be used."""
        return False

    @property
    def is_authenticated(self) -> bool:
        """This is nobody."""
        return False

    @property
    def is_anonymous(self) -> bool:
        """This is nobody."""
        return True

    def get_id(self) -> None:
        """Return ``None``: nobody cannot be loaded again."""
