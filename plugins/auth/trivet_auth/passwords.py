"""Passwords: hashed with argon2id, and verified against that and what other frameworks have stored."""

import base64
import hashlib
import hmac
import os
import re
import secrets
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import argon2
from argon2.exceptions import VerifyMismatchError

#: No format that is read here is longer.
MAX_STORED = 1024
#: What a stored hash may ask for. More is refused as unreadable: it is a mistake, or meant to stall the server.
MAX_ARGON2_MEMORY = 1 << 20  # KiB: 1 GiB
MAX_ARGON2_WORK = 1 << 22  # KiB times iterations
MAX_PBKDF2_ITERATIONS = 10_000_000
MAX_SCRYPT_MEMORY = 1 << 30  # bytes: 32 times as much as Werkzeug asks for
MAX_SCRYPT_WORK = 1 << 23  # N times r times p: again 32 times
MAX_BCRYPT_COST = 16
#: bcrypt looks at no more bytes of a password.
BCRYPT_BYTES = 72

_NUMBER = "[1-9][0-9]{0,9}"
_SALT = "[!-#%-~]{1,128}"  # printable ASCII without "$"
_ARGON2 = re.compile(
    rf"(?:argon2)?(?P<own>\$argon2(?:id|i|d)(?:\$v=(?:16|19))?\$m=(?P<m>{_NUMBER}),t=(?P<t>{_NUMBER}),p=(?P<p>{_NUMBER})"
    r"\$(?P<salt>[0-9A-Za-z+/]{11,128})\$(?P<digest>[0-9A-Za-z+/]{22,172}))"
)
_SCRYPT = re.compile(rf"scrypt:({_NUMBER}):({_NUMBER}):({_NUMBER})\$({_SALT})\$([0-9a-f]{{128}})")
_PBKDF2 = re.compile(rf"pbkdf2:(sha1|sha224|sha256|sha384|sha512):({_NUMBER})\$({_SALT})\$((?:[0-9a-f]{{2}}){{20,64}})")
_DJANGO = re.compile(rf"pbkdf2_sha256\$({_NUMBER})\$({_SALT})\$([0-9A-Za-z+/]{{43}})=")
_PASSLIB = re.compile(rf"\$pbkdf2-(sha256|sha512)\$({_NUMBER})\$([0-9A-Za-z./]{{0,512}})\$([0-9A-Za-z./]{{43,86}})")
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./0-9A-Za-z]{21}[.Oeu][./0-9A-Za-z]{31}")  # a salt of 128 bits, so [.Oeu]

#: A stored hash that could be read: tells whether a password is the one.
_Check = Callable[[str], bool]


class PasswordLibraryError(RuntimeError):
    """A stored hash can be read only with a library that is not installed; the message has the line for pip."""


class Verdict(NamedTuple):
    """What came of verifying a password.

    :ivar ok: whether it is the right one.
    :ivar outdated: it is, and the stored hash should be replaced by :meth:`Passwords.hash` of the same password: it is
        in another format, or made with other parameters than those of today.
    """

    ok: bool
    outdated: bool


def fault(password: object, max_length: int) -> str | None:
    """Return why something cannot be a password, in a sentence for the person who typed it; ``None`` if it can."""
    if not isinstance(password, str) or not password:
        return "A password is needed."
    if len(password) > max_length:
        return f"Use at most {max_length:,} characters."
    if "\0" in password or any("\ud800" <= one <= "\udfff" for one in password):
        return "The password contains a character that cannot be used."
    return None


class Passwords:
    """Hashes and verifies passwords.

    A password is used exactly as it was received: never trimmed, cut or normalised (ASVS 5, 6.2.8). ::

        user.password_hash = passwords.hash(password)
        ...
        verdict = passwords.verify(user.password_hash if user is not None else None, password)
        if verdict.ok and verdict.outdated:
            user.password_hash = passwords.hash(password)

    New hashes are argon2id's (RFC 9106), in the text form of its reference implementation. Also read are

    - argon2i's and argon2d's, with or without Django's ``argon2$`` in front,
    - Werkzeug's ``scrypt:…`` and ``pbkdf2:…``, which Flask applications have,
    - Django's ``pbkdf2_sha256$…``,
    - passlib's ``$pbkdf2-sha256$…`` and ``$pbkdf2-sha512$…``,
    - bcrypt's ``$2a$…``, ``$2b$…`` and ``$2y$…``, with the extra ``trivet-auth[bcrypt]``.

    One call costs tens of milliseconds and ``memory_cost``. On an event loop call it in a worker thread. As many calls
    run at once as there are processors; further ones wait, so that a crowd of them does not take all memory.

    :param time_cost: iterations.
    :param memory_cost: KiB.
    :param parallelism: lanes.
    :param max_length: the most characters of a password; a longer one is never right.
    :raises ValueError: the parameters cannot be argon2's.
    """

    def __init__(
        self, time_cost: int = 3, memory_cost: int = 65_536, parallelism: int = 4, max_length: int = 1024
    ) -> None:
        if min(time_cost, parallelism, max_length) < 1 or memory_cost < 8 * parallelism:
            raise ValueError(
                f"Passwords cannot be hashed with time_cost={time_cost}, memory_cost={memory_cost} (KiB), "
                f"parallelism={parallelism} and max_length={max_length}. All have to be 1 or more, and memory_cost at "
                f"least 8 times parallelism (RFC 9106, 3.1): {8 * parallelism}."
            )
        self._hasher = argon2.PasswordHasher(time_cost, memory_cost, parallelism)
        self._max_length = max_length
        self._pid = 0
        self._max_memory = max(MAX_ARGON2_MEMORY, memory_cost)
        self._max_work = max(MAX_ARGON2_WORK, memory_cost * time_cost)
        # Looks like a hash of today and is no password's that anybody knows. Verifying it costs as much.
        salt, digest = (_unpadded(secrets.token_bytes(n)) for n in (self._hasher.salt_len, self._hasher.hash_len))
        self._nobody = f"$argon2id$v=19$m={memory_cost},t={time_cost},p={parallelism}${salt}${digest}"

    def hash(self, password: str) -> str:
        """Return what to store of a password.

        :raises ValueError: it cannot be one: empty, too long, or with NUL or lone surrogates in it. The message is fit
            for the person, and does not contain it.
        """
        problem = fault(password, self._max_length)
        if problem is not None:
            raise ValueError(problem)
        with self._turn():
            return self._hasher.hash(password)

    def verify(self, stored: str | None, password: object) -> Verdict:
        """Tell whether a password is the one of a stored hash.

        If nothing usable is stored (``None``, empty, unreadable, absurd parameters), or the password cannot be one, the
        answer is no after as much work as for a hash of today, so that the time does not tell whether there is such an
        account. An outdated hash takes its own time, which does tell: have people with old hashes sign in, and
        give another password to those who never do.

        :raises PasswordLibraryError: the hash is bcrypt's, and the library is missing.
        :raises argon2.exceptions.VerificationError: the machine has no memory, or no threads, left for it.
        """
        check = self._reader(stored) if isinstance(stored, str) and len(stored) <= MAX_STORED else None
        usable = isinstance(password, str) and fault(password, self._max_length) is None
        with self._turn():
            if check is None or not usable:
                self._argon2(self._nobody, "nobody")
                return Verdict(False, False)
            ok = check(str(password))
        return Verdict(ok, ok and self._is_outdated(str(stored)))

    def _turn(self) -> threading.Semaphore:
        """Return what lets in as many at once as there are processors; after a fork a new one, which nobody holds."""
        pid = os.getpid()
        if self._pid != pid:
            self._turns, self._pid = threading.Semaphore(os.cpu_count() or 1), pid
        return self._turns

    def _is_outdated(self, stored: str) -> bool:
        return not stored.startswith("$argon2id$") or self._hasher.check_needs_rehash(stored)

    def _reader(self, stored: str) -> _Check | None:
        found = _ARGON2.fullmatch(stored)
        return self._argon2_reader(found) if found is not None else _foreign_reader(stored)

    def _argon2_reader(self, found: re.Match[str]) -> _Check | None:
        memory, time, lanes = (int(one) for one in found.group("m", "t", "p"))
        sane = 8 * lanes <= memory <= self._max_memory and memory * time <= self._max_work and lanes <= 255
        parts = [_decoded(one, b"+/") for one in found.group("salt", "digest")]
        if not sane or any(part is None for part in parts):
            return None
        return lambda password: self._argon2(found["own"], password)

    def _argon2(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False


# -- the formats of others


def _foreign_reader(stored: str) -> _Check | None:
    if found := _SCRYPT.fullmatch(stored):
        return _scrypt(*found.groups())
    if found := _PBKDF2.fullmatch(stored):
        name, iterations, salt, digest = found.groups()
        return _pbkdf2(name, int(iterations), salt.encode(), bytes.fromhex(digest))
    if found := _DJANGO.fullmatch(stored):
        iterations, salt, digest = found.groups()
        return _pbkdf2("sha256", int(iterations), salt.encode(), _decoded(digest, b"+/"))
    if found := _PASSLIB.fullmatch(stored):
        name, iterations, salt, digest = found.groups()
        return _pbkdf2(name, int(iterations), _decoded(salt, b"./"), _decoded(digest, b"./"))
    if found := _BCRYPT.fullmatch(stored):
        return _bcrypt(stored, int(found[1]))
    return None


def _scrypt(cost: str, block: str, lanes: str, salt: str, digest: str) -> _Check | None:
    n, r, p = int(cost), int(block), int(lanes)
    memory = 128 * r * (n + p + 2)  # what OpenSSL wants to be allowed
    # RFC 7914, 2: N is a power of two, and less than 2^(128·r/8)
    if n < 2 or n & (n - 1) or (r < 4 and n >= 1 << 16 * r):
        return None
    if memory > MAX_SCRYPT_MEMORY or n * r * p > MAX_SCRYPT_WORK:
        return None

    def check(password: str) -> bool:
        made = hashlib.scrypt(password.encode(), salt=salt.encode(), n=n, r=r, p=p, maxmem=memory, dklen=64)
        return hmac.compare_digest(made.hex(), digest)

    return check


def _pbkdf2(name: str, iterations: int, salt: bytes | None, digest: bytes | None) -> _Check | None:
    if salt is None or digest is None or len(digest) != hashlib.new(name).digest_size:
        return None
    if iterations > MAX_PBKDF2_ITERATIONS:
        return None
    return lambda password: hmac.compare_digest(hashlib.pbkdf2_hmac(name, password.encode(), salt, iterations), digest)


def _bcrypt(stored: str, cost: int) -> _Check | None:
    if not 4 <= cost <= MAX_BCRYPT_COST:
        return None
    library = _bcrypt_library()

    def check(password: str) -> bool:
        # Every bcrypt has hashed the first 72 bytes and ignored the rest; the library refuses to do so by itself.
        return bool(library.checkpw(password.encode()[:BCRYPT_BYTES], stored.encode()))

    return check


def _bcrypt_library() -> Any:
    try:
        return import_module("bcrypt")
    except ImportError as error:
        raise PasswordLibraryError(
            "A stored password hash is bcrypt's, which needs the library bcrypt: pip install 'trivet-auth[bcrypt]'."
        ) from error


def _unpadded(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _decoded(text: str, special: bytes) -> bytes | None:
    """Decode base 64 without padding; ``None`` unless encoding gives the same text again."""
    if len(text) % 4 == 1:
        return None
    data = base64.b64decode(text + "=" * (-len(text) % 4), special)
    return data if base64.b64encode(data, special).decode().rstrip("=") == text else None
