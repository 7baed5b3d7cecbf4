"""Records in the memory of one process: for tests, and for a single process that may forget everything."""

import heapq
import threading
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from ..records import Record, StoreError
from . import can_be, can_own, pack, unpack


class _Kept(NamedTuple):
    """A record, with its data as text, so that nobody can change it from outside."""

    data: str
    owner: str
    expires: float | None
    version: int

    @property
    def record(self) -> Record:
        return unpack(self.data, self.owner, self.expires, self.version)


class _Shelf:
    """The records of one kind, and the order in which they expire."""

    def __init__(self) -> None:
        self.records: dict[str, _Kept] = {}
        self.owners: dict[str, set[str]] = {}
        #: When a record expires, its key and its version; it may have been replaced or forgotten since.
        self.ends: list[tuple[float, str, int]] = []

    def write(self, key: str, kept: _Kept) -> None:
        self.drop(key)
        self.records[key] = kept
        self.owners.setdefault(kept.owner, set()).add(key)
        if kept.expires is not None:
            heapq.heappush(self.ends, (kept.expires, key, kept.version))
        if len(self.ends) > 2 * len(self.records) + 64:
            found = self.records.items()
            self.ends = [(one.expires, key, one.version) for key, one in found if one.expires is not None]
            heapq.heapify(self.ends)

    def drop(self, key: str) -> bool:
        kept = self.records.pop(key, None)
        if kept is None:
            return False
        keys = self.owners[kept.owner]
        keys.discard(key)
        if not keys:
            del self.owners[kept.owner]
        return True

    def drop_next(self, until: float | None = None) -> bool:
        """Forget the record that expires next, if it does so until a time."""
        while self.ends and (until is None or self.ends[0][0] <= until):
            expires, key, version = heapq.heappop(self.ends)
            kept = self.records.get(key)
            if kept is not None and (kept.expires, kept.version) == (expires, version):
                return self.drop(key)
        return False

    def purge(self, now: float) -> int:
        count = 0
        while self.drop_next(now):
            count += 1
        return count


class MemoryStore:
    """Keeps records in memory: other processes do not see them, and they end with the process.

    What has expired is forgotten by itself. Where strangers cause more records of a kind than there may be, those that
    would expire first make room; records that never expire stay.

    :param clock: tells the time in Unix seconds.
    :param limit: how many records of one kind there may be.
    """

    def __init__(self, clock: Callable[[], float] = time.time, limit: int = 100_000) -> None:
        if limit < 1:
            raise ValueError(f"A store must have room for at least 1 record of a kind, not {limit!r}.")
        self._clock = clock
        self._limit = limit
        self._lock = threading.Lock()
        self._shelves: dict[str, _Shelf] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of this process>"

    def get(self, kind: str, key: str) -> Record | None:
        """Return a record; ``None`` if there is none, or it has expired."""
        with self._lock:
            kept = self._shelf(kind).records.get(key)
        return kept.record if kept is not None else None

    def put(self, kind: str, key: str, record: Record, *, expect: int | None = None) -> bool:
        """Write a record in place of the one there; tell whether it was written.

        :raises ValueError: the record cannot be kept because of its name, owner, expiry or a number in its data.
        :raises TypeError: JSON cannot say what is in its data.
        :raises StoreError: there are too many records of the kind, and none of them ever expires.
        """
        data = pack(kind, key, record)
        with self._lock:
            shelf = self._shelf(kind)
            found = shelf.records.get(key)
            version = found.version if found is not None else 0
            if expect is not None and expect != version:
                return False
            if found is None and len(shelf.records) >= self._limit and not shelf.drop_next():
                raise StoreError(f"The memory has no room for more than {self._limit} records of the kind {kind!r}.")
            shelf.write(key, _Kept(data, record.owner, record.expires, version + 1))
        return True

    def delete(self, kind: str, key: str) -> bool:
        """Forget a record; tell whether there was one that had not expired."""
        with self._lock:
            return self._shelf(kind).drop(key)

    def owned(self, kind: str, owner: str) -> list[tuple[str, Record]]:
        """Return an owner's records of a kind with their keys, in the order of the keys."""
        if not can_own(kind, owner):
            return []
        with self._lock:
            shelf = self._shelf(kind)
            found = [(key, shelf.records[key]) for key in sorted(shelf.owners.get(owner, ()))]
        return [(key, kept.record) for key, kept in found]

    def delete_owned(self, kind: str, owner: str, *, keep: Collection[str] = ()) -> int:
        """Forget an owner's records of a kind, except those of some keys; return how many there were."""
        if not can_own(kind, owner):
            return 0
        with self._lock:
            shelf = self._shelf(kind)
            return sum(shelf.drop(key) for key in list(shelf.owners.get(owner, ())) if key not in keep)

    def purge(self) -> int:
        """Forget what has expired; return how much that was."""
        now = self._clock()
        with self._lock:
            return sum(shelf.purge(now) for shelf in self._shelves.values())

    def _shelf(self, kind: str) -> _Shelf:
        """Return the records of a kind that have not expired; the lock is held."""
        shelf = self._shelves.get(kind)
        if shelf is None:
            return self._shelves.setdefault(kind, _Shelf()) if can_be(kind, "-") else _Shelf()
        shelf.purge(self._clock())
        return shelf
