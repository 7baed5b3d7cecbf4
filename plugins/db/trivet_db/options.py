"""The plugin's options, and what they mean together with the settings that Flask-SQLAlchemy documents."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from trivet import Secret

from .errors import DatabaseConfigError, UnknownBindError

Positive = Annotated[int, msgspec.Meta(gt=0)]


class Options(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Databases by configuration. In ``app.config`` also Flask-SQLAlchemy's ``SQLALCHEMY_...`` names are understood.

    :ivar url: the default database, ``"sqlite:///app.db"`` or ``"postgresql://user:password@host/database"``. The
        name of an SQLite file starts from the application's instance folder. ``SQLALCHEMY_DATABASE_URI``.
    :ivar binds: more databases by bind key: a URL, or a table with ``url`` and arguments of
        :func:`sqlalchemy.create_engine`. ``SQLALCHEMY_BINDS``.
    :ivar engine: arguments of :func:`sqlalchemy.create_engine` for every database. ``SQLALCHEMY_ENGINE_OPTIONS``.
    :ivar echo: log every statement; ``"debug"``: and results. ``SQLALCHEMY_ECHO``.
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


class EngineSettings(NamedTuple):
    """How one engine is made.

    :ivar place: where its URL was written.
    """

    url: Any
    arguments: dict[str, Any]
    place: str


#: Settings of Flask-SQLAlchemy that mean an option here.
FAMILIAR = {
    "SQLALCHEMY_DATABASE_URI": "url",
    "SQLALCHEMY_BINDS": "binds",
    "SQLALCHEMY_ENGINE_OPTIONS": "engine",
    "SQLALCHEMY_ECHO": "echo",
    "SQLALCHEMY_RECORD_QUERIES": "record_queries",
}


def merge_familiar(options: Options, config: Mapping[str, Any]) -> tuple[Options, dict[str, str]]:
    """Add the settings with Flask-SQLAlchemy's names; return the options, and where those were written.

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
    return msgspec.structs.replace(options, **changed), places


def engines_of(options: Options, places: Mapping[str, str]) -> dict[str | None, EngineSettings]:
    """Return how every engine is made, by bind key; ``None`` is the default one.

    :raises DatabaseConfigError: there is neither a URL nor a bind, or a bind has no URL.
    """
    common = {**options.engine, **({"echo": options.echo} if options.echo else {})}
    found: dict[str | None, EngineSettings] = {}
    if options.url is not None:
        found[None] = EngineSettings(options.url, common, places.get("url", "[db] url"))
    for key, written in options.binds.items():
        place = f"{places.get('binds', '[db] binds')}, {key!r}"  # Flask-SQLAlchemy's may be None: the default one
        arguments = dict(written) if isinstance(written, Mapping) else {"url": written}
        url = arguments.pop("url", None)
        if url is None:
            raise DatabaseConfigError(f"{place}: a bind needs a 'url'.")
        found[key] = EngineSettings(url, {**common, **arguments}, place)
    if not found:
        raise DatabaseConfigError(
            "The plugin 'db' has no database: set [db] url in the configuration file, as in "
            'url = "sqlite:///app.db", or app.config["SQLALCHEMY_DATABASE_URI"].'
        )
    return found


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
