"""How pages are asked for: the numbers of a request, their limits, and the statements they become.

Every way is a generator that yields statements and gets their results, so that plain and asynchronous sessions share
it.
"""

from collections.abc import Awaitable, Callable, Generator
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import lazyload
from sqlalchemy.sql.selectable import GenerativeSelect

from trivet import abort, has_request_context, request

from .errors import PageError
from .pagination import Keyset, KeysetPage, Pagination, number, offset_of

Steps = Generator[Any, Any, Any]


class _Configured:
    """Stands for an option's value in a signature."""

    def __repr__(self) -> str:
        return "<as configured>"


#: The default of ``max_per_page``: the option of this name.
CONFIGURED: Any = _Configured()


class Pager(NamedTuple):
    """Limits of pages.

    :ivar per_page: rows a page has unless it is asked otherwise.
    :ivar max_per_page: rows a page may have.
    """

    per_page: int = 20
    max_per_page: int = 100

    def by_number(
        self,
        statement: GenerativeSelect,
        page: Any,
        per_page: Any,
        limit: Any,
        error_out: bool,
        total: int | None,
        count: bool,
    ) -> Steps:
        """Yield the statements for a page of a number, with a count of all rows or a look beyond the page."""
        page, per_page, limit = self.numbers(page, per_page, limit, error_out)
        ahead = total is None and not count
        rows: Any = yield statement.limit(per_page + ahead).offset(offset_of(page, per_page))
        items = _values(statement, rows)
        if not items and page > 1 and error_out:
            abort(404)
        if count and total is None:
            bare: Any = statement.order_by(None)
            bare = bare.options(lazyload("*"))
            total = (yield sa.select(sa.func.count()).select_from(bare.subquery())).scalar()
        more = len(items) > per_page if ahead else None
        return Pagination(page, per_page, limit, items[:per_page], total, _cannot_ask, more)

    def numbers(self, page: Any, per_page: Any, limit: Any, error_out: bool) -> tuple[int, int, int | None]:
        """Return the page's number and size, those given or else the request's, and what limits the size.

        What is no number is answered 404, as a page that does not exist; without ``error_out`` it is the first page.
        """
        args = request.args if has_request_context() else {}
        given = (
            page if page is not None else args.get("page"),
            per_page if per_page is not None else args.get("per_page"),
        )
        limit = self.max_per_page if limit is CONFIGURED else limit
        found = []
        for value, default, what in ((given[0], 1, "page"), (given[1], self.per_page, "page size")):
            try:
                found.append(number(value, default, what))
            except PageError:
                if error_out:
                    abort(404)
                found.append(default)
        return found[0], found[1] if limit is None else min(found[1], limit), limit

    def by_key(self, statement: GenerativeSelect, by: Any, cursor: str | None, per_page: Any) -> Steps:
        """Yield the statement for a page by key."""
        args = request.args if has_request_context() else {}
        if cursor is None:
            cursor = args.get("cursor")
        try:
            size = number(per_page if per_page is not None else args.get("per_page"), self.per_page, "page size")
            keyset = Keyset(by if isinstance(by, (list, tuple)) else [by], cursor, min(size, self.max_per_page))
        except PageError as error:
            abort(400, str(error))
        try:
            rows: Any = yield keyset.limit(statement)
        except (sa.exc.DataError, ValueError) as error:
            if not cursor:
                raise
            # A value of the right kind that this database cannot compare with: a number too large for the column.
            abort(400, f"The cursor is not one of this list. ({type(error).__name__})")
        page: KeysetPage[Any] = keyset.page(_each_once(statement, rows).all(), lambda row: row[0])
        return page


def drive(steps: Steps, execute: Callable[[Any], Any]) -> Any:
    """Run the steps of a page with a plain session's ``execute``."""
    try:
        statement = next(steps)
        while True:
            try:
                rows = execute(statement)
            except Exception as error:
                statement = steps.throw(error)
            else:
                statement = steps.send(rows)
    except StopIteration as stop:
        return stop.value


async def drive_async(steps: Steps, execute: Callable[[Any], Awaitable[Any]]) -> Any:
    """Run the steps of a page with an asynchronous session's ``execute``."""
    try:
        statement = next(steps)
        while True:
            try:
                rows = await execute(statement)
            except Exception as error:
                statement = steps.throw(error)
            else:
                statement = steps.send(rows)
    except StopIteration as stop:
        return stop.value


def _values(statement: GenerativeSelect, rows: Any) -> list[Any]:
    return list(_each_once(statement, rows).scalars())


def _each_once(statement: GenerativeSelect, rows: Any) -> Any:
    """Return rows of models each once: those joined with their collections come several times."""
    described = getattr(statement, "column_descriptions", None)  # a union has none
    return rows.unique() if described and isinstance(described[0]["expr"], type) else rows


def _cannot_ask(page: int, error_out: bool, total: int | None) -> Any:
    raise TypeError("the pages of an asynchronous session cannot ask for others; ask for next_num or prev_num")
