"""What a statement does to its transaction, as far as its first words tell."""

import re
import sqlite3
from collections.abc import Iterator
from enum import Enum, auto
from functools import lru_cache


class Effect(Enum):
    """What a statement does."""

    READS = auto()
    WRITES = auto()
    #: Ends a transaction of MySQL and MariaDB before it does anything else.
    DEFINES = auto()
    BEGINS = auto()
    COMMITS = auto()
    ROLLS_BACK = auto()
    #: Sets a savepoint, releases it or rolls back to it.
    MARKS = auto()


_WORD = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|#[^\n]*\n|/\*.*?\*/|[(;])*([a-z]+)", re.IGNORECASE | re.DOTALL)
_MARK = re.compile(
    r"(\s*(?:savepoint|release(?:\s+savepoint)?|rollback(?:\s+(?:transaction|work))?\s+to(?:\s+savepoint)?)\s+)(\w+)"
    r"\s*;?\s*$",
    re.IGNORECASE,
)
#: A reading statement with such a word may write as well: ``WITH new AS (INSERT …) SELECT …``, ``SELECT … INTO …``.
_CHANGE = re.compile(r"\b(?:insert|update|delete|merge|into)\b", re.IGNORECASE)
_LOCK = re.compile(r"\bfor\s+(?:no\s+key\s+)?update\b", re.IGNORECASE)
_TEMPORARY = re.compile(r"\s*(?:create(?:\s+or\s+replace)?|drop)\s+temporary\b", re.IGNORECASE)

_READING = "select with show explain describe desc values table pragma set use fetch"
_DEFINING = "alter create drop rename truncate grant revoke lock unlock analyze optimize repair flush"
_EFFECTS = {
    **dict.fromkeys(_READING.split(), Effect.READS),
    **dict.fromkeys(_DEFINING.split(), Effect.DEFINES),
    **dict.fromkeys(("begin", "start"), Effect.BEGINS),
    **dict.fromkeys(("commit", "end"), Effect.COMMITS),
    "rollback": Effect.ROLLS_BACK,
}


@lru_cache(maxsize=1024)
def effect_of(statement: str) -> Effect:
    """Return what a statement does; of one that nothing is known about, that it writes.

    >>> effect_of("SELECT 1")
    <Effect.READS: 1>
    """
    if _MARK.match(statement):
        return Effect.MARKS
    word = _WORD.match(statement)
    effect = _EFFECTS.get(word[1].lower() if word else "", Effect.WRITES)
    if effect is Effect.READS and _CHANGE.search(_LOCK.sub("", statement)):
        return Effect.WRITES
    if effect is Effect.DEFINES and _TEMPORARY.match(statement):
        return Effect.WRITES
    return effect


def with_mark(statement: str, prefix: str) -> str:
    """Return a statement that names a savepoint with another name for it.

    >>> with_mark("ROLLBACK TO SAVEPOINT one", "a_")
    'ROLLBACK TO SAVEPOINT a_one'
    """
    return _MARK.sub(rf"\g<1>{prefix}\g<2>", statement)


def split_script(script: str) -> Iterator[str]:
    """Yield the statements of an SQLite script."""
    statement = ""
    for part in re.split("(?<=;)", script):
        statement += part
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
