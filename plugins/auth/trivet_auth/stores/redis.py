"""Records in a Redis or Valkey that several machines share; it forgets by itself what has expired."""

import hashlib
import math
import re
import time
from collections.abc import Callable, Collection
from typing import Any, NoReturn
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..records import Record, StoreError
from . import can_be, can_own, pack, unpack

#: For so many seconds one waits for a connection, and for an answer.
_PATIENCE = 5.0

# A record is a hash with the fields v(ersion), o(wner, as a digest), e(xpires; "inf": never) and d(ata, after the
# owner), which ends when the record does. The keys of an owner's records are a sorted set by the time when they end; it
# ends with the last of them. Scripts run one at a time; what they share comes first. KEYS[1] is the record, ARGV[1] the
# beginning of the names of records of the kind, ARGV[2] that of its owners, ARGV[3] the time.
_SHARED = """
local records, owners, now = ARGV[1], ARGV[2], ARGV[3]

local function found(name)
    local got = redis.call('HMGET', name, 'v', 'o', 'e', 'd')
    local lives = got[1] and tonumber(got[3]) > tonumber(now)
    return lives and got or nil, got[2]
end

local function end_at(name, time)
    if tonumber(time) == math.huge then
        redis.call('PERSIST', name)
    else
        -- more milliseconds than these are no whole number to Lua
        redis.call('PEXPIREAT', name, string.format('%.0f', math.min(math.ceil(tonumber(time) * 1000), 2^53)))
    end
end

local function tidy(owner)
    redis.call('ZREMRANGEBYSCORE', owners .. owner, '-inf', now)
    local last = redis.call('ZREVRANGE', owners .. owner, 0, 0, 'WITHSCORES')
    if last[1] then
        end_at(owners .. owner, last[2])
    end
end

local function drop(key, owner)
    redis.call('DEL', records .. key)
    if owner then
        redis.call('ZREM', owners .. owner, key)
        tidy(owner)
    end
end
"""
# 4: key, 5: the expected version or "", 6: the owner's digest, 7: expires, 8: owner and data as one text
_PUT = """
local key, expect, owner, expires = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local got, before = found(KEYS[1])
local version = got and tonumber(got[1]) or 0
if expect ~= '' and tonumber(expect) ~= version then
    return 0
end
drop(key, before)
redis.call('HSET', KEYS[1], 'v', version + 1, 'o', owner, 'e', expires, 'd', ARGV[8])
end_at(KEYS[1], expires)
redis.call('ZADD', owners .. owner, expires, key)
tidy(owner)
return 1
"""
# 4: key
_DELETE = """
local got, owner = found(KEYS[1])
drop(ARGV[4], owner)
return got and 1 or 0
"""
# 4: the owner's digest
_OWNED = """
local result = {}
for _, key in ipairs(redis.call('ZRANGEBYSCORE', owners .. ARGV[4], '(' .. now, '+inf')) do
    local got = found(records .. key)
    if got and got[2] == ARGV[4] then
        table.insert(result, {key, got[1], got[3], got[4]})
    end
end
return result
"""
# 4: the owner's digest, then the keys of those that stay
_DELETE_OWNED = """
local kept, count = {}, 0
for index = 5, #ARGV do
    kept[ARGV[index]] = true
end
for _, key in ipairs(redis.call('ZRANGE', owners .. ARGV[4], 0, -1)) do
    if not kept[key] then
        local got, owner = found(records .. key)
        if owner == ARGV[4] then
            redis.call('DEL', records .. key)
        end
        if got and owner == ARGV[4] then
            count = count + 1
        end
        redis.call('ZREM', owners .. ARGV[4], key)
    end
end
tidy(ARGV[4])
return count
"""


class RedisStore:
    """Keeps records in Redis 6 or later, or Valkey, and may be used by any number of machines.

    A command whose answer does not come is not sent again, since it may have been done. Redis has to be one that does
    not throw away what has not expired (``maxmemory-policy noeviction``), or people are signed out; and applications
    that share one need different prefixes, or the sessions of one are valid in the other.

    :param url: as ``"redis://user:password@host:6379/0"``, ``"rediss://…"`` for TLS or ``"unix:///path"``; options of
        :func:`redis.Redis.from_url` after a ``?``.
    :param prefix: what all names begin with.
    :param clock: tells the time in Unix seconds.
    :raises ValueError: the URL is none.

    ::

        store = RedisStore("redis://127.0.0.1:6379/0", prefix="shop:auth:")
    """

    def __init__(self, url: str, prefix: str = "trivet:auth:", clock: Callable[[], float] = time.time) -> None:
        self._client, self._place = _client(url), _place(url)
        self._prefix = prefix
        self._clock = clock
        register = self._client.register_script
        self._put, self._delete = register(_SHARED + _PUT), register(_SHARED + _DELETE)
        self._owned, self._delete_owned = register(_SHARED + _OWNED), register(_SHARED + _DELETE_OWNED)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._place} {self._prefix!r}>"

    def get(self, kind: str, key: str) -> Record | None:
        """Return a record; ``None`` if there is none, or it has expired."""
        if not can_be(kind, key):
            return None
        version, expires, data = self._ask(self._client.hmget, self._name(kind, key), ["v", "e", "d"])
        if version is None or float(expires) <= self._clock():
            return None
        return _record(version, expires, data)

    def put(self, kind: str, key: str, record: Record, *, expect: int | None = None) -> bool:
        """Write a record in place of the one there; tell whether it was written.

        :raises ValueError: the record cannot be kept because of its name, owner, expiry or a number in its data.
        :raises TypeError: JSON cannot say what is in its data.
        """
        data = pack(kind, key, record)
        expires = repr(float(record.expires)) if record.expires is not None else "inf"
        content = record.owner.encode() + b"\0" + data.encode()
        version = "" if expect is None else expect
        return bool(self._run(self._put, kind, key, key, version, _digest(record.owner), expires, content))

    def delete(self, kind: str, key: str) -> bool:
        """Forget a record; tell whether there was one that had not expired."""
        return can_be(kind, key) and bool(self._run(self._delete, kind, key, key))

    def owned(self, kind: str, owner: str) -> list[tuple[str, Record]]:
        """Return an owner's records of a kind with their keys, in the order of the keys."""
        if not can_own(kind, owner):
            return []
        rows = self._run(self._owned, kind, "", _digest(owner))
        return sorted(((key.decode(), _record(*rest)) for key, *rest in rows), key=lambda one: one[0])

    def delete_owned(self, kind: str, owner: str, *, keep: Collection[str] = ()) -> int:
        """Forget an owner's records of a kind, except those of some keys; return how many there were."""
        if not can_own(kind, owner):
            return 0
        kept = [key for key in keep if can_be(kind, key)]
        return int(self._run(self._delete_owned, kind, "", _digest(owner), *kept))

    def purge(self) -> int:
        """Do nothing: Redis forgets by itself."""
        return 0

    def close(self) -> None:
        """Close the connections. The store may be used on; then there are new ones."""
        self._client.close()

    # -- helpers

    def _name(self, kind: str, key: str) -> str:
        return f"{self._prefix}record:{kind}:{key}"

    def _run(self, script: Any, kind: str, key: str, *args: Any) -> Any:
        shared = (self._name(kind, ""), f"{self._prefix}owner:{kind}:", repr(float(self._clock())))
        return self._ask(script, [self._name(kind, key)], [*shared, *args])

    def _ask(self, command: Callable[..., Any], *args: Any) -> Any:
        try:
            return command(*args)
        except (redis.RedisError, OSError) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> NoReturn:
        first = (str(error).strip().splitlines() or [""])[0].rstrip(".")
        raise StoreError(
            f"The store in the Redis {self._place} cannot be used: {first or type(error).__name__}. Is it running, "
            "and are the user and the password right?"
        ) from error


def _client(url: str) -> Any:
    """Return a client; nothing is connected to."""
    try:
        _refuse_ambiguous(url)
        client = redis.Redis.from_url(
            url,
            socket_timeout=_PATIENCE,
            socket_connect_timeout=_PATIENCE,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
        )
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # options that there are not are refused here
    except (ValueError, TypeError):
        # What they say may hold the password.
        raise ValueError(
            "The URL of the Redis is none, or has options that there are not. It is written as "
            "redis://user:password@host:6379/0, rediss://… or unix:///path; characters such as / # @ in a password as "
            "%2F %23 %40."
        ) from None
    return client


def _refuse_ambiguous(url: str) -> None:
    """Refuse what is read in another way than it was meant: a sign in a password that ends it, shown as a place then.

    :raises ValueError: it is so.
    """
    parts = urlsplit(url)
    over_network = parts.scheme in ("redis", "rediss")
    if "#" in url or (over_network and ("@" in parts.path + parts.query or not re.fullmatch(r"/?[0-9]*", parts.path))):
        raise ValueError


def _place(url: str) -> str:
    """Return a URL for people, without credentials and options."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _digest(owner: str) -> str:
    """Return what an owner's set is called: of one length whoever it is."""
    return hashlib.sha256(owner.encode()).hexdigest()


def _record(version: bytes, expires: bytes, content: bytes) -> Record:
    owner, _, data = content.partition(b"\0")
    ends = float(expires)
    return unpack(data, owner.decode(), None if math.isinf(ends) else ends, int(version))
