"""Migrations run from Python: what a test or a script of a deployment calls."""

import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
import sqlalchemy as sa

from trivet import Trivet
from trivet_db import MigrationError, UnknownBindError, downgrade, stamp, upgrade

from .migrating_project import Look, Project, tasks


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    return prepared(tmp_path, database)


@pytest.fixture
def small(tmp_path: Path, sqlite_database: str) -> Project:
    return prepared(tmp_path, sqlite_database)


def prepared(path: Path, url: str) -> Project:
    project = Project(path, url)
    project.write("first", "op.create_table('one', sa.Column('id', sa.Integer))", downgrade="op.drop_table('one')")
    project.write(
        "second",
        "op.create_table('two', sa.Column('id', sa.Integer))",
        after="first",
        downgrade="op.drop_table('two')",
    )
    return project


def test_an_application_is_brought_up_and_down(project: Project) -> None:
    app = project.app()
    assert upgrade(app) == 2
    assert upgrade(app) == 0
    assert project.look().tables == {"one", "two"}
    assert downgrade(app) == 1
    assert project.look().tables == {"one"}
    assert downgrade(app, "base") == 1
    assert upgrade(app, "+1") == 1
    assert upgrade(app, "second") == 1


def test_what_is_run_is_said_to_whoever_asks(small: Project, capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    upgrade(small.app(), say=lines.append)
    downgrade(small.app(), "first", say=lines.append)
    assert lines == [
        "default: upgrade first first",
        "default: upgrade second second",
        "default: downgrade second second",
    ]
    assert capsys.readouterr().out == ""


def test_a_database_is_noted_to_be_at_a_revision(project: Project) -> None:
    app = project.app()
    assert stamp(app) == {"default": ("second",)}
    assert project.look().tables == set()
    assert stamp(app, "first") == {"default": ("first",)}
    assert stamp(app, "base", purge=True) == {"default": ()}


def test_statements_are_written_to_a_file(small: Project) -> None:
    up, down = StringIO(), StringIO()
    assert upgrade(small.app(), sql=up) == 2
    assert downgrade(small.app(), "second:first", sql=down) == 1
    assert "CREATE TABLE two" in up.getvalue()
    assert "DROP TABLE two" in down.getvalue()
    assert small.look().tables == set()


def test_one_of_several_databases_can_be_chosen(tmp_path: Path, make_empty: Callable[[str], str]) -> None:
    binds = {"events": make_empty("postgresql"), "settings": make_empty("mariadb")}
    project = Project(tmp_path, make_empty("sqlite"), tasks, **binds)
    for bind in binds:
        table = f"op.create_table('{bind}', sa.Column('id', sa.Integer))"
        project.write(bind, table, folder=project.folder / bind, downgrade=f"op.drop_table('{bind}')")
    app = project.app()
    assert upgrade(app, bind="events") == 1
    assert stamp(app, bind="settings") == {"settings": ("settings",)}
    assert Look(binds["events"]).tables == {"events"}
    assert Look(binds["settings"]).tables == set()
    with pytest.raises(MigrationError, match="Say which by --bind: default, events, settings"):
        downgrade(app)
    assert downgrade(app, bind="events") == 1


def test_what_goes_wrong_is_an_error_in_words(small: Project) -> None:
    app = small.app()
    with pytest.raises(MigrationError, match="There is no revision 'thrid'"):
        upgrade(app, "thrid")
    with pytest.raises(MigrationError, match="There is no branch 'shop'"):
        upgrade(app, branch="shop")
    with pytest.raises(UnknownBindError, match="There is no bind 'evnts'"):
        stamp(app, bind="evnts")
    with pytest.raises(MigrationError, match="there are 0 to take back"):
        downgrade(app, "-1")
    small.write("third", "op.execute('nonsense')", after="second")
    with pytest.raises(MigrationError, match=r"Revision third of default .* Everything was rolled back"):
        upgrade(small.app())
    assert small.look().tables == set()


def test_no_connection_is_left_open(project: Project) -> None:
    app = project.app()
    upgrade(app)
    assert [engine.pool.checkedin() for _, engine in app.extensions["trivet_db"].engines.made()] == [0]


def test_an_application_serves_what_it_has_migrated(small: Project) -> None:
    small.models = tasks
    app: Trivet = small.app()
    db = app.extensions["sqlalchemy"]
    app.add_url_rule("/", "index", lambda: str(db.session.scalar(sa.text("SELECT count(*) FROM one"))))
    upgrade(app)
    assert app.test_client().get("/").text == "0"
    app.extensions["trivet_db"].engines.dispose()


def test_the_functions_are_imported_with_alembic_only_where_they_are_asked_for() -> None:
    script = (
        "import sys, trivet_db; before = 'alembic' in sys.modules; trivet_db.upgrade; "
        "print(before, 'alembic' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50, check=True)
    assert ran.stdout == "False True\n"
