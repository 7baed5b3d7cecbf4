"""Columns of a users' table, as mixins for SQLAlchemy's models."""

import time
from typing import Any

from .identity import UserMixin
from .users import MAX_LOGIN, normalise

try:
    import sqlalchemy as sa
    from sqlalchemy import orm
    from sqlalchemy.ext.mutable import MutableList
    from sqlalchemy.orm import Mapped, mapped_column

    from .database import DatabaseUsers, create_tables, make_migrations, make_store, users_of
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in ("sqlalchemy", "trivet_db"):
        raise
    raise ImportError(f"Users in a database need trivet-db ({error}): pip install 'trivet-auth[db]'.") from error

__all__ = [
    "DatabaseUsers",
    "UserColumns",
    "UserModel",
    "create_tables",
    "make_migrations",
    "make_store",
    "users_of",
]


class UserColumns(UserMixin):
    """What users have beside an identifier, for models whose ``id`` is not a number.

    ::

        class User(UserColumns, Base):
            __tablename__ = "user"
            id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    """

    #: What people sign in with, in the form that :func:`trivet_auth.users.normalise` gives it; it is put into that form
    #: when it is set. ``ValueError`` for what cannot be a login name.
    email: Mapped[str] = mapped_column(sa.String(MAX_LOGIN), unique=True)
    #: As :mod:`trivet_auth.passwords` makes it; ``None`` for people who do not sign in by password.
    password_hash: Mapped[str | None] = mapped_column(sa.String(255))
    #: Names of roles. Changes of the list itself are noticed.
    roles: Mapped[list[str]] = mapped_column(MutableList.as_mutable(sa.JSON()), default=list)
    #: Permissions beside those of the roles.
    permissions: Mapped[list[str]] = mapped_column(MutableList.as_mutable(sa.JSON()), default=list)
    #: Whether the account must not be used; :func:`trivet_auth.accounts.lock` ends what it is signed in with, too.
    locked: Mapped[bool] = mapped_column(default=False)
    #: When the address was confirmed, in Unix seconds; ``None``: it has not been.
    verified_at: Mapped[float | None] = mapped_column(sa.Double)
    #: Raising it ends all sessions.
    generation: Mapped[int] = mapped_column(default=0)
    #: The secret of the authenticator app, encrypted.
    totp_secret: Mapped[str | None] = mapped_column(sa.String(512))
    #: When the account was made, in Unix seconds.
    created_at: Mapped[float] = mapped_column(sa.Double, default=lambda: time.time())
    #: When somebody last signed in to it, in Unix seconds.
    last_login_at: Mapped[float | None] = mapped_column(sa.Double)

    __hash__ = object.__hash__

    @orm.validates("email")
    def _normalise_email(self, key: str, value: Any) -> str:
        name = normalise(value)
        if name is None:
            raise ValueError("This cannot be a login name: it has to be one line of printable text.")
        return name

    @property
    def is_active(self) -> bool:
        """Whether the account may be used: it is not locked."""
        return not self.locked

    def __eq__(self, other: object) -> bool:
        """Tell whether two objects mean the same row."""
        if not isinstance(other, UserColumns):
            return NotImplemented
        mine, theirs = (sa.inspect(one).identity_key for one in (_itself(self), _itself(other)))
        return mine == theirs if mine is not None else _itself(self) is _itself(other)

    def __repr__(self) -> str:
        identity = sa.inspect(_itself(self)).identity
        return f"<{type(self).__name__} {', '.join(map(str, identity)) if identity else 'not saved'}>"


class UserModel(UserColumns):
    """What users have, with a number as the identifier, for models of both kinds.

    ::

        class User(UserModel, Base):  # class Base(DeclarativeBase): ...
            __tablename__ = "user"

        class User(UserModel, db.Model):  # db = SQLAlchemy()
            name: Mapped[str] = mapped_column(String(80))

    The table is the application's: ``trivet db migrate`` writes the migration that makes it.
    """

    id: Mapped[int] = mapped_column(primary_key=True)


def _itself(user: Any) -> Any:
    """Return what is behind a proxy such as ``current_user``."""
    return getattr(user, "_get_current_object", lambda: user)()
