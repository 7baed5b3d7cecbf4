"""Opaque tokens: random text that means nothing, of which only a digest is kept."""

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass, field

#: Digits and letters: nothing that URLs, cookies, shells or a double click would break, and no underscore.
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Characters of the part that a token is looked up by (95 bits, so that two never meet).
KEY_LENGTH = 16
#: Characters of the part that nobody can guess (256 bits).
SECRET_LENGTH = 43
#: Characters of the check: a CRC-32 in base 62.
CHECK_LENGTH = 6

_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}")
_BODY = re.compile(rf"([0-9A-Za-z]{{{KEY_LENGTH}}})_[0-9A-Za-z]{{{SECRET_LENGTH + CHECK_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class Opaque:
    """A token, in the hands of who made it or of who was shown it.

    :ivar text: the whole token. It is the secret: give it away once, keep it nowhere.
    :ivar key: what its record is found by; not secret.
    :ivar digest: the SHA-256 of the text in hexadecimal, which is what is kept. A fast hash is right for it: nobody can
        try 2^256 secrets (ASVS 5, 6.5.2, asks for a slow one below 112 bits).
    """

    text: str = field(repr=False)
    key: str
    digest: str = field(repr=False)

    def matches(self, digest: object) -> bool:
        """Tell whether a digest that was kept is this token's, in a time that does not depend on where they differ."""
        if not isinstance(digest, str):
            return False
        return hmac.compare_digest(self.digest.encode(), digest.encode("utf-8", "surrogatepass"))


def make(prefix: str) -> Opaque:
    """Make a token: ``<prefix>_<key><secret><check>`` with another underscore after the key.

    ``make("trv").text`` is of the form ``trv_4gW0v5mBRn1yQTsE_`` and 49 more characters. Secret scanners find it by the
    expression ``\\btrv_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}\\b``, and the check tells them that it is one.

    :param prefix: what it is for: up to 16 ASCII letters and digits, a letter first.
    :raises ValueError: the prefix is something else.
    """
    _refuse_prefix(prefix)
    unchecked = f"{prefix}_{_random(KEY_LENGTH)}_{_random(SECRET_LENGTH)}"
    return _opaque(unchecked + _check(unchecked), prefix)


def parse(text: object, prefix: str) -> Opaque | None:
    """Read a token; ``None`` for everything that :func:`make` cannot have made with this prefix, whatever it is.

    The check finds typing errors and truncation before a store is asked. It keeps nobody out: compare with
    :meth:`Opaque.matches`.

    :param text: what somebody sent, text or bytes.
    :raises ValueError: the prefix cannot be one.
    """
    _refuse_prefix(prefix)
    if isinstance(text, bytes):
        text = text.decode("latin-1")  # never fails, and what is not ASCII is refused below
    if not isinstance(text, str) or not text.startswith(f"{prefix}_"):
        return None
    if _BODY.fullmatch(text, len(prefix) + 1) is None:
        return None
    right = hmac.compare_digest(text[-CHECK_LENGTH:], _check(text[:-CHECK_LENGTH]))
    return _opaque(text, prefix) if right else None


def _refuse_prefix(prefix: str) -> None:
    if _PREFIX.fullmatch(prefix) is None:
        raise ValueError(
            f"The prefix of a token cannot be {prefix!r}. Use up to 16 ASCII letters and digits, a letter first: 'trv'."
        )


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _check(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(CHECK_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def _opaque(text: str, prefix: str) -> Opaque:
    start = len(prefix) + 1
    return Opaque(text, text[start : start + KEY_LENGTH], hashlib.sha256(text.encode()).hexdigest())
