"""Links in mails as such: one purpose, one use, one time, one state."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet_auth.links import KIND, PREFIX, Link, Links
from trivet_auth.opaque import make
from trivet_auth.records import Record
from trivet_auth.stores.memory import MemoryStore

from .store_homes import NOW, OWNER, Clock, Home, at_once, everywhere


@pytest.fixture
def clock() -> Clock:
    """A clock that is set by hand."""
    return Clock()


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    """Where links are kept."""
    return MemoryStore(clock)


@pytest.fixture
def links(store: MemoryStore, clock: Clock) -> Links:
    """Links that work for an hour."""
    return Links(store, 3600, clock)


def read(links: Links, text: object, purpose: str = "reset") -> Link:
    """Return a link that works."""
    found = links.read(text, purpose)
    assert found is not None
    return found


def test_a_link_says_whose_it_is_and_what_it_was_given(links: Links) -> None:
    found = read(links, links.issue("reset", OWNER, "state", {"email": "ada@example.com"}))
    assert (found.owner, dict(found.data)) == (OWNER, {"email": "ada@example.com"})
    assert found.is_for("state")
    assert not found.is_for("another")


def test_looking_at_a_link_does_not_use_it(links: Links) -> None:
    text = links.issue("reset", OWNER)
    assert read(links, text) == read(links, text)


def test_a_link_is_used_once(links: Links) -> None:
    text = links.issue("reset", OWNER)
    found = read(links, text)
    assert [links.use(found), links.use(found)] == [True, False]
    assert links.read(text, "reset") is None


@everywhere()
def test_of_many_who_use_a_link_at_once_one_succeeds(store_home: Home) -> None:
    clock = Clock()
    made = Links(store_home.open(clock), 3600, clock)
    found = read(made, made.issue("reset", OWNER))
    jobs: list[Callable[[], bool]] = [lambda: made.use(found)] * 8
    assert sorted(at_once(jobs)) == [False] * 7 + [True]


def test_a_link_works_for_its_purpose_alone(links: Links) -> None:
    text = links.issue("reset", OWNER)
    assert links.read(text, "verify") is None
    assert links.read(text, "reset") is not None


def test_a_link_ends_with_its_time(links: Links, clock: Clock) -> None:
    text = links.issue("reset", OWNER)
    clock.now = NOW + 3599
    assert links.read(text, "reset") is not None
    clock.now = NOW + 3600
    assert links.read(text, "reset") is None


def test_all_links_of_an_owner_end(links: Links) -> None:
    texts = [links.issue("reset", OWNER), links.issue("verify", OWNER)]
    other = links.issue("reset", "default:8")
    assert links.revoke_all(OWNER) == 2
    assert [links.read(text, "reset") for text in texts] == [None, None]
    assert links.read(other, "reset") is not None


def test_neither_the_text_nor_the_state_is_kept(links: Links, store: MemoryStore) -> None:
    text = links.issue("reset", OWNER, "ada@example.com")
    [(_, record)] = store.owned(KIND, OWNER)
    assert text.split("_")[-1] not in str(record)
    assert "ada@example.com" not in str(record)


def test_a_link_is_shown_without_what_it_holds(links: Links) -> None:
    found = read(links, links.issue("reset", OWNER, "state", {"password_hash": "$argon2id$"}))
    assert "argon2" not in repr(found)
    assert found.state not in repr(found)


def test_a_forged_text_with_the_key_of_another_is_none(links: Links) -> None:
    text = links.issue("reset", OWNER)
    key = text.split("_")[1]
    forged = make(PREFIX).text  # its check is right: that is no secret
    prefix, _, rest = forged.split("_")
    assert links.read(f"{prefix}_{key}_{rest}", "reset") is None
    assert links.read(forged, "reset") is None


def test_a_record_of_another_make_is_none(links: Links, store: MemoryStore) -> None:
    token = make(PREFIX)
    store.put(KIND, token.key, Record({"digest": "x", "purpose": "reset"}, OWNER, NOW + 60))
    assert links.read(token.text, "reset") is None


@given(
    st.one_of(st.text(), st.binary(), st.none(), st.integers(), st.from_regex(r"lnk_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}"))
)
def test_what_is_no_link_is_none_whatever_it_is(text: object) -> None:
    assert Links(MemoryStore(), 60).read(text, "reset") is None


@given(st.data())
def test_a_link_that_is_cut_off_or_changed_is_none(data: st.DataObject) -> None:
    links = Links(MemoryStore(), 60)
    text = links.issue("reset", OWNER)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda one: one != text[at]))
    assert links.read(text[:at], "reset") is None
    assert links.read(text[:at] + other + text[at + 1 :], "reset") is None


@pytest.mark.parametrize("lifetime", [0, -1, float("inf"), float("nan")])
def test_a_lifetime_that_is_none_is_refused(lifetime: float) -> None:
    with pytest.raises(ValueError, match="lifetime of links"):
        Links(MemoryStore(), lifetime)
