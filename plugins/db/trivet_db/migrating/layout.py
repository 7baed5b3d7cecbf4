"""Which databases are migrated, by which branches, and where the revisions of each are."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config

from ..errors import DatabaseConfigError
from ..options import EngineSettings, unknown_bind
from ..state import Migrations, State
from ..urls import is_in_memory, read_url, shown
from .errors import MigrationError
from .owned import tables_in

#: The name of the application's own branch; its revisions need no label.
APP = "app"
VERSION_TABLE = "alembic_version"
#: Flask-Migrate's revisions for several databases: one function for all of them, and one for each.
_SHARED = re.compile(r"^def upgrade\(\s*engine_name\b", re.MULTILINE)


@dataclass(frozen=True)
class Branch:
    """A line of revisions: the application's own, or one that a plugin ships.

    :ivar name: :data:`APP`, or the plugin's name.
    :ivar folder: where its revisions are.
    :ivar metadata: what they are compared with; empty: nothing.
    :ivar pattern: which files of the folder they are.
    """

    name: str
    folder: Path
    metadata: tuple[sa.MetaData, ...] = ()
    pattern: str = "*.py"

    @property
    def files(self) -> list[Path]:
        """The files of its revisions."""
        return sorted(self.folder.glob(self.pattern)) if self.folder.is_dir() else []

    @cached_property
    def made(self) -> frozenset[str]:
        """The names of the tables that its revisions make."""
        return frozenset(name for file in self.files for name in tables_in(file.read_text(encoding="utf-8")))

    @cached_property
    def modelled(self) -> frozenset[str]:
        """The names of the tables that its models have."""
        return frozenset(name for metadata in self.metadata for name in metadata.tables)


@dataclass(frozen=True)
class Database:
    """A database with the branches that lead to its tables, the application's own first.

    :ivar key: the bind key; None: the default database.
    :ivar version_table: where it keeps which revisions it is at.
    :ivar neighbours: others that are the same place.
    :ivar shared: whether its revisions are Flask-Migrate's for several databases: one file for all of them.
    """

    key: str | None
    settings: EngineSettings
    branches: tuple[Branch, ...]
    version_table: str = VERSION_TABLE
    neighbours: tuple["Database", ...] = field(default=(), repr=False)
    shared: bool = False

    @property
    def name(self) -> str:
        """Its name for people, and for ``--bind``."""
        return name_of(self.key)

    @property
    def url(self) -> sa.URL:
        """Where it is, with its password."""
        return read_url(self.settings.url, self.settings.place)

    @property
    def title(self) -> str:
        """Its name, and where it is, without the password."""
        return f"{self.name} ({shown(self.url)})"

    @property
    def engine_name(self) -> str:
        """What Flask-Migrate's revisions for several databases call it."""
        return self.key or ""

    @property
    def is_a_plugin_s(self) -> bool:
        """Whether only plugins have tables here, as in the database of a tenant."""
        own, *others = self.branches
        return bool(others) and not own.modelled and not own.files

    def branch(self, name: str | None) -> Branch:
        """Return a branch; without a name the application's.

        :raises MigrationError: the database has no such branch.
        """
        for one in self.branches:
            if one.name == (name or APP):
                return one
        names = ", ".join(one.name for one in self.branches)
        raise MigrationError(f"The database {self.name!r} has no branch {name!r}. It has: {names}.")

    def foreign(self, branch: Branch) -> frozenset[str]:
        """Return the names of the tables that are not a branch's to make or drop: others in the database have them."""
        others = [one for one in self.branches if one.name != branch.name]
        others += [one for database in self.neighbours for one in database.branches]
        found = {database.version_table for database in (self, *self.neighbours)}
        for other in others:
            found |= other.made
            if not any(one is mine for one in other.metadata for mine in branch.metadata):
                found |= other.modelled
        return frozenset(found - branch.made)


def name_of(key: str | None) -> str:
    """Return the name of a database for people."""
    return "default" if key is None else key


class Layout:
    """Where an application's migrations are.

    :ivar top: the folder that the option ``migrations`` names.
    :ivar folder: the application's own revisions for the default database: there, or of a folder that Flask-Migrate
        has made in its ``versions``.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.state = State.of(app)
        project = app.plugins.project
        self._home = project.path.parent if project.path is not None else Path(app.root_path)
        self.top = Path(self._home, self.state.options.migrations)
        self.folder = self.top / "versions" if (self.top / "versions").is_dir() else self.top

    @property
    def ini(self) -> Path | None:
        """The ``alembic.ini`` in the folder, which may say how files are named and what is run on new ones."""
        path = self.top / "alembic.ini"
        return path if path.is_file() else None

    @property
    def left_aside(self) -> Path | None:
        """The ``env.py`` that Flask-Migrate or Alembic have made, and that is not run."""
        path = self.top / "env.py"
        return path if path.is_file() else None

    @cached_property
    def recursive(self) -> bool:
        """Whether revisions are in folders below too, as the ``alembic.ini`` of a folder taken over may say."""
        if self.ini is None or self.folder == self.top:
            return False
        return Config(str(self.ini)).get_main_option("recursive_version_locations", "false").lower() == "true"

    @cached_property
    def shared(self) -> bool:
        """Whether the revisions are those that Flask-Migrate makes for several databases: one file for all."""
        files = Branch(APP, self.folder).files
        return any(_SHARED.search(file.read_text(encoding="utf-8")) for file in files)

    @cached_property
    def databases(self) -> tuple[Database, ...]:
        """The databases that have models or migrations, the default one first.

        :raises DatabaseConfigError: a model or a plugin's branch belongs to a bind that is not configured.
        """
        settings = self.state.engines.settings
        shipped = list(self._shipped())
        theirs = [one.metadata for _, one in shipped if one.metadata is not None]
        own: dict[str | None, list[sa.MetaData]] = {}
        faces = [id(metadata) for face in self.state.faces for metadata in face.metadatas.values()]
        for key, metadata in self.state.metadatas():
            known = own.setdefault(key, [])
            plugins_own = any(metadata is one for one in theirs) and id(metadata) not in faces
            if not plugins_own and not any(metadata is one for one in known):
                known.append(metadata)
        for key, found in own.items():
            if key not in settings and any(metadata.tables for metadata in found):
                raise unknown_bind(key, settings)
        found_there = [self._database(key, tuple(own.get(key, ())), shipped) for key in self._in_order(settings)]
        return tuple(_beside_others([one for one in found_there if self._takes_part(one)]))

    def _in_order(self, settings: Any) -> list[str | None]:
        return sorted(settings, key=lambda key: key is not None)

    def _database(
        self, key: str | None, metadata: tuple[sa.MetaData, ...], shipped: list[tuple[str, Migrations]]
    ) -> Database:
        folder = self.folder if key is None or self.shared else self.top / key
        branches = [Branch(APP, folder, metadata, "**/*.py" if self.recursive else "*.py")]
        for plugin, one in shipped:
            if one.bind_key != key:
                continue
            if any(one.name == other.name for other in branches):
                raise DatabaseConfigError(
                    f"The plugin {plugin!r} brings migrations named {one.name!r}, a name that is taken. The name of a "
                    "plugin's migrations is the plugin's own."
                )
            branches.append(Branch(one.name, Path(one.folder), (one.metadata,) if one.metadata is not None else ()))
        return Database(key, self.state.engines.settings[key], tuple(branches), shared=self.shared)

    def _takes_part(self, database: Database) -> bool:
        """Tell whether a database is migrated; one that has neither models nor revisions, as a replica, is not."""
        if self.shared and database.key is not None:
            dispatched = f"def upgrade_{database.key}("
            return bool(database.branches[0].modelled) or any(
                dispatched in file.read_text(encoding="utf-8") for file in database.branches[0].files
            )
        return database.key is None or any(one.modelled or one.folder.is_dir() for one in database.branches)

    def missing(self) -> list[Path]:
        """Return the folders that plugins of the project itself name for their migrations, and that are not there yet.

        A plugin that is installed has to bring its own.
        """
        wanted = [Path(one.folder) for _, one in self._brought()]
        return [folder for folder in wanted if not folder.is_dir() and self._is_own(folder)]

    def _is_own(self, folder: Path) -> bool:
        """Tell whether a folder is of the project, and not of what is installed in it."""
        where = folder.resolve()
        return where.is_relative_to(self._home.resolve()) and "site-packages" not in where.parts

    def _shipped(self) -> Iterator[tuple[str, Migrations]]:
        """Ask the plugins for their migrations, and yield them with the plugins' names, where all is well."""
        known = self.state.engines.settings
        for plugin, one in self._brought():
            if not Path(one.folder).is_dir():
                advice = "trivet db init makes it." if self._is_own(Path(one.folder)) else "Make it, or mend the path."
                raise DatabaseConfigError(
                    f"The plugin {plugin!r} says its migrations are in {one.folder}; there is no such folder. {advice}"
                )
            if one.bind_key not in known:
                raise DatabaseConfigError(
                    f"The migrations of the plugin {plugin!r}: {unknown_bind(one.bind_key, known)}"
                )
            yield plugin, one

    def _brought(self) -> Iterator[tuple[str, Migrations]]:
        """Ask the plugins for their migrations, and yield them with the plugins' names."""
        for plugin, bring in implementations(self.app, "trivet_db_migrations"):
            given = bring()
            for one in given if isinstance(given, list) else [] if given is None else [given]:
                if not isinstance(one, Migrations):
                    raise DatabaseConfigError(
                        f"The plugin {plugin!r} returned {type(one).__name__} from trivet_db_migrations, not a "
                        "trivet_db.Migrations or a list of them."
                    )
                yield plugin, one


def implementations(app: Any, hook: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield who implements a hook: the plugins' names, and what calls their functions, awaiting them if need be.

    :raises DatabaseConfigError: one is a wrapper.
    """
    for impl in reversed(getattr(app.hook, hook).get_hookimpls()):
        if impl.wrapper or impl.hookwrapper:
            raise DatabaseConfigError(f"The plugin {impl.plugin_name!r} wraps {hook}, which cannot be wrapped.")
        yield impl.plugin_name, partial(app.ensure_sync(impl.function), *[app for _ in impl.argnames])


def _beside_others(databases: list[Database]) -> Iterator[Database]:
    """Tell databases of each other that are one and the same place: each keeps a version table of its own there."""
    named: list[Database] = []
    for database in databases:
        taken = any(_place(one) == _place(database) for one in named)
        table = f"{VERSION_TABLE}_{database.key}" if taken else VERSION_TABLE
        named.append(replace(database, version_table=table))
    for database in named:
        others = [one for one in named if one is not database and _place(one) == _place(database)]
        yield replace(database, neighbours=tuple(others))


def _place(database: Database) -> tuple[Any, ...]:
    url = database.url
    apart = database.key if is_in_memory(url) else None  # each is a database of its own
    return url.get_backend_name(), url.host, url.port, url.database, apart
