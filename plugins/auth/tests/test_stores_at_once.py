"""Stores that many threads and processes use at once: exactly one wins each swap, and nothing is lost."""

import sys
from dataclasses import replace
from functools import partial
from subprocess import PIPE, Popen

import pytest

from trivet_auth.records import Record, Store, update

from .store_homes import NOW, OWNER, Clock, Home, add_one, at_once, everywhere


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(store_home: Home, clock: Clock) -> Store:
    return store_home.open(clock)


def keys_of(store: Store, owner: str, kind: str = "test") -> list[str]:
    return [key for key, _ in store.owned(kind, owner)]


def swap_all(store: Store, keys: list[str], record: Record, expect: int) -> list[bool]:
    return [store.put("test", key, record, expect=expect) for key in keys]


@everywhere()
@pytest.mark.parametrize("case", ["none", "expired", "there"])
def test_of_many_threads_exactly_one_wins_a_swap(store_home: Home, clock: Clock, case: str) -> None:
    stores = [store_home.open(clock) for _ in range(6)]
    keys = [str(index) for index in range(5)]
    for key in keys if case != "none" else ():
        stores[0].put("test", key, Record({}, OWNER, NOW + 10))
    clock.now = NOW + (10 if case == "expired" else 0)
    expect = 1 if case == "there" else 0
    record = Record({}, OWNER, NOW + 20)
    won = at_once([partial(swap_all, one, keys, record, expect) for one in stores])
    assert [sum(one) for one in zip(*won, strict=True)] == [1] * len(keys)
    assert stores[0].owned("test", OWNER) == [(key, replace(record, version=expect + 1)) for key in keys]


@everywhere()
def test_no_change_of_many_threads_is_lost(store: Store) -> None:
    at_once([lambda: [update(store, "test", "a", add_one) for _ in range(10)]] * 4)
    assert store.get("test", "a") == Record({"n": 40}, OWNER, None, 40)


@everywhere()
def test_every_one_of_many_writes_at_once_without_expectation_is_done(store: Store) -> None:
    results = at_once([lambda: [store.put("test", "a", Record({}, OWNER)) for _ in range(10)]] * 4)
    assert results == [[True] * 10] * 4
    assert store.get("test", "a") == Record({}, OWNER, None, 40)


@everywhere()
def test_threads_that_write_delete_and_purge_do_not_disturb_each_other(store: Store, clock: Clock) -> None:
    def write(owner: str) -> None:
        for index in range(15):
            store.put("test", f"{owner}{index}", Record({}, owner, NOW - index % 2), expect=0)
            store.put("test", f"{owner}-", Record({}, owner))
            store.delete_owned("test", owner, keep=[f"{owner}-"])
            store.purge()

    at_once([partial(write, one) for one in "abcd"])
    assert [keys_of(store, owner) for owner in "abcd"] == [["a-"], ["b-"], ["c-"], ["d-"]]


_COUNTING = """
import sys
import sqlalchemy as sa
from trivet_auth.records import Record, update
from trivet_auth.stores.database import DatabaseStore
from trivet_auth.stores.file import FileStore
from trivet_auth.stores.redis import RedisStore

def add_one(found):
    return found.with_data(n=found.data["n"] + 1) if found is not None else Record({"n": 1}, "default:7")

store = {store}
print("ready", flush=True)
sys.stdin.readline()
won = [store.put("test", str(index), Record({}), expect=0) for index in range(20)]
for _ in range(20):
    update(store, "test", "count", add_one)
print(won.count(True))
if isinstance(store, DatabaseStore):
    store._get_engine().dispose()
"""


@everywhere("memory")
def test_many_processes_share_the_records(store_home: Home, store: Store) -> None:
    command = [sys.executable, "-W", "error", "-c", _COUNTING.replace("{store}", store_home.code)]
    processes = [Popen(command, stdin=PIPE, stdout=PIPE, text=True) for _ in range(3)]
    for one in processes:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in processes:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    won = [int(one.communicate()[0]) for one in processes]
    assert [one.returncode for one in processes] == [0, 0, 0]
    assert sum(won) == 20
    assert store.get("test", "count") == Record({"n": 60}, "default:7", None, 60)
