"""What models and a database are compared by, and what differs, in words."""

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from .connecting import reading
from .layout import Branch, Database
from .naming import is_left_by_key


def naming_of(branch: Branch) -> sa.MetaData | None:
    """Return the metadata whose naming convention a branch's revisions use."""
    return branch.metadata[0] if branch.metadata else None


def options_for(database: Database, branch: Branch) -> dict[str, Any]:
    """Return the options of Alembic's context for the models of one branch."""
    models: Any = branch.metadata[0] if len(branch.metadata) == 1 else list(branch.metadata) or sa.MetaData()
    schemas = {table.schema for metadata in branch.metadata for table in metadata.tables.values()} - {None}
    return {
        "target_metadata": models,
        "version_table": database.version_table,
        "compare_type": True,
        "compare_server_default": _compare_default,
        "render_as_batch": database.url.get_backend_name() == "sqlite",
        "render_item": _render_item,
        "include_schemas": bool(schemas),
        "include_name": lambda name, kind, parents: kind != "schema" or name is None or name in schemas,
        "include_object": Scope(database, branch).includes,
    }


class Scope:
    """Says which tables a branch's revisions make, alter and drop.

    They drop only what they have made themselves: an unknown table may be another program's, or that of a plugin
    which is not enabled at the moment.

    :ivar left: unknown tables that were left as they are.
    """

    def __init__(self, database: Database, branch: Branch) -> None:
        self._branch = branch
        self._foreign = database.foreign(branch)
        self._keeps_indexes = database.url.get_backend_name() in ("mysql", "mariadb")
        self.left: list[str] = []

    def includes(self, item: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
        """Answer for Alembic's ``include_object``."""
        if kind == "index" and reflected and other is None and self._keeps_indexes:
            return not is_left_by_key(item)
        if kind != "table":
            return True
        key = f"{item.schema}.{name}" if item.schema else str(name)
        if key in self._foreign:
            return False
        if reflected and other is None and key not in self._branch.made:
            self.left.append(key)
            return False
        return True


#: Spellings of one default, which MySQL and MariaDB change while they keep it.
_SPELLINGS = {"false": "0", "true": "1", "current_timestamp": "now"}


def _compare_default(context: Any, there: Any, wanted: Any, default: Any, model: Any, rendered: Any) -> bool | None:
    """Answer for Alembic's ``compare_server_default``: False for the same in another spelling; None: it decides."""
    if context.dialect.name in ("mysql", "mariadb") and default is not None and rendered is not None:
        return False if _plain(default) == _plain(rendered) else None
    return None


def _plain(default: str) -> str:
    text = default.lower().removesuffix("()").strip("'")
    return _SPELLINGS.get(text, text)


def _render_item(kind: str, item: Any, context: Any) -> Any:
    """Answer for Alembic's ``render_item``: False for what it writes by itself.

    The module of a type that is not SQLAlchemy's is imported where a revision names it. Defaults that each database
    spells its own way are written so that all of them understand.
    """
    if kind == "type" and not type(item).__module__.startswith(("sqlalchemy.", "alembic.")):
        context.imports.add(f"import {type(item).__module__}")
    if kind == "server_default" and isinstance(item, sa.DefaultClause):
        for known, written in _PORTABLE.items():
            if isinstance(item.arg, known):
                return written
    return False


#: Defaults that databases spell differently, and what is the same for all of them.
_PORTABLE: dict[type[Any], str] = {
    type(sa.false()): "sa.false()",
    type(sa.true()): "sa.true()",
    type(sa.func.now()): "sa.func.now()",
    type(sa.func.current_timestamp()): "sa.func.current_timestamp()",
}


def differences(connection: sa.Connection, database: Database, branch: Branch) -> list[str]:
    """Return how a branch's models differ from a database's tables, a line each: what a migration would do."""
    options = options_for(database, branch)
    with reading(connection):
        context = MigrationContext.configure(connection, opts=options)
        return [line for one in compare_metadata(context, options["target_metadata"]) for line in describe(one)]


def describe(difference: Any) -> Iterator[str]:
    """Say one of Alembic's differences in words.

    >>> list(describe(("remove_table", sa.Table("task", sa.MetaData()))))
    ['- table task']
    """
    if isinstance(difference, list):
        for one in difference:
            yield from describe(one)
        return
    action, *parts = difference
    verb, _, what = action.partition("_")
    if verb == "modify":
        schema, table, column, _, before, after = parts
        place = _dotted(schema, table, column)
        yield f"~ column {place}: {what} {_said(before)} → {_said(after)}"
        return
    sign = {"add": "+", "remove": "-"}.get(verb, "~")
    if what == "column":
        schema, table, column = parts
        yield f"{sign} column {_dotted(schema, table, column.name)}"
    else:
        yield f"{sign} {_named(what, parts[0])}"


def _named(what: str, item: Any) -> str:
    if what == "table":
        return f"table {item.fullname}"
    if what == "table_comment":
        return f"comment of table {item.fullname}"
    columns = ", ".join(column.name for column in getattr(item, "columns", ()))
    kind = {"fk": "foreign key", "constraint": "constraint", "index": "index"}.get(what, what)
    name = f" {item.name}" if item.name else ""
    return f"{kind}{name} of table {item.table.fullname} ({columns})"


def _dotted(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)


def _said(value: Any) -> str:
    """Say a type, a default or whether a column may be empty."""
    if isinstance(value, sa.schema.DefaultClause):
        value = getattr(value.arg, "text", value.arg)
    return repr(value) if isinstance(value, sa.types.TypeEngine) else str(value)


def owners(database: Database, branch: Branch, tables: Iterable[sa.Table]) -> Iterator[Branch]:
    """Yield the other branches that have tables which some tables of a branch refer to."""
    referred = {key.target_fullname.rpartition(".")[0] for table in tables for key in table.foreign_keys}
    for other in database.branches:
        if other.name != branch.name and referred & database.foreign(branch) & (other.made | other.modelled):
            yield other
