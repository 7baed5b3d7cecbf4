"""The query object behind ``Model.query``: SQLAlchemy's, with answers of 404 and pages."""

from typing import Any, cast

from sqlalchemy import orm
from sqlalchemy.exc import MultipleResultsFound, NoResultFound

from trivet import abort

from .pagination import Pagination, offset_of
from .paging import Pager


class Query(orm.Query[Any]):
    """A query of one session.

    New code is better off with ``db.select()``; this is here for what was written before.
    """

    def get_or_404(self, ident: Any, description: str | None = None) -> Any:
        """Return the row with a primary key; answer 404 if there is none."""
        found = self.get(ident)
        return found if found is not None else abort(404, description)

    def first_or_404(self, description: str | None = None) -> Any:
        """Return the first row; answer 404 if there is none."""
        found = self.first()
        return found if found is not None else abort(404, description)

    def one_or_404(self, description: str | None = None) -> Any:
        """Return the only row; answer 404 if there are none or several."""
        try:
            return self.one()
        except (NoResultFound, MultipleResultsFound):
            abort(404, description)

    def paginate(
        self,
        *,
        page: Any = None,
        per_page: Any = None,
        max_per_page: int | None = None,
        error_out: bool = True,
        count: bool = True,
    ) -> Pagination[Any]:
        """Return a page; see :meth:`trivet_db.SQLAlchemy.paginate`."""
        pager: Pager = cast(Any, self.session).pager
        limit = pager.max_per_page if max_per_page is None else max_per_page
        page, per_page = pager.numbers(page, per_page, limit, error_out)
        rows = self.limit(per_page + (not count)).offset(offset_of(page, per_page)).all()
        if not rows and page > 1 and error_out:
            abort(404)
        total = self.order_by(None).count() if count else None

        def again(number: int) -> Pagination[Any]:
            return self.paginate(
                page=number, per_page=per_page, max_per_page=max_per_page, error_out=False, count=count
            )

        return Pagination(page, per_page, limit, rows[:per_page], total, again, None if count else len(rows) > per_page)
