"""People and records in a database, by the sessions and engines of trivet-db."""

import difflib
import re
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import orm

from trivet import current_context
from trivet_db import Migrations, SQLAlchemy
from trivet_db.errors import IMPOSSIBLE
from trivet_db.state import NAME as DB
from trivet_db.state import State

from .errors import AuthConfigError, TakenError
from .state import Auth
from .stores.database import DatabaseStore, metadata
from .users import Users, normalise

T = TypeVar("T")

#: What a model must have beside its key.
NEEDED = ("email", "password_hash", "get_id", "is_active", "is_authenticated")
#: What it must have where one of the ready-made flows is switched on.
NEEDED_BY_FLOW = {"verify": "verified_at", "totp": "totp_secret"}
#: What SQLAlchemy says of a row that somebody else has deleted.
_DELETED = (orm.exc.ObjectDeletedError, orm.exc.StaleDataError)
#: A whole number as ``str()`` writes it, of at most 64 bits.
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)


class DatabaseUsers(Users):
    """The people of one realm, as rows of a model.

    In plain code its methods use the session of the context, ``db.session``, and return what they say. In a request
    that is on an event loop they use ``db.async_session``, and what they return is to be awaited. :meth:`create` and
    :meth:`save` commit that session, with whatever else is waiting in it.

    :param model: the mapped class: one with :class:`trivet_auth.UserModel`, or any with the same attributes. Only
        ``email`` and ``password_hash`` are always needed.
    :param db: the ``SQLAlchemy`` object whose sessions are used; it is found by the model where this is left out.
    :raises AuthConfigError: the class is not mapped, or lacks attributes.

    ::

        login_manager = LoginManager(app, users=DatabaseUsers(User))
    """

    def __init__(self, model: type[Any], db: SQLAlchemy | None = None) -> None:
        check_model(model, "DatabaseUsers(model)")
        self.model = model
        self._db = db

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.model.__name__}>"

    # -- the people

    def get(self, id: str) -> Any:
        """Return the row with a primary key; ``None`` if there is none, or no row can have such a key."""
        return self._do(lambda session: self._get(session, str(id)))

    def find(self, login: str) -> Any:
        """Return the row with an ``email``, which is taken exactly, whatever the database's collation."""
        return self._do(lambda session: self._find(session, login))

    def create(self, login: str, **fields: Any) -> Any:
        """Add a row, commit, and return it.

        :raises AuthConfigError: the model has no attribute of that name.
        :raises TakenError: another row has the ``email``.
        """
        self._check_fields(fields)
        return self._do(lambda session: self._create(session, login, fields))

    def save(self, user: Any, **fields: Any) -> Any:
        """Set attributes of a row, and commit.

        :raises AuthConfigError: the model has no attribute of that name.
        :raises TakenError: another row has the ``email``.
        """
        self._check_fields(fields)
        return self._do(lambda session: self._save(session, user, fields))

    def all(self) -> Any:
        """Return all rows, in the order of their keys."""
        return self._do(lambda session: list(session.scalars(sa.select(self.model).order_by(self._key)).unique()))

    # -- sessions

    @cached_property
    def db(self) -> SQLAlchemy:
        """The ``SQLAlchemy`` object whose sessions are used."""
        return self._db if self._db is not None else face_of(self.model, State.of(current_context().app))

    def _do(self, work: Callable[[orm.Session], T]) -> Any:
        """Do something in the session of the context; on an event loop, return what has to be awaited for it."""
        if current_context().on_loop:
            return self.db.async_session().run_sync(work)
        return work(self.db.session())

    # -- reading

    @cached_property
    def _key(self) -> Any:
        """The attribute that is the primary key."""
        mapper = orm.class_mapper(self.model)
        return mapper.get_property_by_column(mapper.primary_key[0]).class_attribute

    def _key_of(self, user: Any) -> Any:
        return getattr(user, self._key.key)

    def _get(self, session: orm.Session, id: str) -> Any:
        key = _as_key(self._key.type, id)
        if key is None:
            return None
        try:
            found = session.get(self.model, key)
        except IMPOSSIBLE:
            session.rollback()
            return None
        except sa.exc.StatementError as error:
            if isinstance(error, sa.exc.DBAPIError):
                raise
            return None  # the key's type could make nothing of the text
        # Databases may take "ADA" for "ada", or a number for the text.
        return found if found is not None and self._key_of(found) == key else None

    def _find(self, session: orm.Session, login: str) -> Any:
        with session.no_autoflush:
            rows = session.scalars(sa.select(self.model).where(self.model.email == login)).unique()
            return next((one for one in rows if one.email == login), None)

    def _is_taken(self, session: orm.Session, login: str, but: Any) -> bool:
        """Tell whether the database would take a login name for that of a row, other than one."""
        statement = sa.select(self._key).where(self.model.email == login)
        if but is not None:
            statement = statement.where(self._key != but)
        with session.no_autoflush:
            return session.scalars(statement.limit(1)).first() is not None

    # -- writing

    def _check_fields(self, fields: Iterable[str]) -> None:
        for name in fields:
            if not hasattr(self.model, name):
                raise AuthConfigError(
                    f"The model {self.model.__name__} has no attribute {name!r}, which is to be saved."
                    f"{_nearest(name, dir(self.model))} Add a column; trivet_auth.UserModel has what is used here."
                )

    def _create(self, session: orm.Session, login: str, fields: Mapping[str, Any]) -> Any:
        if self._is_taken(session, login, None):
            raise TakenError("This login name is taken.")
        user = self.model(**{"email": login, **self._adapted(fields)})
        session.add(user)
        self._commit(session, login, None)
        session.refresh(user)  # what the database has filled in cannot be read later on an event loop
        return user

    def _save(self, session: orm.Session, user: Any, fields: Mapping[str, Any]) -> None:
        user = getattr(user, "_get_current_object", lambda: user)()
        identity = sa.inspect(user).identity
        key = identity[0] if identity else self._key_of(user)
        own = user if user in session else session.get(self.model, key)
        try:
            if own is not None:
                self._write(session, own, key, self._adapted(fields))
        except _DELETED:
            session.rollback()
            own = None
        if own is None:
            raise LookupError(f"There is no {self.model.__name__} {key!r} any more.")
        if own is not user:
            for name in fields:
                orm.attributes.set_committed_value(user, name, getattr(own, name))

    def _write(self, session: orm.Session, user: Any, key: Any, changes: Mapping[str, Any]) -> None:
        login = normalise(changes["email"]) if "email" in changes else None
        if login is not None and self._is_taken(session, login, key):
            raise TakenError("This login name is taken.")
        for name, value in changes.items():
            setattr(user, name, value)
        try:
            self._commit(session, login, key)
        except (TakenError, sa.exc.IntegrityError):
            session.refresh(user)  # what is out of date after a rollback cannot be read later on an event loop
            raise
        session.refresh(user)

    def _commit(self, session: orm.Session, login: str | None, key: Any) -> None:
        try:
            session.commit()
        except sa.exc.IntegrityError:
            session.rollback()
            if login is not None and self._is_taken(session, login, key):  # since it was looked up
                raise TakenError("This login name is taken.") from None
            raise

    def _adapted(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return values as the model's columns keep them: Unix seconds as dates, where those are wanted."""
        columns = orm.class_mapper(self.model).columns
        found = dict(fields)
        for name, value in fields.items():
            kind = columns[name].type if name in columns else None
            if isinstance(kind, sa.DateTime) and isinstance(value, (int, float)):
                date = datetime.fromtimestamp(value, UTC)
                found[name] = date if kind.timezone else date.replace(tzinfo=None)
        return found


def _as_key(kind: Any, id: str) -> Any:
    """Return the value of a primary key by the text that ``str()`` makes of it; ``None`` for what cannot be one."""
    try:
        python: type[Any] = kind.python_type
    except NotImplementedError:
        python = str
    if python is int:
        number = int(id) if _NUMBER.fullmatch(id) else None
        return number if number is not None and -(2**63) <= number < 2**63 else None
    if python is uuid.UUID:
        try:
            return uuid.UUID(id)
        except ValueError:
            return None
    return id if id and "\0" not in id and id.encode("utf-8", "ignore").decode() == id else None


# -- what configuration names


def users_of(app: Any, name: str, place: str) -> DatabaseUsers:
    """Return the people whom an option names by their model.

    :param name: as ``"package.models:User"``.
    :param place: the option, for messages.
    :raises AuthConfigError: the plugin ``db`` is not enabled, or there is no such model.
    """
    one = app.plugins.found.get(DB)
    if one is None or not one.enabled:
        raise AuthConfigError(f'{place} is {name!r}, which needs the plugin "db". Enable it: plugins = ["db", "auth"].')
    model = _import_model(name, place)
    check_model(model, f"{place} is {name!r}", Auth.of(app).options.flows)
    return DatabaseUsers(model)


def _import_model(name: str, place: str) -> Any:
    module, _, attribute = name.partition(":")
    if not attribute or not all(part.isidentifier() for part in (*module.split("."), attribute)):
        raise AuthConfigError(f'{place} is {name!r}, and not the name of a class, such as "package.models:User".')
    try:
        found = import_module(module)
    except ImportError as error:
        raise AuthConfigError(f"{place} is {name!r}, and the module cannot be imported: {error}.") from error
    if not hasattr(found, attribute):
        mapped = [one for one, value in vars(found).items() if _mapper_of(value) is not None]
        raise AuthConfigError(
            f"{place} is {name!r}, and the module {module!r} has no {attribute!r}.{_nearest(attribute, mapped)}"
        )
    return getattr(found, attribute)


def _mapper_of(value: Any) -> Any:
    return sa.inspect(value, raiseerr=False) if isinstance(value, type) else None


def check_model(model: Any, what: str, flows: Iterable[str] = ()) -> None:
    """See to it that people can be rows of a class.

    :param what: what names it, for messages.
    :param flows: the ready-made flows that are to work with it.
    :raises AuthConfigError: they cannot; the message names all that is missing.
    """
    mapper = _mapper_of(model)
    if not isinstance(mapper, orm.Mapper):
        raise AuthConfigError(f"{what}: {model!r} is not a mapped class. Give it a table, as a model of trivet-db.")
    if len(mapper.primary_key) != 1:
        raise AuthConfigError(f"{what}: {model.__name__} has a primary key of several columns. Give it a single one.")
    wanted = dict.fromkeys((*NEEDED, *(NEEDED_BY_FLOW[one] for one in flows if one in NEEDED_BY_FLOW)))
    missing = [name for name in wanted if not hasattr(model, name)]
    if missing:
        raise AuthConfigError(
            f"{what}: the class {model.__name__} has no {', '.join(missing)}. Inherit from trivet_auth.UserModel, "
            "which has them all, or add what is missing; trivet_auth.UserMixin brings get_id, is_active and "
            "is_authenticated."
        )


def _nearest(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, sorted(known), 1)
    return f" Did you mean {found[0]!r}?" if found else ""


def face_of(model: type[Any], state: State) -> SQLAlchemy:
    """Return the ``SQLAlchemy`` object that a model belongs to, so that users are in the application's own sessions.

    It is that of ``db.Model``; or one of the application whose metadata the model's is; or one in the modules in which
    the model and its bases are; or else one that is made for it.
    """
    own: SQLAlchemy | None = getattr(model, "__db__", None)
    if own is not None:
        return own
    metadata: sa.MetaData = model.metadata
    homes = [vars(sys.modules[one.__module__]).values() for one in model.__mro__ if one.__module__ in sys.modules]
    nearby = [one for home in homes for one in home if issubclass(type(one), SQLAlchemy)]
    for one in (*state.faces, *nearby):
        if any(metadata is known for known in one.metadatas.values()):
            return one  # type: ignore[no-any-return]
    made = SQLAlchemy()
    made.metadatas[metadata.info.get("bind_key")] = metadata
    return made


# -- the plugin's own table


def make_migrations(app: Any) -> Migrations:
    """Return the branch of migrations that makes the plugin's own table, for the hook ``trivet_db_migrations``.

    It is there wherever trivet-db is, whatever ``[auth] store`` says, so that changing the store later leaves no
    revision behind that nobody knows.
    """
    return Migrations("auth", Path(__file__).parent / "migrations", metadata=metadata)


def make_store(app: Any) -> DatabaseStore:
    """Return the store in the application's default database; nothing is connected to."""
    engines = State.of(app).engines
    return DatabaseStore(lambda: engines[None])  # asked for each time: after a fork, and in a test, it is another one


def create_tables(app: Any) -> None:
    """Make the plugin's own table without a migration, if it is missing: in tests, beside ``db.create_all()``.

    ::

        with app.app_context():
            db.create_all()
            create_tables(app)
    """
    metadata.create_all(State.of(app).engines[None])
