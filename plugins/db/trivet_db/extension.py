"""``SQLAlchemy``: what models, sessions and engines are reached by; Flask-SQLAlchemy's documented face."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from types import new_class
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncEngine, async_scoped_session, async_sessionmaker
from sqlalchemy.sql.selectable import GenerativeSelect

from trivet import Trivet, current_context, has_app_context

from . import plugin
from .errors import UnknownBindError
from .model import Binding, DefaultMeta, Metadatas, Model, NamelessMeta, Naming, QueryProperty
from .pagination import KeysetPage, Pagination
from .paging import CONFIGURED
from .query import Query
from .session import AsyncSession, ContextRegistry, Session, end_on_loop, end_plainly
from .state import Face, State
from .urls import shown

T = TypeVar("T")
Keys = str | None | Iterable[str | None]
ALL = "__all__"


class ScopedSession(orm.scoped_session[Session]):
    """One session for each context; every attribute is the context's own session's."""

    registry: ContextRegistry  # type: ignore[assignment]

    def __init__(self, make: orm.sessionmaker[Session], scope: Callable[[], Any] | None) -> None:
        super().__init__(make)
        self.registry = ContextRegistry(make, end_plainly, scope)

    def get_or_404(self, entity: type[T], ident: Any, *, description: str | None = None, **options: Any) -> T:
        """Do what :meth:`Session.get_or_404` does."""
        return self().get_or_404(entity, ident, description=description, **options)

    def first_or_404(self, statement: sa.Executable, *, description: str | None = None) -> Any:
        """Do what :meth:`Session.first_or_404` does."""
        return self().first_or_404(statement, description=description)

    def one_or_404(self, statement: sa.Executable, *, description: str | None = None) -> Any:
        """Do what :meth:`Session.one_or_404` does."""
        return self().one_or_404(statement, description=description)

    def paginate(self, statement: GenerativeSelect, **options: Any) -> Pagination[Any]:
        """Do what :meth:`Session.paginate` does."""
        return self().paginate(statement, **options)

    def keyset(self, statement: GenerativeSelect, by: Any, **options: Any) -> KeysetPage[Any]:
        """Do what :meth:`Session.keyset` does."""
        return self().keyset(statement, by, **options)


class AsyncScopedSession(async_scoped_session[AsyncSession]):
    """The same for asynchronous code."""

    registry: ContextRegistry  # type: ignore[assignment]

    def __init__(self, make: async_sessionmaker[AsyncSession], scope: Callable[[], Any] | None) -> None:
        super().__init__(make, scopefunc=lambda: None)
        self.registry = ContextRegistry(make, end_on_loop, scope)

    async def get_or_404(self, entity: type[T], ident: Any, *, description: str | None = None, **options: Any) -> T:
        """Do what :meth:`AsyncSession.get_or_404` does."""
        return await self().get_or_404(entity, ident, description=description, **options)

    async def first_or_404(self, statement: sa.Executable, *, description: str | None = None) -> Any:
        """Do what :meth:`AsyncSession.first_or_404` does."""
        return await self().first_or_404(statement, description=description)

    async def one_or_404(self, statement: sa.Executable, *, description: str | None = None) -> Any:
        """Do what :meth:`AsyncSession.one_or_404` does."""
        return await self().one_or_404(statement, description=description)

    async def paginate(self, statement: GenerativeSelect, **options: Any) -> Pagination[Any]:
        """Do what :meth:`AsyncSession.paginate` does."""
        return await self().paginate(statement, **options)

    async def keyset(self, statement: GenerativeSelect, by: Any, **options: Any) -> KeysetPage[Any]:
        """Do what :meth:`AsyncSession.keyset` does."""
        return await self().keyset(statement, by, **options)


class SQLAlchemy(Face):
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
        self.metadatas = Metadatas(_default_metadata(model_class, metadata))
        #: The class of tables, which choose their metadata by ``bind_key``.
        self.Table: Any = _make_table_class(self.metadatas)
        #: The base of models.
        self.Model: Any = self._make_model(model_class, disable_autonaming)
        #: The context's session, and the one for asynchronous code; made on first use, closed when the context ends.
        self.session, self.async_session = self._make_sessions(dict(session_options or {}))
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
        for key in app.config.get("SQLALCHEMY_BINDS") or ():
            self.metadatas.get_or_make(key)
        State.of(app).faces.insert(0, self)

    # -- models

    def _make_model(self, given: type[Any], unnamed: bool) -> Any:
        body = {"__db__": self, "__metadatas__": self.metadatas, "query_class": self.Query}
        if issubclass(given, (orm.DeclarativeBase, orm.DeclarativeBaseNoMeta)):
            _refuse_bind_keys(given)
            mixins = (Binding,) if unnamed else (Binding, Naming)
            bases = (*mixins, *(() if issubclass(given, Model) else (Model,)), given)
            body |= {"__abstract__": True, "__module__": __name__}
            return new_class("Model", bases, {}, lambda scope: scope.update(body))
        base: Any = given
        if not isinstance(given, orm.DeclarativeMeta):
            kind = NamelessMeta if unnamed else DefaultMeta
            base = orm.declarative_base(metadata=self.metadata, cls=given, name="Model", metaclass=kind)
        for name, value in {**body, "query": QueryProperty(), "metadata": self.metadata}.items():
            setattr(base, name, value)
        return base

    @property
    def metadata(self) -> sa.MetaData:
        """The default metadata."""
        return self.metadatas[None]

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

    def _make_sessions(self, options: dict[str, Any]) -> tuple[ScopedSession, AsyncScopedSession]:
        kind = options.pop("class_", Session)
        scope = options.pop("scopefunc", None)
        options = {"query_cls": self.Query, **options, "db": self}
        plain = orm.sessionmaker(class_=kind, **options)
        options = {"expire_on_commit": False, **options, "sync_session_class": kind, "on_loop": True}
        return ScopedSession(plain, scope), AsyncScopedSession(
            async_sessionmaker(class_=AsyncSession, **options),
            scope,
        )

    @property
    def state(self) -> State:
        """What the plugin keeps for the current application."""
        app = current_context().app
        state: State = app.extensions.get("trivet_db") or State.of(app)
        if self not in state.faces:
            state.faces.append(self)  # configuration has enabled the plugin, and said nothing of this object
        return state

    @property
    def engines(self) -> Mapping[str | None, sa.Engine]:
        """The engines of the current application by bind key; ``None`` is the default one's."""
        return self.state.engines

    @property
    def engine(self) -> sa.Engine:
        """The default engine of the current application."""
        return self.engines[None]

    def get_engine(self, bind_key: str | None = None) -> sa.Engine:
        """Return the engine of a bind key."""
        return self.engines[bind_key]

    def async_engine(self, bind_key: str | None = None) -> AsyncEngine:
        """Return the engine of a bind key for the running event loop."""
        return self.state.engines.on_loop(bind_key)

    # -- rows

    def get_or_404(self, entity: type[T], ident: Any, *, description: str | None = None, **options: Any) -> T:
        """Return the row with a primary key; answer 404 if there is none."""
        return self.session().get_or_404(entity, ident, description=description, **options)

    def first_or_404(self, statement: sa.Executable, *, description: str | None = None) -> Any:
        """Return the first column of the first row; answer 404 if there is no row."""
        return self.session().first_or_404(statement, description=description)

    def one_or_404(self, statement: sa.Executable, *, description: str | None = None) -> Any:
        """Return the first column of the only row; answer 404 if there are none or several."""
        return self.session().one_or_404(statement, description=description)

    def paginate(
        self,
        select: GenerativeSelect,
        *,
        page: Any = None,
        per_page: Any = None,
        max_per_page: int | None = CONFIGURED,
        error_out: bool = True,
        count: bool = True,
    ) -> Pagination[Any]:
        """Return one page of a statement's first column.

        :param page: the page's number; by default ``page`` in the query of the URL, or 1.
        :param per_page: rows a page has; by default ``per_page`` in the query of the URL, or the option ``per_page``.
        :param max_per_page: the most it may have; by default the option ``max_per_page``. None: no limit.
        :param error_out: answer 404 for what is no number and for a page beyond the last one.
        :param count: whether all rows are counted; without, :attr:`Pagination.total` is None.
        """
        return self.session().paginate(
            select, page=page, per_page=per_page, max_per_page=max_per_page, error_out=error_out, count=count
        )

    def keyset(
        self, select: GenerativeSelect, by: Any, *, cursor: str | None = None, per_page: Any = None
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
        state = self.state
        if name == "reflect":
            for key in state.engines:
                self.metadatas.get_or_make(key)
        if bind_key == ALL:
            # That of the default database is there even if only binds are configured, and no model is of it.
            keys = [key for key, one in self.metadatas.items() if one.tables or key in state.engines]
        else:
            keys = [bind_key] if bind_key is None or isinstance(bind_key, str) else list(bind_key)
        for key in keys:
            engine = state.choose(key, None, None)
            if key not in self.metadatas:
                raise UnknownBindError(f"No model or table has the bind key {key!r}.")
            getattr(self.metadatas[key], name)(bind=engine)

    def __repr__(self) -> str:
        if not has_app_context():
            return f"<{type(self).__name__}>"
        first, *others = [shown(settings.url) for settings in self.state.engines.settings.values()]
        return f"<{type(self).__name__} {first}{f' +{len(others)}' if others else ''}>"


def _make_table_class(metadatas: Metadatas) -> type[sa.Table]:
    class Table(sa.Table):
        """A table in the default metadata, in that of a bind key, or in the one that is given as for SQLAlchemy's.

        ::

            tags = db.Table("tags", db.Column("task_id", db.ForeignKey("task.id")), bind_key="meta")
        """

        inherit_cache = True

        def __new__(cls, *args: Any, bind_key: str | None = None, **kwargs: Any) -> Any:
            if args and not (len(args) > 1 and isinstance(args[1], sa.MetaData)):
                args = (args[0], metadatas.get_or_make(bind_key), *args[1:])
            return super().__new__(cls, *args, **kwargs)

    return Table


def _default_metadata(base: type[Any], given: sa.MetaData | None) -> sa.MetaData:
    own = getattr(base, "metadata", None)
    if given is not None and issubclass(base, (orm.DeclarativeBase, orm.DeclarativeBaseNoMeta)):
        warnings.warn(
            f"SQLAlchemy(metadata=...) is ignored: {base.__name__} has metadata of its own. Write it there: "
            "`metadata = MetaData(...)` in the body of the class.",
            DeprecationWarning,
            stacklevel=3,
        )
        given = None
    return given if given is not None else own if own is not None else sa.MetaData()


def _refuse_bind_keys(base: type[Any]) -> None:
    """See to it that a model right below a plain base has no bind key: nothing there would give it the metadata."""

    @sa.event.listens_for(base, "instrument_class", propagate=True)
    def check(mapper: Any, cls: type[Any]) -> None:
        key = getattr(cls, "__bind_key__", None)
        if key is not None and not issubclass(cls, Binding) and cls.metadata.info.get("bind_key") != key:
            raise sa.exc.ArgumentError(
                f"The model {cls.__name__!r} has a __bind_key__, which only models below db.Model may have. Inherit "
                "from db.Model, or from a base of its own whose metadata is made known: "
                f"db.metadatas[{key!r}] = Base.metadata."
            )
