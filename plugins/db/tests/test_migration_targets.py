"""What ``trivet db`` refuses to go to, to merge, to write or to print, and what it says to write instead."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from trivet_db import Migrations

from .migrating_project import Project, Shipping

ONE = "op.create_table('one', sa.Column('id', sa.Integer))"


@pytest.fixture
def project(tmp_path: Path, sqlite_database: str) -> Project:
    return Project(tmp_path, sqlite_database)


@pytest.mark.parametrize("names", [("nope",), ("nope", "first"), ("first", "nope"), ("heads", "nope"), ("first@nope",)])
def test_merging_a_revision_that_does_not_exist_is_refused(project: Project, names: tuple[str, ...]) -> None:
    project.write("first", ONE)
    assert "Error: There is no revision 'nope'." in project.refused("merge", *names)
    assert len(project.files()) == 1


def test_the_nearest_revision_is_named(project: Project) -> None:
    project.write("1a2b3c4d5e6f", ONE)
    for command in (("merge", "1a2b3c4d5e6e", "heads"), ("upgrade", "1a2b3c4d5e6e"), ("stamp", "1a2b3c4d5e6e")):
        assert "There is no revision '1a2b3c4d5e6e'. Did you mean '1a2b3c4d5e6f'?" in project.refused(*command)


def test_only_heads_can_be_merged_and_two_of_them_at_least(project: Project) -> None:
    project.write("first", ONE)
    project.write("second", "pass", after="first")
    project.write("other", "pass", after="first")
    assert "'first' cannot be merged, it is no head: other, second follows it" in project.refused(
        "merge", "first", "other"
    )
    assert "follows two revisions or more, and 'other' is one" in project.refused("merge", "other")
    assert "written" in project.done("merge", "heads", "other")


@pytest.mark.parametrize("command", [("revision",), ("migrate",), ("merge", "heads")])
def test_an_identifier_that_is_taken_is_refused_before_anything_is_written(
    project: Project, command: tuple[str, ...]
) -> None:
    project.write("first", ONE)
    project.write("second", "pass", after="first")
    if "merge" in command:
        project.write("other", "pass", after="first")
    else:
        project.done("upgrade")
    before = project.files()
    said = project.refused(*command, "--rev-id", "first")
    assert f"there is a revision 'first' already, in {project.folder}/first.py" in said
    assert "'heads' means revisions already" in project.refused(*command, "--rev-id", "heads")
    assert project.files() == before
    project.done("history")


@pytest.mark.parametrize("option", ["--head", "--depends-on"])
def test_a_revision_that_is_to_follow_nothing_known_is_refused(project: Project, option: str) -> None:
    project.write("first", ONE)
    assert "There is no revision 'fist'. Did you mean 'first'?" in project.refused("revision", option, "fist")


@pytest.mark.parametrize("command", ["upgrade", "downgrade", "stamp", "show"])
def test_from_and_to_are_for_what_is_printed_only(project: Project, command: str) -> None:
    project.write("first", ONE)
    said = project.refused(command, "base:heads")
    assert "'base:heads' says from where to where" in said
    assert "Write what comes after the colon: heads" in said


def test_an_empty_target_is_no_revision(project: Project) -> None:
    project.write("first", ONE)
    assert "There is no revision ''." in project.refused("upgrade", "")


@pytest.mark.parametrize(
    ("target", "line"),
    [("-1", "second:first"), ("-2", "second:base"), ("base", "second:base"), ("first", "second:first")],
)
def test_what_is_printed_for_the_way_down_has_to_be_told_where_it_begins(
    project: Project, target: str, line: str
) -> None:
    project.write("first", ONE, downgrade="op.drop_table('one')")
    project.write("second", "pass", after="first")
    said = project.refused("downgrade", target, "--sql")
    assert f"trivet db downgrade {line} --sql" in said
    assert "-- default" in project.done("downgrade", line, "--sql")


def test_a_way_that_goes_the_wrong_direction_is_said_to_do_so(project: Project) -> None:
    project.write("first", ONE)
    said = project.refused("upgrade", "heads:base", "--sql")
    assert said == (
        "Error: There is nothing to upgrade from 'heads' to 'base'. Write the earlier one first, as in base:heads.\n"
    )
    assert "Write the later one first" in project.refused("downgrade", "base:heads", "--sql")


def test_nothing_is_taken_down_to_what_a_database_has_not_got(project: Project) -> None:
    project.write("first", ONE)
    project.write("second", "pass", after="first")
    project.done("upgrade", "first")
    assert "has not got the revision 'second'" in project.refused("downgrade", "second")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "\n    with op.batch_alter_table('one') as batch:\n        batch.drop_column('id')",
            "SQLite alters a table by making it anew",
        ),
        ("op.get_bind().scalar(sa.text('SELECT 1'))", "AttributeError"),
    ],
)
def test_a_revision_that_asks_the_database_cannot_be_printed(project: Project, body: str, said: str) -> None:
    project.write("first", ONE)
    project.write("second", body, after="first")
    output = project.refused("upgrade", "--sql")
    assert "The statements of revision second of default cannot be printed" in output
    assert f"{project.folder}/second.py:" in output
    assert said in output
    assert "CREATE TABLE" not in output
    assert "trivet db upgrade" in output


def test_init_makes_the_folder_that_a_plugin_of_the_project_names(project: Project, tmp_path: Path) -> None:
    project.binds = {"ada": "sqlite://"}
    project.plugins = [Shipping(Migrations("shop", tmp_path / "shop", sa.MetaData(), bind_key="ada"))]
    said = project.refused("migrate")
    assert f"its migrations are in {tmp_path / 'shop'}; there is no such folder. trivet db init makes it." in said
    assert project.done("init") == f"{tmp_path / 'shop'}: made\n{project.folder}: made\n"
    assert "written" in project.done("migrate")


def test_init_makes_no_folder_outside_of_the_project(project: Project, tmp_path: Path) -> None:
    project.plugins = [Shipping(Migrations("shop", tmp_path.parent / "elsewhere"))]
    assert "there is no such folder. Make it, or mend the path." in project.refused("init")
    assert not (tmp_path.parent / "elsewhere").exists()
