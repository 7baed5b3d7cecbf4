"""Applications with people in a database, on every kind of server."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool

from trivet import Trivet
from trivet_auth.database import create_tables
from trivet_auth.models import UserColumns, UserModel
from trivet_db import SQLAlchemy
from trivet_db.testing import throwaway_database

#: A database on each server, which the tests make their own beside.
SERVERS = {
    "sqlite": "sqlite://",
    "postgresql": os.environ.get("TRIVET_TEST_POSTGRESQL", "postgresql+psycopg://root@127.0.0.1:5432/test"),
    "mariadb": os.environ.get("TRIVET_TEST_MARIADB", "mysql+pymysql://root@127.0.0.1:3306/test"),
}

#: Hashing that costs little, so that tests are fast.
FAST = {"time_cost": 1, "memory_cost": 64, "parallelism": 1}


class Base(DeclarativeBase):
    """The base of the models here."""


class User(UserModel, Base):
    """People with a number."""

    __tablename__ = "user"

    name: Mapped[str] = mapped_column(sa.String(40), default="")


class Member(UserColumns, Base):
    """People with a UUID."""

    __tablename__ = "member"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)


class Tag(Base):
    """Something that is no person."""

    __tablename__ = "tag"

    id: Mapped[str] = mapped_column(sa.String(20), primary_key=True)


db = SQLAlchemy(model_class=Base)


@lru_cache
def why_not(kind: str) -> str | None:
    """Return why a server cannot be used; None if it answers."""
    try:
        engine = sa.create_engine(SERVERS[kind], poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(sa.select(1))
    except (ImportError, sa.exc.SQLAlchemyError) as error:
        return f"{kind} cannot be used: {str(error).splitlines()[0]}"
    return None


@contextmanager
def empty_database(kind: str) -> Iterator[str]:
    """Make a database, and drop it afterwards; where no server answers skip, or fail where all have to be there."""
    reason = why_not(kind)
    if reason is not None:
        if os.environ.get("TRIVET_CI"):
            pytest.fail(f"{reason}; and TRIVET_CI is set", pytrace=False)
        pytest.skip(reason)
    with throwaway_database(SERVERS[kind]) as url:
        yield url


def settings(url: str, **more: Any) -> dict[str, Any]:
    """Return the configuration of an application whose people are in a database."""
    return {
        "SECRET_KEY": "a key that only these tests know",
        "SQLALCHEMY_DATABASE_URI": url,
        "SQLALCHEMY_ENGINE_OPTIONS": {"poolclass": NullPool},
        "AUTH_MODEL": f"{__name__}:User",
        "AUTH_PASSWORD": FAST,
        **more,
    }


def people_app(make_app: Callable[..., Trivet], url: str, **more: Any) -> Trivet:
    """Make an application, and its tables."""
    app = make_app(plugins=["db", "auth"], config=settings(url, **more))
    db.init_app(app)
    with app.app_context():
        db.create_all()
        create_tables(app)
    return app
