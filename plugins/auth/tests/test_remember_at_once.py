"""Remembered browsers: many uses at once, in threads and in processes."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from trivet_auth.records import StoreError
from trivet_auth.remember import KIND, RememberTokens, Used
from trivet_auth.stores.file import FileStore
from trivet_auth.stores.memory import MemoryStore

from .racing import Raced, Refusing, in_processes
from .store_homes import DAY, OWNER, Clock, at_once

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


def assert_one_rotation(found: Sequence[Used]) -> None:
    assert {used.outcome for used in found} == {"ok"}
    assert sum(used.replacement is not None for used in found) == 1


def test_who_loses_the_race_to_rotate_is_known_and_gets_no_replacement(clock: Clock) -> None:
    store = Raced()
    tokens = RememberTokens(store, LIFETIME, GRACE, clock)
    text, winners = tokens.issue(OWNER), list[Used]()
    store.rival = lambda: winners.append(tokens.use(text))
    assert_one_rotation([tokens.use(text), *winners])
    assert winners[0].replacement is not None


def test_a_family_that_is_revoked_during_a_rotation_does_not_come_back(clock: Clock) -> None:
    store = Raced()
    tokens = RememberTokens(store, LIFETIME, GRACE, clock)
    text = tokens.issue(OWNER)
    store.rival = lambda: tokens.revoke_all(OWNER)
    assert tokens.use(text) == Used("unknown")
    assert store.owned(KIND, OWNER) == []


def test_a_rotation_that_others_always_forestall_gives_up(clock: Clock) -> None:
    tokens = RememberTokens(Refusing(), LIFETIME, GRACE, clock)
    text = tokens.issue(OWNER)
    with pytest.raises(StoreError, match=r"^A record of the kind 'remember' was changed by others"):
        tokens.use(text)


def test_of_many_threads_with_one_text_exactly_one_rotates(tokens: RememberTokens) -> None:
    text = tokens.issue(OWNER)
    assert_one_rotation(at_once([partial(tokens.use, text)] * 24))


def test_of_many_threads_that_rotate_in_turn_no_family_is_lost(tokens: RememberTokens) -> None:
    text = tokens.issue(OWNER)
    for _ in range(10):
        found = at_once([partial(tokens.use, text)] * 8)
        assert_one_rotation(found)
        text = next(used.replacement for used in found if used.replacement is not None)


def test_of_many_threads_with_an_old_text_none_is_let_in(tokens: RememberTokens, clock: Clock) -> None:
    text = tokens.issue(OWNER)
    tokens.use(text)
    clock.now += GRACE + 1
    outcomes = {used.outcome for used in at_once([partial(tokens.use, text)] * 16)}
    assert "reused" in outcomes
    assert outcomes <= {"reused", "unknown"}


WORKER = """
import sys
from pathlib import Path
from trivet_auth.remember import RememberTokens
from trivet_auth.stores.file import FileStore

tokens = RememberTokens(FileStore(Path(sys.argv[1])), 86400, 3600)
print("ready", flush=True)
sys.stdin.readline()
for text in sys.argv[2:]:
    used = tokens.use(text)
    print(used.outcome, used.replacement is not None)
"""


def test_of_several_processes_with_one_text_exactly_one_rotates(tmp_path: Path) -> None:
    path = tmp_path / "auth.db"
    tokens = RememberTokens(FileStore(path), DAY, 3600)
    texts = [tokens.issue(OWNER) for _ in range(20)]
    found = [lines.splitlines() for lines in in_processes(WORKER, 3, str(path), *texts)]
    for uses in zip(*found, strict=True):
        assert sorted(uses) == ["ok False", "ok False", "ok True"]
