"""What is remembered about people, sessions and tokens: records in a store, replaced only by who knows them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

#: How often a change is tried again after somebody else was faster.
ATTEMPTS = 50


class StoreError(RuntimeError):
    """A store cannot be reached, or refuses; the message says which one and why, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that is remembered.

    :ivar data: what JSON can say. Never a secret, only a digest of one.
    :ivar owner: whose it is, as ``"default:7"``; empty for what belongs to nobody.
    :ivar expires: when it ends, in Unix seconds; ``None``: never.
    :ivar version: how often it has been written; a store sets it.
    """

    data: Mapping[str, Any] = field(default_factory=dict)
    owner: str = ""
    expires: float | None = None
    version: int = 0

    def with_data(self, **changes: Any) -> "Record":
        """Return the same with some of the data changed."""
        return replace(self, data={**self.data, **changes})


class Store(Protocol):
    """Keeps records by kind and key. Every method is atomic, and may be called by many threads and processes.

    Kinds are 1 to 32 visible ASCII characters, keys 1 to 128, without spaces. Owners are text of at most 255
    characters, none of them NUL or half of a surrogate pair. Data is at most 65,535 characters of JSON in ASCII. What
    cannot be the name of a record is looked for in vain; only :meth:`put` raises.

    :raises StoreError: by every method, if the store cannot be reached.
    """

    def get(self, kind: str, key: str) -> Record | None:
        """Return a record; ``None`` if there is none, or it has expired."""

    def put(self, kind: str, key: str, record: Record, *, expect: int | None = None) -> bool:
        """Write a record in place of the one there.

        :param expect: write only if the record there has this version; 0: only if there is none, or an expired one.
        :return: whether it was written.
        :raises ValueError: the record cannot be kept: kind, key or owner cannot be so, the expiry or a number in its
            data is not finite, or there is too much data.
        :raises TypeError: JSON cannot say what is in its data, or a key in it is not text.
        """

    def delete(self, kind: str, key: str) -> bool:
        """Forget a record; tell whether there was one that had not expired."""

    def owned(self, kind: str, owner: str) -> list[tuple[str, Record]]:
        """Return an owner's records of a kind with their keys, in the order of the keys."""

    def delete_owned(self, kind: str, owner: str, *, keep: Collection[str] = ()) -> int:
        """Forget an owner's records of a kind, except those of some keys; return how many there were."""

    def purge(self) -> int:
        """Forget what has expired; return how much that was, 0 for a store that does it by itself."""


def update(store: Store, kind: str, key: str, change: Callable[[Record | None], Record | None]) -> Record | None:
    """Change a record that others may be changing too, and return what was written.

    :param change: gets the record there, or ``None``; returns what to write, or ``None`` to leave it. It is called
        again if somebody else was faster, so it must have no effect of its own.
    :raises StoreError: if somebody else is faster all the time, or the store cannot be reached.
    :raises ValueError: what it returns cannot be kept, see :meth:`Store.put`.
    :raises TypeError: the same.
    """
    for _ in range(ATTEMPTS):
        found = store.get(kind, key)
        wanted = change(found)
        if wanted is None:
            return None
        if store.put(kind, key, wanted, expect=found.version if found is not None else 0):
            return replace(wanted, version=(found.version if found is not None else 0) + 1)
    raise StoreError(
        f"A record of the kind {kind!r} was changed by others {ATTEMPTS} times while it was to be changed."
    )
