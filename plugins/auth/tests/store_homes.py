"""Places for records, one for each kind of store; and a clock that is set by hand."""

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import redis
import sqlalchemy as sa

from trivet_auth.records import Record, Store
from trivet_auth.stores.database import DatabaseStore, metadata
from trivet_auth.stores.file import FileStore
from trivet_auth.stores.memory import MemoryStore
from trivet_auth.stores.redis import RedisStore

from .database_app import SERVERS

#: The tests use names of their own there.
REDIS = os.environ.get("TRIVET_TEST_REDIS", "redis://127.0.0.1:6379/0")
#: Later than the clock of any server, so that only the clock given here counts.
NOW = 8_000_000_000.0
DAY = 86_400.0
OWNER = "default:7"


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Home:
    """Where records are, and how to open a store there.

    :ivar code: an expression that opens it in another process; empty where that is not possible.
    """

    open: Callable[[Clock], Store]
    code: str = ""


@contextmanager
def in_memory(folder: Path) -> Iterator[Home]:
    yield Home(lru_cache(MemoryStore))  # one for each clock


@contextmanager
def in_file(folder: Path) -> Iterator[Home]:
    path = folder / "auth.db"
    yield Home(lambda clock: FileStore(path, clock), f"FileStore({str(path)!r})")


@lru_cache
def _why_not() -> str | None:
    try:
        with redis.Redis.from_url(REDIS, socket_connect_timeout=5) as client:
            client.ping()
    except redis.RedisError as error:
        return f"redis cannot be used: {str(error).splitlines()[0]}"
    return None


def need_redis() -> None:
    """Where no server answers skip and say why, or fail where everything has to be there."""
    reason = _why_not()
    if reason is not None:
        if os.environ.get("TRIVET_CI"):
            pytest.fail(f"{reason}; and TRIVET_CI is set", pytrace=False)
        pytest.skip(reason)


@contextmanager
def in_redis(folder: Path) -> Iterator[Home]:
    need_redis()
    prefix = f"trivet-test-{secrets.token_hex(8)}:"
    stores: list[RedisStore] = []

    def make(clock: Clock) -> Store:
        stores.append(RedisStore(REDIS, prefix, clock))
        return stores[-1]

    yield Home(make, f"RedisStore({REDIS!r}, {prefix!r})")
    for store in stores:
        store.close()
    with redis.Redis.from_url(REDIS) as client:
        for name in client.scan_iter(f"{prefix}*"):
            client.delete(name)


@contextmanager
def in_database(engine: sa.Engine) -> Iterator[Home]:
    url = engine.url.render_as_string(hide_password=False)
    yield Home(
        lambda clock: DatabaseStore(lambda: engine, clock), f"DatabaseStore(lambda e=sa.create_engine({url!r}): e)"
    )
    with engine.begin() as connection:
        connection.execute(sa.delete(metadata.tables["auth_record"]))


#: What makes a place of each kind that is not in a database.
WAYS = {"memory": in_memory, "file": in_file, "redis": in_redis}


def everywhere(*but: str) -> pytest.MarkDecorator:
    """Run a test on every kind of store, except some."""
    kinds = [one for one in (*WAYS, *SERVERS) if one not in but]
    return pytest.mark.parametrize("store_engine", kinds, indirect=True)


def at_once(jobs: list[Callable[[], Any]]) -> list[Any]:
    """Do all jobs in a thread each, begun at the same moment, and return their results."""
    barrier = threading.Barrier(len(jobs))

    def work(job: Callable[[], Any]) -> Any:
        barrier.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(work, jobs))


def add_one(found: Record | None) -> Record:
    return found.with_data(n=found.data["n"] + 1) if found is not None else Record({"n": 1}, OWNER)
