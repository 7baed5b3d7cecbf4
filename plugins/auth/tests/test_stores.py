"""What every store does, each of them in turn: memory, a file, Redis, and a table of three databases."""

import math
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trivet_auth.records import Record, Store
from trivet_auth.stores import MAX_DATA
from trivet_auth.stores.memory import MemoryStore

from .database_app import SERVERS
from .store_homes import NOW, OWNER, Clock, Home, everywhere


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(store_home: Home, clock: Clock) -> Store:
    return store_home.open(clock)


def data_of(store: Store, key: str, kind: str = "test") -> Mapping[str, Any] | None:
    found = store.get(kind, key)
    return found.data if found is not None else None


def keys_of(store: Store, owner: str, kind: str = "test") -> list[str]:
    return [key for key, _ in store.owned(kind, owner)]


# -- reading and writing


@everywhere()
def test_a_record_comes_back_as_it_was_put(store: Store) -> None:
    data = {"text": 'Zoë "🐙" \0 \\', "n": [1, 2.5, True, None], "in": {"": {}}, "lone": "\ud800"}
    assert store.put("test", "a", Record(data, OWNER, NOW + 0.123456))
    assert store.get("test", "a") == Record(data, OWNER, NOW + 0.123456, 1)


@everywhere()
def test_a_record_that_never_expires_comes_back(store: Store) -> None:
    store.put("test", "a", Record({}))
    assert store.get("test", "a") == Record({}, "", None, 1)


@everywhere()
def test_a_record_may_expire_in_a_very_distant_future(store: Store) -> None:
    store.put("test", "a", Record({}, OWNER, 1e18))
    assert store.owned("test", OWNER) == [("a", Record({}, OWNER, 1e18, 1))]


@everywhere()
def test_there_is_nothing_where_nothing_was_put(store: Store) -> None:
    assert store.get("test", "a") is None
    assert store.owned("test", OWNER) == []
    assert not store.delete("test", "a")
    assert store.delete_owned("test", OWNER) == 0
    assert store.purge() == 0


@everywhere()
def test_what_is_done_to_the_data_afterwards_does_not_matter(store: Store) -> None:
    data = {"list": [1]}
    store.put("test", "a", Record(data))
    data["list"].append(2)
    found = store.get("test", "a")
    assert found is not None
    found.data["list"].append(3)
    assert data_of(store, "a") == {"list": [1]}


@everywhere()
def test_names_differ_by_kind_and_by_the_case_of_letters(store: Store) -> None:
    for kind, key in (("test", "a"), ("test", "A"), ("other", "a"), ("Test", "a")):
        assert store.put(kind, key, Record({"is": kind + key}), expect=0)
    assert data_of(store, "a") == {"is": "testa"}
    assert data_of(store, "A") == {"is": "testA"}
    assert data_of(store, "a", "Test") == {"is": "Testa"}


@everywhere()
def test_the_longest_names_and_data_are_kept(store: Store) -> None:
    kind, key, owner = "k" * 32, "~" * 128, "🐙" * 255
    data = {"": "x" * (MAX_DATA - 7)}
    assert store.put(kind, key, Record(data, owner), expect=0)
    assert store.owned(kind, owner) == [(key, Record(data, owner, None, 1))]


@everywhere()
@pytest.mark.parametrize(
    ("kind", "key", "record"),
    [
        ("", "a", Record()),
        ("k" * 33, "a", Record()),
        ("test", "", Record()),
        ("test", "a" * 129, Record()),
        ("test", "a ", Record()),
        ("test", "a\n", Record()),
        ("test", "ä", Record()),
        ("test", "a", Record(owner="o" * 256)),
        ("test", "a", Record(owner="o\0")),
        ("test", "a", Record(owner="\udc80")),
        ("test", "a", Record(expires=math.inf)),
        ("test", "a", Record(expires=math.nan)),
        ("test", "a", Record({"n": math.nan})),
        ("test", "a", Record({"x": "x" * MAX_DATA})),
    ],
)
def test_what_cannot_be_kept_is_refused(store: Store, kind: str, key: str, record: Record) -> None:
    with pytest.raises(ValueError, match="kind"):
        store.put(kind, key, record)
    assert store.get(kind, key) is None


@everywhere()
@pytest.mark.parametrize("value", [b"bytes", {1: 2}, {1, 2}, datetime(2026, 1, 1, tzinfo=UTC), [{"in": object()}]])
def test_data_that_is_not_json_is_refused(store: Store, value: object) -> None:
    with pytest.raises(TypeError, match="'test' cannot be kept as JSON"):
        store.put("test", "a", Record({"it": value}))
    assert store.get("test", "a") is None


@everywhere()
@pytest.mark.parametrize("name", ["", "a" * 500, "a ", "a\0", "\ud800", "ä", "' OR 1=1 --", "*", "%"])
def test_names_that_nothing_can_have_find_nothing(store: Store, name: str) -> None:
    store.put("test", "a", Record({}, OWNER))
    assert store.get("test", name) is None
    assert not store.delete("test", name)
    assert store.get(name, "a") is None
    assert not store.delete(name, "a")
    assert store.owned("test", name) == []
    assert store.owned(name, OWNER) == []
    assert store.delete_owned("test", name) == 0
    assert store.delete_owned(name, OWNER, keep=[name]) == 0
    assert keys_of(store, OWNER) == ["a"]


# -- versions


@everywhere()
def test_every_write_counts_the_version_up(store: Store) -> None:
    for version in (1, 2, 3):
        assert store.put("test", "a", Record({"n": version}, version=77))
        assert store.get("test", "a") == Record({"n": version}, "", None, version)


@everywhere()
def test_a_write_with_the_version_that_is_there_is_done(store: Store) -> None:
    assert store.put("test", "a", Record({"n": 1}), expect=0)
    assert store.put("test", "a", Record({"n": 2}, OWNER, NOW + 9), expect=1)
    assert store.get("test", "a") == Record({"n": 2}, OWNER, NOW + 9, 2)


@everywhere()
@pytest.mark.parametrize("expect", [0, 1, 3, -1, 2**31 - 1])
def test_a_write_with_another_version_is_not_done(store: Store, expect: int) -> None:
    store.put("test", "a", Record({"n": 1}))
    store.put("test", "a", Record({"n": 2}, OWNER))
    assert not store.put("test", "a", Record({"n": 3}, "other"), expect=expect)
    assert store.get("test", "a") == Record({"n": 2}, OWNER, None, 2)
    assert keys_of(store, "other") == []


@everywhere()
def test_a_write_that_expects_what_is_not_there_is_not_done(store: Store) -> None:
    assert not store.put("test", "a", Record(), expect=1)
    store.put("test", "a", Record())
    store.delete("test", "a")
    assert not store.put("test", "a", Record(), expect=1)
    assert store.get("test", "a") is None


# -- expiry


@everywhere()
def test_a_record_lives_until_it_expires(store: Store, clock: Clock) -> None:
    store.put("test", "a", Record({}, OWNER, NOW + 10))
    clock.now = NOW + 9.999
    assert store.get("test", "a") is not None
    clock.now = NOW + 10
    assert store.get("test", "a") is None
    assert store.owned("test", OWNER) == []


@everywhere()
def test_an_expired_record_is_none_to_delete(store: Store, clock: Clock) -> None:
    for key in "ab":
        store.put("test", key, Record({}, OWNER, NOW + 10))
    clock.now = NOW + 10
    assert not store.delete("test", "a")
    assert store.delete_owned("test", OWNER) == 0


@everywhere()
@pytest.mark.parametrize("expect", [0, None])
def test_an_expired_record_gives_way_to_a_new_one(store: Store, clock: Clock, expect: int | None) -> None:
    store.put("test", "a", Record({"n": 1}, OWNER, NOW + 10))
    store.put("test", "a", Record({"n": 2}, OWNER, NOW + 10))
    clock.now = NOW + 10
    assert store.put("test", "a", Record({"n": 3}, "other", NOW + 20), expect=expect)
    assert store.get("test", "a") == Record({"n": 3}, "other", NOW + 20, 1)
    assert keys_of(store, OWNER) == []


@everywhere()
def test_an_expired_record_cannot_be_written_on(store: Store, clock: Clock) -> None:
    store.put("test", "a", Record({}, OWNER, NOW + 10))
    clock.now = NOW + 10
    assert not store.put("test", "a", Record({}, OWNER, NOW + 20), expect=1)
    assert store.get("test", "a") is None


@everywhere()
def test_a_write_can_prolong_a_record_or_make_it_last(store: Store, clock: Clock) -> None:
    store.put("test", "a", Record({}, OWNER, NOW + 10))
    store.put("test", "a", Record({}, OWNER, NOW + 20))
    store.put("test", "b", Record({}, OWNER, NOW + 10))
    store.put("test", "b", Record({}, OWNER, None))
    clock.now = NOW + 15
    assert keys_of(store, OWNER) == ["a", "b"]
    clock.now = NOW + 25
    assert keys_of(store, OWNER) == ["b"]


@everywhere("redis")
def test_a_purge_forgets_what_has_expired_and_tells_how_much(store: Store, clock: Clock) -> None:
    for index in range(5):
        store.put("test", str(index), Record({}, OWNER, NOW + 0.5 + index))
    store.put("other", "a", Record({}, OWNER, NOW + 1))
    store.put("test", "for-ever", Record({}, OWNER))
    clock.now = NOW + 2.5
    assert store.purge() == 4
    assert keys_of(store, OWNER) == ["3", "4", "for-ever"]
    assert store.purge() == 0


@everywhere("memory", "file", *SERVERS)
def test_redis_has_nothing_to_purge(store: Store, clock: Clock) -> None:
    store.put("test", "a", Record({}, OWNER, NOW + 1))
    clock.now = NOW + 2
    assert store.purge() == 0


# -- owners


@everywhere()
def test_the_records_of_an_owner_come_in_the_order_of_their_keys(store: Store) -> None:
    for key in ("b", "B", "a", "_", "10", "9"):
        store.put("test", key, Record({"n": key}, OWNER))
    store.put("test", "c", Record({}, "default:8"))
    store.put("other", "d", Record({}, OWNER))
    assert keys_of(store, OWNER) == ["10", "9", "B", "_", "a", "b"]
    assert store.owned("other", OWNER) == [("d", Record({}, OWNER, None, 1))]


@everywhere()
def test_owners_are_told_apart_by_every_character(store: Store) -> None:
    owners = ["ada", "Ada", "áda", "ada ", "ada  ", "ada.", " ada", "ad", "a%a", "ada\t", "a\u0301da"]
    for index, owner in enumerate(owners):
        store.put("test", str(index), Record({}, owner))
    assert [keys_of(store, owner) for owner in owners] == [[str(index)] for index in range(len(owners))]
    assert store.delete_owned("test", "ada") == 1
    assert [keys_of(store, owner) for owner in owners[1:]] == [[str(index)] for index in range(1, len(owners))]


@everywhere()
def test_a_record_can_change_hands(store: Store) -> None:
    store.put("test", "a", Record({}, OWNER))
    store.put("test", "a", Record({}, "default:8"))
    assert keys_of(store, OWNER) == []
    assert keys_of(store, "default:8") == ["a"]
    assert store.delete_owned("test", OWNER) == 0
    assert store.get("test", "a") is not None


@everywhere()
def test_what_belongs_to_nobody_is_found_by_the_empty_owner(store: Store) -> None:
    store.put("test", "a", Record({}, ""))
    store.put("test", "b", Record({}, OWNER))
    assert keys_of(store, "") == ["a"]
    assert store.delete_owned("test", "") == 1
    assert keys_of(store, OWNER) == ["b"]


@everywhere()
def test_a_deleted_record_is_gone(store: Store) -> None:
    store.put("test", "a", Record({}, OWNER))
    store.put("test", "b", Record({}, OWNER))
    assert store.delete("test", "a")
    assert not store.delete("test", "a")
    assert store.get("test", "a") is None
    assert keys_of(store, OWNER) == ["b"]
    assert store.put("test", "a", Record({}, OWNER), expect=0)


@everywhere()
def test_all_of_an_owner_s_records_of_a_kind_are_deleted(store: Store) -> None:
    for key in "abc":
        store.put("test", key, Record({}, OWNER))
    store.put("test", "d", Record({}, "default:8"))
    store.put("other", "e", Record({}, OWNER))
    assert store.delete_owned("test", OWNER) == 3
    assert keys_of(store, OWNER) == []
    assert keys_of(store, "default:8") == ["d"]
    assert keys_of(store, OWNER, "other") == ["e"]


@everywhere()
@pytest.mark.parametrize("keep", [["b", "gone"], {"b", "d", "e"}, ("b", "b"), frozenset("b")])
def test_all_but_some_of_an_owner_s_records_are_deleted(store: Store, keep: list[str]) -> None:
    for key in "abc":
        store.put("test", key, Record({}, OWNER))
    store.put("test", "d", Record({}, "default:8"))
    assert store.delete_owned("test", OWNER, keep=keep) == 2
    assert keys_of(store, OWNER) == ["b"]
    assert keys_of(store, "default:8") == ["d"]


@everywhere()
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(owner=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=255))
def test_any_text_can_be_an_owner(store: Store, owner: str) -> None:
    store.put("any", "a", Record({"of": owner}, owner))
    assert store.owned("any", owner)[0][1].data == {"of": owner}
    assert store.delete_owned("any", owner) == 1


# -- all together

_KEYS = st.sampled_from("abc")
_OWNERS = st.sampled_from(["", "ada", "ada ", "Ada"])
_VERSIONS = st.sampled_from([None, 0, 1, 2, 3])
_ENDS = st.sampled_from([None, 0, 1, 2, 5])
_STEPS = st.one_of(
    st.tuples(st.just("put"), _KEYS, _OWNERS, _ENDS, _VERSIONS),
    st.tuples(st.just("get"), _KEYS),
    st.tuples(st.just("delete"), _KEYS),
    st.tuples(st.just("owned"), _OWNERS),
    st.tuples(st.just("delete_owned"), _OWNERS, st.lists(_KEYS)),
    st.tuples(st.just("wait"), st.sampled_from([1, 3])),
)


def step(store: Store, kind: str, now: float, what: str, *args: Any) -> object:
    """Do one step of many, and return what came of it."""
    if what == "put":
        key, owner, ends, expect = args
        return store.put(kind, key, Record({"at": now}, owner, ends and now + ends), expect=expect)
    if what == "delete_owned":
        return store.delete_owned(kind, args[0], keep=args[1])
    return getattr(store, what)(kind, *args) if what != "wait" else None


@everywhere("memory")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_STEPS, max_size=25))
def test_every_store_does_the_same_as_that_in_memory(store: Store, clock: Clock, steps: list[tuple[Any, ...]]) -> None:
    model, kind = MemoryStore(clock), secrets.token_hex(8)
    for what, *args in steps:
        clock.now += args[0] if what == "wait" else 0
        assert step(store, kind, clock.now, what, *args) == step(model, kind, clock.now, what, *args)
