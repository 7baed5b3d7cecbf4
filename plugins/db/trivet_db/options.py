"""The plugin's options, and what they mean together with the settings that Flask-SQLAlchemy documents."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from sqlalchemy.engine import URL

from trivet import Secret

from .errors import DatabaseConfigError, UnknownBindError

Positive = Annotated[int, msgspec.Meta(gt=0)]


class Options(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Databases by configuration. In ``app.config`` also Flask-SQLAlchemy's ``SQLALCHEMY_...`` names are understood.

    :ivar url: the default database, ``"sqlite:///app.db"`` or ``"postgresql://user:password@host/database"``. The
        name of an SQLite file starts from the application's instance folder. ``SQLALCHEMY_DATABASE_URI``.
    :ivar binds: more databases by bind key: a URL, or a table with ``url`` and arguments of
        :func:`sqlalchemy.create_engine`. ``SQLALCHEMY_BINDS``.
    :ivar engine: arguments of :func:`sqlalchemy.create_engine` for every database; a ``poolclass`` by its name.
        ``SQLALCHEMY_ENGINE_OPTIONS`` are for the default database only.
    :ivar echo: log every statement, and what connection pools do; ``"debug"``: and results. ``SQLALCHEMY_ECHO``.
    :ivar commit: ``"on-success"`` commits a request's sessions before an answer below 400 is sent; ``"never"`` leaves
        it to the views.
    :ivar record_queries: keep a request's statements for :func:`trivet_db.get_recorded_queries`.
        ``SQLALCHEMY_RECORD_QUERIES``.
    :ivar slow: log statements that take at least as many seconds, with the endpoint; None: none.
    :ivar repeated: in debug mode, log a statement that one request runs at least as many times (reads in a loop);
        None: none.
    :ivar per_page: rows a page has unless it is asked otherwise.
    :ivar max_per_page: rows a page may have, whatever is asked.
    :ivar models: import paths of what holds the models, for migrations and ``trivet db create``: a module, or a
        ``SQLAlchemy`` object, a declarative base or a ``MetaData`` in one (``"todo.models:db"``).
    :ivar migrations: the folder with the application's own revisions, from the project's folder.
    :ivar migration_wait: seconds that a migration waits for another process which is migrating the same database;
        None: as long as it takes.
    """

    url: Secret | None = None
    binds: dict[str, str | dict[str, Any]] = msgspec.field(default_factory=dict)
    engine: dict[str, Any] = msgspec.field(default_factory=dict)
    echo: bool | Literal["debug"] = False
    commit: Literal["never", "on-success"] = "never"
    record_queries: bool = False
    slow: Annotated[float, msgspec.Meta(ge=0)] | None = 0.5
    repeated: Positive | None = 10
    per_page: Positive = 20
    max_per_page: Positive = 100
    models: tuple[str, ...] | str = ()
    migrations: str = "migrations"
    migration_wait: Annotated[float, msgspec.Meta(ge=0)] | None = 60.0

    def __repr__(self) -> str:
        """Leave out what may hold a password."""
        return f"<Options of {', '.join(['url', *self.binds] if self.url else self.binds) or 'no database'}>"


class EngineSettings(NamedTuple):
    """How one engine is made.

    :ivar place: where its URL was written.
    """

    url: Any
    arguments: dict[str, Any]
    place: str

    def __repr__(self) -> str:
        """Leave out what may hold a password."""
        return f"<EngineSettings of {self.place}>"


#: Settings of Flask-SQLAlchemy that mean an option here.
FAMILIAR = {
    "SQLALCHEMY_DATABASE_URI": "url",
    "SQLALCHEMY_BINDS": "binds",
    "SQLALCHEMY_ECHO": "echo",
    "SQLALCHEMY_RECORD_QUERIES": "record_queries",
}
#: Those of the default engine, for which there is no option: ``[db] engine`` is for every engine.
DEFAULT_ENGINE = "SQLALCHEMY_ENGINE_OPTIONS"


class Merged(NamedTuple):
    """The options, with the settings that Flask-SQLAlchemy documents.

    :ivar places: where options were written that have other names.
    :ivar default_engine: arguments of the default engine alone; a ``url`` may be among them.
    """

    options: Options
    places: dict[str, str]
    default_engine: dict[str, Any]


def merge_familiar(options: Options, config: Mapping[str, Any]) -> Merged:
    """Add the settings with Flask-SQLAlchemy's names.

    :raises DatabaseConfigError: an option is given under both names, and differently.
    """
    changed: dict[str, Any] = {}
    places: dict[str, str] = {}
    defaults = Options()
    for name, option in FAMILIAR.items():
        value = config.get(name)
        if value is None or (option != "url" and not value):
            continue
        ours = getattr(options, option)
        if ours not in (getattr(defaults, option), value):
            raise DatabaseConfigError(
                f"app.config[{name!r}] and the option {option!r} of the plugin 'db' both say what to use; write one."
            )
        changed[option] = Secret(value) if option == "url" and isinstance(value, str) else value
        places[option] = f"app.config[{name!r}]"
    own = config.get(DEFAULT_ENGINE) or {}
    for name, value in (("SQLALCHEMY_BINDS", changed.get("binds", {})), (DEFAULT_ENGINE, own)):
        if not isinstance(value, Mapping):
            raise DatabaseConfigError(f"app.config[{name!r}]: a table is wanted, not a {type(value).__name__}.")
    return Merged(msgspec.structs.replace(options, **changed), places, dict(own))


def engines_of(merged: Merged, places: Mapping[str, str], below: Mapping[str, Any]) -> dict[str | None, EngineSettings]:
    """Return how every engine is made, by bind key; ``None`` is the default one.

    :param places: where options were written.
    :param below: arguments for every engine where the configuration says nothing else.
    :raises DatabaseConfigError: there is neither a URL nor a bind, or a bind has no URL.
    """
    options = merged.options
    echo = {"echo": options.echo, "echo_pool": options.echo} if options.echo else {}
    common = {**echo, **below, **options.engine}
    where = places.get("binds", "[db] binds")
    binds = {key: _arguments(one, f"{where}, {key!r}") for key, one in options.binds.items()}
    # Flask-SQLAlchemy's binds may have a key None: the default engine.
    default, place = {**binds.pop(None, {}), **merged.default_engine}, f"{where}, None"  # type: ignore[call-overload]
    if options.url is not None:
        default, place = {**default, "url": options.url}, places.get("url", "[db] url")
    elif merged.default_engine.get("url") is not None:
        place = f"app.config[{DEFAULT_ENGINE!r}]"
    found: dict[str | None, EngineSettings] = {}
    if default.get("url") is not None:
        found[None] = _settings({**common, **default}, place)
    for key, written in binds.items():
        found[key] = _settings({**common, **written}, f"{where}, {key!r}")
    if not found:
        raise DatabaseConfigError(
            "The plugin 'db' has no database: set [db] url in the configuration file, as in "
            'url = "sqlite:///app.db", or app.config["SQLALCHEMY_DATABASE_URI"].'
        )
    return found


def _arguments(written: Any, place: str) -> dict[str, Any]:
    if isinstance(written, (str, URL)):
        return {"url": written}
    if isinstance(written, Mapping) and written.get("url") is not None:
        return dict(written)
    raise DatabaseConfigError(f"{place}: a bind is a URL, or a table with a 'url'.")


def _settings(arguments: dict[str, Any], place: str) -> EngineSettings:
    return EngineSettings(arguments.pop("url"), arguments, place)


def unknown_bind(key: str | None, known: Mapping[str | None, Any]) -> UnknownBindError:
    """Make the error for a bind that is in no configuration."""
    names = [one for one in known if one is not None]
    if key is None:
        return UnknownBindError(
            f"There is no default database: only the binds {', '.join(map(repr, names))} are configured. "
            "Set [db] url, or give the model a __bind_key__."
        )
    near = difflib.get_close_matches(key, names, n=1)
    advice = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(names) or 'none'}."
    return UnknownBindError(f"There is no bind {key!r} in [db] binds. {advice}")
