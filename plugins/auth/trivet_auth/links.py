"""Links in mails: opaque tokens for one purpose, which work once, for a time, while nothing has changed."""

import hashlib
import hmac
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .opaque import make, parse
from .records import Record, Store, StoreError

#: How records of links are known in the store.
KIND = "link"
#: What the texts begin with.
PREFIX = "lnk"


@dataclass(frozen=True, slots=True)
class Link:
    """A link that somebody has shown, and that would work now.

    :ivar key: what its record is found by; not secret.
    :ivar owner: whose it is, as ``"default:7"``; empty if it leads nowhere.
    :ivar state: the digest of what must not have changed; see :meth:`is_for`.
    :ivar data: what :meth:`Links.issue` was given.
    """

    key: str
    owner: str
    state: str = field(repr=False)
    data: Mapping[str, Any] = field(repr=False)

    def is_for(self, state: str) -> bool:
        """Tell whether nothing has changed since the link was made."""
        return hmac.compare_digest(self.state, _digest(state))


class Links:
    """Makes the texts in links and knows them again. Only their digests are kept (ASVS 5, 6.4.1, 6.5.1 and 6.5.5).

    Showing a link and using it are two steps: mail programs and scanners open links before anybody clicks, so a page is
    shown for one that can be read, and it is used when that page's form is sent. ::

        links = Links(store, lifetime=3600)
        text = links.issue("reset", "default:7", state=stamp_of(user))
        ...
        link = links.read(text, "reset")
        if link is not None and link.is_for(stamp_of(user)) and links.use(link):
            change_password()

    :param store: where they are kept.
    :param lifetime: seconds for which a link works.
    :param clock: tells the time in Unix seconds.
    :raises ValueError: the lifetime is not a positive number.
    """

    def __init__(self, store: Store, lifetime: float, clock: Callable[[], float] = time.time) -> None:
        if not (math.isfinite(lifetime) and lifetime > 0):
            raise ValueError(f"The lifetime of links must be a positive number of seconds, not {lifetime!r}.")
        self.lifetime = lifetime
        self._store = store
        self._clock = clock

    def issue(self, purpose: str, owner: str, state: str = "", data: Mapping[str, Any] | None = None) -> str:
        """Return the text of a new link, which is a secret that belongs into one mail.

        :param purpose: what it is for, as ``"reset"``; it works for nothing else.
        :param owner: whose it is, as ``"default:7"``.
        :param state: what ends the link when it changes; a digest of it is kept.
        :param data: what :meth:`read` is to return with it: what JSON can say, and no secret.
        :raises StoreError: the store cannot be reached.
        """
        token = make(PREFIX)
        facts = {"digest": token.digest, "purpose": purpose, "state": _digest(state), "data": dict(data or {})}
        record = Record(facts, owner, self._clock() + self.lifetime)
        if not self._store.put(KIND, token.key, record, expect=0):
            raise StoreError("The store did not take the record of a link, though its key is new.")
        return token.text

    def read(self, text: object, purpose: str) -> Link | None:
        """Return what a text leads to; ``None`` for one that is unknown, used, expired or for another purpose.

        Nothing is used up. Whatever the text is, this does not raise because of it.

        :raises StoreError: the store cannot be reached.
        """
        token = parse(text, PREFIX)
        record = self._store.get(KIND, token.key) if token is not None else None
        if token is None or record is None or not token.matches(record.data.get("digest")):
            return None
        if record.data["purpose"] != purpose or record.expires is None or record.expires <= self._clock():
            return None
        return Link(token.key, record.owner, record.data["state"], record.data["data"])

    def use(self, link: Link) -> bool:
        """Use a link up. Of any number who do so at once, in whatever threads and processes, one is told ``True``.

        :raises StoreError: the store cannot be reached.
        """
        return self._store.delete(KIND, link.key)

    def revoke_all(self, owner: str) -> int:
        """End all links of an owner; return how many there were."""
        return self._store.delete_owned(KIND, owner)


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()
