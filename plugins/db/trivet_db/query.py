"""The query object behind ``Model.query``: SQLAlchemy's, with answers of 404 and pages."""

from typing import Any, cast

from sqlalchemy import orm
from sqlalchemy.exc import InvalidRequestError, MultipleResultsFound, NoResultFound

from trivet import abort

from .errors import IMPOSSIBLE
from .pagination import Pagination, offset_of
from .paging import CONFIGURED, Pager


class Query(orm.Query[Any]):
    """A query of one session.

    New code is better off with ``db.select()``; this is here for what was written before.
    """

    def get_or_404(self, ident: Any, description: str | None = None) -> Any:
        """Return the row with a primary key; answer 404 if there is none.

        :raises sqlalchemy.exc.InvalidRequestError: the query has criteria, which would not be looked at.
        """
        if self.whereclause is not None:
            raise InvalidRequestError("get_or_404() on a query with criteria; use first_or_404() or one_or_404().")
        entity = self.column_descriptions[0]["entity"]
        # Not get(), which SQLAlchemy warns of; what the query says about loading and locking holds all the same.
        chosen = {"options": self._with_options, "with_for_update": self._for_update_arg}
        return cast(Any, self.session).get_or_404(entity, ident, description=description, **chosen)

    def first_or_404(self, description: str | None = None) -> Any:
        """Return the first row; answer 404 if there is none."""
        try:
            found = self.first()
        except IMPOSSIBLE:
            self.session.rollback()
            found = None
        return found if found is not None else abort(404, description)

    def one_or_404(self, description: str | None = None) -> Any:
        """Return the only row; answer 404 if there are none or several."""
        try:
            return self.one()
        except (NoResultFound, MultipleResultsFound):
            abort(404, description)
        except IMPOSSIBLE:
            self.session.rollback()
            abort(404, description)

    def paginate(
        self,
        *,
        page: Any = None,
        per_page: Any = None,
        max_per_page: int | None = CONFIGURED,
        error_out: bool = True,
        count: bool = True,
    ) -> Pagination[Any]:
        """Return a page; see :meth:`trivet_db.SQLAlchemy.paginate`."""
        pager: Pager = getattr(self.session, "pager", None) or Pager()

        def ask(page: Any, per_page: Any, limit: Any, error_out: bool, total: int | None) -> Pagination[Any]:
            page, size, limit = pager.numbers(page, per_page, limit, error_out)
            ahead = total is None and not count
            rows = self.limit(size + ahead).offset(offset_of(page, size)).all()
            if not rows and page > 1 and error_out:
                abort(404)
            if count and total is None:
                total = self.order_by(None).count()
            more = len(rows) > size if ahead else None

            def again(number: int, error_out: bool, total: int | None) -> Pagination[Any]:
                return ask(number, size, limit, error_out, total)

            return Pagination(page, size, limit, rows[:size], total, again, more)

        return ask(page, per_page, max_per_page, error_out, None)
