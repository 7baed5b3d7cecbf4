"""What is stored: people, and their tasks."""

import re
from datetime import UTC, datetime

from sqlalchemy import JSON, ColumnElement, ForeignKey, String, select
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from trivet_auth import LoginManager, UserModel
from trivet_db import SQLAlchemy

LONGEST_TITLE = 200
MISSING = "There is no such task."
_UNFIT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # control characters, and halves of characters


class Base(DeclarativeBase):
    """The base of the models."""


db = SQLAlchemy(model_class=Base)
#: Those who may sign in; ``people.current_user`` is the one who asks.
people: LoginManager["User"] = LoginManager()


def now() -> datetime:
    """Return the time in UTC as every database keeps it: without a zone, in whole seconds."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


class User(UserModel, Base):
    """Somebody with an account."""

    __tablename__ = "user"

    #: Whoever registers is a member; ``trivet.toml`` says what members may.
    roles: Mapped[list[str]] = mapped_column(MutableList.as_mutable(JSON()), default=lambda: ["member"])


class Task(Base):
    """Something that somebody has to do."""

    __tablename__ = "task"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: None: it is from before there were accounts, and nobody sees it; ``trivet give`` hands it over.
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(String(LONGEST_TITLE))
    done: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime] = mapped_column(default=now)


def is_own() -> ColumnElement[bool]:
    """Return the condition that a task is of who is asking."""
    return Task.owner_id == people.current_user.id


def find_task(ident: int) -> Task:
    """Return a task of who is asking; answer 404 if there is none, or it is somebody else's."""
    task: Task = db.first_or_404(select(Task).where(Task.id == ident, is_own()), description=MISSING)
    return task


def clean_title(text: str) -> str:
    """Return a title as it is stored, each run of white space one space.

    :raises ValueError: it is empty, too long, or holds what is no text.
    """
    title = " ".join(text.split())
    if not title:
        raise ValueError("A task needs a title.")
    if len(title) > LONGEST_TITLE:
        raise ValueError(f"A title has at most {LONGEST_TITLE} characters.")
    if _UNFIT.search(title):
        raise ValueError("A title is text, without control characters.")
    return title
