"""Migrations: written from models, run up and down, compared; on every kind of database."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from trivet_db import SQLAlchemy

from .migrating_project import Project, revision_of, tasks, tasks_with_done


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    return Project(tmp_path, database)


def test_models_become_a_revision_which_makes_the_tables(project: Project) -> None:
    output = project.done("migrate", "-m", "Tasks")
    (path,) = project.files()
    assert output == f"default: {path} written\n"
    assert path.name == f"{revision_of(path)}_tasks.py"
    assert "nothing to do" not in project.done("upgrade")
    assert project.look().columns("task") == ["id", "title"]
    assert project.look().versions == {revision_of(path)}


def test_a_second_upgrade_has_nothing_to_do(project: Project) -> None:
    project.migrate("Tasks")
    assert project.done("upgrade") == "default: nothing to do\n"


def test_models_that_agree_with_the_tables_write_no_file(project: Project) -> None:
    project.migrate("Tasks")
    assert project.done("migrate") == "default: nothing to write, models and tables agree\n"
    assert len(project.files()) == 1


def test_a_changed_model_becomes_a_revision_that_alters_the_table_and_keeps_its_rows(project: Project) -> None:
    project.migrate("Tasks")
    project.look().run("INSERT INTO task (id, title) VALUES (1, 'Write')")
    project.migrate("Done", tasks_with_done)
    assert project.look().run("SELECT title, done FROM task") == [("Write", 0)]
    assert "nothing to write" in project.done("migrate")


def test_a_downgrade_takes_the_last_revision_back_and_base_all_of_them(project: Project) -> None:
    project.migrate("Tasks")
    project.migrate("Done", tasks_with_done)
    assert project.done("downgrade").startswith("default: downgrade ")
    assert project.look().columns("task") == ["id", "title"]
    project.done("downgrade", "base")
    assert project.look().tables == set()
    assert project.done("downgrade", "base") == "default: nothing to do\n"


def test_an_upgrade_goes_as_far_as_it_is_told(project: Project) -> None:
    first = project.write("first", "op.create_table('one', sa.Column('id', sa.Integer))")
    project.write("second", "op.create_table('two', sa.Column('id', sa.Integer))", after=first)
    project.write("third", "op.create_table('three', sa.Column('id', sa.Integer))", after="second")
    project.done("upgrade", "+1")
    assert project.look().tables == {"one"}
    project.done("upgrade", "second")
    assert project.look().tables == {"one", "two"}
    assert "asks for 2 revisions, and there are 1 to go up to" in project.refused("upgrade", "+2")
    project.done("upgrade", "head")
    assert project.look().versions == {"third"}


@pytest.mark.parametrize("way", ["check", "migrate"])
def test_types_and_defaults_of_every_sort_agree_with_the_tables_made_of_them(project: Project, way: str) -> None:
    project.migrate("Everything", everything)
    said = project.done(way)
    assert "agree" in said, said


def everything(db: SQLAlchemy) -> None:
    sa.Table(
        "parent",
        db.metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(40), nullable=False, unique=True, server_default="nobody"),
    )
    sa.Table(
        "everything",
        db.metadata,
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("parent_id", sa.ForeignKey("parent.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("flag", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("on", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("small", sa.SmallInteger),
        sa.Column("price", sa.Numeric(10, 2), server_default=sa.text("1.50")),
        sa.Column("weight", sa.Float),
        sa.Column("exact", sa.Double),
        sa.Column("text", sa.Text),
        sa.Column("blob", sa.LargeBinary),
        sa.Column("made", sa.DateTime, nullable=False, server_default=sa.func.now()),
        sa.Column("zoned", sa.DateTime(timezone=True)),
        sa.Column("day", sa.Date),
        sa.Column("hour", sa.Time),
        sa.Column("took", sa.Interval),
        sa.Column("kind", sa.Enum("red", "green", name="kind"), server_default="red"),
        sa.Column("uuid", sa.Uuid),
        sa.Column("data", sa.JSON),
        sa.UniqueConstraint("count", "small", name="uq_everything_count"),
        sa.CheckConstraint("count >= 0", name="ck_everything_count"),
        sa.Index("ix_everything_day", "day", "hour"),
    )


def test_a_changed_type_and_a_changed_default_are_seen(project: Project) -> None:
    project.migrate("Tasks")

    def changed(db: SQLAlchemy) -> None:
        sa.Table(
            "task",
            db.metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("title", sa.String(200), nullable=True, server_default="untitled"),
        )

    project.models = changed
    said = project.refused("check")
    assert "~ column task.title: type VARCHAR(length=80) → String(length=200)" in said
    assert "~ column task.title: nullable False → True" in said
    assert "~ column task.title: default None → untitled" in said
    project.migrate("Longer")
    assert "agree" in project.done("check")


def test_two_people_s_revisions_are_an_error_until_they_are_merged(project: Project) -> None:
    project.migrate("Tasks")
    (first,) = map(revision_of, project.files())
    project.write("mine", "op.create_table('mine', sa.Column('id', sa.Integer))", after=first)
    project.write("theirs", "op.create_table('theirs', sa.Column('id', sa.Integer))", after=first)
    for command in ("upgrade", "revision", "migrate"):
        said = project.refused(command)
        assert "There is more than one head" in said
        assert "\n  mine  mine" in said
        assert 'trivet db merge heads -m "merge"' in said
    assert " written" in project.done("merge", "heads", "-m", "Both")
    project.done("upgrade")
    assert project.look().tables == {"task", "mine", "theirs"}
    assert project.done("merge") == "default: nothing to merge, there is one head\n"


def test_tables_that_no_migration_has_made_are_left_alone(project: Project) -> None:
    project.migrate("Tasks")
    project.look().run("CREATE TABLE strange (id INTEGER)")
    assert "default: strange: left as it is" in project.done("migrate")
    assert "agree" in project.done("check")
    assert project.look().tables == {"task", "strange"}


def test_a_model_that_is_gone_takes_its_table_along(project: Project) -> None:
    def two(db: SQLAlchemy) -> None:
        tasks(db)
        sa.Table("extra", db.metadata, sa.Column("id", sa.Integer, primary_key=True))

    project.migrate("Two", two)
    project.migrate("One", tasks)
    assert project.look().tables == {"task"}


def test_models_that_were_not_imported_do_not_drop_all_tables(project: Project) -> None:
    project.migrate("Tasks")
    project.models = lambda db: None
    assert "no model is known, but migrations have made task" in project.refused("migrate")


def test_a_revision_written_for_sqlite_runs_on_every_other_database(
    tmp_path: Path, sqlite_database: str, database: str
) -> None:
    here = Project(tmp_path, sqlite_database, everything)
    here.done("migrate")
    there = Project(tmp_path, database, everything)
    there.done("upgrade")
    assert "agree" in there.done("check")


def test_a_type_of_the_application_s_own_is_imported_where_it_is_named(tmp_path: Path, sqlite_database: str) -> None:
    def models(db: SQLAlchemy) -> None:
        sa.Table("task", db.metadata, sa.Column("title", Shouted(80), primary_key=True))

    project = Project(tmp_path, sqlite_database, models)
    project.migrate("Shouted")
    assert f"import {__name__}" in project.files()[0].read_text(encoding="utf-8")


class Shouted(sa.types.TypeDecorator[str]):
    impl = sa.String
    cache_ok = True


def test_tables_in_a_schema_of_their_own_are_compared_there(tmp_path: Path, postgresql_database: str) -> None:
    def models(db: SQLAlchemy) -> None:
        tasks(db)
        sa.Table("task", db.metadata, sa.Column("id", sa.Integer, primary_key=True), schema="archive")

    project = Project(tmp_path, postgresql_database, models)
    project.look().run("CREATE SCHEMA archive")
    project.migrate("Archive")
    assert "agree" in project.done("check")


def test_a_constraint_without_a_name_gets_that_of_the_models_convention(project: Project) -> None:
    def models(db: SQLAlchemy) -> None:
        db.metadata.naming_convention = {"uq": "uq_%(table_name)s_%(column_0_name)s"}
        sa.Table("tag", db.metadata, sa.Column("name", sa.String(40), unique=True, nullable=False))

    project.models = models
    project.write("tags", "op.create_table('tag', sa.Column('name', sa.String(40), nullable=False))")
    project.write("once", UNIQUE, after="tags")
    project.done("upgrade")
    found = project.look().ask(lambda connection: sa.inspect(connection).get_unique_constraints("tag"))
    assert [one["name"] for one in found] == ["uq_tag_name"]


UNIQUE = """
    with op.batch_alter_table('tag') as batch:
        batch.create_unique_constraint(None, ['name'])
"""


def test_a_revision_without_a_message_says_what_it_does(project: Project) -> None:
    project.done("migrate")
    assert project.files()[0].name.endswith("_create_task.py")


def test_a_message_may_have_quotes_and_backslashes(project: Project) -> None:
    project.migrate('Say """hi""" \\ and "bye"')
    assert "Say '''hi''' \\ and \"bye\"" in project.done("history")


def test_statements_can_be_printed_without_any_database(tmp_path: Path) -> None:
    project = Project(tmp_path, "postgresql://somebody:secret@nowhere.invalid/db")
    first = project.write(
        "first", "op.create_table('one', sa.Column('id', sa.Integer))", downgrade="op.drop_table('one')"
    )
    printed = project.done("upgrade", "--sql")
    assert "CREATE TABLE one" in printed
    assert "INSERT INTO alembic_version (version_num) VALUES ('first')" in printed
    assert printed.rstrip().endswith("COMMIT;")
    assert "DROP TABLE one" in project.done("downgrade", f"{first}:base", "--sql")
    assert "secret" not in printed


def test_a_database_can_be_said_to_be_at_a_revision(project: Project) -> None:
    project.done("migrate")
    project.look().run("CREATE TABLE task (id INTEGER)")
    (first,) = map(revision_of, project.files())
    assert project.done("stamp") == f"default: at {first}\n"
    assert project.done("upgrade") == "default: nothing to do\n"
    assert project.done("stamp", "base") == "default: at no revision\n"
