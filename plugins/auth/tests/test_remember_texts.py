"""Remembered browsers: what is none of their texts, and any sequence of uses, thefts and forgeries."""

import hashlib
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from trivet_auth.opaque import make
from trivet_auth.records import Record
from trivet_auth.remember import FAMILY_PREFIX, KIND, TEXT_LENGTH, TOKEN_PREFIX, RememberTokens, Used
from trivet_auth.stores.memory import MemoryStore

from .remembering import with_another_token, with_key_of
from .store_homes import DAY, OWNER, Clock

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


# -- what is none of ours


def test_a_well_formed_text_that_nobody_issued_is_unknown(tokens: RememberTokens) -> None:
    assert tokens.use(f"{make(FAMILY_PREFIX).text}.{make(TOKEN_PREFIX).text}") == Used("unknown")


def test_who_held_a_text_and_makes_up_another_is_taken_for_a_thief(tokens: RememberTokens) -> None:
    text = tokens.issue(OWNER)
    assert tokens.use(with_another_token(text)).outcome == "reused"
    assert tokens.use(text).outcome == "unknown"


def test_a_text_is_read_as_bytes_too(tokens: RememberTokens) -> None:
    text = tokens.issue(OWNER)
    assert tokens.use(text.encode()).outcome == "ok"


ANYTHING = st.one_of(
    st.text(),
    st.binary(),
    st.none(),
    st.integers(),
    st.text(st.characters(categories=["Cs", "Lo", "Cc"]), min_size=TEXT_LENGTH, max_size=TEXT_LENGTH),
    st.binary(min_size=TEXT_LENGTH, max_size=TEXT_LENGTH),
    st.from_regex(r"rmf_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}\.rmt_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}", fullmatch=True),
    st.builds(lambda one: one * 1_000_000, st.sampled_from(["a", ".", "rmf_", "ä", "\0"])),
)


@given(ANYTHING)
def test_whatever_else_is_shown_is_unknown_and_never_raises(anything: object) -> None:
    tokens = RememberTokens(MemoryStore(), LIFETIME)
    assert tokens.use(anything) == Used("unknown")
    assert not tokens.revoke(anything)
    assert tokens.revoke_all(OWNER, keep=anything) == 0


@given(st.integers(0, TEXT_LENGTH - 1))
def test_a_truncated_text_is_unknown_and_ends_nothing(length: int) -> None:
    tokens = RememberTokens(MemoryStore(), LIFETIME)
    text = tokens.issue(OWNER)
    assert tokens.use(text[:length]) == Used("unknown")
    assert tokens.use(text).outcome == "ok"


@given(st.integers(0, TEXT_LENGTH - 1), st.characters())
def test_a_text_with_one_wrong_character_is_unknown_and_ends_nothing(at: int, character: str) -> None:
    tokens = RememberTokens(MemoryStore(), LIFETIME)
    text = tokens.issue(OWNER)
    changed = text[:at] + character + text[at + 1 :]
    assert (tokens.use(changed, rotate=False).outcome == "unknown") == (changed != text)
    assert tokens.use(text).outcome == "ok"


@pytest.mark.parametrize("around", [" {}", "{} ", "{}\n", "{}.", ".{}", '"{}"', "{}\0", "{0}.{0}"])
def test_a_text_with_something_around_it_is_unknown(tokens: RememberTokens, around: str) -> None:
    assert tokens.use(around.format(tokens.issue(OWNER))).outcome == "unknown"


def test_the_halves_of_two_families_do_not_make_a_text(tokens: RememberTokens) -> None:
    one, other = tokens.issue(OWNER), tokens.issue("default:8")
    tokens.use(f"{one.partition('.')[0]}.{other.partition('.')[2]}")
    assert tokens.use(other).outcome == "ok"


# -- any sequence


@dataclass
class Family:
    """What is expected of a family.

    :ivar head: which of its texts is the present one, counted from 0.
    """

    owner: str
    ends: float
    head: int = 0
    rotated: float = 0.0
    alive: bool = True


@dataclass(frozen=True)
class Text:
    """A text, and which it is of its family."""

    text: str
    family: int
    generation: int


class Sequences(RuleBasedStateMachine):
    """Browsers, thieves and forgers in any order, compared with what is written above about families."""

    texts = Bundle("texts")

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.store = Clock(), MemoryStore()
        self.tokens = RememberTokens(self.store, LIFETIME, GRACE, self.clock)
        self.families: list[Family] = []
        self.issued: list[Text] = []

    @rule(target=texts, owner=st.sampled_from(["default:1", "default:2"]), lifetime=st.sampled_from([None, 90.0, 0.0]))
    def issue(self, owner: str, lifetime: float | None) -> Text:
        ends = self.clock.now + (LIFETIME if lifetime is None else lifetime)
        self.families.append(Family(owner, ends))
        return self.note(self.tokens.issue(owner, {"of": len(self.families)}, lifetime), len(self.families) - 1, 0)

    def note(self, text: str, family: int, generation: int) -> Text:
        made = Text(text, family, generation)
        self.issued.append(made)
        return made

    def expected(self, text: Text) -> str:
        family = self.families[text.family]
        if not family.alive:
            return "unknown"
        if self.clock.now >= family.ends:
            return "expired"
        in_grace = text.generation == family.head - 1 and self.clock.now - family.rotated <= GRACE
        return "ok" if text.generation == family.head or in_grace else "reused"

    @rule(target=texts, text=texts, rotate=st.booleans())
    def use(self, text: Text, rotate: bool) -> Any:
        family, expected = self.families[text.family], self.expected(text)
        used = self.tokens.use(text.text, rotate)
        assert used.outcome == expected
        assert used.expires == (0.0 if expected == "unknown" else family.ends)
        assert used.owner == ("" if expected == "unknown" else family.owner)
        assert used.data == ({"of": text.family + 1} if expected == "ok" else {})
        rotates = expected == "ok" and rotate and text.generation == family.head
        assert (used.replacement is not None) == rotates
        family.alive = family.alive and expected != "reused"
        if used.replacement is None:
            return multiple()
        family.head, family.rotated = family.head + 1, self.clock.now
        return self.note(used.replacement, text.family, family.head)

    @rule(text=texts, length=st.integers(0, TEXT_LENGTH - 1))
    def use_a_truncated_one(self, text: Text, length: int) -> None:
        assert self.tokens.use(text.text[:length]) == Used("unknown")

    @rule(text=texts)
    def forge_by_the_key(self, text: Text) -> None:
        assert self.tokens.use(with_key_of(text.text)) == Used("unknown")

    @rule(text=texts)
    def revoke(self, text: Text) -> None:
        family = self.families[text.family]
        assert self.tokens.revoke(text.text) == (family.alive and self.clock.now < family.ends)
        family.alive = False

    @rule(text=texts, keeps=st.booleans())
    def revoke_all(self, text: Text, keeps: bool) -> None:
        mine, kept = self.families[text.family], self.families[text.family] if keeps else None
        ending = [one for one in self.families if one.owner == mine.owner and one is not kept]
        count = sum(one.alive and self.clock.now < one.ends for one in ending)
        assert self.tokens.revoke_all(mine.owner, keep=text.text if keeps else None) == count
        for one in ending:
            one.alive = False

    @rule(seconds=st.sampled_from([0.5, GRACE / 2, GRACE, GRACE + 1, DAY, LIFETIME]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def each_family_has_one_head_at_most(self) -> None:
        records = [one for owner in ("default:1", "default:2") for one in self.store.owned(KIND, owner)]
        heads = [text.family for text in self.issued for _, one in records if is_head(text.text, one)]
        alive = [number for number, family in enumerate(self.families) if family.alive]
        assert sorted(heads) == alive


def is_head(text: str, record: Record) -> bool:
    return bool(record.data["head"] == hashlib.sha256(text.partition(".")[2].encode()).hexdigest())


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
