"""How pages are asked for: the numbers of a request, their limits, and the statements they become.

Every way is a generator that yields statements and gets their results, so that plain and asynchronous sessions share
it.
"""

from collections.abc import Generator
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import lazyload
from sqlalchemy.sql import Select

from trivet import abort, has_request_context, request

from .errors import PageError
from .pagination import Keyset, KeysetPage, Pagination, number, offset_of

Steps = Generator[Any, Any, Any]


class Pager(NamedTuple):
    """Limits of pages.

    :ivar per_page: rows a page has unless it is asked otherwise.
    :ivar max_per_page: rows a page may have.
    """

    per_page: int = 20
    max_per_page: int = 100

    def by_number(
        self, statement: Select[Any], page: Any, per_page: Any, limit: int | None, error_out: bool, count: bool
    ) -> Steps:
        """Yield the statements for a page of a number, with a count of all rows or a look beyond the page."""
        limit = self.max_per_page if limit is None else limit
        page, per_page = self.numbers(page, per_page, limit, error_out)
        rows: Any = yield statement.limit(per_page + (not count)).offset(offset_of(page, per_page))
        items = _values(statement, rows)
        more = None if count else len(items) > per_page
        items = items[:per_page]
        if not items and page > 1 and error_out:
            abort(404)
        total = None
        if count:
            bare = statement.order_by(None).options(lazyload("*"))
            total = (yield sa.select(sa.func.count()).select_from(bare.subquery())).scalar()
        return Pagination(page, per_page, limit, items, total, _cannot_ask, more)

    def numbers(self, page: Any, per_page: Any, limit: int, error_out: bool) -> tuple[int, int]:
        """Return the page's number and size: those given, or else the request's.

        What is no number is answered 404, as a page that does not exist; without ``error_out`` it is the first page.
        """
        args = request.args if has_request_context() else {}
        given = (
            page if page is not None else args.get("page"),
            per_page if per_page is not None else args.get("per_page"),
        )
        found = []
        for value, default, what in ((given[0], 1, "page"), (given[1], self.per_page, "page size")):
            try:
                found.append(number(value, default, what))
            except PageError:
                if error_out:
                    abort(404)
                found.append(default)
        return found[0], min(found[1], limit)

    def by_key(self, statement: Select[Any], by: Any, cursor: str | None, per_page: Any) -> Steps:
        """Yield the statement for a page by key."""
        args = request.args if has_request_context() else {}
        try:
            size = number(per_page if per_page is not None else args.get("per_page"), self.per_page, "page size")
            keyset = Keyset(
                by if isinstance(by, (list, tuple)) else [by],
                cursor if cursor is not None else args.get("cursor"),
                min(size, self.max_per_page),
            )
        except PageError as error:
            abort(400, str(error))
        rows: Any = yield keyset.limit(statement)
        page: KeysetPage[Any] = keyset.page(rows.all(), lambda row: row[0])
        return page


def _values(statement: Select[Any], rows: Any) -> list[Any]:
    """Return the first column; of models each once, as rows joined with their collections come several times."""
    first = statement.column_descriptions[0]
    if isinstance(first["expr"], type):
        rows = rows.unique()
    return list(rows.scalars())


def _cannot_ask(page: int) -> Any:
    raise TypeError("this page cannot ask for others; ask for its next_num or prev_num")
