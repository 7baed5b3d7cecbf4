"""Names for the constraints that models leave without one: a revision can drop only what has a name."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from alembic.autogenerate import renderers
from alembic.operations import ops

from .errors import MigrationError

#: PostgreSQL's identifiers have so many bytes; those of MariaDB and MySQL have 64 characters.
LONGEST = 63
_DIGITS = 8
#: How SQLite's constraints are named that are there without a name: the same as :meth:`Names.of` says.
_FOR_UNNAMED = {
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
}
_KINDS: dict[type[sa.Constraint], str] = {
    sa.ForeignKeyConstraint: "fk",
    sa.UniqueConstraint: "uq",
    sa.CheckConstraint: "ck",
}


class _Parts(NamedTuple):
    """What a name is made of; ``more`` tells apart what has the same columns."""

    kind: str
    table: str
    words: tuple[str, ...]
    more: str

    @property
    def plain(self) -> str:
        return "_".join((self.kind, self.table, *self.words))

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(tuple(self)).encode()).hexdigest()[:_DIGITS]


def _parts(constraint: sa.Constraint) -> _Parts | None:
    """Return what the name of a constraint is made of; None for a primary key and what has a name already."""
    kind = next((short for known, short in _KINDS.items() if isinstance(constraint, known)), None)
    if kind is None or isinstance(constraint.name, str):
        return None
    table = constraint.table
    words = tuple(column.name for column in getattr(constraint, "columns", ()))
    more = table.schema or ""
    if isinstance(constraint, sa.ForeignKeyConstraint):
        targets = [key.target_fullname.rsplit(".", 1) for key in constraint.elements]
        words += (targets[0][0].rpartition(".")[2],)
        more += f" {targets}"
    elif isinstance(constraint, sa.CheckConstraint):
        more += f" {constraint.sqltext}"
    return _Parts(kind, table.name, words, more)


def is_of_type(constraint: sa.Constraint) -> bool:
    """Tell whether a CHECK constraint comes by a column's type, and not by the model itself."""
    return bool(getattr(constraint, "_type_bound", False)) and isinstance(constraint, sa.CheckConstraint)


def is_left_by_key(index: sa.Index) -> bool:
    """Tell whether an index is what a foreign key named here has left when it was dropped, on MariaDB and MySQL.

    They make an index for a foreign key, under its name, and keep it. It is of use still, and in nobody's way.
    """
    words = ("fk", index.table.name, *(column.name for column in index.columns)) if index.table is not None else ()
    return not index.unique and bool(words) and str(index.name).startswith("_".join(words) + "_")


def unnamed_uniques(connection: sa.Connection, models: Iterable[sa.MetaData]) -> Iterator[str]:
    """Yield lines about what SQLite has as UNIQUE without a name and no model has: no comparison sees it."""
    if connection.dialect.name != "sqlite":
        return
    convention = {"uq": _FOR_UNNAMED["uq"]}
    see = sa.inspect(connection)
    there = set(see.get_table_names())
    for table in (table for metadata in models for table in metadata.tables.values() if table.name in there):
        uniques = [one.columns for one in table.constraints if isinstance(one, sa.UniqueConstraint)]
        uniques += [one.columns for one in table.indexes if one.unique]
        wanted = [{column.name for column in columns} for columns in uniques]
        for one in see.get_unique_constraints(table.name, schema=table.schema):
            columns = one["column_names"]
            if one["name"] is not None or set(columns) in wanted:
                continue
            words = "_".join(("uq", table.name, *columns))
            yield (
                f"{table.name}: UNIQUE ({', '.join(columns)}) stays, since it has no name and no model has it. If "
                f"it is to go, write: with op.batch_alter_table({table.name!r}, naming_convention="
                f"{convention!r}) as batch: batch.drop_constraint({words!r}, type_='unique')"
            )


class Names:
    """Makes up names, the same ones each time: ``fk_task_owner_id_user``, ``uq_task_code``, ``ck_task_price``.

    What would be too long is cut, and what would be the name of two constraints gets eight digits more.

    :param models: all metadata of a branch, so that no two tables get one name.
    """

    def __init__(self, models: Iterable[sa.MetaData]) -> None:
        self._taken: Counter[str] = Counter()
        for table in (table for metadata in models for table in metadata.tables.values()):
            for constraint in table.constraints:
                parts = None if is_of_type(constraint) else _parts(constraint)
                name = parts.plain if parts is not None else constraint.name
                if isinstance(name, str):
                    self._taken[name] += 1

    def of(self, constraint: sa.Constraint) -> str | None:
        """Return a name for a constraint that has none."""
        parts = _parts(constraint)
        if parts is None:
            return None
        name = parts.plain
        nameless = parts.kind == "ck" and not parts.words
        if not nameless and self._taken[name] < 2 and len(name.encode()) <= LONGEST:
            return sa.schema.conv(name)
        short = name.encode()[: LONGEST - _DIGITS - 1].decode(errors="ignore")
        return sa.schema.conv(f"{short}_{parts.digest}")


class AlterUnnamed(ops.ModifyTableOps):
    """Alters a table of SQLite that has constraints without a name; they are named while it is made anew.

    :ivar kinds: of which kinds those are that have to be named.
    """

    def __init__(self, given: ops.ModifyTableOps, kinds: list[str]) -> None:
        super().__init__(given.table_name, given.ops, schema=given.schema)
        self.kinds = kinds


@renderers.dispatch_for(AlterUnnamed)
def _render_unnamed(context: Any, operation: AlterUnnamed) -> list[str]:
    """Write the block for a table that is altered, with how its unnamed constraints are named."""
    first, *others = renderers.dispatch(ops.ModifyTableOps)(context, operation)
    names = {kind: _FOR_UNNAMED[kind] for kind in operation.kinds}
    return [first.replace(") as batch_op:", f", naming_convention={names!r}) as batch_op:"), *others]


class Naming:
    """Names what the operations of a revision make and drop.

    :param models: all metadata of the branch.
    :param dialect: that of the database which the revision is written by.
    """

    def __init__(self, models: tuple[sa.MetaData, ...], dialect: sa.Dialect) -> None:
        self._names = Names(models)
        self._dialect = dialect
        self._convention: Mapping[Any, Any] = models[0].naming_convention if models else {}

    def name(self, container: ops.OpContainer) -> None:
        """Name everything in a container of operations.

        :raises MigrationError: something cannot be named from here; the message has the line to write.
        """
        for place, one in enumerate(container.ops):
            if isinstance(one, ops.OpContainer):
                if isinstance(one, ops.ModifyTableOps) and (kinds := self._name_dropped(one, container)):
                    container.ops[place] = one = AlterUnnamed(one, kinds)
                self.name(one)
            elif isinstance(one, ops.CreateTableOp):
                self._name_in_table(one)
            elif isinstance(one, ops.AddConstraintOp):
                made: Any = one
                made.constraint_name = self._names.of(one.to_constraint()) or made.constraint_name
            elif isinstance(one, ops.AddColumnOp):
                self._check_type(one.table_name, one.column.name, one.column.type)
            elif isinstance(one, ops.AlterColumnOp) and one.modify_type is not None:
                self._check_type(one.table_name, one.column_name, one.modify_type)

    def _name_in_table(self, operation: ops.CreateTableOp) -> None:
        table = operation.to_table()  # a copy: what the operation has are the model's own
        for column in table.columns:
            self._check_type(table.name, column.name, column.type)
        for constraint in table.constraints:
            if not is_of_type(constraint):
                constraint.name = self._names.of(constraint) or constraint.name
        operation.columns = [*table.columns, *table.constraints]

    def _name_dropped(self, operation: ops.ModifyTableOps, container: ops.OpContainer) -> list[str]:
        """Name what is dropped, and return the kinds of what has no name in the database, as on SQLite.

        On the way down that is what the way up makes, and names.
        """
        kinds = set()
        for one in operation.ops:
            if not isinstance(one, ops.DropConstraintOp) or one.constraint_name is not None:
                continue
            constraint = one.to_constraint()
            parts = _parts(constraint)
            if parts is None:
                continue
            if isinstance(container, ops.UpgradeOps):
                one.constraint_name = sa.schema.conv(parts.plain)
                kinds.add(parts.kind)
            else:
                one.constraint_name = self._names.of(constraint)
        return sorted(kinds)

    def _check_type(self, table: str, column: str | None, kind: Any) -> None:
        """Look whether a type makes a CHECK constraint without a name.

        :raises MigrationError: it does. Only the model can name it.
        """
        one = getattr(kind, "impl_instance", kind)
        if not isinstance(one, (sa.Boolean, sa.Enum)) or not one.create_constraint or one.name is not None:
            return
        if "%(constraint_name)s" not in self._convention.get("ck", "%(constraint_name)s"):
            return
        native = self._dialect.supports_native_boolean
        if isinstance(one, sa.Enum):
            native = self._dialect.supports_native_enum and one.native_enum
        if not native:
            first = "sa.Enum(..., " if isinstance(one, sa.Enum) else "sa.Boolean("
            raise MigrationError(
                f"The type of the column {table}.{column} makes a CHECK constraint without a name, which no later "
                f'migration could drop. Write in the model: {first}create_constraint=True, name="ck_{table}_{column}").'
            )
