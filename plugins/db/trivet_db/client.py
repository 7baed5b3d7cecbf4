"""The prompt of a database's own client program: psql, mysql or sqlite3."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from typing import NamedTuple

import sqlalchemy as sa

from .errors import DatabaseConfigError
from .urls import is_in_memory

#: What libpq reads from the environment, by the name in a URL's query.
_LIBPQ = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "options": "PGOPTIONS",
    "application_name": "PGAPPNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "host": "PGHOST",
    "port": "PGPORT",
    "password": "PGPASSWORD",
}
_MYSQL = {"unix_socket": "--socket", "charset": "--default-character-set", "ssl_ca": "--ssl-ca"}


class Client(NamedTuple):
    """How a client program is started.

    :ivar programs: its names, the best first.
    :ivar environment: variables to add, the password among them: other users of the machine see arguments.
    """

    programs: tuple[str, ...]
    arguments: list[str]
    environment: dict[str, str]


def client_for(url: sa.URL) -> Client:
    """Return how the client program for a database is started.

    :raises DatabaseConfigError: there is none for this kind of database, or the database lives in memory.
    """
    dialect = url.get_backend_name()
    make = _CLIENTS.get(dialect)
    if make is None:
        raise DatabaseConfigError(f"There is no client program for {dialect} here; there is for {', '.join(_CLIENTS)}.")
    return make(url)


def _sqlite(url: sa.URL) -> Client:
    if is_in_memory(url):
        raise DatabaseConfigError("This database lives in the memory of a process; no other one can look into it.")
    return Client(("sqlite3",), [str(url.database)], {})


def _postgresql(url: sa.URL) -> Client:
    given = {"PGHOST": url.host, "PGPORT": url.port, "PGUSER": url.username, "PGDATABASE": url.database}
    environment = {name: str(value) for name, value in given.items() if value}
    for name, value in url.query.items():
        if name in _LIBPQ:
            environment[_LIBPQ[name]] = value if isinstance(value, str) else ",".join(value)
    if url.password:
        environment["PGPASSWORD"] = str(url.password)
    return Client(("psql",), [], environment)


def _mysql(url: sa.URL) -> Client:
    given = {"--host": url.host, "--port": url.port, "--user": url.username}
    given |= {_MYSQL[name]: str(value) for name, value in url.query.items() if name in _MYSQL}
    arguments = [f"{name}={value}" for name, value in given.items() if value]
    if url.database:
        arguments.append(f"--database={url.database}")
    programs = ("mariadb", "mysql") if url.get_backend_name() == "mariadb" else ("mysql", "mariadb")
    return Client(programs, arguments, {"MYSQL_PWD": str(url.password)} if url.password else {})


_CLIENTS: dict[str, Callable[[sa.URL], Client]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mariadb": _mysql,
}


def run_client(url: sa.URL) -> int:
    """Start the client program for a database, wait until it has ended, and return its exit status.

    :raises DatabaseConfigError: it is not installed.
    """
    client = client_for(url)
    program = next(filter(None, map(shutil.which, client.programs)), None)
    if program is None:
        raise DatabaseConfigError(
            f"The program {client.programs[0]} is not installed, or not in PATH. It comes with the client of "
            f"{url.get_backend_name()}; trivet shell has the database as well."
        )
    # An interrupt is the client's: it ends a statement, not this process. A handler is not inherited, SIG_IGN is.
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        return subprocess.call([program, *client.arguments], env={**os.environ, **client.environment})
    finally:
        signal.signal(signal.SIGINT, before)
