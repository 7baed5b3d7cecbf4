"""Throttling: how many tries may fail in a window of time, counted so that tries at once do not slip through."""

import hashlib
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from .records import ATTEMPTS, Record, Store, StoreError

#: How records of buckets are known in the store.
KIND = "throttle"
#: What one has to wait, in seconds, if so many others try at once that a try could not be counted.
BUSY = 1.0
#: Up to this limit every try is kept with its own time. Above it, times are rounded up to this part of the window, so
#: that a record stays small; one waits longer then by that part at most.
EXACT = 100

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,31}")


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is counted together.

    :ivar name: what is limited, as ``"login.account"``: an ASCII word. Different limits have different names.
    :ivar key: whose tries they are: an address, or what somebody typed as a login name. Only a digest of it is kept,
        because people type passwords there.
    :ivar limit: how many tries may fail in any window, at least 1.
    :ivar window: its length in seconds.
    :raises ValueError: one of them cannot be so.
    """

    name: str
    key: str = field(repr=False)
    limit: int
    window: float

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise ValueError(
                f"The name of a bucket cannot be {self.name!r}. Use up to 32 ASCII letters and digits, . _ -"
            )
        if self.limit < 1:
            raise ValueError(f"The limit of the bucket {self.name!r} must be at least 1, not {self.limit!r}.")
        if not (math.isfinite(self.window) and self.window > 0):
            raise ValueError(
                f"The window of the bucket {self.name!r} must be a positive number of seconds, not {self.window!r}."
            )

    @property
    def identity(self) -> bytes:
        """What tells it from others: its name, its window and its key."""
        return f"{self.name}\0{float(self.window)}\0{self.key}".encode("utf-8", "surrogatepass")


class _Slot(NamedTuple):
    """The tries of one moment.

    :ivar at: when, in Unix seconds.
    :ivar failed: how many of them have failed.
    :ivar reserved: how many have been taken, and have not been said to have failed or succeeded.
    """

    at: float
    failed: int
    reserved: int


#: The tries of a bucket that still count, the oldest first.
_Tries = tuple[_Slot, ...]


class Throttle:
    """Counts tries by bucket, and says how long to wait when there were too many.

    In any window of time at most ``limit`` tries fail: it slides, so nothing is to be gained by waiting for its end.
    Take a try before the work that may fail, and say how that has ended::

        buckets = (Bucket("login.account", login, 10, 900), Bucket("login.address", address, 100, 900))
        wait = throttle.reserve(*buckets)
        if wait:
            raise TooManyRequests(retry_after=math.ceil(wait))
        if passwords.verify(stored, password).ok:
            throttle.succeeded(*buckets)
        else:
            throttle.failed(*buckets)

    A try that was taken and never heard of again counts as failed. A success gives back its own try and forgives no
    other, so that nobody can guess at one account in turn with signing in to another.

    :param store: where the counts are kept.
    :param clock: tells the time in Unix seconds.
    :param digest: makes the name of a record from what tells a bucket from others. It should be keyed: by one that is
        not, whoever reads the store could try all addresses, and many names.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float] = time.time,
        digest: Callable[[bytes], str] = lambda data: hashlib.sha256(data).hexdigest(),
    ) -> None:
        self._store = store
        self._clock = clock
        self._digest = digest

    def check(self, *buckets: Bucket) -> float:
        """Return how many seconds one has to wait before there is room in all buckets; 0: go on.

        It takes nothing: of many who ask at once, all may be told to go on. See :meth:`reserve`.

        :raises StoreError: the store cannot be reached.
        """
        return max((self._wait(bucket) for bucket in buckets), default=0.0)

    def reserve(self, *buckets: Bucket) -> float:
        """Take a try from all buckets; return 0, or how many seconds to wait if there is none in one of them.

        Then none has been taken from any. Of any number who ask at once, in whatever threads and processes, at most
        ``limit`` are told 0. Where so many ask at once that the store cannot count them, one has to wait :data:`BUSY`
        seconds.

        :return: the time until there is room, as the window has it; rounded up, it is what ``Retry-After`` says
            (RFC 9110, 10.2.3).
        :raises StoreError: the store cannot be reached, so do not go on.
        """
        wanted = list(dict.fromkeys(buckets))
        wait = self.check(*wanted)
        if wait:
            return wait
        for index, bucket in enumerate(wanted):
            wait = self._take(bucket)
            if wait:
                self.succeeded(*wanted[:index])
                return wait
        return 0.0

    def failed(self, *buckets: Bucket) -> None:
        """Say that a try has failed; one that was not reserved is counted now, above the limit too.

        :raises StoreError: the store cannot be reached, or so many try at once that it could not be counted.
        """
        for bucket in dict.fromkeys(buckets):
            if not self._change(bucket, partial(_after_failure, _kept_time(bucket, self._clock()))):
                raise StoreError(f"A failed try in the bucket {bucket.name!r} could not be counted: too many at once.")

    def succeeded(self, *buckets: Bucket) -> None:
        """Say that a try has succeeded: the one that was reserved is given back. All others go on counting.

        :raises StoreError: the store cannot be reached.
        """
        for bucket in dict.fromkeys(buckets):
            # Where it cannot be done because too many try at once, the try goes on counting: the safe side.
            self._change(bucket, partial(_settled, failed=0))

    # -- one bucket

    def _wait(self, bucket: Bucket) -> float:
        now = self._clock()
        return _wait(_tries_in(self._store.get(KIND, self._digest(bucket.identity)), bucket, now), bucket, now)

    def _take(self, bucket: Bucket) -> float:
        wait = 0.0

        def take(tries: _Tries) -> _Tries | None:
            nonlocal wait
            now = self._clock()
            wait = _wait(tries, bucket, now)
            return None if wait else _added(tries, _Slot(_kept_time(bucket, now), 0, 1))

        return wait if self._change(bucket, take) else BUSY

    def _change(self, bucket: Bucket, change: Callable[[_Tries], _Tries | None]) -> bool:
        """Write what a function makes of the tries, or nothing if it makes nothing; tell whether that could be done."""
        key = self._digest(bucket.identity)
        for _ in range(ATTEMPTS):
            found, now = self._store.get(KIND, key), self._clock()
            wanted = change(_tries_in(found, bucket, now))
            if wanted is None:
                return True
            version = found.version if found is not None else 0
            if self._store.put(KIND, key, _record(wanted, bucket, now), expect=version):
                return True
        return False


# -- the tries of a bucket


def _wait(tries: _Tries, bucket: Bucket, now: float) -> float:
    """Return in how many seconds there is room for one more; 0: now."""
    excess = sum(one.failed + one.reserved for one in tries) - bucket.limit + 1
    for one in tries if excess > 0 else ():
        excess -= one.failed + one.reserved
        if excess <= 0:
            return one.at + bucket.window - now
    return 0.0


def _added(tries: _Tries, new: _Slot) -> _Tries:
    for one in tries:
        if one.at == new.at:
            new = _Slot(new.at, one.failed + new.failed, one.reserved + new.reserved)
    return tuple(sorted([*(one for one in tries if one.at != new.at), new]))


def _settled(tries: _Tries, failed: int) -> _Tries | None:
    """Say of the try that was reserved last whether it has failed (1) or not (0); ``None`` if none is reserved."""
    for index in reversed(range(len(tries))):
        one = tries[index]
        if one.reserved:
            left = _Slot(one.at, one.failed + failed, one.reserved - 1)
            return (*tries[:index], *([left] if left.failed or left.reserved else []), *tries[index + 1 :])
    return None


def _after_failure(at: float, tries: _Tries) -> _Tries:
    settled = _settled(tries, failed=1)
    return settled if settled is not None else _added(tries, _Slot(at, 1, 0))


def _kept_time(bucket: Bucket, now: float) -> float:
    """Return the time a try is kept with."""
    if bucket.limit <= EXACT:
        return now
    part = bucket.window / EXACT
    return math.ceil(now / part) * part


def _tries_in(found: Record | None, bucket: Bucket, now: float) -> _Tries:
    """Return the tries of a record that still count."""
    slots = [_Slot(*one) for one in found.data["tries"]] if found is not None else []
    # What is a whole window in the future was counted by a clock that was wrong.
    return tuple(one for one in slots if now < one.at + bucket.window and one.at - now <= bucket.window)


def _record(tries: _Tries, bucket: Bucket, now: float) -> Record:
    # It outlives its tries by a window: where a record ends its versions begin anew, and then what somebody writes who
    # has read it long before would be taken for right.
    return Record({"tries": [list(one) for one in tries]}, "", now + 2 * bucket.window)
