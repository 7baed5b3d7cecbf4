"""Making and dropping tables without migrations."""

import sqlalchemy as sa

from ..state import State
from .connecting import on_connection
from .errors import MigrationError
from .layout import Database, Layout


def create_tables(layout: Layout, database: Database, *, force: bool = False) -> list[str]:
    """Make the tables of the application's models that are missing, and return their names.

    :param force: also if there are migrations, which make the same tables.
    :raises MigrationError: there are migrations, or the database cannot be reached.
    """
    branch = database.branches[0]
    if branch.files and not force:
        raise MigrationError(
            f"The tables of {database.name} come by migrations, from {branch.folder}: trivet db upgrade. Made without "
            "them they would be in the way of it. --force makes them all the same; trivet db stamp then says that the "
            "migrations are done."
        )
    foreign = database.foreign(branch)

    def work(connection: sa.Connection) -> list[str]:
        before = set(sa.inspect(connection).get_table_names())
        for metadata in branch.metadata:
            own = [table for name, table in metadata.tables.items() if name not in foreign]
            metadata.create_all(connection, tables=own)
        connection.commit()
        return sorted(set(sa.inspect(connection).get_table_names()) - before)

    return on_connection(layout.state, database, work)


def drop_tables(state: State, database: Database) -> list[str]:
    """Drop the tables of models and migrations and what notes where the database is; return their names.

    Tables that neither have made stay.
    """
    wanted = {database.version_table}
    for branch in database.branches:
        wanted |= branch.made | branch.modelled

    def work(connection: sa.Connection) -> list[str]:
        found = _reflected(connection, wanted)
        found.drop_all(connection)
        for branch in database.branches:
            for metadata in branch.metadata:
                metadata.drop_all(connection)  # what belongs to tables, such as PostgreSQL's enumerations
        connection.commit()
        return sorted(found.tables)

    return on_connection(state, database, work)


def _reflected(connection: sa.Connection, names: set[str]) -> sa.MetaData:
    """Return metadata of those tables that are there: together, so that each is dropped before what it refers to."""
    found = sa.MetaData()
    by_schema: dict[str | None, set[str]] = {}
    for name in names:
        before, _, bare = name.rpartition(".")
        by_schema.setdefault(before or None, set()).add(bare)
    for schema, bare_names in by_schema.items():
        there = set(sa.inspect(connection).get_table_names(schema=schema)) & bare_names
        if there:
            found.reflect(connection, schema=schema, only=sorted(there), resolve_fks=False)
    return found
