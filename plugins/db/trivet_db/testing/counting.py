"""The statements that a block runs, for tests that hold a view to the number of its queries."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from trivet import Trivet

from ..state import State


@contextmanager
def counted_statements(app: Trivet) -> Iterator[list[str]]:
    """Collect the statements that a block runs on any database of an application, in any thread, plain or async.

    A statement that runs once for many rows is one. What sets savepoints around a test is not counted.

    :return: the statements, in their order; more are added while the block runs.

    ::

        def test_the_list_does_not_read_each_author(app, client, db_transaction):
            with counted_statements(app) as statements:
                client.get("/api/tasks")
            assert len(statements) == 2, statements
    """
    engines = State.of(app).engines
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        # Engines that share options with one of the application's have its dialect; some are made only in the block.
        if any(connection.dialect is engine.dialect for _, engine in engines.made()):
            statements.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
