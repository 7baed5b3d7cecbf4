"""Remembered browsers: opaque tokens in families, rotated when used; one that comes back ends its family."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from .opaque import Opaque, make, parse
from .records import Record, Store, StoreError, update

#: How records of families are known in the store.
KIND = "remember"
#: What the two halves of a text begin with: the one that stays, and the one that is rotated.
FAMILY_PREFIX, TOKEN_PREFIX = "rmf", "rmt"
#: The length of every text.
TEXT_LENGTH = 141
#: For so many seconds after its end a family is kept, so that "expired" can be told from "unknown".
KEPT_AFTER_END = 86_400.0

Outcome = Literal["ok", "unknown", "expired", "reused"]


@dataclass(frozen=True, slots=True)
class Used:
    """What came of a text that was shown.

    :ivar outcome: ``"ok"``; ``"unknown"``: nobody was given it, or its family was revoked; ``"expired"``: its family's
        time is over; ``"reused"``: it was replaced before, so two have it, and its family has been revoked.
    :ivar owner: whose it is, as ``"default:7"``; empty if it is unknown.
    :ivar replacement: the text that the browser has to keep from now on; ``None``: the one that it has, or has just
        been given in the answer to another request. It is a secret.
    :ivar expires: when the family ends, in Unix seconds, which rotation does not change; 0 if it is unknown.
    :ivar data: what :meth:`RememberTokens.issue` was given; empty unless the outcome is ``"ok"``.
    """

    outcome: Outcome
    owner: str = ""
    replacement: str | None = field(default=None, repr=False)
    expires: float = 0.0
    data: Mapping[str, Any] = field(default_factory=dict)


class _Pair(NamedTuple):
    """A text that has the right form: the half that stays, and the half that is rotated."""

    family: Opaque
    token: Opaque


class RememberTokens:
    """Gives browsers a text by which they are known later, and knows them by it.

    A text is two opaque tokens with a dot between. The first stays the same in a family and proves that somebody was
    given one of its texts; the second is new after each use. So a family is one small record however often it is used,
    an old text is told from a forged one, and nobody can end a family who has not held a text of it.

    ::

        tokens = RememberTokens(store, lifetime=30 * 86_400)
        text = tokens.issue("default:7")
        used = tokens.use(text)
        if used.outcome == "ok":
            text = used.replacement or text

    :param store: where families are kept: digests only.
    :param lifetime: seconds after which a family ends, however often it is used.
    :param grace: seconds for which the text before the present one is accepted still, because a browser sends several
        requests at once. It is not rotated then: one of them has brought the replacement.
    :param clock: tells the time in Unix seconds.
    :raises ValueError: the lifetime is not a positive number, or the grace a negative one.
    """

    def __init__(
        self, store: Store, lifetime: float, grace: float = 60.0, clock: Callable[[], float] = time.time
    ) -> None:
        if not (math.isfinite(lifetime) and lifetime > 0):
            raise ValueError(
                f"The lifetime of remembered browsers must be a positive number of seconds, not {lifetime!r}."
            )
        if not (math.isfinite(grace) and grace >= 0):
            raise ValueError(f"The grace of remembered browsers must be a number of seconds from 0, not {grace!r}.")
        self.lifetime = lifetime
        self.grace = grace
        self._store = store
        self._clock = clock

    def issue(self, owner: str, data: Mapping[str, Any] | None = None, lifetime: float | None = None) -> str:
        """Begin a family and return its first text, which is a secret.

        :param owner: whose it is, as ``"default:7"``.
        :param data: what :meth:`use` is to return with it: what JSON can say, and no secret.
        :param lifetime: seconds, in place of the usual ones; from 0 downwards the family has ended already.
        :raises ValueError: the lifetime is not a finite number.
        :raises StoreError: the store cannot be reached.
        """
        lasts = self.lifetime if lifetime is None else lifetime
        if not math.isfinite(lasts):
            raise ValueError(f"The lifetime of a remembered browser must be a finite number of seconds, not {lasts!r}.")
        family, token = make(FAMILY_PREFIX), make(TOKEN_PREFIX)
        ends = self._clock() + lasts
        facts = {"family": family.digest, "head": token.digest, "previous": "", "rotated": 0.0, "ends": ends}
        record = Record({**facts, "data": dict(data or {})}, owner, ends + KEPT_AFTER_END)
        if not self._store.put(KIND, family.key, record, expect=0):
            raise StoreError("The store did not take the record of a remembered browser, though its key is new.")
        return f"{family.text}.{token.text}"

    def use(self, text: object, rotate: bool = True) -> Used:
        """Find out whose a text is, and replace it. Whatever the text is, this does not raise because of it.

        Of several uses at the same time, in whatever threads and processes, exactly one gets the replacement.

        :param text: what the browser has sent, text or bytes.
        :param rotate: whether the browser can be given a replacement; it cannot by the answer to a WebSocket handshake.
        :raises StoreError: the store cannot be reached.
        """
        pair = _read(text)
        if pair is None:
            return Used("unknown")
        used, successor = Used("unknown"), make(TOKEN_PREFIX)

        def change(found: Record | None) -> Record | None:
            nonlocal used
            used = self._judge(found, pair)
            if found is None or used.outcome != "ok" or not rotate or not pair.token.matches(found.data["head"]):
                return None
            return found.with_data(head=successor.digest, previous=pair.token.digest, rotated=self._clock())

        if update(self._store, KIND, pair.family.key, change) is not None:
            replacement = f"{pair.family.text}.{successor.text}"
            return Used("ok", used.owner, replacement, used.expires, used.data)
        if used.outcome == "reused":
            # No need to compare versions: a text that was replaced stays so, whatever the record has become.
            self._store.delete(KIND, pair.family.key)
        return used

    def revoke(self, text: object) -> bool:
        """End the family of a text, an old one too; tell whether there was one that had not ended."""
        pair = _read(text)
        found = self._store.get(KIND, pair.family.key) if pair is not None else None
        if pair is None or not _is_of(found, pair.family):
            return False
        return self._store.delete(KIND, pair.family.key) and self._lives(found)

    def revoke_all(self, owner: str, keep: object = None) -> int:
        """End all families of an owner; return how many there were that had not ended.

        :param keep: a text of the family that goes on: the cookie of the browser that asks for this.
        """
        pair = _read(keep)
        families = dict(self._store.owned(KIND, owner))
        kept = [pair.family.key] if pair is not None and _is_of(families.get(pair.family.key), pair.family) else []
        ended = sum(self._lives(record) for key, record in families.items() if key not in kept)
        self._store.delete_owned(KIND, owner, keep=kept)
        return ended

    def _judge(self, found: Record | None, pair: _Pair) -> Used:
        """Say what a text is worth, by the record of its family."""
        if found is None or not _is_of(found, pair.family):
            return Used("unknown")
        facts = found.data
        ends = float(facts["ends"])
        if not self._lives(found):
            return Used("expired", found.owner, expires=ends)
        # Clocks of several machines differ, so the rotation may seem to be in the future.
        in_grace = abs(self._clock() - facts["rotated"]) <= self.grace
        is_head, is_previous = pair.token.matches(facts["head"]), pair.token.matches(facts["previous"])
        if is_head or (is_previous and in_grace):
            return Used("ok", found.owner, None, ends, facts["data"])
        return Used("reused", found.owner, expires=ends)

    def _lives(self, found: Record | None) -> bool:
        return found is not None and self._clock() < float(found.data["ends"])


def _read(text: object) -> _Pair | None:
    """Take a text apart; ``None`` for everything that is none of ours."""
    if not isinstance(text, (str, bytes)) or len(text) != TEXT_LENGTH:
        return None
    one, _, other = (text.decode("latin-1") if isinstance(text, bytes) else text).partition(".")
    family, token = parse(one, FAMILY_PREFIX), parse(other, TOKEN_PREFIX)
    return _Pair(family, token) if family is not None and token is not None else None


def _is_of(found: Record | None, family: Opaque) -> bool:
    """Tell whether a record is that of a family, and not only found by its key."""
    return found is not None and family.matches(found.data.get("family"))
