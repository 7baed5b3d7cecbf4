"""What type checkers make of typed models of people: nothing to complain of, without a plugin or an ignore."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = '''
"""A typed application with people."""

import uuid

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from trivet_auth.models import DatabaseUsers, UserColumns, UserModel
from trivet_db import SQLAlchemy


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class User(UserModel, Base):
    __tablename__ = "user"

    name: Mapped[str] = mapped_column(String(50))
    tasks: Mapped[list["Task"]] = relationship(back_populates="user")


class Member(UserColumns, Base):
    __tablename__ = "member"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)


class Task(Base):
    __tablename__ = "task"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    user: Mapped[User] = relationship(back_populates="tasks")


def look() -> list[str]:
    user = User(name="Ada", email="ADA@example.com")
    address: str = user.email
    roles: list[str] = user.roles
    verified: float | None = user.verified_at
    may: bool = user.is_active and user.is_authenticated and not user.locked
    statement = select(User.email, User.generation).where(User.locked.is_(False), Member.email == address)
    users = DatabaseUsers(User)
    return [address, user.get_id(), str(statement), str(users), str((roles, verified, may)), Member(email="x").email]
'''


def check(folder: Path, *command: str) -> str:
    """Run a type checker over the example, and return what it prints if it is not content."""
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", *command, "example.py"], cwd=folder, capture_output=True, text=True, timeout=300
    )
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.timeout(300)
@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy_has_nothing_to_say_of_typed_models(tmp_path: Path) -> None:
    assert check(tmp_path, "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "--config-file=") == ""


@pytest.mark.timeout(300)
@pytest.mark.skipif(find_spec("basedpyright") is None, reason="pyright is not installed")
def test_pyright_has_nothing_to_say_of_typed_models(tmp_path: Path) -> None:
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', encoding="utf-8")
    assert check(tmp_path, "basedpyright", "--pythonpath", sys.executable) == ""


def test_the_typed_example_runs() -> None:
    names: dict[str, Any] = {"__name__": "typed_people"}
    exec(compile(EXAMPLE, "example.py", "exec"), names)
    address, *_, other = names["look"]()
    assert (address, other) == ("ada@example.com", "x")
