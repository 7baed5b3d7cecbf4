"""Throttling: what a window lets through, how long one waits, what a success gives back, and what is kept."""

import hmac
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet_auth.stores.memory import MemoryStore
from trivet_auth.throttle import EXACT, KIND, Bucket, Throttle

from .store_homes import NOW, Clock

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


# -- the limit


def test_nobody_waits_before_the_first_try(throttle: Throttle) -> None:
    assert throttle.check(ACCOUNT, ADDRESS) == 0


def test_as_many_tries_as_the_limit_may_fail(throttle: Throttle) -> None:
    fail(throttle, 3, ACCOUNT)
    assert throttle.reserve(ACCOUNT) > 0


def test_a_try_that_is_refused_does_not_prolong_the_wait(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, 3, ACCOUNT)
    clock.now += 100
    throttle.reserve(ACCOUNT)
    assert throttle.reserve(ACCOUNT) == WINDOW - 100


def test_another_key_is_counted_by_itself(throttle: Throttle) -> None:
    fail(throttle, 3, ACCOUNT)
    assert throttle.reserve(Bucket("login.account", "bob@example.com", 3, WINDOW)) == 0


def test_another_name_is_counted_by_itself(throttle: Throttle) -> None:
    fail(throttle, 3, ACCOUNT)
    assert throttle.reserve(Bucket("mail.account", "ada@example.com", 3, WINDOW)) == 0


def test_a_lower_limit_counts_at_once(throttle: Throttle) -> None:
    fail(throttle, 3, ACCOUNT)
    assert throttle.check(Bucket("login.account", "ada@example.com", 1, WINDOW)) == WINDOW


def test_the_same_bucket_given_twice_is_counted_once(throttle: Throttle) -> None:
    fail(throttle, 3, ACCOUNT, ACCOUNT)
    assert throttle.check(ACCOUNT) > 0


def test_without_buckets_nobody_waits(throttle: Throttle) -> None:
    assert throttle.reserve() == 0


# -- waiting


def test_the_wait_is_until_the_oldest_try_leaves_the_window(throttle: Throttle, clock: Clock) -> None:
    for _ in range(3):
        fail(throttle, 1, ACCOUNT)
        clock.now += 10
    assert throttle.reserve(ACCOUNT) == WINDOW - 30


def test_after_the_wait_there_is_room_for_one(throttle: Throttle, clock: Clock) -> None:
    for _ in range(3):
        fail(throttle, 1, ACCOUNT)
        clock.now += 10
    clock.now += throttle.check(ACCOUNT)
    fail(throttle, 1, ACCOUNT)
    assert throttle.reserve(ACCOUNT) == 10


def test_a_moment_before_there_is_none(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, 3, ACCOUNT)
    clock.now += WINDOW - 0.5
    assert throttle.reserve(ACCOUNT) == 0.5


def test_the_longest_wait_of_all_buckets_counts(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, 5, ADDRESS)
    clock.now += 100
    fail(throttle, 3, ACCOUNT)
    assert throttle.check(ACCOUNT, ADDRESS) == throttle.reserve(ADDRESS, ACCOUNT) == WINDOW


def test_more_failures_than_the_limit_are_all_waited_for(throttle: Throttle, clock: Clock) -> None:
    for _ in range(5):
        throttle.failed(ACCOUNT)
        clock.now += 10
    assert throttle.check(ACCOUNT) == WINDOW - 50 + 20


def test_a_clock_that_was_far_ahead_locks_nobody_out_for_ever(throttle: Throttle, clock: Clock) -> None:
    clock.now += 10 * WINDOW
    fail(throttle, 3, ACCOUNT)
    clock.now = NOW
    assert throttle.reserve(ACCOUNT) == 0


def test_a_worker_whose_clock_is_behind_counts_what_another_has_counted(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, 3, ACCOUNT)
    clock.now -= 1
    assert throttle.reserve(ACCOUNT) == WINDOW + 1


# -- success and failure


def test_a_success_gives_its_try_back(throttle: Throttle) -> None:
    for _ in range(10):
        assert throttle.reserve(ACCOUNT) == 0
        throttle.succeeded(ACCOUNT)
    assert throttle.check(ACCOUNT) == 0


def test_a_success_forgives_no_failure(throttle: Throttle) -> None:
    fail(throttle, 2, ACCOUNT)
    throttle.reserve(ACCOUNT)
    throttle.succeeded(ACCOUNT)
    fail(throttle, 1, ACCOUNT)
    assert throttle.reserve(ACCOUNT) > 0


def test_a_success_that_took_no_try_forgives_no_failure(throttle: Throttle) -> None:
    fail(throttle, 3, ACCOUNT)
    throttle.succeeded(ACCOUNT)
    assert throttle.check(ACCOUNT) > 0


def test_a_success_leaves_the_times_of_the_failures_alone(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, 2, ACCOUNT)
    clock.now += 10
    throttle.reserve(ACCOUNT)
    throttle.succeeded(ACCOUNT)
    clock.now += 10
    fail(throttle, 1, ACCOUNT)
    assert throttle.check(ACCOUNT) == WINDOW - 20


def test_of_two_tries_that_go_on_a_success_gives_the_newer_one_back(throttle: Throttle, clock: Clock) -> None:
    throttle.reserve(ACCOUNT)
    clock.now += 10
    throttle.reserve(ACCOUNT)
    throttle.succeeded(ACCOUNT)
    fail(throttle, 2, ACCOUNT)
    assert throttle.check(ACCOUNT) == WINDOW - 10


def test_a_success_of_somebody_else_meanwhile_gives_back_no_failure(throttle: Throttle, clock: Clock) -> None:
    throttle.reserve(ACCOUNT)
    clock.now += 1
    fail(throttle, 2, ACCOUNT)
    throttle.succeeded(ACCOUNT)
    clock.now += WINDOW - 1
    assert throttle.reserve(ACCOUNT) == 0


def test_a_success_that_comes_after_its_try_has_left_the_window_changes_nothing(
    throttle: Throttle, clock: Clock
) -> None:
    throttle.reserve(ACCOUNT)
    clock.now += WINDOW
    fail(throttle, 3, ACCOUNT)
    throttle.succeeded(ACCOUNT)
    assert throttle.check(ACCOUNT) == WINDOW


def test_a_try_that_is_never_heard_of_again_counts_as_failed(throttle: Throttle) -> None:
    for _ in range(3):
        throttle.reserve(ACCOUNT)
    assert throttle.check(ACCOUNT) == WINDOW


def test_a_failure_that_was_reserved_counts_once(throttle: Throttle) -> None:
    fail(throttle, 2, ACCOUNT)
    assert throttle.check(ACCOUNT) == 0


def test_a_failure_that_was_not_reserved_counts_too(throttle: Throttle) -> None:
    for _ in range(3):
        throttle.failed(ACCOUNT)
    assert throttle.check(ACCOUNT) == WINDOW


def test_a_check_takes_nothing(throttle: Throttle) -> None:
    for _ in range(10):
        throttle.check(ACCOUNT)
    assert throttle.reserve(ACCOUNT) == 0


def test_where_one_bucket_is_full_none_is_taken_from_the_others(throttle: Throttle) -> None:
    fail(throttle, 3, ACCOUNT)
    for _ in range(10):
        throttle.reserve(ADDRESS, ACCOUNT)
    fail(throttle, 5, ADDRESS)


# -- what is kept


def test_the_store_holds_no_key(throttle: Throttle, store: MemoryStore) -> None:
    fail(throttle, 1, Bucket("login.account", "hunter2", 3, WINDOW))
    [(key, record)] = store.owned(KIND, "")
    assert "hunter2" not in key + json.dumps(dict(record.data))


def test_who_reads_the_store_cannot_try_all_addresses(store: MemoryStore) -> None:
    def digest(data: bytes) -> str:
        return hmac.new(b"a key", data, "sha256").hexdigest()

    throttle = Throttle(store, digest=digest)
    fail(throttle, 5, ADDRESS)
    assert throttle.check(ADDRESS) > 0
    assert Throttle(store).check(ADDRESS) == 0
    assert [key for key, _ in store.owned(KIND, "")] == [digest(ADDRESS.identity)]


def test_a_key_is_not_in_what_a_log_would_show() -> None:
    assert "hunter2" not in repr(Bucket("login.account", "hunter2", 3, WINDOW))


def test_a_record_outlives_its_tries_by_a_window(throttle: Throttle, store: MemoryStore) -> None:
    fail(throttle, 1, ACCOUNT)
    [(_, record)] = store.owned(KIND, "")
    assert record.expires == NOW + 2 * WINDOW


def test_a_record_without_tries_is_kept_as_long(throttle: Throttle, store: MemoryStore, clock: Clock) -> None:
    throttle.reserve(ACCOUNT)
    clock.now += 10
    throttle.succeeded(ACCOUNT)
    [(_, record)] = store.owned(KIND, "")
    assert (record.data["tries"], record.expires) == ([], NOW + 10 + 2 * WINDOW)


@given(st.text(st.characters()), st.text(st.characters()))
def test_every_text_is_a_key_and_no_two_are_the_same(one: str, other: str) -> None:
    first, second = (Bucket("login.account", key, 1, WINDOW) for key in (one, other))
    throttle = Throttle(MemoryStore())
    assert throttle.reserve(first) == 0
    assert (throttle.reserve(second) > 0) == (one == other)


def test_a_key_may_have_surrogates_and_any_length(throttle: Throttle) -> None:
    assert throttle.reserve(Bucket("login.account", "\udc80" * 1_000_000, 3, WINDOW)) == 0


@pytest.mark.parametrize("name", ["", "a b", "ä", "1a", "a\0", "a" * 33])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^The name of a bucket cannot be "):
        Bucket(name, "key", 3, WINDOW)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match=r"^The limit of the bucket 'login' must be at least 1, not "):
        Bucket("login", "key", limit, WINDOW)


@pytest.mark.parametrize("window", [0, -1, math.inf, math.nan])
def test_a_window_that_cannot_be_is_refused(window: float) -> None:
    with pytest.raises(ValueError, match=r"^The window of the bucket 'login' must be a positive number of seconds"):
        Bucket("login", "key", 3, window)


# -- large limits


def test_the_record_of_a_large_limit_stays_small(throttle: Throttle, store: MemoryStore, clock: Clock) -> None:
    bucket = Bucket("login.address", "192.0.2.7", 2000, WINDOW)
    for _ in range(2000):
        throttle.failed(bucket)
        clock.now += WINDOW / 2000
    [(_, record)] = store.owned(KIND, "")
    assert len(record.data["tries"]) <= EXACT + 1


def test_a_large_limit_is_not_exceeded_and_waits_a_hundredth_longer_at_most(throttle: Throttle, clock: Clock) -> None:
    bucket = Bucket("login.address", "192.0.2.7", EXACT + 1, WINDOW)
    clock.now += 2  # between two of the moments that are kept
    fail(throttle, EXACT + 1, bucket)
    assert WINDOW < throttle.reserve(bucket) <= WINDOW + WINDOW / EXACT
