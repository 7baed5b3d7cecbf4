"""What is stored: tasks."""

import re
from datetime import UTC, datetime

from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from trivet_db import SQLAlchemy

LONGEST_TITLE = 200
MISSING = "There is no such task."
_UNFIT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # control characters, and halves of characters


class Base(DeclarativeBase):
    """The base of the models."""


db = SQLAlchemy(model_class=Base)


def now() -> datetime:
    """Return the time in UTC as every database keeps it: without a zone, in whole seconds."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


class Task(Base):
    """Something to do."""

    __tablename__ = "task"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(LONGEST_TITLE))
    done: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime] = mapped_column(default=now)


def find_task(ident: int) -> Task:
    """Return a task; answer 404 if there is none."""
    return db.get_or_404(Task, ident, description=MISSING)


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
