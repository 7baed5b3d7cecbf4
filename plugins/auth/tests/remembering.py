"""What the tests of remembered browsers share: texts that are forged in part."""

import zlib

from trivet_auth.opaque import ALPHABET, CHECK_LENGTH, make
from trivet_auth.remember import FAMILY_PREFIX, TOKEN_PREFIX

from .store_homes import DAY

LIFETIME = 30 * DAY
GRACE = 60.0


def check_of(text: str) -> str:
    """Return the check that belongs to a token, as a forger can make it."""
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(CHECK_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def with_key_of(text: str) -> str:
    """Forge a text that is well-formed and has the key of another one's family, which is not secret."""
    secret = make(FAMILY_PREFIX).text.rpartition("_")[2][:-CHECK_LENGTH]
    family = f"{FAMILY_PREFIX}_{text.split('_')[1]}_{secret}"
    return f"{family}{check_of(family)}.{make(TOKEN_PREFIX).text}"


def with_another_token(text: str) -> str:
    """Forge a text of a family that one was given a text of."""
    return f"{text.partition('.')[0]}.{make(TOKEN_PREFIX).text}"
