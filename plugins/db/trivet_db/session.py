"""Sessions: bound to the right engine, one for each context, closed when it ends."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import orm
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlalchemy.ext.asyncio import AsyncSession as SQLAlchemyAsyncSession
from sqlalchemy.sql import Select

from trivet import StashKey, abort, current_context

from .model import bind_key_of
from .pagination import KeysetPage, Pagination
from .paging import Pager

T = TypeVar("T")
#: Returns the engine, or in a test the connection, for a bind key: ``(key, mapper, clause)``.
Chooser = Callable[[str | None, Any, Any], Any]


class Session(orm.Session):
    """A session that sends each statement to the engine of its model's bind key.

    :param choose: returns the engine for a bind key.
    :param pager: how pages are asked for.
    """

    def __init__(self, *, choose: Chooser, pager: Pager, **options: Any) -> None:
        super().__init__(**options)
        self._choose = choose
        self.pager = pager

    def get_bind(self, mapper: Any = None, *, clause: Any = None, bind: Any = None, **kwargs: Any) -> Any:
        """Return the engine for a model or a statement."""
        if bind is not None:
            return bind
        mapper = getattr(mapper, "__mapper__", mapper)  # a class will do
        return self._choose(bind_key_of(mapper, clause), mapper, clause)

    def get_or_404(self, entity: type[T], ident: Any, *, description: str | None = None, **options: Any) -> T:
        """Return the row with a primary key; answer 404 if there is none. The options are those of ``get``."""
        found = self.get(entity, ident, **options)
        return found if found is not None else abort(404, description)

    def first_or_404(self, statement: Select[Any], *, description: str | None = None) -> Any:
        """Return the first column of the first row; answer 404 if there is no row."""
        found = self.execute(statement).scalars().first()
        return found if found is not None else abort(404, description)

    def one_or_404(self, statement: Select[Any], *, description: str | None = None) -> Any:
        """Return the first column of the only row; answer 404 if there are none or several."""
        try:
            return self.execute(statement).scalars().one()
        except (NoResultFound, MultipleResultsFound):
            abort(404, description)

    def paginate(
        self,
        statement: Select[Any],
        *,
        page: Any = None,
        per_page: Any = None,
        max_per_page: int | None = None,
        error_out: bool = True,
        count: bool = True,
    ) -> Pagination[Any]:
        """Return a page of the first column's values; see :meth:`trivet_db.SQLAlchemy.paginate`."""
        found: Pagination[Any] = _drive(
            self.pager.by_number(statement, page, per_page, max_per_page, error_out, count), self.execute
        )
        size, limit = found.per_page, found.max_per_page
        found.ask_by(
            lambda number: self.paginate(
                statement, page=number, per_page=size, max_per_page=limit, error_out=False, count=count
            )
        )
        return found

    def keyset(
        self, statement: Select[Any], by: Any, *, cursor: str | None = None, per_page: Any = None
    ) -> KeysetPage[Any]:
        """Return a page by key; see :meth:`trivet_db.SQLAlchemy.keyset`."""
        page: KeysetPage[Any] = _drive(self.pager.by_key(statement, by, cursor, per_page), self.execute)
        return page


class AsyncSession(SQLAlchemyAsyncSession):
    """The same for asynchronous code."""

    sync_session: Session

    @property
    def pager(self) -> Pager:
        """How pages are asked for."""
        return self.sync_session.pager

    async def get_or_404(self, entity: type[T], ident: Any, *, description: str | None = None, **options: Any) -> T:
        """Return the row with a primary key; answer 404 if there is none."""
        found = await self.get(entity, ident, **options)
        return found if found is not None else abort(404, description)

    async def first_or_404(self, statement: Select[Any], *, description: str | None = None) -> Any:
        """Return the first column of the first row; answer 404 if there is no row."""
        found = (await self.execute(statement)).scalars().first()
        return found if found is not None else abort(404, description)

    async def one_or_404(self, statement: Select[Any], *, description: str | None = None) -> Any:
        """Return the first column of the only row; answer 404 if there are none or several."""
        try:
            return (await self.execute(statement)).scalars().one()
        except (NoResultFound, MultipleResultsFound):
            abort(404, description)

    async def paginate(
        self,
        statement: Select[Any],
        *,
        page: Any = None,
        per_page: Any = None,
        max_per_page: int | None = None,
        error_out: bool = True,
        count: bool = True,
    ) -> Pagination[Any]:
        """Return a page of the first column's values; see :meth:`trivet_db.SQLAlchemy.paginate`.

        Its ``next()`` and ``prev()`` cannot wait and are not to be used; ask for ``next_num`` instead.
        """
        found: Pagination[Any] = await _drive_async(
            self.pager.by_number(statement, page, per_page, max_per_page, error_out, count), self.execute
        )
        return found

    async def keyset(
        self, statement: Select[Any], by: Any, *, cursor: str | None = None, per_page: Any = None
    ) -> KeysetPage[Any]:
        """Return a page by key; see :meth:`trivet_db.SQLAlchemy.keyset`."""
        page: KeysetPage[Any] = await _drive_async(self.pager.by_key(statement, by, cursor, per_page), self.execute)
        return page


def _drive(steps: Any, execute: Callable[[Any], Any]) -> Any:
    """Run a generator that yields statements, and gets their rows."""
    try:
        statement = next(steps)
        while True:
            statement = steps.send(execute(statement))
    except StopIteration as stop:
        return stop.value


async def _drive_async(steps: Any, execute: Callable[[Any], Any]) -> Any:
    try:
        statement = next(steps)
        while True:
            statement = steps.send(await execute(statement))
    except StopIteration as stop:
        return stop.value


class ContextRegistry:
    """Keeps one session for each context: what SQLAlchemy's scoped sessions keep theirs in.

    A session is made on first use and closed when its context ends, after a streamed body, whatever else fails.

    :param create: makes a session.
    :param end: ends one; may be a coroutine function.
    """

    def __init__(self, create: Callable[..., Any], end: Callable[[Any], Any]) -> None:
        self._create = create
        self._end = end
        self._key = StashKey[Any]("db.session")

    def __call__(self) -> Any:
        stash = current_context().stash
        session = stash.get(self._key)
        if session is None:
            session = self._create()
            self.set(session)
        return session

    def has(self) -> bool:
        """Tell whether the context has one."""
        return self._key in current_context().stash

    def set(self, session: Any) -> None:
        """Give the context a session, and close it when the context ends."""
        ctx = current_context()
        ctx.stash[self._key] = session
        ctx.defer(self._end, session)

    def clear(self) -> None:
        """Forget the context's session."""
        stash = current_context().stash
        if self._key in stash:
            del stash[self._key]

    def peek(self, ctx: Any) -> Any:
        """Return a context's session if it has one, without making one."""
        return ctx.stash.get(self._key)
