"""A small application whose tests the test kit is tried with."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from trivet import Trivet, request
from trivet.testing import make_app
from trivet_db import SQLAlchemy
from trivet_db.state import State

#: The other driver of each kind of database, which asynchronous sessions use.
ON_LOOP = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql+psycopg": "postgresql+asyncpg",
    "mysql+pymysql": "mysql+aiomysql",
}


@dataclass
class Kit:
    """An application, and what is needed to look into its database.

    :ivar Task: a model with a unique title.
    """

    app: Trivet
    db: SQLAlchemy
    Task: Any

    def titles(self) -> set[str]:
        """Return what a session of its own sees."""
        with self.app.app_context():
            return set(self.db.session.scalars(sa.select(self.Task.title)))

    def add(self, *titles: str) -> None:
        """Commit tasks, in a session of its own."""
        with self.app.app_context():
            self.db.session.add_all([self.Task(title=title) for title in titles])
            self.db.session.commit()

    def close(self) -> None:
        """Close what was opened, outside of a test's transaction."""
        engines = State.of(self.app).engines
        engines.dispose()
        if engines.has_loops:
            self.app.loops.run(engines.dispose_on_loop())
        self.app.loops.stop()


def build_kit(url: str, **config: Any) -> Kit:
    """Make the application, and its tables."""
    app = make_app(config={"SQLALCHEMY_DATABASE_URI": url, **config})
    db = SQLAlchemy(app)

    class Task(db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str] = mapped_column(sa.String(50), unique=True)

    @app.post("/plain")
    def add_plain() -> str:
        db.session.add(Task(title=request.args["title"]))
        db.session.commit()
        return "done"

    @app.post("/async")
    async def add_async() -> str:
        db.async_session.add(Task(title=request.args["title"]))
        await db.async_session.commit()
        return "done"

    @app.get("/plain")
    def list_plain() -> list[str]:
        return list(db.session.scalars(sa.select(Task.title).order_by(Task.title)))

    @app.get("/async")
    async def list_async() -> list[str]:
        return list(await db.async_session.scalars(sa.select(Task.title).order_by(Task.title)))

    with app.app_context():
        db.create_all(None)
    return Kit(app, db, Task)


def on_loop(url: str) -> str:
    """Return a URL with the driver for asynchronous code."""
    driver, _, rest = url.partition("://")
    return f"{ON_LOOP[driver]}://{rest}"
