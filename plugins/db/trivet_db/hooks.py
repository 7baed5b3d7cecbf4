"""The hooks that trivet-db brings: for whoever chooses databases, ships migrations or fills tables."""

from typing import Any

from trivet import hookspec


@hookspec(firstresult=True)
def trivet_db_bind(ctx: Any, bind_key: str | None, mapper: Any, clause: Any) -> str | None:
    """Choose the database for a statement: a replica for what only reads, or a tenant's.

    Runs for every statement of a session that no one has bound, in a session's transaction.

    :param ctx: the active context.
    :param bind_key: the bind key of the model or table; ``None`` is the default one.
    :param mapper: the mapper of the model, or ``None``.
    :param clause: the statement, or ``None``: for what a session flushes.
    :return: a bind key, or ``None`` to leave it to others, and at last as it is.

    ::

        @hookimpl
        def trivet_db_bind(ctx, bind_key, clause):
            if bind_key is None and clause is not None and clause.is_select:
                return "replica"
    """


@hookspec
def trivet_db_engine(app: Any, bind_key: str | None, engine: Any) -> None:
    """Prepare an engine that has just been made; runs once in every process that uses it.

    :param engine: a :class:`sqlalchemy.Engine`; of an asynchronous one its synchronous half.

    ::

        @hookimpl
        def trivet_db_engine(app, bind_key, engine):
            from sqlalchemy import event

            @event.listens_for(engine, "connect")
            def enforce_foreign_keys(connection, record):
                if engine.dialect.name == "sqlite":
                    connection.execute("PRAGMA foreign_keys = ON")
    """


@hookspec
def trivet_db_migrations(app: Any) -> Any:
    """Bring migrations: a branch of their own, which ``trivet db upgrade`` takes along.

    :return: a :class:`trivet_db.Migrations`, or a list of them.

    ::

        from pathlib import Path
        from trivet_db import Migrations

        @hookimpl
        def trivet_db_migrations(app):
            return Migrations("shop", Path(__file__).parent / "migrations", metadata=Base.metadata)
    """


@hookspec
def trivet_db_seed(app: Any) -> None:
    """Fill tables with what an application needs to begin with; ``trivet db seed`` calls it, and may do so again.

    ::

        @hookimpl
        def trivet_db_seed(app):
            if not db.session.query(Role).count():
                db.session.add(Role(name="admin"))
                db.session.commit()
    """
