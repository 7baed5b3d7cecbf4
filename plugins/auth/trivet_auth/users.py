"""The people: how they are found and kept, whatever keeps them."""

import hashlib
import hmac
import threading
import unicodedata
from collections.abc import Iterable
from typing import Any

from .errors import AuthConfigError, TakenError
from .identity import UserMixin

#: No address is longer (RFC 5321, 4.5.3.1.3), and no name needs to be.
MAX_LOGIN = 254


def normalise(login: object) -> str | None:
    """Return the one form of what somebody signs in with, or ``None`` for what cannot be one.

    Unicode's compatibility forms and case are folded, so that nobody can register a name that looks like another's.
    """
    if not isinstance(login, str) or len(login) > 4 * MAX_LOGIN:
        return None
    text = unicodedata.normalize("NFKC", login.strip()).casefold()
    # Folding may bring forth what is folded further, and folded forms may have spaces at their ends.
    text = unicodedata.normalize("NFKC", text).strip()
    usable = 0 < len(text) <= MAX_LOGIN and text.isprintable() and "\ufffd" not in text
    return text if usable and text.encode("utf-8", "ignore").decode() == text else None


class Users:
    """The people of one realm. Subclass it for a store of your own; every method may be ``async`` too.

    Only :meth:`get` is needed to know who is asking. Signing in by password needs :meth:`find`, the other flows
    :meth:`create` and :meth:`save`. A user is any object with ``get_id()``, ``is_active`` and ``is_authenticated``;
    these attributes are used where it has them:

    ``email``, ``password_hash``, ``roles`` (names), ``permissions`` (names), ``verified_at`` (when the address was
    confirmed, or ``None``), ``generation`` (a number: raising it ends all sessions), ``totp_secret`` (sealed).

    ::

        class People(Users):
            def get(self, id):
                return my_store.person(int(id))

            def find(self, login):
                return my_store.person_by_email(login)
    """

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def get(self, id: str) -> Any:
        """Return the user with an identifier; ``None`` if there is none, whatever the text is."""
        raise self._missing("get", "load a user")

    def find(self, login: str) -> Any:
        """Return the user with a login name in the form that :func:`normalise` gives it; ``None`` if there is none."""
        raise self._missing("find", "sign somebody in by name")

    def create(self, login: str, **fields: Any) -> Any:
        """Keep somebody new and return the user.

        :param fields: attributes, such as ``password_hash``.
        :raises TakenError: somebody else has the login name.
        """
        raise self._missing("create", "register somebody")

    def save(self, user: Any, **fields: Any) -> Any:
        """Set attributes of a user, and keep them.

        :raises TakenError: somebody else has the ``email``.
        """
        raise self._missing("save", "change a user")

    def all(self) -> Iterable[Any]:
        """Return all users, for the commands."""
        raise self._missing("all", "list users")

    def _missing(self, method: str, purpose: str) -> AuthConfigError:
        return AuthConfigError(
            f"{type(self).__name__}.{method}() is needed to {purpose}, and is not defined. Define it, or configure a "
            'model: [auth] model = "package.models:User", with the plugin "db".'
        )


def stamp_of(user: Any) -> str:
    """Return what changes when all of a user's sessions are to end: a new password, or another generation.

    It goes into cookies, and tells nothing about the password. Empty for users that have neither.
    """
    own = getattr(user, "get_session_stamp", None)
    if own is not None:
        return str(own())
    password, generation = getattr(user, "password_hash", None), getattr(user, "generation", None)
    if not password and generation is None:
        return ""
    text = f"{generation}:{password or ''}".encode("utf-8", "surrogatepass")
    return hmac.new(b"trivet.auth.stamp", text, hashlib.sha256).hexdigest()[:22]


class MemoryUser(UserMixin):
    """A user of :class:`MemoryUsers`."""

    def __init__(self, id: str, email: str, **fields: Any) -> None:
        self.id = id
        self.email = email
        self.password_hash: str | None = None
        self.roles: list[str] = []
        self.permissions: list[str] = []
        self.verified_at: float | None = None
        self.generation = 0
        self.totp_secret: str | None = None
        self.locked = False
        self.__dict__.update(fields)

    @property
    def is_active(self) -> bool:
        """Whether the account is not locked."""
        return not self.locked


class MemoryUsers(Users):
    """People in the memory of one process: for tests and first steps."""

    def __init__(self) -> None:
        self._by_id: dict[str, MemoryUser] = {}
        self._lock = threading.Lock()

    def get(self, id: str) -> MemoryUser | None:
        """Return a user."""
        return self._by_id.get(id)

    def find(self, login: str) -> MemoryUser | None:
        """Return the user with an address."""
        return next((one for one in self._by_id.values() if one.email == login), None)

    def create(self, login: str, **fields: Any) -> MemoryUser:
        """Keep somebody new."""
        with self._lock:
            if self.find(login) is not None:
                raise TakenError("This login name is taken.")
            id = str(len(self._by_id) + 1)
            user = self._by_id[id] = MemoryUser(id, login, **fields)
        return user

    def save(self, user: MemoryUser, **fields: Any) -> None:
        """Set attributes."""
        with self._lock:
            other = self.find(fields["email"]) if "email" in fields else None
            if other is not None and other is not user:
                raise TakenError("This login name is taken.")
            user.__dict__.update(fields)

    def all(self) -> list[MemoryUser]:
        """Return all."""
        return list(self._by_id.values())
