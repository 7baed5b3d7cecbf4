"""Folders that Flask-Migrate has made are taken over: for one database, and for several with one file for all."""

import subprocess
import sys
import textwrap
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa

from trivet_db import SQLAlchemy

from .migrating_project import Look, Project, tasks, tasks_with_done

ENV = """
    raise AssertionError("env.py was run")
"""
INI = """
    [alembic]
    file_template = %%(year)d_%%(slug)s

    [loggers]
    keys = root

    [handlers]
    keys =

    [formatters]
    keys =

    [logger_root]
    level = ERROR
    handlers =
"""
FIRST = '''
    """First

    Revision ID: 1a2b3c4d5e6f
    Revises:
    """
    from alembic import op
    import sqlalchemy as sa

    revision = "1a2b3c4d5e6f"
    down_revision = None
    branch_labels = None
    depends_on = None


    def upgrade():
        op.create_table("task", sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("title", sa.String(length=80), nullable=False), sa.PrimaryKeyConstraint("id"))


    def downgrade():
        op.drop_table("task")
'''
#: As for several databases; the bind `late` came after it.
SHARED = '''
    """First"""
    from alembic import op
    import sqlalchemy as sa

    revision = "1a2b3c4d5e6f"
    down_revision = None


    def upgrade(engine_name):
        globals()["upgrade_%s" % engine_name]()


    def downgrade(engine_name):
        globals()["downgrade_%s" % engine_name]()


    def upgrade_():
        op.create_table("task", sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("title", sa.String(length=80), nullable=False), sa.PrimaryKeyConstraint("id"))


    def downgrade_():
        op.drop_table("task")


    def upgrade_events():
        op.create_table("event", sa.Column("id", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("id"))


    def downgrade_events():
        op.drop_table("event")
'''


def lay_out(project: Project, revision: str) -> None:
    """Make the folder as Flask-Migrate does."""
    files = {"alembic.ini": INI, "env.py": ENV, "script.py.mako": "nothing", "versions/1a2b3c4d5e6f_first.py": revision}
    for name, text in files.items():
        path = project.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    project = Project(tmp_path, database)
    lay_out(project, FIRST)
    return project


def test_its_revisions_are_run_and_its_environment_is_not(project: Project) -> None:
    said = project.done("upgrade")
    assert f"Note: {project.folder}/env.py is not run" in said
    assert "default: upgrade 1a2b3c4d5e6f First" in said
    assert project.look().tables == {"task"}
    assert "agree" in project.done("check")


def test_a_database_that_it_has_migrated_goes_on_from_there(project: Project) -> None:
    look = project.look()
    look.run("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    look.run("INSERT INTO alembic_version VALUES ('1a2b3c4d5e6f')")
    look.run("CREATE TABLE task (id INTEGER NOT NULL PRIMARY KEY, title VARCHAR(80) NOT NULL)")
    project.migrate("Done", tasks_with_done)
    (new,) = (path for path in project.files("versions") if "first" not in path.name)
    assert new.name.endswith("_done.py")
    assert new.name.startswith("20"), "its alembic.ini says how files are named"
    assert 'down_revision: str | Sequence[str] | None = "1a2b3c4d5e6f"' in new.read_text(encoding="utf-8")
    assert look.columns("task") == ["id", "title", "done"]


def test_revisions_in_folders_below_are_found_where_its_configuration_says_so(project: Project) -> None:
    ini = project.folder / "alembic.ini"
    ini.write_text(ini.read_text().replace("[alembic]", "[alembic]\nrecursive_version_locations = true"))
    below = project.folder / "versions" / "2024"
    project.write("second", "op.create_table('two', sa.Column('id', sa.Integer))", after="1a2b3c4d5e6f", folder=below)
    project.done("upgrade")
    assert project.look().tables == {"task", "two"}
    assert "come by migrations" in project.refused("create")


def test_the_note_goes_with_the_file(project: Project) -> None:
    assert f"{project.folder}/versions: there already, with 1 revisions" in project.done("init")
    (project.folder / "env.py").unlink()
    (project.folder / "alembic.ini").unlink()
    (project.folder / "script.py.mako").unlink()
    assert project.done("upgrade") == "default: upgrade 1a2b3c4d5e6f First\n"


# -- several databases


def models(db: SQLAlchemy) -> None:
    tasks(db)
    db.Table("event", sa.Column("id", sa.Integer, primary_key=True), bind_key="events")


@pytest.fixture
def several(tmp_path: Path, make_empty: Callable[[str], str]) -> Project:
    project = Project(tmp_path, make_empty("postgresql"), models, events=make_empty("sqlite"))
    lay_out(project, SHARED)
    return project


def test_one_file_is_run_for_every_database(several: Project) -> None:
    several.done("upgrade")
    assert several.look().tables == {"task"}
    assert Look(several.binds["events"]).tables == {"event"}
    assert Look(several.binds["events"]).versions == {"1a2b3c4d5e6f"}
    assert several.done("check").count("agree") == 2
    assert several.done("heads") == "default  app  1a2b3c4d5e6f (head)  First\n"
    several.done("downgrade")
    assert several.look().tables == set()
    assert Look(several.binds["events"]).tables == set()


def test_a_new_revision_is_one_file_for_every_database_too(several: Project) -> None:
    several.done("upgrade")

    def more(db: SQLAlchemy) -> None:
        tasks_with_done(db)
        db.Table("event", sa.Column("id", sa.Integer, primary_key=True), sa.Column("at", sa.Integer), bind_key="events")

    several.migrate("More", more)
    assert len(several.files("versions")) == 2
    assert several.look().columns("task") == ["id", "title", "done"]
    assert Look(several.binds["events"]).columns("event") == ["id", "at"]
    assert "default, events: nothing to write" in several.done("migrate")


def test_a_bind_that_came_later_passes_over_what_was_before_it(several: Project, tmp_path: Path) -> None:
    several.done("upgrade")
    several.binds["late"] = f"sqlite:///{tmp_path}/late.db"
    several.binds["replica"] = "postgresql+psycopg://root@127.0.0.1:9/nowhere"

    def later(db: SQLAlchemy) -> None:
        models(db)
        db.Table("visit", sa.Column("id", sa.Integer, primary_key=True), bind_key="late")

    several.models = later
    several.done("upgrade")
    several.migrate("Late", later)
    assert Look(several.binds["late"]).tables == {"visit"}
    assert several.look().tables == {"task"}


def test_a_revision_by_hand_has_a_place_for_every_database(several: Project) -> None:
    several.done("revision", "-m", "By hand")
    text = next(path for path in several.files("versions") if "hand" in path.name).read_text(encoding="utf-8")
    for name in ("upgrade_()", "downgrade_()", "upgrade_events()", "downgrade_events()"):
        assert f"def {name} -> None:\n    pass\n" in text
    several.done("upgrade")


# -- the real ones

FLASK = """
    import os
    import sys
    from flask import Flask
    from flask_migrate import Migrate, init, migrate, upgrade
    from flask_sqlalchemy import SQLAlchemy

    url, folder, events = sys.argv[1:]
    app = Flask("project")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_BINDS"] = {"events": events} if events else {}
    db = SQLAlchemy(app)
    db.Table("task", db.Column("id", db.Integer, primary_key=True), db.Column("title", db.String(80), nullable=False))
    if events:
        db.Table("event", db.Column("id", db.Integer, primary_key=True), bind_key="events")
    Migrate(app, db)
    with app.app_context():
        init(folder, multidb=bool(events))
        migrate(folder, "First")
        upgrade(folder)
"""


@pytest.mark.parametrize("multiple", [False, True])
def test_what_flask_migrate_itself_has_made_is_taken_over(
    tmp_path: Path, make_empty: Callable[[str], str], multiple: bool
) -> None:
    for name in ("flask", "flask_migrate", "flask_sqlalchemy"):
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    url, events = make_empty("sqlite"), make_empty("sqlite") if multiple else ""
    arguments = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        textwrap.dedent(FLASK),
        url,
        str(tmp_path / "migrations"),
        events,
    ]
    subprocess.run(arguments, check=True, capture_output=True, timeout=50)
    project = Project(tmp_path, url, models if multiple else tasks, **({"events": events} if multiple else {}))
    assert project.done("upgrade").count("nothing to do") == 1 + multiple
    assert project.done("check").count("agree") == 1 + multiple

    def more(db: SQLAlchemy) -> None:
        project_models(db)
        db.metadata.tables["task"].append_column(sa.Column("done", sa.Boolean))

    project_models = project.models
    project.migrate("Done", more)
    assert project.look().columns("task") == ["id", "title", "done"]
    project.done("downgrade", "base")
    assert project.look().tables == set()
