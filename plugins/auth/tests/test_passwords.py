"""Passwords: new hashes, the formats of others, and what is refused at the cost of a real try."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import argon2
import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.security import generate_password_hash

from trivet_auth.passwords import PasswordLibraryError, Passwords, Verdict, fault

#: As cheap as argon2 can be: what is tested here does not depend on it.
passwords = Passwords(time_cost=1, memory_cost=8, parallelism=1)

NO = Verdict(False, False)
GOOD = Verdict(True, False)
OLD = Verdict(True, True)

PASSWORD = "correct horse ü"
USABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=100)
UNUSABLE = [None, "", 7, b"bytes", "with\0nul", "with\ud800surrogate", "x" * 1025]

#: Hashes as others write them down: whose, of which password.
WRITTEN = {
    "passlib's documentation": (
        "$pbkdf2-sha256$6400$0ZrzXitFSGltTQnBWOsdAw$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M",
        "password",
    ),
    "passlib's documentation, other salt": (
        "$pbkdf2-sha256$8000$XAuBMIYQQogxRg$tRRlz8hYn63B9LYiCd6PRo6FMiunY9ozmMMI3srxeRE",
        "password",
    ),
    "passlib 1.7.4, SHA-256": (
        "$pbkdf2-sha256$1000$610rhXAuZcxZK.Uc41xLaQ$eJjUuUxPik24pUA7qqP6fpL3n.HZQ/o8qRrIjIhYmHM",
        PASSWORD,
    ),
    "passlib 1.7.4, SHA-512": (
        "$pbkdf2-sha512$1000$NaY0BiCEMOY8Z6yV0vo/Jw$LqtXUvr8lh4Yr5EXdljb5n0ZKyMR/EDithZKJ/zQsqeHbwoMhfyPZBcLALMz9OvR.9UK"
        "va4zAJ8JAVSZiU2SaA",
        PASSWORD,
    ),
    "passlib 1.7.4, no salt": ("$pbkdf2-sha256$5$$0q9mXu0u84BX2iO1Z3.l73wwCHiS3EjDHPfiJCkPxgo", "password"),
    "Django 6.1, PBKDF2": ("pbkdf2_sha256$1000$seasalt2u8XyZ$KrezE2t/v7po3xmjqfa7Niryc4mC1Q2vp9JvUr7lo3A=", PASSWORD),
    "Django 6.1, one iteration": (
        "pbkdf2_sha256$1$12345678901234567890ab$jEPB7Jb4YOjYhSXLftGRfHsDwTkLaoOjbq7p/wZDWCU=",
        "password",
    ),
    "Django 6.1, argon2": (
        "argon2$argon2id$v=19$m=102400,t=2,p=8$YWJjZGVmZ2hpamtsbW5vcA$wS7CB6qHiAO201EkBzppKP6woGUU0cWD9creuz3qdLc",
        "password",
    ),
    # test.c of the reference implementation of argon2
    "argon2id": (
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "password",
    ),
    "argon2i of version 16": (
        "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY",
        "password",
    ),
    # the tests of crypt_blowfish
    "bcrypt, $2a$": ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
    # PHP's manual, password_verify()
    "bcrypt, $2y$": ("$2y$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq", "rasmuslerdorf"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_hash_that_others_wrote_is_verified_and_outdated(name: str) -> None:
    stored, password = WRITTEN[name]
    assert passwords.verify(stored, password) == OLD


@pytest.mark.parametrize("name", WRITTEN)
def test_another_password_is_wrong_for_it(name: str) -> None:
    stored, password = WRITTEN[name]
    assert passwords.verify(stored, f"{password} ") == NO


@pytest.mark.parametrize(
    "method", ["scrypt", "scrypt:2048:4:2", "pbkdf2:sha256:1000", "pbkdf2:sha512:1000", "pbkdf2:sha1:1000"]
)
def test_hashes_that_werkzeug_makes_are_verified_and_outdated(method: str) -> None:
    stored = generate_password_hash(PASSWORD, method)
    assert passwords.verify(stored, PASSWORD) == OLD
    assert passwords.verify(stored, "wrong") == NO


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_hashes_that_bcrypt_makes_are_verified_and_outdated(prefix: str) -> None:
    stored = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode().replace("$2b$", prefix)
    assert passwords.verify(stored, PASSWORD) == OLD
    assert passwords.verify(stored, "wrong") == NO


def test_a_long_password_is_right_for_a_bcrypt_hash_of_its_first_72_bytes() -> None:
    stored = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert passwords.verify(stored, "x" * 72 + "and more") == OLD
    assert passwords.verify(stored, "x" * 71) == NO


@pytest.mark.parametrize("kind", list(argon2.Type))
def test_hashes_that_argon2_makes_are_verified(kind: argon2.Type) -> None:
    stored = argon2.PasswordHasher(2, 64, 2, type=kind).hash(PASSWORD)
    assert passwords.verify(stored, PASSWORD) == OLD
    assert passwords.verify(stored, "wrong") == NO


# -- new hashes


@given(USABLE)
@settings(max_examples=50, deadline=None)
def test_every_password_is_right_for_its_own_hash(password: str) -> None:
    assert passwords.verify(passwords.hash(password), password) == GOOD


@given(USABLE, USABLE)
@settings(max_examples=50, deadline=None)
def test_every_other_password_is_wrong(password: str, other: str) -> None:
    assert passwords.verify(passwords.hash(password), other).ok == (password == other)


@pytest.mark.parametrize("other", ["Correct horse ü", "correct horse ü ", "correct horse u\u0308", " correct horse ü"])
def test_a_password_is_neither_trimmed_nor_folded_nor_normalised(other: str) -> None:
    assert passwords.verify(passwords.hash(PASSWORD), other) == NO


def test_what_comes_after_the_72nd_byte_counts() -> None:
    assert passwords.verify(passwords.hash("x" * 80), "x" * 79 + "y") == NO


def test_a_hash_is_argon2ids_with_the_parameters_that_were_asked_for() -> None:
    assert Passwords(2, 64, 2).hash("password").startswith("$argon2id$v=19$m=64,t=2,p=2$")


def test_the_defaults_are_the_second_choice_of_rfc_9106() -> None:
    assert Passwords().hash("password").startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_two_hashes_of_a_password_differ() -> None:
    assert passwords.hash(PASSWORD) != passwords.hash(PASSWORD)


def test_the_real_library_reads_what_was_hashed() -> None:
    assert argon2.PasswordHasher().verify(passwords.hash(PASSWORD), PASSWORD)


@pytest.mark.parametrize("other", [Passwords(2, 8, 1), Passwords(1, 16, 1), Passwords(1, 16, 2)])
def test_a_hash_of_other_parameters_is_outdated(other: Passwords) -> None:
    assert passwords.verify(other.hash(PASSWORD), PASSWORD) == OLD


@pytest.mark.parametrize("password", UNUSABLE)
def test_what_cannot_be_a_password_is_not_hashed(password: str) -> None:
    with pytest.raises(ValueError, match=r"^[A-Z].*\.$"):
        passwords.hash(password)


def test_a_password_of_the_greatest_length_is_usable() -> None:
    assert passwords.verify(passwords.hash("é" * 1024), "é" * 1024) == GOOD


@pytest.mark.parametrize("given_costs", [(0, 64, 1), (1, 7, 1), (1, 31, 4), (1, 64, 0), (1, 64, 1, 0)])
def test_parameters_that_argon2_cannot_have_are_refused_at_once(given_costs: Iterable[int]) -> None:
    with pytest.raises(ValueError, match=r"^Passwords cannot be hashed with time_cost="):
        Passwords(*given_costs)


# -- what is refused, and at which cost


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that argon2 has verified."""
    seen: list[str] = []
    real: Callable[..., bool] = argon2.PasswordHasher.verify

    def verify(self: argon2.PasswordHasher, stored: str, password: str) -> bool:
        seen.append(stored)
        return real(self, stored, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify)
    return seen


def costs(stored: str) -> str:
    """Return the part of an argon2 hash that says what it costs, and how long its two last parts are."""
    *parameters, salt, digest = stored.split("$")
    return f"{parameters} {len(salt)} {len(digest)}"


UNREADABLE = [
    None,
    "",
    "plain text",
    "!unusable",
    "$argon2id$",
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$",
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHR$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",  # bits that do not count
    "$argon2id$v=18$m=8,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    "$argon2id$v=19$m=7,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    "$argon2id$v=19$m=08,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    "scrypt$salt$00",
    "scrypt:32768:8:1$salt$00",
    f"scrypt:32767:8:1$salt${'0' * 128}",
    f"scrypt:65536:1:1$salt${'0' * 128}",  # RFC 7914: N is less than 2^(128·r/8)
    f"pbkdf2:sha256$salt${'0' * 64}",
    f"pbkdf2:md5:1000$salt${'0' * 32}",
    f"pbkdf2:sha256:1000$salt${'0' * 128}",
    "pbkdf2_sha256$1000$salt$AAAA",
    "$pbkdf2-sha256$1000$AAAAA$" + "A" * 43,  # base 64 of no bytes
    "$pbkdf2-sha512$1000$AAAA$" + "A" * 43,
    "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    "$2b$05$CCCCCCCCCCCCCCCCCCCCCCE5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",  # a salt of more than 128 bits
    "$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    "5f4dcc3b5aa765d61d8327deb882cf99",
    "x" * 2000,
]
ABSURD = [
    "$argon2id$v=19$m=2097152,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    "$argon2id$v=19$m=65536,t=1000,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    "$argon2id$v=19$m=65536,t=1,p=1000$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    f"scrypt:1073741824:8:1$salt${'0' * 128}",
    f"scrypt:2:4194304:1$salt${'0' * 128}",
    f"scrypt:32768:8:1000$salt${'0' * 128}",
    f"pbkdf2:sha256:999999999$salt${'0' * 64}",
    "pbkdf2_sha256$999999999$salt$KrezE2t/v7po3xmjqfa7Niryc4mC1Q2vp9JvUr7lo3A=",
    "$pbkdf2-sha256$999999999$AAAA$" + "A" * 43,
    "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
]


@pytest.mark.parametrize("stored", UNREADABLE)
def test_where_nothing_readable_is_stored_a_hash_of_today_is_tried(stored: str | None, tries: list[str]) -> None:
    assert passwords.verify(stored, "password") == NO
    assert [costs(one) for one in tries] == [costs(passwords.hash("password"))]


@pytest.mark.parametrize("stored", ABSURD)
def test_absurd_parameters_are_refused_and_a_hash_of_today_is_tried(stored: str, tries: list[str]) -> None:
    assert passwords.verify(stored, "password") == NO
    assert [costs(one) for one in tries] == [costs(passwords.hash("password"))]


@pytest.mark.parametrize("password", UNUSABLE)
@pytest.mark.parametrize("stored", [None, passwords.hash("password"), WRITTEN["Django 6.1, PBKDF2"][0]])
def test_what_cannot_be_a_password_costs_the_same_whoever_it_is_for(
    stored: str | None, password: object, tries: list[str]
) -> None:
    assert passwords.verify(stored, password) == NO
    assert [costs(one) for one in tries] == [costs(passwords.hash("password"))]


def test_own_parameters_above_the_limits_are_verified() -> None:
    dear = Passwords(time_cost=600_000, memory_cost=8, parallelism=1)  # more than four million KiB times iterations
    stored = dear._nobody
    assert dear._reader(stored) is not None
    assert passwords._reader(stored) is None


@given(st.text())
def test_no_stored_text_raises(stored: str) -> None:
    assert passwords.verify(stored, "password") == NO


PIECES = st.one_of(
    st.sampled_from(
        [
            "$",
            "$argon2id",
            "$v=19",
            "$m=8,t=1,p=1",
            "scrypt:",
            "pbkdf2:",
            "sha256",
            "pbkdf2_sha256",
            "$2b$04$",
            ":",
            "=",
        ]
    ),
    st.integers(0, 3000).map(str),
    st.text("AOeu./+0", max_size=130),
)


@given(st.lists(PIECES, max_size=12).map("".join))
@settings(max_examples=300, deadline=None)
def test_no_text_that_looks_like_a_stored_hash_raises(stored: str) -> None:
    assert not passwords.verify(stored, "password").ok


@given(st.sampled_from([stored for stored, _ in WRITTEN.values()]), st.data())
@settings(max_examples=100, deadline=None)
def test_a_stored_hash_with_one_other_character_does_not_raise(stored: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(stored) - 1))
    character = data.draw(st.characters(codec="ascii"))
    changed = stored[:at] + character + stored[at + 1 :]
    if "m=102400" not in stored and "$15$" not in changed:  # those that take long
        assert not passwords.verify(changed, "another").ok


# -- libraries that may be missing


def test_a_bcrypt_hash_without_the_library_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(PasswordLibraryError, match=r"pip install 'trivet-auth\[bcrypt\]'"):
        passwords.verify(WRITTEN["bcrypt, $2a$"][0], "U*U")


def test_other_hashes_do_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    assert passwords.verify(passwords.hash("password"), "password") == GOOD


@pytest.mark.parametrize("password", UNUSABLE)
def test_what_is_wrong_with_a_text_is_said_without_repeating_it(password: object) -> None:
    said = fault(password, 1024)
    assert said is not None
    assert not isinstance(password, str) or not password or password not in said


class _Watched:
    """A hasher that notes how many of its calls run at the same time."""

    def __init__(self, hasher: Any) -> None:
        self._hasher = hasher
        self._lock = threading.Lock()
        self._running = self.most = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hasher, name)

    def hash(self, password: str) -> str:
        """Hash it, and note it."""
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        made: str = self._hasher.hash(password)
        with self._lock:
            self._running -= 1
        return made


def test_as_many_hashes_are_made_at_once_as_there_are_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    passwords = Passwords(memory_cost=8192)
    watched = _Watched(passwords._hasher)
    monkeypatch.setattr(passwords, "_hasher", watched)
    with ThreadPoolExecutor(12) as pool:
        made = list(pool.map(passwords.hash, ["violet kettles"] * 24))
    assert watched.most == 2
    assert all(passwords.verify(one, "violet kettles").ok for one in made[:2])


FORKING = """
import os, signal
from trivet_auth.passwords import Passwords
passwords = Passwords(memory_cost=8192)
while passwords._turn().acquire(blocking=False):
    pass
child = os.fork()
if not child:
    signal.alarm(20)
    os._exit(0 if passwords.verify(passwords.hash("x"), "x").ok else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_who_was_hashing_when_the_process_forked_keeps_nobody_waiting_in_the_child() -> None:
    assert subprocess.run([sys.executable, "-c", FORKING], timeout=60).returncode == 0
