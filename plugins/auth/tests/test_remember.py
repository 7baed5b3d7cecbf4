"""Remembered browsers: families of texts, their rotation, their end, and what a replay does."""

import json

import pytest

from trivet_auth.remember import FAMILY_PREFIX, KEPT_AFTER_END, KIND, TEXT_LENGTH, TOKEN_PREFIX, RememberTokens, Used
from trivet_auth.stores.memory import MemoryStore

from .remembering import with_key_of
from .store_homes import DAY, NOW, OWNER, Clock

LIFETIME = 30 * DAY
GRACE = 60.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def tokens(store: MemoryStore, clock: Clock) -> RememberTokens:
    return RememberTokens(store, LIFETIME, GRACE, clock)


def rotated(tokens: RememberTokens, text: str) -> str:
    """Use a text and return the one in its place."""
    replacement = tokens.use(text).replacement
    assert replacement is not None
    return replacement


# -- issuing


def test_a_text_has_the_documented_form(tokens: RememberTokens) -> None:
    text = tokens.issue(OWNER)
    family, token = text.split(".")
    assert family.startswith(f"{FAMILY_PREFIX}_")
    assert token.startswith(f"{TOKEN_PREFIX}_")
    assert len(text) == TEXT_LENGTH


def test_the_store_holds_neither_half_of_a_text(tokens: RememberTokens, store: MemoryStore) -> None:
    text = rotated(tokens, tokens.issue(OWNER))
    [(_, record)] = store.owned(KIND, OWNER)
    kept = json.dumps(dict(record.data))
    assert not any(half in kept or half.rpartition("_")[2] in kept for half in text.split("."))


def test_two_texts_of_one_owner_have_nothing_in_common(tokens: RememberTokens) -> None:
    one, other = tokens.issue(OWNER), tokens.issue(OWNER)
    assert not set(one.split(".")) & set(other.split("."))


def test_the_first_use_says_whose_it_is(tokens: RememberTokens) -> None:
    used = tokens.use(tokens.issue(OWNER))
    assert (used.outcome, used.owner) == ("ok", OWNER)


def test_the_data_that_was_given_comes_back_after_rotation(tokens: RememberTokens) -> None:
    text = rotated(tokens, tokens.issue(OWNER, {"stamp": "a1"}))
    assert tokens.use(text).data == {"stamp": "a1"}


def test_without_data_it_is_empty(tokens: RememberTokens) -> None:
    assert tokens.use(tokens.issue(OWNER)).data == {}


def test_changing_what_was_given_as_data_changes_nothing(tokens: RememberTokens) -> None:
    data = {"stamp": "a1"}
    text = tokens.issue(OWNER, data)
    data["stamp"] = "b2"
    assert tokens.use(text).data == {"stamp": "a1"}


def test_a_replacement_is_not_in_what_a_log_would_show(tokens: RememberTokens) -> None:
    used = tokens.use(tokens.issue(OWNER))
    assert used.replacement is not None
    assert used.replacement not in repr(used)


@pytest.mark.parametrize("lifetime", [0, -1, float("nan"), float("inf")])
def test_a_lifetime_that_cannot_be_is_refused(store: MemoryStore, lifetime: float) -> None:
    with pytest.raises(ValueError, match=r"^The lifetime of remembered browsers must be a positive number of seconds"):
        RememberTokens(store, lifetime)


@pytest.mark.parametrize("grace", [-1, float("nan"), float("inf")])
def test_a_grace_that_cannot_be_is_refused(store: MemoryStore, grace: float) -> None:
    with pytest.raises(ValueError, match=r"^The grace of remembered browsers must be a number of seconds from 0"):
        RememberTokens(store, LIFETIME, grace)


@pytest.mark.parametrize("lifetime", [float("nan"), float("inf")])
def test_a_lifetime_of_one_family_that_is_not_finite_is_refused(tokens: RememberTokens, lifetime: float) -> None:
    with pytest.raises(ValueError, match=r"must be a finite number of seconds"):
        tokens.issue(OWNER, lifetime=lifetime)


# -- rotation


def test_a_use_replaces_the_text(tokens: RememberTokens) -> None:
    text = tokens.issue(OWNER)
    replacement = rotated(tokens, text)
    assert replacement != text
    assert tokens.use(replacement).outcome == "ok"


def test_a_use_that_cannot_give_a_replacement_makes_none(tokens: RememberTokens) -> None:
    text = tokens.issue(OWNER)
    assert tokens.use(text, rotate=False).replacement is None
    assert tokens.use(text).replacement is not None


def test_a_use_that_cannot_give_a_replacement_writes_nothing(tokens: RememberTokens, store: MemoryStore) -> None:
    text = tokens.issue(OWNER)
    before = store.owned(KIND, OWNER)
    tokens.use(text, rotate=False)
    assert store.owned(KIND, OWNER) == before


def test_the_text_before_is_accepted_within_grace_and_not_replaced(tokens: RememberTokens, clock: Clock) -> None:
    text = tokens.issue(OWNER)
    tokens.use(text)
    clock.now += GRACE
    used = tokens.use(text)
    assert (used.outcome, used.replacement) == ("ok", None)


def test_the_text_before_is_accepted_by_a_worker_whose_clock_is_behind(tokens: RememberTokens, clock: Clock) -> None:
    text = tokens.issue(OWNER)
    tokens.use(text)
    clock.now -= 1
    assert tokens.use(text).outcome == "ok"


def test_grace_does_not_grow_by_uses_within_it(tokens: RememberTokens, clock: Clock) -> None:
    text = tokens.issue(OWNER)
    tokens.use(text)
    clock.now += GRACE
    tokens.use(text)
    clock.now += 1
    assert tokens.use(text).outcome == "reused"


def test_without_grace_a_second_use_a_moment_later_is_one_too_many(store: MemoryStore, clock: Clock) -> None:
    tokens = RememberTokens(store, LIFETIME, 0, clock)
    text = tokens.issue(OWNER)
    tokens.use(text)
    clock.now += 0.001
    assert tokens.use(text).outcome == "reused"


# -- reuse


def test_a_reuse_after_grace_says_whose_text_it_was(tokens: RememberTokens, clock: Clock) -> None:
    text = tokens.issue(OWNER, {"stamp": "a1"})
    tokens.use(text)
    clock.now += GRACE + 1
    assert tokens.use(text) == Used("reused", OWNER, None, NOW + LIFETIME, {})


def test_a_reuse_after_grace_ends_the_family(tokens: RememberTokens, clock: Clock) -> None:
    text = tokens.issue(OWNER)
    replacement = rotated(tokens, text)
    clock.now += GRACE + 1
    tokens.use(text)
    assert tokens.use(replacement).outcome == "unknown"


def test_a_reuse_that_cannot_be_answered_with_a_cookie_ends_the_family_too(
    tokens: RememberTokens, clock: Clock
) -> None:
    text = tokens.issue(OWNER)
    replacement = rotated(tokens, text)
    clock.now += GRACE + 1
    tokens.use(text, rotate=False)
    assert tokens.use(replacement).outcome == "unknown"


def test_a_text_two_rotations_old_ends_the_family_even_within_grace(tokens: RememberTokens) -> None:
    first = tokens.issue(OWNER)
    last = rotated(tokens, rotated(tokens, first))
    assert tokens.use(first).outcome == "reused"
    assert tokens.use(last).outcome == "unknown"


def test_a_text_a_hundred_rotations_old_is_still_told_from_a_forged_one(tokens: RememberTokens) -> None:
    first = text = tokens.issue(OWNER)
    for _ in range(100):
        text = rotated(tokens, text)
    assert tokens.use(first).outcome == "reused"


def test_a_reuse_ends_no_other_family_of_the_owner(tokens: RememberTokens, clock: Clock) -> None:
    text, other = tokens.issue(OWNER), tokens.issue(OWNER)
    tokens.use(text)
    clock.now += GRACE + 1
    tokens.use(text)
    assert tokens.use(other).outcome == "ok"


# -- expiry


def test_a_family_lives_until_its_end_and_no_longer(tokens: RememberTokens, clock: Clock) -> None:
    text = tokens.issue(OWNER)
    clock.now = NOW + LIFETIME - 1
    text = rotated(tokens, text)
    clock.now = NOW + LIFETIME
    assert tokens.use(text) == Used("expired", OWNER, None, NOW + LIFETIME, {})


def test_rotation_does_not_prolong_a_family(tokens: RememberTokens, clock: Clock) -> None:
    text = tokens.issue(OWNER)
    for _ in range(3):
        clock.now += LIFETIME / 4
        used = tokens.use(text)
        assert used.expires == NOW + LIFETIME
        text = used.replacement or text


def test_a_lifetime_of_its_own_counts_instead(tokens: RememberTokens, clock: Clock) -> None:
    text = tokens.issue(OWNER, lifetime=DAY)
    assert tokens.use(text, rotate=False).expires == NOW + DAY
    clock.now += DAY
    assert tokens.use(text).outcome == "expired"


@pytest.mark.parametrize("lifetime", [0, -1])
def test_a_family_without_a_lifetime_has_ended_from_the_start(tokens: RememberTokens, lifetime: float) -> None:
    assert tokens.use(tokens.issue(OWNER, lifetime=lifetime)).outcome == "expired"


def test_an_old_text_of_a_family_that_has_ended_is_expired_and_no_alarm(tokens: RememberTokens, clock: Clock) -> None:
    text = tokens.issue(OWNER)
    tokens.use(text)
    clock.now += LIFETIME
    assert tokens.use(text).outcome == "expired"


def test_a_record_is_kept_a_day_after_its_family_ends_and_no_longer(tokens: RememberTokens, store: MemoryStore) -> None:
    rotated(tokens, tokens.issue(OWNER))
    [(_, record)] = store.owned(KIND, OWNER)
    assert record.expires == NOW + LIFETIME + KEPT_AFTER_END


# -- revoking


def test_a_revoked_family_is_unknown(tokens: RememberTokens) -> None:
    text = tokens.issue(OWNER)
    assert tokens.revoke(text)
    assert tokens.use(text) == Used("unknown")


def test_revoking_twice_finds_nothing_the_second_time(tokens: RememberTokens) -> None:
    text = tokens.issue(OWNER)
    tokens.revoke(text)
    assert not tokens.revoke(text)


def test_revoking_by_an_old_text_ends_the_family(tokens: RememberTokens) -> None:
    text = tokens.issue(OWNER)
    replacement = rotated(tokens, text)
    assert tokens.revoke(text)
    assert tokens.use(replacement).outcome == "unknown"


def test_revoking_a_family_that_has_ended_finds_nothing(tokens: RememberTokens, clock: Clock) -> None:
    text = tokens.issue(OWNER)
    clock.now += LIFETIME
    assert not tokens.revoke(text)


def test_the_key_of_a_family_is_not_enough_to_end_it(tokens: RememberTokens, store: MemoryStore) -> None:
    text = tokens.issue(OWNER)
    forged = with_key_of(text)
    assert tokens.use(forged).outcome == "unknown"
    assert not tokens.revoke(forged)
    assert tokens.use(text).outcome == "ok"


def test_revoking_all_ends_those_of_the_owner_only(tokens: RememberTokens) -> None:
    mine, others = [tokens.issue(OWNER) for _ in range(3)], tokens.issue("default:70")
    assert tokens.revoke_all(OWNER) == 3
    assert {tokens.use(text).outcome for text in mine} == {"unknown"}
    assert tokens.use(others).outcome == "ok"


def test_revoking_all_counts_no_family_that_has_ended(tokens: RememberTokens) -> None:
    tokens.issue(OWNER, lifetime=0)
    tokens.issue(OWNER)
    assert tokens.revoke_all(OWNER) == 1


def test_revoking_all_but_one_keeps_that(tokens: RememberTokens) -> None:
    kept, other = tokens.issue(OWNER), tokens.issue(OWNER)
    assert tokens.revoke_all(OWNER, keep=kept) == 1
    assert tokens.use(kept).outcome == "ok"
    assert tokens.use(other).outcome == "unknown"


@pytest.mark.parametrize("keep", ["", "x", "rmf_.rmt_"])
def test_revoking_all_but_a_text_that_is_none_ends_all(tokens: RememberTokens, keep: str) -> None:
    text = tokens.issue(OWNER)
    assert tokens.revoke_all(OWNER, keep=keep) == 1
    assert tokens.use(text).outcome == "unknown"


def test_revoking_all_but_a_forged_text_ends_all(tokens: RememberTokens) -> None:
    assert tokens.revoke_all(OWNER, keep=with_key_of(tokens.issue(OWNER))) == 1


def test_revoking_all_of_somebody_who_has_none_ends_none(tokens: RememberTokens) -> None:
    assert tokens.revoke_all(OWNER) == 0
