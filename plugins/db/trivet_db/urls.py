"""Database URLs: read without showing them, and the driver that is there for each kind of use."""

import difflib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, quote_plus

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from .errors import DatabaseConfigError, MissingDriverError

_Drivers = dict[str, tuple[tuple[str, str, str | None], ...]]

#: Drivers by dialect, the best first: the module to look for, SQLAlchemy's name, and the extra of trivet-db.
_SYNC: _Drivers = {
    "sqlite": (("sqlite3", "pysqlite", None),),
    "postgresql": (("psycopg", "psycopg", "postgresql"), ("psycopg2", "psycopg2", None)),
    "mysql": (("pymysql", "pymysql", "mysql"), ("MySQLdb", "mysqldb", None)),
    "mariadb": (("pymysql", "pymysql", "mysql"), ("MySQLdb", "mysqldb", None)),
}
_ASYNC: _Drivers = {
    "sqlite": (("aiosqlite", "aiosqlite", "async"),),
    "postgresql": (("asyncpg", "asyncpg", "asyncpg"), ("psycopg", "psycopg", "postgresql")),
    "mysql": (("aiomysql", "aiomysql", "aiomysql"), ("asyncmy", "asyncmy", None)),
    "mariadb": (("aiomysql", "aiomysql", "aiomysql"), ("asyncmy", "asyncmy", None)),
}
#: Distributions whose name is not that of their module.
_DISTRIBUTIONS = {"psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient", "psycopg": "psycopg[binary]"}


def read_url(text: str | URL, place: str) -> URL:
    """Read a URL.

    :param place: where it was written, for messages, which never show the URL: it may hold a password.
    :raises DatabaseConfigError: it is none.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise DatabaseConfigError(
            f"{place}: this is not a database URL. Write dialect, host and database, as in "
            "'sqlite:///app.db' or 'postgresql://user:password@host/database'."
        ) from None
    if "@" in (url.host or ""):
        # SQLAlchemy splits at the first one: what follows is a part of the password, and would be shown.
        raise DatabaseConfigError(
            f"{place}: there is more than one '@' in this URL. In a user name or a password write '%40' instead of '@'."
        )
    if url.drivername == "postgres":
        raise DatabaseConfigError(f"{place}: write 'postgresql://' instead of 'postgres://'.")
    return url


def for_sync(url: URL, place: str) -> URL:
    """Return a URL with a driver for plain code.

    :raises MissingDriverError: none is installed.
    """
    if "+" not in url.drivername:
        known = _SYNC.get(url.drivername, ())
        usual = url.get_driver_name() if known else ""
        if any(name == usual and find_spec(module) is not None for module, name, _ in known):
            return url  # as it is written
    return _with_driver(url, _SYNC, _ASYNC, place)


def for_async(url: URL, place: str) -> URL:
    """Return a URL with a driver for asynchronous code.

    :raises MissingDriverError: none is installed.
    """
    if find_spec("greenlet") is None:
        raise MissingDriverError(f"{place}: asynchronous sessions need greenlet: pip install greenlet.")
    return _with_driver(url, _ASYNC, _SYNC, place)


def is_async(url: URL) -> bool:
    """Tell whether a URL names a driver that is for asynchronous code only."""
    dialect, _, named = url.drivername.partition("+")
    plain, asynchronous = ({name for _, name, _ in known.get(dialect, ())} for known in (_SYNC, _ASYNC))
    return named in asynchronous - plain


def _with_driver(url: URL, wanted: _Drivers, other: _Drivers, place: str) -> URL:
    dialect, _, named = url.drivername.partition("+")
    known = wanted.get(dialect, ())
    for module, name, extra in known:
        if name == named:
            if find_spec(module) is None:
                raise MissingDriverError(f"{place}: the driver {name} is not installed: {_pip(module, extra)}.")
            return url
    if not known or (named and not any(name == named for _, name, _ in other.get(dialect, ()))):
        return url  # one that only SQLAlchemy knows
    for module, name, _ in known:
        if find_spec(module) is not None:
            return url.set(drivername=f"{dialect}+{name}")
    module, _, extra = known[0]
    raise MissingDriverError(f"{place}: no driver for {dialect} is installed: {_pip(module, extra)}.")


def _pip(module: str, extra: str | None) -> str:
    return f'pip install "trivet-db[{extra}]"' if extra else f'pip install "{_DISTRIBUTIONS.get(module, module)}"'


def check_url(url: URL, place: str) -> None:
    """Look whether there is a dialect and a driver for a URL, of whichever kind.

    :raises DatabaseConfigError: there is none.
    """
    if is_async(url):
        url = for_async(url, place)
    else:
        try:
            url = for_sync(url, place)
        except MissingDriverError as missing:
            if "+" in url.drivername:
                raise  # one that was asked for by name
            try:
                url = for_async(url, place)  # all sessions may be asynchronous
            except MissingDriverError:
                raise missing from None
    check_dialect(url, place)


def check_dialect(url: URL, place: str) -> None:
    """Load SQLAlchemy's part for a URL.

    :raises DatabaseConfigError: there is no such dialect; with the nearest name.
    :raises MissingDriverError: the module it uses cannot be imported.
    """
    try:
        url.get_dialect().import_dbapi()
    except NoSuchModuleError:
        near = difflib.get_close_matches(url.get_backend_name(), _SYNC, n=1)
        if near == [url.get_backend_name()]:
            near = [f"{url.get_backend_name()}+{name}" for _, name, _ in _SYNC[near[0]][:1]]
        advice = (
            f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(_SYNC)}, and what is installed for others."
        )
        raise DatabaseConfigError(f"{place}: there is no dialect or driver {url.drivername!r}.{advice}") from None
    except ImportError as error:
        name = error.name or url.get_driver_name()
        raise MissingDriverError(f'{place}: {error}. pip install "{_DISTRIBUTIONS.get(name, name)}"') from error


def complete(url: URL, folder: str | Path) -> URL:
    """Return a URL with what its database needs: a full path for an SQLite file, all of Unicode for MySQL.

    :param folder: where the relative name of an SQLite file starts from; it is made.
    :raises DatabaseConfigError: it cannot be made.
    """
    if url.get_driver_name() in ("pymysql", "mysqldb", "aiomysql", "asyncmy") and "charset" not in url.query:
        return url.update_query_dict({"charset": "utf8mb4"})
    name, hidden = url.database, url.query.get("password")
    if isinstance(hidden, str) and url.password is None:  # libpq takes it there too, but there SQLAlchemy shows it
        return url.difference_update_query(["password"]).set(password=hidden)
    if url.get_backend_name() != "sqlite" or is_in_memory(url) or name is None:
        return url
    scheme = "file:" if name.startswith("file:") and url.query.get("uri") else ""
    path = Path(folder) / name.removeprefix(scheme)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseConfigError(f"the folder {path.parent} cannot be made: {error.strerror}") from error
    return url.set(database=f"{scheme}{path}")


def is_in_memory(url: URL) -> bool:
    """Tell whether a URL is of an SQLite database that lives in memory."""
    if url.get_backend_name() != "sqlite":
        return False
    return (
        url.database in (None, "", ":memory:")
        or "mode=memory" in (url.database or "")
        or url.query.get("mode") == "memory"
    )


def shown(url: str | URL) -> str:
    """Return a URL for people, without its password and its query, which may hold one."""
    return make_url(url).set(query={}).render_as_string(hide_password=True)


def said_by(error: BaseException, url: URL | None = None) -> str:
    """Return what an error says in one line, without the values of a statement.

    :param url: whose secrets are not shown.
    """
    shown: BaseException = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        shown = error.orig
    lines = [line.strip() for line in str(shown).splitlines() if line.strip()]
    text = " ".join(lines) or "no reason was given"
    if url is not None:
        text = without_secrets(text, url)
    return f"{type(shown).__name__}: {text}".removesuffix(".")


def without_secrets(text: str, url: URL) -> str:
    """Return a message without what must not be shown of a URL, however it is written there."""
    values = [(value,) if isinstance(value, str) else value for value in url.query.values()]
    secrets = [url.password, *(one for value in values for one in value)]
    for secret in filter(None, secrets):
        for written in (str(secret), quote(str(secret)), quote(str(secret), safe=""), quote_plus(str(secret))):
            text = text.replace(written, "***")
    return text


def installed_drivers() -> Iterator[str]:
    """Name the drivers that are installed."""
    for known in (_SYNC, _ASYNC):
        for dialect, drivers in known.items():
            for module, name, _ in drivers:
                if find_spec(module) is not None:
                    yield f"{dialect}+{name}"
