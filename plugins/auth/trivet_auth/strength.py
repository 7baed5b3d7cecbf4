"""Which new passwords are refused: short, common and obvious ones, whatever characters they are made of."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property

from .passwords import fault

#: The shortest part of a name that a password must not contain. Shorter ones stand in too many words.
CONTEXT_LENGTH = 4
#: The longest group of characters that makes a trivial password when it is repeated.
UNIT_LENGTH = 4
#: Runs of keys and of the alphabet, each of which may go on from its end.
RUNS = (
    "abcdefghijklmnopqrstuvwxyz",
    "1234567890",
    "0123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
)


class Strength:
    """Says what is wrong with a new password.

    It follows ASVS 5, 6.2.1, 6.2.4, 6.2.5, 6.2.9 and 6.2.11: a password has to be long and hard to guess, and there are
    no rules on capitals, digits or signs. Any callable that takes the same and returns the same can stand in its place.

    :param min_length: the fewest characters.
    :param max_length: the most; 64 have to be allowed.
    :param common: whether the most common passwords are refused: those of the library ``zxcvbn`` that are long enough,
        11,611 of eight characters or more.
    :raises ValueError: the lengths contradict each other.
    """

    def __init__(self, min_length: int = 8, max_length: int = 1024, common: bool = True) -> None:
        if not 1 <= min_length <= max_length:
            raise ValueError(
                f"A password cannot have at least {min_length} and at most {max_length} characters. Give a min_length "
                "of 1 or more, and a max_length that is not less."
            )
        self.min_length = min_length
        self.max_length = max_length
        self.common = common

    def problems(self, password: str, context: Iterable[str] = ()) -> list[str]:
        """Return what is wrong with a password, in sentences for the person who chose it; empty if it is good.

        ::

            Strength().problems("correct horse", [user.email, user.name, "Example Shop"])

        :param password: exactly as it will be hashed.
        :param context: what somebody who knows the person or the site would try: names, e-mail address, the name of the
            site.
        """
        unusable = fault(password, self.max_length)
        if unusable is not None:
            return [unusable]
        if len(password) < self.min_length:
            return [f"Use at least {self.min_length:,} characters."]
        folded = _folded(password)
        checks = (
            (self._is_common(folded), "This password is one of the most common ones. Choose another."),
            (is_trivial(folded), "This password is a simple repetition or sequence. Choose another."),
            (_contains(folded, context), "Do not use your name, your e-mail address or the name of this site."),
        )
        return [sentence for wrong, sentence in checks if wrong]

    __call__ = problems

    def _is_common(self, folded: str) -> bool:
        return self.common and folded in self.common_passwords

    @cached_property
    def common_passwords(self) -> frozenset[str]:
        """The most common passwords that are long enough, in lower case."""
        from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]  # a megabyte of text

        return frozenset(one for one in FREQUENCY_LISTS["passwords"] if len(one) >= self.min_length)


def is_trivial(folded: str) -> bool:
    """Tell whether a text in lower case is one or two characters, a short group again and again, or a run of keys."""
    length = len(folded)
    if len(set(folded)) <= 2 or any(_repeats(folded, unit) for unit in range(1, min(UNIT_LENGTH, length // 2) + 1)):
        return True
    return any(folded in run * (length // len(run) + 2) for one in RUNS for run in (one, one[::-1]))


def _repeats(text: str, unit: int) -> bool:
    return text[unit:] == text[:-unit]


def _contains(folded: str, context: Iterable[str]) -> bool:
    return any(part in folded for one in context for part in _parts(_folded(one)))


def _parts(text: str) -> list[str]:
    """Return what a password must not contain of a name or an address: all of it, and its words.

    Of an address these are the words before the ``@``: the rest is a provider's name.
    """
    name = text.split("@")[0].strip()
    words = re.split(r"[\W_]+", name)
    return [part for part in (text.strip(), name, "".join(words), *words) if len(part) >= CONTEXT_LENGTH]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
