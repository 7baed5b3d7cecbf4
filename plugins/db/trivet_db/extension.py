"""``SQLAlchemy``: the object that models, sessions and engines are reached by; Flask-SQLAlchemy's documented face."""

from collections.abc import Callable, Iterable, Mapping
from types import new_class
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncEngine, async_scoped_session, async_sessionmaker
from sqlalchemy.sql import Select

from trivet import Trivet, current_app, has_app_context

from . import plugin
from .errors import UnknownBindError
from .model import Binding, Metadatas, Model, Naming
from .pagination import KeysetPage, Pagination
from .query import Query
from .session import AsyncSession, ContextRegistry, Session
from .state import State

T = TypeVar("T")
Keys = str | None | Iterable[str | None]
ALL = "__all__"


class ScopedSession(orm.scoped_session[Session]):
    """One session for each context; every attribute is the context's own session's."""

    registry: ContextRegistry  # type: ignore[assignment]

    def __init__(self, create: Callable[[], Session]) -> None:
        super().__init__(cast(Any, create))
        self.registry = ContextRegistry(create, orm.Session.close)

    def get_or_404(self, entity: type[T], ident: Any, *, description: str | None = None, **options: Any) -> T:
        """Do what :meth:`Session.get_or_404` does."""
        return self().get_or_404(entity, ident, description=description, **options)

    def first_or_404(self, statement: Select[Any], *, description: str | None = None) -> Any:
        """Do what :meth:`Session.first_or_404` does."""
        return self().first_or_404(statement, description=description)

    def one_or_404(self, statement: Select[Any], *, description: str | None = None) -> Any:
        """Do what :meth:`Session.one_or_404` does."""
        return self().one_or_404(statement, description=description)

    def paginate(self, statement: Select[Any], **options: Any) -> Pagination[Any]:
        """Do what :meth:`Session.paginate` does."""
        return self().paginate(statement, **options)

    def keyset(self, statement: Select[Any], by: Any, **options: Any) -> KeysetPage[Any]:
        """Do what :meth:`Session.keyset` does."""
        return self().keyset(statement, by, **options)


class AsyncScopedSession(async_scoped_session[AsyncSession]):
    """The same for asynchronous code."""

    registry: ContextRegistry  # type: ignore[assignment]

    def __init__(self, create: Callable[[], AsyncSession]) -> None:
        super().__init__(cast(Any, create), scopefunc=lambda: None)
        self.registry = ContextRegistry(create, AsyncSession.close)

    async def get_or_404(self, entity: type[T], ident: Any, *, description: str | None = None, **options: Any) -> T:
        """Do what :meth:`AsyncSession.get_or_404` does."""
        return await self().get_or_404(entity, ident, description=description, **options)

    async def first_or_404(self, statement: Select[Any], *, description: str | None = None) -> Any:
        """Do what :meth:`AsyncSession.first_or_404` does."""
        return await self().first_or_404(statement, description=description)

    async def one_or_404(self, statement: Select[Any], *, description: str | None = None) -> Any:
        """Do what :meth:`AsyncSession.one_or_404` does."""
        return await self().one_or_404(statement, description=description)

    async def paginate(self, statement: Select[Any], **options: Any) -> Pagination[Any]:
        """Do what :meth:`AsyncSession.paginate` does."""
        return await self().paginate(statement, **options)

    async def keyset(self, statement: Select[Any], by: Any, **options: Any) -> KeysetPage[Any]:
        """Do what :meth:`AsyncSession.keyset` does."""
        return await self().keyset(statement, by, **options)


class SQLAlchemy:
    """Models, sessions and engines of an application.

    :param app: the application; None: later, by :meth:`init_app`, or by configuration, ``plugins = ["db"]``.
    :param metadata: the default metadata, for naming conventions and schemas.
    :param session_options: arguments of sessions.
    :param query_class: the class of ``Model.query``.
    :param model_class: a declarative base (``class Base(DeclarativeBase)``), or a class with what all models are to
        have. Models may inherit from such a base itself as well as from :attr:`Model`.
    :param engine_options: arguments of :func:`sqlalchemy.create_engine`, below those of the configuration.
    :param add_models_to_shell: whether ``trivet shell`` has the models' names.
    :param disable_autonaming: whether every model has to say the name of its table.

    ::

        from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
        from trivet import Trivet
        from trivet_db import SQLAlchemy

        class Base(DeclarativeBase): ...

        db = SQLAlchemy(model_class=Base)

        class Task(Base):
            __tablename__ = "task"
            id: Mapped[int] = mapped_column(primary_key=True)
            title: Mapped[str]

        app = Trivet(__name__)
        app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///app.db"
        db.init_app(app)
    """

    def __init__(
        self,
        app: Trivet | None = None,
        *,
        metadata: sa.MetaData | None = None,
        session_options: Mapping[str, Any] | None = None,
        query_class: type[Query] = Query,
        model_class: type[Any] = Model,
        engine_options: Mapping[str, Any] | None = None,
        add_models_to_shell: bool = True,
        disable_autonaming: bool = False,
    ) -> None:
        self.Query = query_class
        self.engine_options = dict(engine_options or {})
        self.add_models_to_shell = add_models_to_shell
        self._session_options = {"query_cls": query_class, **(session_options or {})}
        own = getattr(model_class, "metadata", None)
        self.metadatas = Metadatas(metadata if metadata is not None else own if own is not None else sa.MetaData())
        #: The base of models.
        self.Model: Any = self._make_model(model_class, disable_autonaming)
        #: The context's session; made on first use, closed when the context ends.
        self.session = ScopedSession(self._make_session)
        #: The context's session for asynchronous code.
        self.async_session = AsyncScopedSession(self._make_async_session)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Trivet) -> None:
        """Use this object in an application; several may share it, each with databases of its own.

        :raises RuntimeError: if it has one already.
        """
        if "sqlalchemy" in app.extensions:
            raise RuntimeError(
                "This application has a SQLAlchemy object already. Create one of them only, import it where it is "
                "needed, and call init_app() once."
            )
        plugin.enable(app)
        app.extensions["sqlalchemy"] = self
        State.of(app).faces.insert(0, self)

    # -- models

    def _make_model(self, given: type[Any], unnamed: bool) -> Any:
        mixins: list[type[Any]] = [Binding] if unnamed else [Binding, Naming]
        body = {"__db__": self, "__metadatas__": self.metadatas, "query_class": self.Query, "__abstract__": True}
        declarative = isinstance(given, orm.DeclarativeMeta) or issubclass(
            given, (orm.DeclarativeBase, orm.DeclarativeBaseNoMeta)
        )
        if declarative:
            if given.metadata is not self.metadatas[None]:
                body["metadata"] = self.metadatas[None]
            bases = (*mixins, *(() if issubclass(given, Model) else (Model,)), given)
        else:
            del body["__abstract__"]
            body["metadata"] = self.metadatas[None]
            bases = (*mixins, given, *(() if issubclass(given, Model) else (Model,)), orm.DeclarativeBase)
        # To SQLAlchemy's own base one class has to be the base of all; mixins alone do not make one.
        return new_class("Model", bases, {}, lambda scope: scope.update(body, __module__=__name__))

    @property
    def metadata(self) -> sa.MetaData:
        """The default metadata."""
        return self.metadatas[None]

    def Table(self, name: str, *args: Any, bind_key: str | None = None, **kwargs: Any) -> sa.Table:
        """Make a table in the default metadata, in that of a bind, or in the one that is given as for SQLAlchemy's."""
        if args and isinstance(args[0], sa.MetaData):
            return sa.Table(name, *args, **kwargs)
        return sa.Table(name, self.metadatas.get_or_make(bind_key), *args, **kwargs)

    def relationship(self, *args: Any, **kwargs: Any) -> Any:
        """Return SQLAlchemy's relationship; a dynamic one, and its other side, has this object's query class."""
        self._set_query_class(kwargs)
        return orm.relationship(*args, **kwargs)

    def dynamic_loader(self, argument: Any, **kwargs: Any) -> Any:
        """Return a relationship that is a query."""
        return self.relationship(argument, lazy="dynamic", **kwargs)

    def _set_query_class(self, kwargs: dict[str, Any]) -> None:
        kwargs.setdefault("query_class", self.Query)
        backref = kwargs.get("backref")
        if backref is not None:
            name, options = (backref, {}) if isinstance(backref, str) else (backref[0], dict(backref[1]))
            options.setdefault("query_class", self.Query)
            kwargs["backref"] = (name, options)

    def __getattr__(self, name: str) -> Any:
        """Return what SQLAlchemy or its ORM calls so: ``db.Column``, ``db.select``, ``db.Mapped``."""
        if not name.startswith("_"):
            for module in (sa, orm):
                if hasattr(module, name):
                    return getattr(module, name)
        raise AttributeError(f"neither trivet_db.SQLAlchemy nor sqlalchemy nor sqlalchemy.orm has {name!r}")

    # -- sessions and engines

    def _make_session(self) -> Session:
        state = State.of(current_app)
        kind = self._session_options.get("class_", Session)
        options = {name: value for name, value in self._session_options.items() if name not in ("class_", "scopefunc")}
        return cast(Session, kind(choose=state.choose, pager=state.pager, **options))

    def _make_async_session(self) -> AsyncSession:
        state = State.of(current_app)
        maker = async_sessionmaker(class_=AsyncSession, sync_session_class=Session, expire_on_commit=False)
        options = {name: value for name, value in self._session_options.items() if name not in ("class_", "scopefunc")}
        return maker(choose=state.choose_on_loop, pager=state.pager, **options)

    @property
    def engines(self) -> Mapping[str | None, sa.Engine]:
        """The engines of the current application by bind key; ``None`` is the default one's."""
        return State.of(current_app).engines

    @property
    def engine(self) -> sa.Engine:
        """The default engine of the current application."""
        return self.engines[None]

    def get_engine(self, bind_key: str | None = None) -> sa.Engine:
        """Return the engine of a bind key."""
        return self.engines[bind_key]

    def async_engine(self, bind_key: str | None = None) -> AsyncEngine:
        """Return the engine of a bind key for the running event loop."""
        return State.of(current_app).engines.on_loop(bind_key)

    # -- rows

    def get_or_404(self, entity: type[T], ident: Any, *, description: str | None = None, **options: Any) -> T:
        """Return the row with a primary key; answer 404 if there is none."""
        return self.session().get_or_404(entity, ident, description=description, **options)

    def first_or_404(self, statement: Select[Any], *, description: str | None = None) -> Any:
        """Return the first column of the first row; answer 404 if there is no row."""
        return self.session().first_or_404(statement, description=description)

    def one_or_404(self, statement: Select[Any], *, description: str | None = None) -> Any:
        """Return the first column of the only row; answer 404 if there are none or several."""
        return self.session().one_or_404(statement, description=description)

    def paginate(
        self,
        select: Select[Any],
        *,
        page: Any = None,
        per_page: Any = None,
        max_per_page: int | None = None,
        error_out: bool = True,
        count: bool = True,
    ) -> Pagination[Any]:
        """Return one page of a statement's first column.

        :param page: the page's number; by default ``page`` in the query of the URL, or 1.
        :param per_page: rows a page has; by default ``per_page`` in the query of the URL, or the option ``per_page``.
        :param max_per_page: the most it may have; by default the option ``max_per_page``.
        :param error_out: answer 404 for what is no number and for a page beyond the last one.
        :param count: whether all rows are counted; without, :attr:`Pagination.total` is None.
        """
        return self.session().paginate(
            select, page=page, per_page=per_page, max_per_page=max_per_page, error_out=error_out, count=count
        )

    def keyset(
        self, select: Select[Any], by: Any, *, cursor: str | None = None, per_page: Any = None
    ) -> KeysetPage[Any]:
        """Return one page of a statement's first column by key: rows after a known one, however many came before.

        :param by: the columns to order by, such as ``[Task.created.desc(), Task.id]``; together they are unique.
        :param cursor: from the page before or after; by default ``cursor`` in the query of the URL. Anything else is
            answered with 400.
        :param per_page: as for :meth:`paginate`, and limited by the option ``max_per_page``.
        """
        return self.session().keyset(select, by, cursor=cursor, per_page=per_page)

    # -- tables

    def create_all(self, bind_key: Keys = ALL) -> None:
        """Create all tables that are missing, in all databases or in those of some bind keys."""
        self._for_each(bind_key, "create_all")

    def drop_all(self, bind_key: Keys = ALL) -> None:
        """Drop all tables, in all databases or in those of some bind keys."""
        self._for_each(bind_key, "drop_all")

    def reflect(self, bind_key: Keys = ALL) -> None:
        """Read the tables that there are into the metadata, of all databases or of those of some bind keys."""
        self._for_each(bind_key, "reflect")

    def _for_each(self, bind_key: Keys, name: str) -> None:
        state = State.of(current_app)
        known = state.engines
        if bind_key == ALL:
            keys: list[str | None] = list(known)
        else:
            keys = [bind_key] if bind_key is None or isinstance(bind_key, str) else list(bind_key)
        for key in keys:
            if key not in self.metadatas:
                if name == "reflect":
                    self.metadatas.get_or_make(key)
                elif bind_key == ALL:
                    continue
                else:
                    raise UnknownBindError(f"No model or table has the bind key {key!r}.")
            getattr(self.metadatas[key], name)(bind=state.choose(key, None, None))

    def __repr__(self) -> str:
        if not has_app_context():
            return f"<{type(self).__name__}>"
        state = State.of(current_app)
        urls = [str(state.engines[key].url) for key in state.engines]
        return f"<{type(self).__name__} {' '.join(urls)}>"  # SQLAlchemy leaves the passwords out
