"""Personal access tokens: what somebody gives a program to act in their name, limited and for a time."""

import builtins
import math
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .opaque import ALPHABET, KEY_LENGTH, make, parse
from .permissions import check_name
from .records import Record, Store, StoreError

#: How records of tokens are known in the store.
KIND = "token"
#: A use within so many seconds of the one that was noted last is not written down.
NOTED_EVERY = 60.0
#: Characters of a token's name.
MAX_NAME = 100
#: How many scopes a token may have.
MAX_SCOPES = 100

_ID = re.compile(rf"[{ALPHABET}]{{{KEY_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What is known about a token; nothing of it is secret.

    :ivar id: what it is revoked by; the token's text contains it.
    :ivar owner: whose it is, as ``"default:7"``.
    :ivar name: what the owner calls it.
    :ivar scopes: the permissions that it is limited to; ``None``: all that its owner has. An empty set: none.
    :ivar created: when it was made, in Unix seconds.
    :ivar used: when it was last in use, to the minute; ``None``: never.
    :ivar expires: when it ends; ``None``: never.
    """

    id: str
    owner: str
    name: str
    scopes: frozenset[str] | None
    created: float
    used: float | None = None
    expires: float | None = None


class AccessTokens:
    """Makes personal access tokens and knows whose they are. Only their digests are kept.

    ::

        tokens = AccessTokens(store)
        text, info = tokens.create("default:7", "laptop", ["tasks:read"], 90 * 86_400)
        tokens.check(text)  # TokenInfo(owner="default:7", …)
        tokens.revoke("default:7", info.id)

    :param store: where they are kept.
    :param prefix: what the texts begin with, so that secret scanners find them: up to 16 ASCII letters and digits.
    :param clock: tells the time in Unix seconds.
    :raises ValueError: the prefix cannot be one.
    """

    def __init__(self, store: Store, prefix: str = "trv", clock: Callable[[], float] = time.time) -> None:
        parse("", prefix)  # refuses an impossible prefix now, and not at the first request
        self.prefix = prefix
        self._store = store
        self._clock = clock

    def create(
        self, owner: str, name: str, scopes: Iterable[str] | None, lifetime: float | None
    ) -> tuple[str, TokenInfo]:
        """Make a token; return its text, which nobody can tell again, and what is kept about it.

        :param owner: whose it is, as ``"default:7"``.
        :param name: what the owner calls it: one line of 1 to 100 characters.
        :param scopes: the permissions that it is limited to; ``None``: all that its owner has, then as now.
        :param lifetime: seconds for which it works; ``None``: until it is revoked.
        :raises ValueError: the name, a scope or the lifetime cannot be one.
        :raises TypeError: the scopes are one text instead of several.
        :raises StoreError: the store cannot be reached.
        """
        title, limits = _usable_name(name), _usable_scopes(scopes)
        if lifetime is not None and not (math.isfinite(lifetime) and lifetime > 0):
            raise ValueError(f"A token's lifetime must be a positive number of seconds, or None, not {lifetime!r}.")
        token, now = make(self.prefix), self._clock()
        expires = now + lifetime if lifetime is not None else None
        data = {"digest": token.digest, "name": title, "scopes": limits, "created": now, "used": None}
        record = Record(data, owner, expires)
        if not self._store.put(KIND, token.key, record, expect=0):
            raise StoreError("The store did not take the record of an access token, though its key is new.")
        return token.text, _info(token.key, record)

    def check(self, text: object) -> TokenInfo | None:
        """Return whose token a text is; ``None`` for what is unknown, revoked, expired or no token at all.

        Whatever the text is, this does not raise because of it. The use is noted, once a minute at most.

        :raises StoreError: the store cannot be reached.
        """
        token = parse(text, self.prefix)
        record = self._store.get(KIND, token.key) if token is not None else None
        if token is None or record is None or not token.matches(record.data.get("digest")):
            return None
        now = self._clock()
        if _is_over(record, now):
            return None
        used = record.data.get("used")
        if used is None or not 0 <= now - used < NOTED_EVERY:
            noted = record.with_data(used=now)
            # Another request that was faster has noted the same minute; a token that was revoked meanwhile stays so.
            if self._store.put(KIND, token.key, noted, expect=record.version):
                record = noted
        return _info(token.key, record)

    def list(self, owner: str) -> builtins.list[TokenInfo]:
        """Return somebody's tokens that have not expired, the oldest first.

        :raises StoreError: the store cannot be reached.
        """
        now = self._clock()
        found = [_info(key, one) for key, one in self._store.owned(KIND, owner) if not _is_over(one, now)]
        return sorted(found, key=lambda one: (one.created, one.id))

    def revoke(self, owner: str, id: str) -> bool:
        """End one of somebody's tokens; tell whether there was one of theirs. The identifier may be anything.

        :raises StoreError: the store cannot be reached.
        """
        if _ID.fullmatch(id) is None:
            return False
        record = self._store.get(KIND, id)
        if record is None or record.owner != owner:
            return False
        return self._store.delete(KIND, id)

    def revoke_all(self, owner: str) -> int:
        """End all of somebody's tokens, and return how many there were.

        :raises StoreError: the store cannot be reached.
        """
        return self._store.delete_owned(KIND, owner)


def _is_over(record: Record, now: float) -> bool:
    return record.expires is not None and record.expires <= now


def _info(id: str, record: Record) -> TokenInfo:
    data = record.data
    scopes = data["scopes"]
    return TokenInfo(
        id,
        record.owner,
        data["name"],
        frozenset(scopes) if scopes is not None else None,
        data["created"],
        data["used"],
        record.expires,
    )


def _usable_name(name: str) -> str:
    title = name.strip()
    if not 0 < len(title) <= MAX_NAME or not title.isprintable():
        raise ValueError(
            f"A token's name has to be one line of 1 to {MAX_NAME} printable characters; this has {len(title)}."
        )
    return title


def _usable_scopes(scopes: Iterable[str] | None) -> list[str] | None:
    if scopes is None:
        return None
    if isinstance(scopes, str):
        raise TypeError(f"The scopes of a token are a list, not a single text: [{scopes!r}].")
    found = sorted({check_name(one) for one in scopes})
    if len(found) > MAX_SCOPES:
        raise ValueError(f"A token can have {MAX_SCOPES} scopes, not {len(found)}. A role may say the same shorter.")
    return found
