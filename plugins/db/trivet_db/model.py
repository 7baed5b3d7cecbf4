"""Models: names of tables, metadata by bind key, the query attribute and what a row looks like in a log."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import Table, orm
from sqlalchemy.sql import visitors

#: Where a word begins: at a capital after a small letter or digit, and at one that a small letter follows.
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])")


def snake_case(name: str) -> str:
    """Return a class's name as a table's.

    >>> snake_case("HTTPRequestLog")
    'http_request_log'
    """
    return _WORD.sub("_", name).lower().lstrip("_")


class QueryProperty:
    """``Model.query``: a query of the model in the current session."""

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        return owner.query_class(owner, session=owner.__db__.session())


class Model:
    """What every model of :class:`trivet_db.SQLAlchemy` has.

    :cvar query_class: the class of :attr:`query`.
    """

    __db__: ClassVar[Any]
    query_class: ClassVar[type[Any]]
    query: ClassVar[Any] = QueryProperty()

    def __repr__(self) -> str:
        state = sa.inspect(self)
        if state.transient:
            key = f"(transient {id(self)})"
        elif state.pending:
            key = f"(pending {id(self)})"
        else:
            key = ", ".join(map(str, state.identity or ()))
        return f"<{type(self).__name__} {key}>"


class Metadatas(Mapping[str | None, sa.MetaData]):
    """Metadata by bind key; ``None`` is the default one's.

    Other bases than ``db.Model`` are made known by ``db.metadatas["audit"] = AuditBase.metadata``.
    """

    def __init__(self, default: sa.MetaData) -> None:
        self._made: dict[str | None, sa.MetaData] = {}
        self[None] = default

    def __getitem__(self, key: str | None) -> sa.MetaData:
        return self._made[key]

    def __iter__(self) -> Iterator[str | None]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def __setitem__(self, key: str | None, metadata: sa.MetaData) -> None:
        metadata.info["bind_key"] = key
        self._made[key] = metadata

    def get_or_make(self, key: str | None) -> sa.MetaData:
        """Return the metadata of a bind; new ones name constraints as the default ones do."""
        if key not in self._made:
            self[key] = sa.MetaData(naming_convention=self._made[None].naming_convention)
        return self._made[key]


# -- metadata by bind key


def set_metadata(cls: type[Any]) -> None:
    """Give a class that is to be mapped the metadata of its ``__bind_key__``, unless it or a parent says which."""
    if "metadata" in cls.__dict__ or "__table__" in cls.__dict__:
        return
    for one in cls.__mro__:
        own = one.__dict__
        if "__bind_key__" in own:
            wanted = cls.__metadatas__.get_or_make(own["__bind_key__"])
            if wanted is not getattr(cls, "metadata", None):
                cls.metadata = wanted
            return
        if own.get("metadata", cls.__metadatas__[None]) is not cls.__metadatas__[None]:
            return  # a parent's, and not that of the base of all


class Binding:
    """Does that for classes below a ``DeclarativeBase``."""

    #: Metadata by bind key, filled as keys are met.
    __metadatas__: ClassVar[Metadatas]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        set_metadata(cls)
        super().__init_subclass__(**kwargs)


class BindMetaMixin(type):
    """Does that in the metaclass of a base that :func:`sqlalchemy.orm.declarative_base` makes."""

    def __init__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any], **kwargs: Any) -> None:
        if hasattr(cls, "__metadatas__"):
            set_metadata(cls)
        super().__init__(name, bases, body, **kwargs)


# -- names of tables


def set_name(cls: type[Any]) -> None:
    """Give a class that is to be mapped the name of its table, unless it says one.

    :func:`make_table` takes it back if there is to be no table.
    """
    own = cls.__dict__
    if own.get("__abstract__", False) or orm.DeclarativeBase in cls.__bases__:
        return
    if orm.DeclarativeBaseNoMeta in cls.__bases__ or "__tablename__" in own:
        return
    for one in cls.__mro__[1:]:
        said = one.__dict__.get("__tablename__")
        if said is not None:
            # A mixin's name is meant for whoever mixes it in; a mapped parent's is its own.
            if isinstance(said, orm.declared_attr) or "__mapper__" not in one.__dict__:
                return
            break
    cls.__tablename__ = snake_case(cls.__name__)


def make_table(cls: type[Any], *args: Any, **kwargs: Any) -> sa.Table | None:
    """Make a class's table; None for a class without a key below one that has a table, which it then shares."""
    schema = kwargs.get("schema")
    name = args[0] if schema is None else f"{schema}.{args[0]}"
    has_key = any(
        isinstance(one, sa.PrimaryKeyConstraint) or (isinstance(one, sa.Column) and one.primary_key) for one in args
    )
    has_parent = any(one.__dict__.get("__table__") is not None for one in cls.__mro__[1:])
    if has_key or not has_parent or name in cls.metadata.tables:  # a table that was read from the database has its key
        return sa.Table(*args, **kwargs)
    if "__tablename__" in cls.__dict__:
        del cls.__tablename__
    return None


def _share_table(cls: type[Any]) -> None:
    if cls.__dict__.get("__table__", cls) is None:
        del cls.__table__


class Naming:
    """Names tables for classes below a ``DeclarativeBase``."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        set_name(cls)
        super().__init_subclass__(**kwargs)
        _share_table(cls)

    __table_cls__ = classmethod(make_table)


class NameMetaMixin(type):
    """Names tables in the metaclass of a base that :func:`sqlalchemy.orm.declarative_base` makes."""

    def __init__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any], **kwargs: Any) -> None:
        if any(isinstance(one, orm.DeclarativeMeta) for one in bases):
            set_name(cls)
        super().__init__(name, bases, body, **kwargs)
        _share_table(cls)

    __table_cls__ = make_table


class DefaultMeta(BindMetaMixin, NameMetaMixin, orm.DeclarativeMeta):
    """The metaclass for ``declarative_base(cls=Model, metaclass=DefaultMeta)``: names tables, knows bind keys."""


class NamelessMeta(BindMetaMixin, orm.DeclarativeMeta):
    """The same, but that every model has to say the name of its table."""


# -- bind keys of statements


def bind_key_of(mapper: Any, clause: Any) -> str | None:
    """Return the bind key that a model or a statement belongs to: that of its table's metadata."""
    table = clause if mapper is None else mapper.local_table
    if not isinstance(table, Table):
        if isinstance(table, sa.UpdateBase):
            table = table.table
        if table is None or isinstance(table, sa.TextClause):
            return None
        tables = (one for one in visitors.iterate(table) if isinstance(one, Table))
        return next((key for one in tables if (key := _of_table(one)) is not None), None)
    return _of_table(table)


def _of_table(table: Table) -> str | None:
    key = table.info.get("bind_key")
    if key is None:
        key = table.metadata.info.get("bind_key")
    return None if key is None else str(key)
