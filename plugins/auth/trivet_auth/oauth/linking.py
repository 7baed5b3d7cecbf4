"""Links: which account of a provider belongs to which user here."""

import hashlib
import json
import time
from collections.abc import Iterable
from typing import NamedTuple

from ..records import Record, Store, update

#: How records of links are known in the store.
KIND = "oauth"
#: Seconds for which an account that is being made is reserved for whoever it is made for.
PENDING = 86_400


class Linked(NamedTuple):
    """An account of a provider that somebody can sign in by.

    :ivar id: what it is known by here.
    :ivar provider: the provider's name.
    :ivar email: the address that the provider told when it was linked; empty if it told none.
    :ivar linked_at: when that was, in Unix seconds.
    :ivar used_at: when somebody last signed in by it.
    """

    id: str
    provider: str
    email: str
    linked_at: float
    used_at: float


class Found(NamedTuple):
    """What the store knows of an account of a provider.

    :ivar owner: whose it is, as ``"default:7"``; empty if nobody's.
    :ivar pending: the login name of an account that was being made for it; empty if none was.
    """

    owner: str = ""
    pending: str = ""


class Links:
    """Keeps links in the store of auth, so that they work with whatever keeps the users.

    All methods may block.

    :param store: where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @staticmethod
    def id_of(realm: str, provider: str, issuer: str, subject: str) -> str:
        """Return what an account of a provider is known by here.

        The issuer is part of it: subjects mean nothing without it, and whoever points a provider's name to another
        issuer does not give away the accounts of the first one (OpenID Connect Core 1.0, 5.7).
        """
        return hashlib.sha256(json.dumps([realm, provider, issuer, subject]).encode()).hexdigest()

    def find(self, id: str) -> Found:
        """Return whose account it is."""
        record = self._store.get(KIND, id)
        return Found(record.owner, record.data.get("pending", "")) if record is not None else Found()

    def of(self, owner: str, providers: Iterable[str] | None = None) -> list[Linked]:
        """Return an owner's links, the oldest first.

        :param providers: only those of these.
        """
        found = [_linked(id, record) for id, record in self._store.owned(KIND, owner)] if owner else []
        wanted = [one for one in found if providers is None or one.provider in providers]
        return sorted(wanted, key=lambda one: one.linked_at)

    def add(self, id: str, owner: str, provider: str, email: str) -> bool:
        """Link an account; tell whether it is the owner's now. One that is another's stays so."""
        now = time.time()
        record = Record({"provider": provider, "email": email, "linked_at": now, "used_at": now}, owner)

        def change(found: Record | None) -> Record | None:
            return record if found is None or not found.owner else None

        return update(self._store, KIND, id, change) is not None or self.find(id).owner == owner

    def reserve(self, id: str, login: str) -> None:
        """Note that an account is being made; so it can be finished by whoever it is for if that is cut off."""
        record = Record({"pending": login}, "", time.time() + PENDING)
        update(self._store, KIND, id, lambda found: record if found is None or not found.owner else None)

    def release(self, id: str) -> None:
        """Take a reservation back; a link stays."""
        record = self._store.get(KIND, id)
        if record is not None and not record.owner:
            self._store.delete(KIND, id)

    def touch(self, id: str) -> None:
        """Note that somebody has signed in by a link."""
        now = time.time()
        update(self._store, KIND, id, lambda found: found.with_data(used_at=now) if found and found.owner else None)

    def remove(self, id: str, owner: str) -> Record | None:
        """Remove a link of an owner, and return what :meth:`restore` needs; ``None`` if there is none."""
        record = self._store.get(KIND, id)
        if record is None or not owner or record.owner != owner or not self._store.delete(KIND, id):
            return None
        return record

    def restore(self, id: str, record: Record) -> None:
        """Undo :meth:`remove`, unless the account has been linked anew."""
        self._store.put(KIND, id, record, expect=0)

    def remove_all(self, owner: str) -> int:
        """Remove all links of an owner; return how many there were."""
        return self._store.delete_owned(KIND, owner) if owner else 0


def _linked(id: str, record: Record) -> Linked:
    data = record.data
    return Linked(id, data["provider"], data["email"], data["linked_at"], data["used_at"])
