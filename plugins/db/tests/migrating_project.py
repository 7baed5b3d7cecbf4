"""An application with migrations in a folder of its own, and ``trivet db`` run for it in this process."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlalchemy.pool import NullPool

from trivet import Trivet, hookimpl
from trivet_db import Migrations, SQLAlchemy
from trivet_db.command import make_command

Models = Callable[[SQLAlchemy], Any]


def tasks(db: SQLAlchemy) -> None:
    """A first model."""
    sa.Table(
        "task",
        db.metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title", sa.String(80), nullable=False),
    )


def tasks_with_done(db: SQLAlchemy) -> None:
    """The same model, one column later."""
    tasks(db)
    done = sa.Column("done", sa.Boolean, nullable=False, server_default=sa.false())
    db.metadata.tables["task"].append_column(done)


class Project:
    """A folder with an application, which is made anew for every command, as the command line does.

    :param url: the default database.
    :ivar models: declares the models.
    """

    def __init__(self, path: Path, url: str | None, models: Models = tasks, **binds: str) -> None:
        self.path = path
        self.url = url
        self.binds = binds
        self.models = models
        self.plugins: Sequence[Any] = ()
        self.settings: Mapping[str, Any] = {}

    @property
    def folder(self) -> Path:
        """The folder for migrations."""
        return self.path / "migrations"

    def app(self) -> Trivet:
        """Make the application."""
        app = Trivet("project", root_path=str(self.path), config_file=False, plugins=["db", *self.plugins])
        if self.url is not None:
            app.config["SQLALCHEMY_DATABASE_URI"] = self.url
        app.config["SQLALCHEMY_BINDS"] = self.binds
        app.config.update(self.settings)
        db = SQLAlchemy(app)
        self.models(db)
        return app

    def run(self, *args: str, **options: Any) -> Result:
        """Run a command; an exception that is not said in words fails the test."""
        return CliRunner().invoke(make_command(self.app()), args, catch_exceptions=False, **options)

    def done(self, *args: str, **options: Any) -> str:
        """Run a command that succeeds, and return what it prints."""
        result = self.run(*args, **options)
        assert result.exit_code == 0, result.output
        return result.output

    def refused(self, *args: str, **options: Any) -> str:
        """Run a command that fails, and return what it prints."""
        result = self.run(*args, **options)
        assert result.exit_code == 1, result.output
        return result.output

    def migrate(self, message: str, models: Models | None = None, *args: str) -> None:
        """Write a revision for models, and run it."""
        self.models = models or self.models
        self.done("migrate", "-m", message, *args)
        self.done("upgrade")

    def write(
        self, name: str, upgrade: str, *, after: str | None = None, folder: Path | None = None, **more: Any
    ) -> str:
        """Write a revision by hand, and return its identifier."""
        revision = more.pop("revision", name)
        text = [
            f'"""{name}"""',
            "import sqlalchemy as sa",
            "from alembic import op",
            f"revision = {revision!r}",
            f"down_revision = {after!r}",
            *(f"{key} = {value!r}" for key, value in more.items() if key != "downgrade"),
            f"def upgrade():\n    {upgrade}",
            f"def downgrade():\n    {more.get('downgrade', 'pass')}",
        ]
        place = folder or self.folder
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.py").write_text("\n".join(text) + "\n", encoding="utf-8")
        return str(revision)

    def files(self, bind: str = "") -> list[Path]:
        """Return the revisions of a database, the oldest one first."""
        return sorted((self.folder / bind).glob("*.py"), key=lambda path: path.stat().st_mtime_ns)

    def look(self, url: str | None = None) -> "Look":
        """Look into a database."""
        return Look(url or self.url or "")


class Look:
    """What there is in a database."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, question: Callable[[sa.Connection], Any]) -> Any:
        """Ask a database something, on a connection that is closed afterwards."""
        engine = sa.create_engine(self.url, poolclass=NullPool)
        with engine.begin() as connection:
            return question(connection)

    def run(self, statement: str) -> Any:
        """Run a statement, and return its rows if it has some."""

        def work(connection: sa.Connection) -> Any:
            result = connection.execute(sa.text(statement))
            return [tuple(row) for row in result] if result.returns_rows else None

        return self.ask(work)

    @property
    def tables(self) -> set[str]:
        """The tables but for the one of versions."""
        names: list[str] = self.ask(lambda connection: sa.inspect(connection).get_table_names())
        return {name for name in names if not name.startswith("alembic_version")}

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns."""
        found: list[str] = self.ask(
            lambda connection: [one["name"] for one in sa.inspect(connection).get_columns(table)]
        )
        return found

    @property
    def versions(self) -> set[str]:
        """The revisions that the database is at."""
        return {name for (name,) in self.run("SELECT version_num FROM alembic_version")}


class Shipping:
    """A plugin that ships migrations."""

    def __init__(self, *shipped: Migrations, name: str | None = None) -> None:
        self.name = name or shipped[0].name
        self.shipped = list(shipped)

    @hookimpl
    def trivet_db_migrations(self, app: Any) -> list[Migrations]:
        """Bring the branches."""
        return self.shipped


def seeding(name: str, fill: Callable[[], Any]) -> Any:
    """Return a plugin that fills tables."""

    @hookimpl
    def trivet_db_seed(app: Any) -> Any:
        return fill()

    return SimpleNamespace(name=name, trivet_db_seed=trivet_db_seed)


def revision_of(path: Path) -> str:
    """Return the identifier of a revision from its file."""
    found = re.search(r'^revision: str = "(\w+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]
