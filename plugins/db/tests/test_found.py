"""What users of the plugin have run into: keys that no row can have, modules of models that hold proxies."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from trivet import Trivet, g, request, session
from trivet_db import SQLAlchemy
from trivet_db.state import State


class Base(DeclarativeBase):
    """The models of this file."""


class Task(Base):
    """A row with a number."""

    __tablename__ = "found_task"
    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture
def app(database: str) -> Iterator[Trivet]:
    app = Trivet(__name__, config_file=False)
    app.config["SQLALCHEMY_DATABASE_URI"] = database
    db = SQLAlchemy(app, model_class=Base)

    @app.get("/tasks/<int:number>")
    def task(number: int) -> str:
        return str(db.get_or_404(Task, number).id)

    @app.get("/later/<int:number>")
    async def later(number: int) -> str:
        return str((await db.async_session.get_or_404(Task, number)).id)

    @app.get("/first/<int:number>")
    def first(number: int) -> str:
        return str(db.first_or_404(db.select(Task).where(Task.id == number)).id)

    @app.get("/one/<int:number>")
    def one(number: int) -> str:
        return str(db.one_or_404(db.select(Task).where(Task.id == number)).id)

    @app.get("/query/<int:number>")
    def query(number: int) -> str:
        chosen: Any = db.session.query(Task).filter(Task.id == number)
        return str(chosen.first_or_404().id)

    @app.get("/query-one/<int:number>")
    def query_one(number: int) -> str:
        chosen: Any = db.session.query(Task).filter(Task.id == number)
        return str(chosen.one_or_404().id)

    @app.get("/later-first/<int:number>")
    async def later_first(number: int) -> str:
        return str((await db.async_session.first_or_404(db.select(Task).where(Task.id == number))).id)

    @app.get("/later-one/<int:number>")
    async def later_one(number: int) -> str:
        return str((await db.async_session.one_or_404(db.select(Task).where(Task.id == number))).id)

    with app.app_context():
        db.create_all()
    yield app
    app.lifespan.stop()
    app.loops.stop()
    State.of(app).engines.dispose()


WAYS = ["/tasks", "/later", "/first", "/one", "/query", "/query-one", "/later-first", "/later-one"]


@pytest.mark.parametrize("path", WAYS)
@pytest.mark.parametrize("number", [2**31, 2**63, 2**64, 10**400])
def test_a_key_that_no_row_can_have_is_missing(app: Trivet, path: str, number: int) -> None:
    client = app.test_client()
    assert client.get(f"{path}/{number}").status_code == 404
    assert client.get(f"{path}/1").status_code == 404


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of models as people write them, which also has what they import."""
    module = ModuleType("found_models")
    for name, value in {"db": SQLAlchemy(), "Base": Base, "request": request, "g": g, "session": session}.items():
        setattr(module, name, value)
    monkeypatch.setitem(sys.modules, "found_models", module)
    return module


def test_a_module_of_models_may_hold_proxies(models: ModuleType, sqlite_database: str) -> None:
    app = Trivet(__name__, config_file=False, plugins=["db"])
    app.config.update({"DB_URL": sqlite_database, "DB_MODELS": "found_models"})
    app.seal()
    state: Any = State.of(app)
    assert state.faces == [models.db]
    assert state.bases == [Base.metadata]
