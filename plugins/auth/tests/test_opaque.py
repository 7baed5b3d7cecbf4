"""Opaque tokens: their form, their check, and what is refused."""

import hashlib
import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet_auth.opaque import ALPHABET, Opaque, make, parse

FORM = re.compile(r"trv_([0-9A-Za-z]{16})_[0-9A-Za-z]{49}")
PREFIXES = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,15}", fullmatch=True)


def test_a_token_has_the_documented_form() -> None:
    token = make("trv")
    found = FORM.fullmatch(token.text)
    assert found is not None
    assert found[1] == token.key


def test_the_digest_is_the_sha_256_of_the_whole_text() -> None:
    token = make("trv")
    assert token.digest == hashlib.sha256(token.text.encode()).hexdigest()


def test_the_check_is_the_crc_32_of_what_is_before_it() -> None:
    text = make("trv").text
    number = 0
    for character in text[-6:]:
        number = number * 62 + ALPHABET.index(character)
    assert number == zlib.crc32(text[:-6].encode())


def test_a_token_written_down_is_still_read() -> None:
    text = "trv_0123456789ABCDEF_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG2fqBVk"
    digest = "a5d6020735d70a2ed50a3f455c1732f66e25c8fce051fbea3280f5c49310ae9c"
    assert parse(text, "trv") == Opaque(text, "0123456789ABCDEF", digest)


def test_two_tokens_have_nothing_in_common() -> None:
    one, other = make("trv"), make("trv")
    assert one.key != other.key
    assert one.text[21:] != other.text[21:]


@given(PREFIXES)
def test_what_was_made_is_read_as_text_and_as_bytes(prefix: str) -> None:
    token = make(prefix)
    assert parse(token.text, prefix) == token
    assert parse(token.text.encode(), prefix) == token


@given(PREFIXES, PREFIXES)
def test_a_token_of_another_prefix_is_refused(prefix: str, other: str) -> None:
    token = make(prefix)
    assert (parse(token.text, other) is None) == (prefix != other)


@given(st.one_of(st.text(), st.binary(), st.none(), st.integers(), st.from_regex(FORM, fullmatch=True)))
def test_nothing_else_is_read_or_raises(anything: object) -> None:
    assert parse(anything, "trv") is None


@given(st.integers(0, 69), st.characters())
def test_one_wrong_character_is_refused(at: int, character: str) -> None:
    text = make("trv").text
    changed = text[:at] + character + text[at + 1 :]
    assert (parse(changed, "trv") is None) == (changed != text)


@given(st.integers(0, 69))
def test_a_truncated_token_is_refused(length: int) -> None:
    assert parse(make("trv").text[:length], "trv") is None


@pytest.mark.parametrize("around", [" {}", "{} ", "{}\n", "{}A", "A{}", "{}=", "{}\0"])
def test_a_token_with_something_around_it_is_refused(around: str) -> None:
    assert parse(around.format(make("trv").text), "trv") is None


def test_a_token_matches_its_own_digest_only() -> None:
    token = make("trv")
    assert token.matches(token.digest)
    assert not token.matches(make("trv").digest)


@given(st.one_of(st.text(), st.none(), st.binary(), st.text(st.characters(categories=["Cs"]))))
def test_whatever_was_kept_instead_of_a_digest_does_not_match(kept: object) -> None:
    assert not make("trv").matches(kept)


def test_the_secret_is_not_in_what_a_log_would_show() -> None:
    token = make("trv")
    assert repr(token) == f"Opaque(key='{token.key}')"


@pytest.mark.parametrize("prefix", ["", "1a", "a_b", "ä", "a" * 17, "a b", "a\n"])
def test_a_prefix_that_would_make_tokens_ambiguous_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match=r"^The prefix of a token cannot be .* a letter first: 'trv'\.$"):
        make(prefix)
    with pytest.raises(ValueError, match=r"^The prefix of a token cannot be "):
        parse("trv_", prefix)
