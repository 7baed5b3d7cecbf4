"""Whether databases can be reached, for ``trivet doctor``: each is asked once, and none is waited for long."""

import asyncio
import threading
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import URL

from .engines import Engines
from .errors import MissingDriverError
from .options import EngineSettings
from .urls import is_in_memory, read_url, said_by, shown

#: Seconds until a database that has not answered counts as one that cannot be reached.
PATIENCE = 5.0


class Health(NamedTuple):
    """What was seen of a database.

    :ivar name: its bind key, or ``default``.
    :ivar url: for people, without password.
    :ivar said: the server's version and the state of the pool; or what is wrong.
    """

    name: str
    url: str
    said: str
    is_well: bool

    def __str__(self) -> str:
        """Return a line of the report."""
        return f"{'' if self.is_well else 'error: '}{self.name}: {self.url}, {self.said}"


def examine(engines: Engines, folder: str) -> list[Health]:
    """Connect to every database, to all of them at once, and close what was opened for it.

    An SQLite file that is not there is not made.

    :param folder: where relative names of SQLite files start from.
    """
    looks = [_Look(engines, key, settings, folder) for key, settings in engines.settings.items()]
    for look in looks:
        look.start()
    for look in looks:
        look.join(PATIENCE)
    return [look.health() for look in looks]


class _Look(threading.Thread):
    """One database that is looked at, in a thread of its own that may be left behind."""

    def __init__(self, engines: Engines, key: str | None, settings: EngineSettings, folder: str) -> None:
        super().__init__(name="trivet-db-health", daemon=True)
        self._engines = engines
        self._key = key
        self._url = read_url(settings.url, settings.place)
        self._folder = folder
        self._said: str | None = None
        self._is_well = False

    def health(self) -> Health:
        said = self._said or f"has not answered for {PATIENCE:g} seconds"
        return Health("default" if self._key is None else self._key, shown(self._url), said, self._is_well)

    def run(self) -> None:
        try:
            self._said = self._look()
            self._is_well = True
        except Exception as error:
            self._said = f"cannot be reached: {said_by(error, self._url)}"

    def _look(self) -> str:
        if _is_missing_file(self._url, self._folder):
            return "no file yet"
        there = dict(self._engines.made()).get(self._key)
        if there is not None and not there.dialect.is_async:
            return _ask(there)
        try:
            engine = self._engines.make(self._key)
        except MissingDriverError:
            return asyncio.run(self._look_on_loop())
        try:
            return _ask(engine)
        finally:
            engine.dispose()

    async def _look_on_loop(self) -> str:
        engine = self._engines.make_async(self._key)
        try:
            async with engine.connect() as connection:
                version = await connection.run_sync(_version)
            return f"{version}, {engine.pool.status()}"
        finally:
            await engine.dispose()


def _ask(engine: sa.Engine) -> str:
    with engine.connect() as connection:
        version = _version(connection)
    return f"{version}, {engine.pool.status()}"


def _version(connection: sa.Connection) -> str:
    numbers = connection.dialect.server_version_info or ()
    return f"{connection.dialect.name} {'.'.join(str(number) for number in numbers[:3])}"


def _is_missing_file(url: URL, folder: str) -> bool:
    if url.get_backend_name() != "sqlite" or is_in_memory(url) or "uri" in url.query:
        return False
    return not (Path(folder) / (url.database or "")).exists()
