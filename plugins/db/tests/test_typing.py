"""What type checkers make of typed models: nothing to complain of, without a plugin or an ignore."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = '''
"""A typed application."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, String, func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from trivet import Response, Trivet, current_context
from trivet_db import (
    AsyncSession,
    KeysetPage,
    Migrations,
    Pagination,
    QueryInfo,
    Session,
    SQLAlchemy,
    get_recorded_queries,
)


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class User(Base):
    __tablename__ = "user"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    tasks: Mapped[list["Task"]] = relationship(back_populates="user")


class Task(Base):
    __tablename__ = "task"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    done: Mapped[bool] = mapped_column(default=False)
    due: Mapped[datetime | None]
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    user: Mapped[User] = relationship(back_populates="tasks")


def create_app() -> Trivet:
    app = Trivet(__name__)
    app.config["DB_URL"] = "sqlite://"
    db.init_app(app)

    @app.get("/tasks")
    def tasks() -> list[str]:
        open_tasks: Sequence[Task] = db.session.scalars(select(Task).where(Task.done.is_(False))).all()
        return [task.title for task in open_tasks]

    @app.get("/tasks/<int:ident>")
    def task(ident: int) -> dict[str, int | str]:
        found = db.get_or_404(Task, ident, description="There is no such task.")
        again: Task = db.session.get_or_404(Task, ident)
        return {"id": found.id, "title": again.title, "user": found.user.name}

    @app.get("/pages")
    def pages() -> dict[str, object]:
        page = db.paginate(select(Task).order_by(Task.id), per_page=10)
        titles: list[str] = [task.title for task in page]
        return {"titles": titles, "next": page.next_num, "links": list(page.iter_pages()), "total": page.total}

    @app.get("/columns")
    def columns() -> list[str]:
        page: Pagination[str] = db.paginate(select(Task.title, Task.id))
        first: str = db.first_or_404(select(Task.title))
        return [*page, first, *db.session.paginate(select(Task.title)).items]

    @app.get("/keyset")
    def keyset() -> dict[str, object]:
        page: KeysetPage[Task] = db.keyset(select(Task), [Task.due.desc(), Task.id])
        return {"titles": [task.title for task in page.items], "next": page.next_cursor}

    @app.get("/async")
    async def asynchronous() -> list[str]:
        found = (await db.async_session.scalars(select(User))).all()
        user = await db.async_session.get_or_404(User, 1)
        page = await db.async_session.paginate(select(User))
        return [*(one.name for one in found), user.name, *(one.name for one in page)]

    @app.post("/tasks")
    async def add() -> tuple[Response, int]:
        db.async_session.add(Task(title="new", user_id=1))
        await db.async_session.commit()
        return Response("added"), 201

    with app.app_context():
        db.create_all()
    return app


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Task)) or 0


async def count_async(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(Task)) or 0


def look() -> list[str]:
    with create_app().app_context():
        user = User(name="Ada")
        db.session.add(user)
        db.session.flush()
        count(db.session())
        rows = db.session.execute(text("SELECT 1"), bind_arguments={"bind": db.engines[None]})
        recorded: list[QueryInfo] = get_recorded_queries()
        current_context()
        return [user.name, str(rows.scalar_one()), str(db.engine.url), *(one.location for one in recorded)]


migrations = Migrations("shop", "migrations", metadata=Base.metadata)
'''


EXAMPLE_PROJECT = Path(__file__).parents[3] / "examples" / "tasks" / "tasks"
STRICT = '{"typeCheckingMode": "strict"}'
need_mypy = pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
need_pyright = pytest.mark.skipif(importlib.util.find_spec("basedpyright") is None, reason="pyright is not installed")


def check(folder: Path, *command: str) -> str:
    """Run a type checker in a folder, and return what it prints if it is not content."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, timeout=300)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.fixture(params=["a page of everything", "the example of a task list"])
def typed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a folder with a typed program in it."""
    if request.param == "a page of everything":
        (tmp_path / "example.py").write_text(EXAMPLE, encoding="utf-8")
    else:
        shutil.copytree(EXAMPLE_PROJECT, tmp_path / "tasks")
    return tmp_path


@pytest.mark.timeout(300)
@need_mypy
def test_mypy_has_nothing_to_say(typed: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = str(tmp_path_factory.mktemp("cache"))
    assert check(typed, "mypy", "--strict", "--cache-dir", cache, "--config-file=", ".") == ""


@pytest.mark.timeout(300)
@need_pyright
def test_pyright_has_nothing_to_say(typed: Path) -> None:
    (typed / "pyrightconfig.json").write_text(STRICT, encoding="utf-8")
    assert check(typed, "basedpyright", "--pythonpath", sys.executable) == ""


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "typed_example"}
    exec(compile(EXAMPLE, "example.py", "exec"), names)
    look = names["look"]
    assert callable(look)
    assert look() == ["Ada", "1", "sqlite://"]
