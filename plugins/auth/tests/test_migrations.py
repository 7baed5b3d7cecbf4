"""The plugin's own table comes by a branch of migrations, the users' table by the application's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlalchemy.pool import NullPool

from trivet import Trivet
from trivet_auth.database import make_migrations, make_store
from trivet_auth.models import UserModel
from trivet_auth.records import Record
from trivet_db import SQLAlchemy
from trivet_db.command import make_command
from trivet_db.testing import rolled_back

from .database_app import SERVERS, empty_database, settings


class Project:
    """A folder with an application, which is made anew for every command, as the command line does."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    def app(self, **more: Any) -> Trivet:
        """Make the application, with a model of its own."""
        app = Trivet("project", root_path=str(self.folder), config_file=False, plugins=["db", "auth"])
        app.config.update(settings(self.url, AUTH_MODEL="", **more))
        db = SQLAlchemy(app)

        class User(UserModel, db.Model):  # type: ignore[name-defined,misc]
            pass

        return app

    def run(self, *args: str, **more: Any) -> Result:
        """Run a command of ``trivet db``."""
        return CliRunner().invoke(make_command(self.app(**more)), args, catch_exceptions=False)

    def done(self, *args: str, **more: Any) -> str:
        """Run one that succeeds, and return what it prints."""
        result = self.run(*args, **more)
        assert result.exit_code == 0, result.output
        return result.output

    def ask(self, look: Any) -> Any:
        """Ask the database something."""
        engine = sa.create_engine(self.url, poolclass=NullPool)
        with engine.connect() as connection:
            return look(sa.inspect(connection))

    @property
    def tables(self) -> set[str]:
        """The tables in the database but for that of versions."""
        return set(self.ask(lambda inspector: inspector.get_table_names())) - {"alembic_version"}

    @property
    def revisions(self) -> list[Path]:
        """The application's own revisions."""
        return sorted((self.folder / "migrations").glob("*.py"))


@pytest.fixture(params=SERVERS)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    """An application on each kind of server in turn."""
    with empty_database(request.param) as url:
        yield Project(tmp_path, url)


def test_an_upgrade_makes_the_plugin_s_table(project: Project) -> None:
    project.done("upgrade")
    assert project.tables == {"auth_record"}


def test_the_migration_makes_what_the_store_works_with(project: Project) -> None:
    project.done("upgrade")
    assert "agree" in project.done("check", "--branch", "auth")


def test_a_store_keeps_records_in_the_migrated_table(project: Project) -> None:
    project.done("upgrade")
    app = project.app()
    app.seal()
    store = make_store(app)
    assert store.put("test", "a", Record({"n": 1}, "default:1"), expect=0)
    assert store.put("test", "A", Record({"n": 2}, "default:1"), expect=0)
    found = make_store(app).get("test", "a")
    assert found is not None
    assert (dict(found.data), found.owner, found.version) == ({"n": 1}, "default:1", 1)


def test_the_table_goes_with_the_branch(project: Project) -> None:
    project.done("upgrade")
    project.done("downgrade", "base", "--branch", "auth")
    assert project.tables == set()
    project.done("upgrade")
    assert project.tables == {"auth_record"}


def test_the_users_table_comes_by_a_migration_of_the_application(project: Project) -> None:
    project.done("upgrade")
    project.done("migrate", "-m", "People")
    (written,) = project.revisions
    text = written.read_text(encoding="utf-8")
    assert "auth_record" not in text
    assert "trivet_auth" not in text
    project.done("upgrade")
    assert project.tables == {"auth_record", "user"}
    assert "agree" in project.done("check")
    uniques = project.ask(
        lambda inspector: [
            *(one["column_names"] for one in inspector.get_unique_constraints("user")),
            *(one["column_names"] for one in inspector.get_indexes("user") if one["unique"]),
        ]
    )
    assert ["email"] in uniques


def test_a_store_of_another_kind_leaves_the_branch_where_it_is(project: Project) -> None:
    project.done("upgrade")
    assert "nothing to do" in project.done("upgrade", AUTH_STORE="memory")


def test_without_trivet_db_the_plugin_works_as_well(make_app: Any) -> None:
    app = make_app(plugins=["auth"], config={"SECRET_KEY": "x", "AUTH_STORE": "memory"})
    app.seal()
    assert not hasattr(app.hook, "trivet_db_migrations") or not app.hook.trivet_db_migrations.has_spec()


def test_the_store_goes_where_the_test_kit_sends_statements(tmp_path: Path) -> None:
    with empty_database("sqlite") as url:
        project = Project(tmp_path, url)
        project.done("upgrade")
        app = project.app()
        app.seal()
        store = make_store(app)
        with rolled_back(app):
            store.put("test", "a", Record({"n": 1}))
            assert store.get("test", "a") is not None
        assert store.get("test", "a") is None


def test_the_branch_is_named_like_the_plugin(tmp_path: Path) -> None:
    shipped = make_migrations(None)
    assert shipped.name == "auth"
    assert list(Path(shipped.folder).glob("*.py"))
