"""Pages of a result: by number, with or without a count, and by key, which stays quick however far one goes."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from math import ceil, isfinite
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

import sqlalchemy as sa

from .errors import PageError

T = TypeVar("T")
#: Returns the page of a number: ``(page, error_out, total)``; it is not counted again if the total is known.
Again = Callable[[int, bool, int | None], "Pagination[T]"]
#: The largest number that every database takes for an offset.
_LARGEST = 2**63 - 1
#: Digits before or after the point that every database takes.
_DIGITS = 60


class Pagination(Generic[T]):
    """One page of a result; iterating gives its items.

    :ivar page: the page's number, from 1.
    :ivar per_page: the most items it may have.
    :ivar max_per_page: what ``per_page`` was limited to.
    :ivar items: its items.
    :ivar total: how many there are on all pages; None if that was not counted.
    """

    def __init__(
        self,
        page: int,
        per_page: int,
        max_per_page: int | None,
        items: Sequence[T],
        total: int | None,
        again: "Again[T]",
        more: bool | None = None,
    ) -> None:
        self.page = page
        self.per_page = per_page
        self.max_per_page = max_per_page
        self.items: list[T] = list(items)
        self.total = total
        self._again = again
        self._more = more

    def ask_by(self, again: "Again[T]") -> None:
        """Set what returns the page of a number."""
        self._again = again

    @property
    def first(self) -> int:
        """The number of the first item, from 1; 0 if there are no items."""
        return (self.page - 1) * self.per_page + 1 if self.items else 0

    @property
    def last(self) -> int:
        """The number of the last item, from 1; 0 if there are no items."""
        return self.first + len(self.items) - 1 if self.items else 0

    @property
    def pages(self) -> int:
        """How many pages there are; 0 if that was not counted."""
        return ceil(self.total / self.per_page) if self.total else 0

    @property
    def has_prev(self) -> bool:
        """Whether this is not the first page."""
        return self.page > 1

    @property
    def has_next(self) -> bool:
        """Whether this is not the last page."""
        return self.page < self.pages if self._more is None or self.total is not None else self._more

    @property
    def prev_num(self) -> int | None:
        """The previous page's number, if there is one."""
        return self.page - 1 if self.has_prev else None

    @property
    def next_num(self) -> int | None:
        """The next page's number, if there is one."""
        return self.page + 1 if self.has_next else None

    def prev(self, *, error_out: bool = False) -> "Pagination[T]":
        """Return the previous page, with the total that is known here.

        :param error_out: answer 404 if there is none; otherwise that page is the first one again.
        """
        return self._again(self.page - 1, error_out, self.total)

    def next(self, *, error_out: bool = False) -> "Pagination[T]":
        """Return the next page, with the total that is known here.

        :param error_out: answer 404 if there is none; otherwise that page is empty.
        """
        return self._again(self.page + 1, error_out, self.total)

    def iter_pages(
        self, *, left_edge: int = 2, left_current: int = 2, right_current: int = 4, right_edge: int = 2
    ) -> Iterator[int | None]:
        """Yield the numbers of pages for links: both ends and the neighbourhood, with None for what is left out."""
        shown = {
            *range(1, left_edge + 1),
            *range(self.page - left_current, self.page + right_current + 1),
            *range(self.pages - right_edge + 1, self.pages + 1),
        }
        before = 0
        for number in sorted(one for one in shown if 1 <= one <= self.pages):
            if number != before + 1:
                yield None
            yield number
            before = number
        if before and before < self.pages:
            yield None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)


def number(value: Any, default: int, what: str) -> int:
    """Read a number of a page or of its size.

    :raises PageError: it is none, or less than 1.
    """
    if value is None:
        return default
    try:
        found = int(value)
    except (TypeError, ValueError, OverflowError):
        raise PageError(f"The {what} is not a number.") from None
    if not 1 <= found <= _LARGEST:
        raise PageError(f"The {what} must be a number from 1 on.")
    return found


def offset_of(page: int, per_page: int) -> int:
    """Return the offset of a page's first row, or the largest one that a database can count to."""
    return min((page - 1) * per_page, _LARGEST)


class KeysetPage(Generic[T]):
    """One page of a result that is ordered by key; iterating gives its items.

    :ivar items: its items.
    :ivar next_cursor: opaque text that asks for the page after it; None if there is none.
    :ivar prev_cursor: opaque text that asks for the page before it; None if there is none.
    """

    def __init__(self, items: Sequence[T], next_cursor: str | None, prev_cursor: str | None) -> None:
        self.items: list[T] = list(items)
        self.next_cursor = next_cursor
        self.prev_cursor = prev_cursor

    @property
    def has_next(self) -> bool:
        """Whether there is a page after it."""
        return self.next_cursor is not None

    @property
    def has_prev(self) -> bool:
        """Whether there is a page before it."""
        return self.prev_cursor is not None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)


class Keyset:
    """The order of a result, whose last column makes it unique, and where in it one is.

    :param by: columns, or ``column.desc()``; none of them may be NULL, and none a number that is not exact.
    :param cursor: what a page gave as ``next_cursor`` or ``prev_cursor``; None for the first page.
    :raises PageError: the cursor is none of this order's.
    """

    def __init__(self, by: Sequence[Any], cursor: str | None, per_page: int) -> None:
        if not by:
            raise TypeError("keyset pages need the columns that the rows are ordered by, the last one unique")
        self._columns, self._descending = zip(*map(_read_order, by), strict=True)
        self._per_page = per_page
        self._backwards, self._at = _read_cursor(cursor, self._columns)

    def limit(self, statement: Any) -> Any:
        """Return the statement for one page and one row more, with the key's columns behind the rest."""
        flipped = [down != self._backwards for down in self._descending]
        if self._at is not None:
            statement = statement.where(_beyond(self._columns, flipped, self._at))
        order = [column.desc() if down else column.asc() for column, down in zip(self._columns, flipped, strict=True)]
        return statement.order_by(None).order_by(*order).limit(self._per_page + 1).add_columns(*self._columns)

    def page(self, rows: Sequence[Any], item: Callable[[Any], Any]) -> "KeysetPage[Any]":
        """Make the page from the rows of that statement."""
        more = len(rows) > self._per_page
        kept = list(rows[: self._per_page])
        if self._backwards:
            kept.reverse()
        width = len(self._columns)
        before, after = (more, self._at is not None) if self._backwards else (self._at is not None, more)
        return KeysetPage(
            [item(row) for row in kept],
            _write_cursor(kept[-1][-width:], False) if kept and after else None,
            _write_cursor(kept[0][-width:], True) if kept and before else None,
        )


def _read_order(one: Any) -> tuple[Any, bool]:
    """Return a column, and whether its order descends."""
    descending = False
    while isinstance(one, sa.UnaryExpression):
        descending = descending or one.modifier is sa.sql.operators.desc_op
        one = one.element
    if isinstance(one, str) or not hasattr(one, "type"):
        raise TypeError(f"keyset pages are ordered by columns, not by {one!r}")
    return one, descending


def _beyond(columns: Sequence[Any], descending: Sequence[bool], values: Sequence[Any]) -> Any:
    """Say that a row comes after another, column by column, as every database understands it."""
    alternatives = []
    values = [sa.literal(value, _type_for(value, column)) for column, value in zip(columns, values, strict=True)]
    for index, (column, down, value) in enumerate(zip(columns, descending, values, strict=True)):
        same = [one == other for one, other in zip(columns[:index], values[:index], strict=True)]
        alternatives.append(sa.and_(*same, column < value if down else column > value))
    return sa.or_(*alternatives)


def _type_for(value: Any, column: Any) -> Any:
    """Return the type a value is sent as: of numbers without the column's limits, which an invented one may exceed."""
    if isinstance(column.type, sa.TypeDecorator):
        return column.type
    return sa.BigInteger() if type(value) is int else sa.Numeric() if type(value) is Decimal else column.type


_TAGS: dict[str, tuple[type[Any], Callable[[Any], str], Callable[[str], Any]]] = {
    "t": (datetime, datetime.isoformat, datetime.fromisoformat),
    "d": (date, date.isoformat, date.fromisoformat),
    "n": (Decimal, str, Decimal),
    "u": (UUID, str, UUID),
}


def _write_cursor(values: Sequence[Any], backwards: bool) -> str:
    written: list[Any] = [int(backwards)]
    for value in values:
        tag = next((tag for tag, (kind, _, _) in _TAGS.items() if type(value) is kind), None)
        if tag is not None:
            written.append([tag, _TAGS[tag][1](value)])
        elif isinstance(value, (str, int, float)):
            written.append(value)
        else:
            raise TypeError(f"keyset pages cannot be ordered by a {type(value).__name__}")
    return base64.urlsafe_b64encode(json.dumps(written, separators=(",", ":")).encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None, columns: Sequence[Any]) -> tuple[bool, list[Any] | None]:
    """Read what :func:`_write_cursor` wrote; anybody may have written anything."""
    if cursor is None or cursor == "":
        return False, None
    try:
        text = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        backwards, *values = cast(list[Any], json.loads(text))
        if type(backwards) is not int or backwards not in (0, 1):
            raise ValueError
        read = [_read_value(*pair) for pair in zip(values, columns, strict=True)]
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
        raise PageError("The cursor is not one of this list.") from None
    return bool(backwards), read


def _read_value(written: Any, column: Any) -> Any:
    """Read one value, of the column's kind and such as every database takes."""
    value = written
    if isinstance(written, list):
        tag, text = written
        if type(text) is not str:
            raise ValueError
        value = _TAGS[tag][2](text)
    if not isinstance(value, _kinds_of(column)) or isinstance(value, bool) is not (_kinds_of(column) == (bool,)):
        raise ValueError
    if isinstance(value, str):
        value.encode()  # halves of surrogate pairs are no text
        if "\0" in value:
            raise ValueError
    elif isinstance(value, Decimal):
        if not value.is_finite() or not -_DIGITS < value.adjusted() < _DIGITS:
            raise ValueError
    elif isinstance(value, float):
        if not isfinite(value):
            raise ValueError
    elif isinstance(value, datetime):
        if value.tzinfo is not None and not getattr(column.type, "timezone", True):
            raise ValueError
    elif isinstance(value, int) and abs(value) > _LARGEST:
        raise ValueError
    return value


def _kinds_of(column: Any) -> tuple[type[Any], ...]:
    try:
        kind = column.type.python_type
    except NotImplementedError:
        return (object,)
    return (int, float) if kind is float else (kind,)
