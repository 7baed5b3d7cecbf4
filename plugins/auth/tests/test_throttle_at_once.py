"""Throttling: many tries at once, in threads and in processes."""

from pathlib import Path

import pytest

from trivet_auth.records import ATTEMPTS, StoreError
from trivet_auth.stores.memory import MemoryStore
from trivet_auth.throttle import BUSY, Bucket, Throttle

from .racing import Raced, Refusing, in_processes
from .store_homes import Clock, at_once

WINDOW = 900.0
ACCOUNT = Bucket("login.account", "ada@example.com", 3, WINDOW)
ADDRESS = Bucket("login.address", "192.0.2.7", 5, WINDOW)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def throttle(store: MemoryStore, clock: Clock) -> Throttle:
    return Throttle(store, clock)


def fail(throttle: Throttle, times: int, *buckets: Bucket) -> None:
    """Fail some times, as a sign-in does."""
    for _ in range(times):
        assert throttle.reserve(*buckets) == 0
        throttle.failed(*buckets)


def test_a_hundred_tries_at_once_are_not_more_than_the_limit(throttle: Throttle) -> None:
    assert at_once([lambda: throttle.reserve(ACCOUNT, ADDRESS)] * 100).count(0) <= ACCOUNT.limit


def test_a_hundred_tries_at_once_of_one_bucket_fill_it(throttle: Throttle) -> None:
    assert at_once([lambda: throttle.reserve(ACCOUNT)] * 100).count(0) == ACCOUNT.limit


def test_who_loses_the_race_for_the_last_try_waits(clock: Clock) -> None:
    store = Raced()
    throttle = Throttle(store, clock)
    fail(throttle, 2, ACCOUNT)
    store.rival = lambda: throttle.reserve(ACCOUNT)
    assert throttle.reserve(ACCOUNT) == WINDOW


def test_who_loses_the_race_in_the_second_bucket_gets_nothing_from_the_first(clock: Clock) -> None:
    store = Raced()
    throttle = Throttle(store, clock)
    fail(throttle, 2, ACCOUNT)
    store.rival = lambda: throttle.reserve(ACCOUNT)
    assert throttle.reserve(ADDRESS, ACCOUNT) == WINDOW
    fail(throttle, 5, ADDRESS)


def test_a_try_that_cannot_be_counted_is_refused(clock: Clock) -> None:
    store = Refusing(takes_new=False)
    assert Throttle(store, clock).reserve(ACCOUNT) == BUSY
    assert store.asked == ATTEMPTS


def test_a_failure_that_cannot_be_counted_is_an_error(clock: Clock) -> None:
    with pytest.raises(StoreError, match=r"^A failed try in the bucket 'login\.account' could not be counted"):
        Throttle(Refusing(takes_new=False), clock).failed(ACCOUNT)


def test_failures_at_once_are_all_counted(throttle: Throttle, clock: Clock) -> None:
    bucket = Bucket("login", "key", 100, WINDOW)

    def work() -> float:
        throttle.failed(bucket)
        return 0.0

    at_once([work] * 20)
    fail(throttle, 80, bucket)
    assert throttle.check(bucket) == WINDOW


def test_tries_at_once_that_succeed_leave_nothing_behind(throttle: Throttle) -> None:
    bucket = Bucket("login", "key", 100, WINDOW)

    def work() -> float:
        wait = throttle.reserve(bucket)
        throttle.succeeded(bucket)
        return wait

    assert at_once([work] * 20) == [0.0] * 20
    fail(throttle, 100, bucket)


WORKER = """
import sys
from pathlib import Path
from trivet_auth.stores.file import FileStore
from trivet_auth.throttle import Bucket, Throttle

throttle = Throttle(FileStore(Path(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
print(sum(throttle.reserve(Bucket("login", "key", 10, 3600)) == 0 for _ in range(30)))
"""


def test_tries_in_several_processes_are_not_more_than_the_limit(tmp_path: Path) -> None:
    assert sum(int(lines) for lines in in_processes(WORKER, 3, str(tmp_path / "auth.db"))) == 10
