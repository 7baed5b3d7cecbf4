"""Personal access tokens: made once, known by their digest, limited, expiring, revoked, and noted when used."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trivet_auth.access import KIND, MAX_NAME, MAX_SCOPES, NOTED_EVERY, AccessTokens
from trivet_auth.opaque import make
from trivet_auth.records import Record, Store
from trivet_auth.stores.file import FileStore
from trivet_auth.stores.memory import MemoryStore

#: Later than the clock of any store, so that only the clock given here counts.
NOW = 8_000_000_000.0
DAY = 86_400.0
ADA, BOB = "default:1", "default:2"


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Counting(MemoryStore):
    """A store that counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = self.writes = 0

    def get(self, kind: str, key: str) -> Record | None:
        """Read and count."""
        self.reads += 1
        return super().get(kind, key)

    def put(self, kind: str, key: str, record: Record, *, expect: int | None = None) -> bool:
        """Write and count."""
        self.writes += 1
        return super().put(kind, key, record, expect=expect)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture
def tokens(store: Counting, clock: Clock) -> AccessTokens:
    return AccessTokens(store, clock=clock)


# -- making


def test_a_new_token_is_known_with_what_it_was_made_with(tokens: AccessTokens) -> None:
    text, info = tokens.create(ADA, "laptop", ["tasks:write", "tasks:read", "tasks:read"], 90 * DAY)
    assert text.startswith(f"trv_{info.id}_")
    assert (info.owner, info.name, info.scopes) == (ADA, "laptop", frozenset({"tasks:read", "tasks:write"}))
    assert (info.created, info.used, info.expires) == (NOW, None, NOW + 90 * DAY)
    found = tokens.check(text)
    assert found is not None
    assert (found.id, found.owner, found.scopes, found.used) == (info.id, ADA, info.scopes, NOW)


def test_no_scopes_are_no_limit_and_an_empty_list_is_the_tightest(tokens: AccessTokens) -> None:
    assert tokens.create(ADA, "all", None, DAY)[1].scopes is None
    assert tokens.create(ADA, "none", [], DAY)[1].scopes == frozenset()
    assert [one.scopes for one in tokens.list(ADA) if one.name == "none"] == [frozenset()]


def test_the_prefix_can_be_chosen(store: Counting, clock: Clock) -> None:
    acme = AccessTokens(store, prefix="acme", clock=clock)
    text, _ = acme.create(ADA, "laptop", None, DAY)
    assert text.startswith("acme_")
    assert acme.check(text) is not None
    assert AccessTokens(store, clock=clock).check(text) is None


def test_an_impossible_prefix_is_refused_at_once(store: Counting) -> None:
    with pytest.raises(ValueError, match="The prefix of a token cannot be 'a_b'"):
        AccessTokens(store, prefix="a_b")


def test_neither_the_token_nor_its_secret_is_kept(tokens: AccessTokens, store: Counting) -> None:
    text, info = tokens.create(ADA, "laptop", ["tasks:read"], DAY)
    ((key, record),) = store.owned(KIND, ADA)
    kept = key + json.dumps(dict(record.data)) + repr(info) + repr(tokens)
    assert text not in kept
    assert text.rpartition("_")[2] not in kept


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "bell\x07", "x" * (MAX_NAME + 1), "half \ud800"])
def test_what_cannot_be_the_name_of_a_token_is_refused(tokens: AccessTokens, name: str) -> None:
    with pytest.raises(ValueError, match="A token's name has to be one line of 1 to 100 printable characters"):
        tokens.create(ADA, name, None, DAY)


@pytest.mark.parametrize("scope", ["*", "tasks", "tasks:*", "@editor", "a b:c", ""])
def test_what_is_no_permission_is_no_scope(tokens: AccessTokens, scope: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a permission"):
        tokens.create(ADA, "laptop", [scope], DAY)


def test_one_text_in_place_of_scopes_is_refused(tokens: AccessTokens) -> None:
    with pytest.raises(TypeError, match=r"\['tasks:read'\]"):
        tokens.create(ADA, "laptop", "tasks:read", DAY)


def test_too_many_scopes_are_refused(tokens: AccessTokens) -> None:
    with pytest.raises(ValueError, match="can have 100 scopes, not 101"):
        tokens.create(ADA, "laptop", [f"tasks:{one}" for one in range(MAX_SCOPES + 1)], DAY)


@pytest.mark.parametrize("lifetime", [0, -1, math.inf, math.nan])
def test_what_cannot_be_a_lifetime_is_refused(tokens: AccessTokens, lifetime: float) -> None:
    with pytest.raises(ValueError, match="lifetime must be a positive number of seconds"):
        tokens.create(ADA, "laptop", None, lifetime)


# -- expiry


def test_a_token_works_until_it_expires_and_not_a_second_longer(tokens: AccessTokens, clock: Clock) -> None:
    text, _ = tokens.create(ADA, "laptop", None, DAY)
    clock.now = NOW + DAY - 1
    assert tokens.check(text) is not None
    clock.now = NOW + DAY
    assert tokens.check(text) is None
    assert tokens.list(ADA) == []


def test_using_a_token_does_not_prolong_it(tokens: AccessTokens, clock: Clock) -> None:
    text, info = tokens.create(ADA, "laptop", None, DAY)
    clock.now = NOW + DAY / 2
    found = tokens.check(text)
    assert found is not None
    assert found.expires == info.expires


def test_a_token_without_a_lifetime_does_not_expire(tokens: AccessTokens, clock: Clock) -> None:
    text, info = tokens.create(ADA, "laptop", None, None)
    clock.now = NOW + 10_000 * DAY
    assert info.expires is None
    assert tokens.check(text) is not None


# -- uses


def test_a_use_is_noted_once_a_minute(tokens: AccessTokens, store: Counting, clock: Clock) -> None:
    text, _ = tokens.create(ADA, "laptop", None, DAY)
    writes, seen = store.writes, []
    for seconds in (0, 1, NOTED_EVERY - 1, NOTED_EVERY, NOTED_EVERY + 1):
        clock.now = NOW + seconds
        found = tokens.check(text)
        assert found is not None
        seen.append(found.used)
    assert seen == [NOW, NOW, NOW, NOW + NOTED_EVERY, NOW + NOTED_EVERY]
    assert store.writes - writes == 2
    assert tokens.list(ADA)[0].used == NOW + NOTED_EVERY


def test_a_clock_that_is_set_back_is_followed(tokens: AccessTokens, clock: Clock) -> None:
    text, _ = tokens.create(ADA, "laptop", None, DAY)
    tokens.check(text)
    clock.now = NOW - 3600
    found = tokens.check(text)
    assert found is not None
    assert found.used == NOW - 3600


def test_listing_is_no_use(tokens: AccessTokens) -> None:
    tokens.create(ADA, "laptop", None, DAY)
    assert [one.used for one in (*tokens.list(ADA), *tokens.list(ADA))] == [None, None]


def test_noting_a_use_does_not_bring_back_what_was_revoked_meanwhile(clock: Clock) -> None:
    class Revoking(MemoryStore):
        """A store in which somebody revokes a token just after it was read."""

        def get(self, kind: str, key: str) -> Record | None:
            """Read and revoke."""
            found = super().get(kind, key)
            self.delete(kind, key)
            return found

    tokens = AccessTokens(Revoking(), clock=clock)
    text, _ = tokens.create(ADA, "laptop", None, DAY)
    tokens.check(text)
    assert tokens.list(ADA) == []
    assert tokens.check(text) is None


def test_many_uses_at_once_are_all_known(tmp_path: Any) -> None:
    tokens = AccessTokens(FileStore(tmp_path / "auth.db"))
    text, info = tokens.create(ADA, "laptop", None, DAY)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: tokens.check(text), range(40)))
    assert {one.id for one in found if one is not None} == {info.id}
    assert None not in found


# -- lists and revocation


def test_a_list_has_the_owner_s_tokens_the_oldest_first(tokens: AccessTokens, clock: Clock) -> None:
    for number, name in enumerate(["first", "second", "third"]):
        clock.now = NOW + number
        tokens.create(ADA, name, None, DAY)
    tokens.create(BOB, "other", None, DAY)
    assert [one.name for one in tokens.list(ADA)] == ["first", "second", "third"]


def test_a_revoked_token_is_unknown_and_the_others_stay(tokens: AccessTokens) -> None:
    (first, info), (second, _) = (tokens.create(ADA, name, None, DAY) for name in ("first", "second"))
    assert tokens.revoke(ADA, info.id)
    assert not tokens.revoke(ADA, info.id)
    assert tokens.check(first) is None
    assert tokens.check(second) is not None


def test_nobody_revokes_the_token_of_somebody_else(tokens: AccessTokens) -> None:
    text, info = tokens.create(ADA, "laptop", None, DAY)
    assert not tokens.revoke(BOB, info.id)
    assert not tokens.revoke("staff:1", info.id)
    assert tokens.check(text) is not None


@pytest.mark.parametrize("id", ["", "x", "\0" * 16, "é" * 16, "x" * 10_000, "0123456789abcde\n", "\ud800" * 16])
def test_any_text_can_be_asked_to_be_revoked(tokens: AccessTokens, store: Counting, id: str) -> None:
    assert not tokens.revoke(ADA, id)
    assert store.reads == 0


def test_all_of_somebody_s_tokens_are_revoked(tokens: AccessTokens) -> None:
    mine = [tokens.create(ADA, name, None, DAY)[0] for name in ("first", "second")]
    other, _ = tokens.create(BOB, "other", None, DAY)
    assert tokens.revoke_all(ADA) == 2
    assert tokens.revoke_all(ADA) == 0
    assert [tokens.check(one) for one in mine] == [None, None]
    assert tokens.check(other) is not None


# -- what is no token


def test_a_token_with_the_right_key_and_another_secret_is_refused(tokens: AccessTokens, store: Store) -> None:
    text, info = tokens.create(ADA, "laptop", None, DAY)
    forged = make("trv")
    record = store.get(KIND, info.id)
    assert record is not None
    store.put(KIND, forged.key, record)
    assert tokens.check(forged.text) is None
    assert tokens.check(text) is not None


def test_a_record_without_a_digest_is_nobody_s(tokens: AccessTokens, store: Store) -> None:
    token = make("trv")
    store.put(KIND, token.key, Record({"digest": None}, ADA))
    assert tokens.check(token.text) is None


@given(st.text() | st.binary() | st.none() | st.integers())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_no_token_is_refused_without_a_look_up(tokens: AccessTokens, store: Counting, text: object) -> None:
    assert tokens.check(text) is None
    assert store.reads == 0


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_a_token_with_any_character_changed_is_refused(tokens: AccessTokens, data: st.DataObject) -> None:
    text, _ = tokens.create(ADA, "laptop", None, DAY)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda one: one != text[place]))
    assert tokens.check(text[:place] + other + text[place + 1 :]) is None
    assert tokens.check(text[:place]) is None
