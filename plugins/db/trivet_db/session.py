"""Sessions: bound to the right engine, one for each context, closed when it ends."""

import asyncio
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlalchemy.ext.asyncio import AsyncSession as SQLAlchemyAsyncSession
from sqlalchemy.sql.selectable import CompoundSelect, GenerativeSelect

from trivet import StashKey, abort, current_context, has_app_context

from .errors import IMPOSSIBLE
from .model import bind_key_of
from .pagination import KeysetPage, Pagination
from .paging import CONFIGURED, Pager, drive, drive_async
from .track_modifications import track

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
#: Returns the engine for a bind key: ``(key, mapper, clause)``.
Chooser = Callable[[str | None, Any, Any], Any]


class Home(Protocol):
    """What sessions find their engines by.

    :ivar choose: ``(bind_key, mapper, clause)``: returns the engine for a statement.
    :ivar choose_on_loop: the same for asynchronous sessions.
    :ivar pager: how pages are asked for.
    :ivar tracks: whether ``app`` sends signals about changes.
    """

    choose: Chooser
    choose_on_loop: Chooser
    pager: Pager
    tracks: bool
    app: Any


class Database(Protocol):
    """What sessions belong to.

    :ivar state: that of the current application.
    """

    @property
    def state(self) -> Any: ...


def _tells_clause(method: F) -> F:
    """Have a method tell :meth:`Session.get_bind` of a union of models, of which SQLAlchemy tells it nothing."""

    @wraps(method)
    def told(self: Any, statement: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(statement, CompoundSelect):
            kwargs["bind_arguments"] = {"clause": statement, **(kwargs.get("bind_arguments") or {})}
        return method(self, statement, *args, **kwargs)

    return cast(F, told)


class Session(orm.Session):
    """A session that sends each statement to the engine of its model's bind key.

    :param db: the :class:`trivet_db.SQLAlchemy` object.
    :param on_loop: whether it is the inner half of an asynchronous session.
    :param options: those of :class:`sqlalchemy.orm.Session`; if they bind it, nothing is chosen.
    """

    _bound = False

    def __init__(self, db: Database, *, on_loop: bool = False, **options: Any) -> None:
        super().__init__(**options)
        state: Home = db.state
        self._choose = state.choose_on_loop if on_loop else state.choose
        if "bind" in options or "binds" in options:
            self._bound = options.get("bind") is not None or bool(options.get("binds"))
        self.pager = state.pager
        if state.tracks:
            track(state.app, self)

    execute = _tells_clause(orm.Session.execute)
    scalar = _tells_clause(orm.Session.scalar)  # type: ignore[assignment, arg-type]
    scalars = _tells_clause(orm.Session.scalars)

    def get_bind(self, mapper: Any = None, clause: Any = None, bind: Any = None, **kwargs: Any) -> Any:
        """Return the engine for a model or a statement."""
        if bind is not None:
            return bind
        if self._bound:
            return super().get_bind(mapper, clause=clause, **kwargs)
        if isinstance(mapper, type):
            mapper = orm.class_mapper(mapper)
        return self._choose(bind_key_of(mapper, clause), mapper, clause)

    def get_or_404(self, entity: type[T], ident: Any, *, description: str | None = None, **options: Any) -> T:
        """Return the row with a primary key; answer 404 if there is none. The options are those of ``get``."""
        try:
            found = self.get(entity, ident, **options)
        except IMPOSSIBLE:
            self.rollback()
            found = None
        return found if found is not None else abort(404, description)

    def first_or_404(self, statement: sa.Executable, *, description: str | None = None) -> Any:
        """Return the first column of the first row; answer 404 if there is no row."""
        try:
            found = self.execute(statement).scalars().first()
        except IMPOSSIBLE:
            self.rollback()
            found = None
        return found if found is not None else abort(404, description)

    def one_or_404(self, statement: sa.Executable, *, description: str | None = None) -> Any:
        """Return the first column of the only row; answer 404 if there are none or several."""
        try:
            return self.execute(statement).scalars().one()
        except (NoResultFound, MultipleResultsFound):
            abort(404, description)
        except IMPOSSIBLE:
            self.rollback()
            abort(404, description)

    def paginate(
        self,
        statement: GenerativeSelect,
        *,
        page: Any = None,
        per_page: Any = None,
        max_per_page: int | None = CONFIGURED,
        error_out: bool = True,
        count: bool = True,
    ) -> Pagination[Any]:
        """Return a page of the first column's values; see :meth:`trivet_db.SQLAlchemy.paginate`."""

        def ask(page: Any, per_page: Any, limit: Any, error_out: bool, total: int | None) -> Pagination[Any]:
            steps = self.pager.by_number(statement, page, per_page, limit, error_out, total, count)
            found: Pagination[Any] = drive(steps, self.execute)
            size, limit = found.per_page, found.max_per_page
            found.ask_by(lambda number, error_out, total: ask(number, size, limit, error_out, total))
            return found

        return ask(page, per_page, max_per_page, error_out, None)

    def keyset(
        self, statement: GenerativeSelect, by: Any, *, cursor: str | None = None, per_page: Any = None
    ) -> KeysetPage[Any]:
        """Return a page by key; see :meth:`trivet_db.SQLAlchemy.keyset`."""
        page: KeysetPage[Any] = drive(self.pager.by_key(statement, by, cursor, per_page), self.execute)
        return page


class AsyncSession(SQLAlchemyAsyncSession):
    """The same for asynchronous code."""

    sync_session: Session
    #: What closes it, if that could not be awaited.
    closing: "asyncio.Task[None] | None" = None

    async def end(self) -> None:
        """Close it, even if the request is cancelled, and cancelled again while this is waiting."""
        await asyncio.shield(self.close())

    @property
    def pager(self) -> Pager:
        """How pages are asked for."""
        return self.sync_session.pager

    async def get_or_404(self, entity: type[T], ident: Any, *, description: str | None = None, **options: Any) -> T:
        """Return the row with a primary key; answer 404 if there is none."""
        try:
            found = await self.get(entity, ident, **options)
        except IMPOSSIBLE:
            await self.rollback()
            found = None
        return found if found is not None else abort(404, description)

    async def first_or_404(self, statement: sa.Executable, *, description: str | None = None) -> Any:
        """Return the first column of the first row; answer 404 if there is no row."""
        try:
            found = (await self.execute(statement)).scalars().first()
        except IMPOSSIBLE:
            await self.rollback()
            found = None
        return found if found is not None else abort(404, description)

    async def one_or_404(self, statement: sa.Executable, *, description: str | None = None) -> Any:
        """Return the first column of the only row; answer 404 if there are none or several."""
        try:
            return (await self.execute(statement)).scalars().one()
        except (NoResultFound, MultipleResultsFound):
            abort(404, description)
        except IMPOSSIBLE:
            await self.rollback()
            abort(404, description)

    async def paginate(
        self,
        statement: GenerativeSelect,
        *,
        page: Any = None,
        per_page: Any = None,
        max_per_page: int | None = CONFIGURED,
        error_out: bool = True,
        count: bool = True,
    ) -> Pagination[Any]:
        """Return a page of the first column's values; see :meth:`trivet_db.SQLAlchemy.paginate`.

        Its ``next()`` and ``prev()`` cannot wait and are not to be used; ask for ``next_num`` instead.
        """
        steps = self.pager.by_number(statement, page, per_page, max_per_page, error_out, None, count)
        found: Pagination[Any] = await drive_async(steps, self.execute)
        return found

    async def keyset(
        self, statement: GenerativeSelect, by: Any, *, cursor: str | None = None, per_page: Any = None
    ) -> KeysetPage[Any]:
        """Return a page by key; see :meth:`trivet_db.SQLAlchemy.keyset`."""
        page: KeysetPage[Any] = await drive_async(self.pager.by_key(statement, by, cursor, per_page), self.execute)
        return page


class ContextRegistry:
    """Keeps one session for each context: what SQLAlchemy's scoped sessions keep theirs in.

    A session is made on first use and closed when its context ends: after a streamed body, after teardown functions,
    whatever else fails.

    :param create: makes a session.
    :param end: ``(ctx, session)``: ends one; may return something to be awaited.
    :param scope: tells sessions apart that one context has several of.
    """

    def __init__(
        self, create: Callable[..., Any], end: Callable[[Any, Any], Any], scope: Callable[[], Any] | None = None
    ) -> None:
        self._create = create
        self._end = end
        self._scope = scope
        self._key = StashKey[Kept]("db.sessions")
        self._closed = StashKey[bool]("db.closed")

    def __call__(self) -> Any:
        ctx = current_context()
        kept = ctx.stash.get(self._key)
        if kept:
            session = kept.get(self._scope and self._scope())
            if session is not None:
                return session
        session = self._create()
        self._keep(ctx, kept, session)
        return session

    def has(self) -> bool:
        """Tell whether the context has one."""
        if not has_app_context():
            return False
        return (self._scope and self._scope()) in current_context().stash.get(self._key, ())

    def set(self, session: Any) -> None:
        """Give the context a session, and close it when the context ends."""
        ctx = current_context()
        self._keep(ctx, ctx.stash.get(self._key), session)

    def clear(self) -> None:
        """Forget the context's session."""
        kept = current_context().stash.get(self._key)
        if kept:
            kept.pop(self._scope and self._scope(), None)

    def peek(self, ctx: Any) -> list[Any]:
        """Return the sessions that a context has, without making one."""
        kept = ctx.stash.get(self._key)
        return list(kept.values()) if kept else []

    def _keep(self, ctx: Any, kept: "Kept | None", session: Any) -> None:
        if kept is None or kept.is_over:
            kept = ctx.stash[self._key] = Kept()
            ctx.defer(self._leave, ctx, kept)
            closers = ctx.app.closers
            if closers and self._close not in closers:
                closers.append(self._close)
        kept[self._scope and self._scope()] = session

    def _leave(self, ctx: Any, kept: "Kept") -> Any:
        """Close what a context has, unless that has to wait for teardown functions, which may use it."""
        if ctx.app.closers and self._closed not in ctx.stash:
            return None
        return self._close_all(ctx, kept)

    def _close(self, ctx: Any, error: BaseException | None) -> Any:
        ctx.stash[self._closed] = True  # whoever comes now is the last
        kept = ctx.stash.get(self._key)
        return None if kept is None else self._close_all(ctx, kept)

    def _close_all(self, ctx: Any, kept: "Kept") -> Any:
        kept.is_over = True  # who comes after this gets another one
        while len(kept) > 1:
            ctx.defer(self._end, ctx, kept.popitem()[1])  # each of them, even if another one's end fails
        return self._end(ctx, kept.popitem()[1]) if kept else None


class Kept(dict[Any, Any]):
    """The sessions of one context, by scope.

    :ivar is_over: whether they have been closed.
    """

    is_over = False


def end_plainly(ctx: Any, session: orm.Session) -> None:
    """Close a session."""
    session.close()


def end_on_loop(ctx: Any, session: AsyncSession) -> Any:
    """Close an asynchronous session."""
    if ctx.on_loop:
        return session.end()
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return session.end()
    # A coroutine has left a context by a plain `with`: nothing can wait here, but the loop goes on.
    session.closing = loop.create_task(session.end())
    return None
