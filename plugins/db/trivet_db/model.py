"""Models: names of tables, metadata by bind key, the query attribute and what a row looks like in a log."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import orm

_WORD = re.compile(r"((?<=[a-z0-9])[A-Z]|(?!^)[A-Z](?=[a-z]))")


def snake_case(name: str) -> str:
    """Return a class's name as a table's.

    >>> snake_case("HTTPRequestLog")
    'http_request_log'
    """
    return _WORD.sub(r"_\1", name).lower()


class Naming:
    """Gives a class that is to be mapped the name of its table, unless it says one."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if _needs_name(cls):
            cls.__tablename__ = snake_case(cls.__name__)  # type: ignore[attr-defined]
        super().__init_subclass__(**kwargs)


class Binding:
    """Gives a class with a ``__bind_key__`` the metadata of that bind."""

    #: Metadata by bind key, filled as keys are met.
    __metadatas__: ClassVar["Metadatas"]
    __bind_key__: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        own = cls.__dict__
        if "metadata" not in own and "__table__" not in own and "__bind_key__" in own:
            cls.metadata = cls.__metadatas__.get_or_make(cls.__bind_key__)  # type: ignore[attr-defined]
        super().__init_subclass__(**kwargs)


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
    """Metadata by bind key; ``None`` is the default one's."""

    def __init__(self, default: sa.MetaData) -> None:
        self._made: dict[str | None, sa.MetaData] = {None: default}

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


def _needs_name(cls: type[Any]) -> bool:
    own = cls.__dict__
    if orm.DeclarativeBase in cls.__bases__ or own.get("__abstract__", False):
        return False  # a base, which has no table
    if "__tablename__" in own or "__table__" in own:
        return False
    for base in cls.__mro__[1:]:
        if isinstance(base.__dict__.get("__tablename__"), orm.declared_attr):
            return False
        if "__table__" in base.__dict__ or "__mapper__" in base.__dict__:
            # A class below a mapped one has a table of its own only if it has a key of its own.
            return _has_own_key(cls, base)
        if "__tablename__" in base.__dict__ and "__abstract__" not in base.__dict__:
            return False
    return True


def _has_own_key(cls: type[Any], parent: type[Any]) -> bool:
    for base in cls.__mro__[: cls.__mro__.index(parent)]:
        for name, value in base.__dict__.items():
            found = value.fget(cls) if isinstance(value, orm.declared_attr) and not name.startswith("__") else value
            column = getattr(found, "column", found)
            if isinstance(column, sa.Column) and column.primary_key:
                return True
    return False


def bind_key_of(mapper: Any, clause: Any) -> str | None:
    """Return the bind key that a model or a statement belongs to."""
    if mapper is not None:
        key = getattr(mapper.class_, "__bind_key__", None)
        if key is not None:
            return str(key)
        clause = mapper.persist_selectable
    return _of_clause(clause)


def _of_clause(clause: Any) -> str | None:
    table = clause.table if isinstance(getattr(clause, "table", None), sa.Table) else clause
    if isinstance(table, sa.Join):
        table = table.left
        while isinstance(table, sa.Join):
            table = table.left
    if isinstance(table, sa.Table):
        return _of_table(table)
    froms = getattr(clause, "get_final_froms", None)
    for one in froms() if froms is not None else ():
        key = _of_clause(one)
        if key is not None:
            return key
    if isinstance(clause, (sa.UpdateBase, sa.Insert)) and isinstance(clause.table, sa.Table):
        return _of_table(clause.table)
    return None


def _of_table(table: sa.Table) -> str | None:
    key = table.info.get("bind_key", table.metadata.info.get("bind_key"))
    return None if key is None else str(key)
