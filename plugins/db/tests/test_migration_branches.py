"""Branches of plugins, and several databases: which revisions go where, and whose tables are whose."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from trivet import Trivet, hookimpl
from trivet_db import Migrations, SQLAlchemy

from .migrating_project import Look, Project, Shipping, revision_of, tasks

shop = sa.MetaData()
items = sa.Table("item", shop, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(40)))


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """An application with tasks, and a plugin with items, which has one revision."""
    project = Project(tmp_path, database)
    project.write(
        "items",
        "op.create_table('item', sa.Column('id', sa.Integer, primary_key=True), sa.Column('name', sa.String(40)))",
        folder=tmp_path / "shop",
        branch_labels=("shop",),
        downgrade="op.drop_table('item')",
    )
    project.plugins = [Shipping(Migrations("shop", tmp_path / "shop", shop))]
    return project


def test_an_upgrade_takes_the_branches_of_all_plugins_along(project: Project) -> None:
    project.done("upgrade")
    assert project.look().tables == {"item"}
    project.migrate("Tasks")
    assert project.look().tables == {"item", "task"}
    assert project.look().versions == {"items", revision_of(project.files()[0])}


def test_an_application_neither_makes_nor_drops_a_plugin_s_tables(project: Project) -> None:
    project.done("upgrade")
    project.migrate("Tasks")
    assert "item" not in project.files()[0].read_text(encoding="utf-8")
    assert "agree" in project.done("check")
    assert "agree" in project.done("check", "--branch", "shop")


def test_a_plugin_s_tables_are_known_from_its_revisions_where_it_shows_no_models(
    project: Project, tmp_path: Path
) -> None:
    project.plugins = [Shipping(Migrations("shop", tmp_path / "shop"))]
    project.done("upgrade")
    project.migrate("Tasks")
    assert "item" not in project.files()[0].read_text(encoding="utf-8")


def test_the_tables_of_a_plugin_that_is_disabled_stay(project: Project) -> None:
    project.done("upgrade")
    project.plugins = []
    said = project.refused("upgrade")
    assert "is at revision 'items', which no folder of migrations has. Enable the plugin" in said
    project.done("stamp", "base", "--purge")
    project.done("migrate")
    assert "item" not in project.files()[0].read_text(encoding="utf-8")


def test_one_branch_can_be_taken_alone(project: Project) -> None:
    project.done("upgrade")
    project.done("migrate", "-m", "Tasks")
    project.done("downgrade", "base", "--branch", "shop")
    assert project.look().tables == set()
    project.done("upgrade", "--branch", "app")
    assert project.look().tables == {"task"}
    project.done("upgrade", "shop@head")
    assert project.look().tables == {"task", "item"}
    assert "There is no branch 'shoe'. There are: app, shop." in project.refused("upgrade", "--branch", "shoe")


def test_a_step_down_is_the_application_s_own(project: Project) -> None:
    project.done("upgrade")
    project.migrate("Tasks")
    project.done("downgrade")
    assert project.look().tables == {"item"}
    assert "asks for 1 revisions, and there are 0 to take back" in project.refused("downgrade")
    project.done("upgrade", "+1")
    assert project.look().tables == {"item", "task"}


def test_a_revision_waits_for_the_branch_that_its_tables_refer_to(project: Project) -> None:
    def ordering(db: SQLAlchemy) -> None:
        sa.Table(
            "order_line",
            db.metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("item_id", sa.ForeignKey(items.c.id)),
        )

    project.done("upgrade")
    project.migrate("Orders", ordering)
    assert 'depends_on: str | Sequence[str] | None = "items"' in project.files()[0].read_text(encoding="utf-8")
    assert project.done("upgrade") == "default: nothing to do\n"
    project.done("downgrade")
    assert project.look().tables == {"item"}
    project.done("downgrade", "base")
    project.done("upgrade", "--branch", "app")
    assert project.look().tables == {"item", "order_line"}
    project.done("downgrade", "base", "--branch", "app")
    assert project.look().tables == {"item"}
    project.done("upgrade")
    project.done("downgrade", "base", "--branch", "shop")
    assert project.look().tables == set()


def test_a_plugin_s_author_writes_its_revisions_by_the_same_commands(project: Project, tmp_path: Path) -> None:
    own = sa.MetaData()
    sa.Table("page", own, sa.Column("id", sa.Integer, primary_key=True))
    (tmp_path / "pages").mkdir()
    project.plugins = [Shipping(Migrations("pages", tmp_path / "pages", own))]
    project.done("migrate", "--branch", "pages", "-m", "Pages")
    (first,) = (tmp_path / "pages").glob("*.py")
    assert 'branch_labels: str | Sequence[str] | None = ("pages",)' in first.read_text(encoding="utf-8")
    project.done("upgrade")
    project.done("revision", "--branch", "pages", "-m", "By hand")
    assert len(list((tmp_path / "pages").glob("*.py"))) == 2
    assert project.files() == []
    assert project.look().tables == {"page"}


def test_two_heads_of_a_plugin_are_its_author_s_to_merge(project: Project, tmp_path: Path) -> None:
    project.write("mine", "pass", after="items", folder=tmp_path / "shop")
    project.write("theirs", "pass", after="items", folder=tmp_path / "shop")
    said = project.refused("upgrade")
    assert "more than one head in the migrations of 'shop'" in said
    assert 'trivet db merge heads -m "merge" --branch shop' in said
    project.done("merge", "--branch", "shop", "--rev-id", "merged")
    project.done("upgrade")
    assert project.look().versions == {"merged"}


def test_a_plugin_s_metadata_that_the_application_uses_too_does_not_make_its_tables_the_application_s(
    project: Project, tmp_path: Path
) -> None:
    class Sharing(Shipping):
        @hookimpl
        def trivet_db_migrations(self, app: Trivet) -> list[Migrations]:
            return [one._replace(metadata=app.extensions["sqlalchemy"].metadata) for one in self.shipped]

    def both(db: SQLAlchemy) -> None:
        tasks(db)
        items.to_metadata(db.metadata)

    project.models = both
    project.plugins = [Sharing(Migrations("shop", tmp_path / "shop"))]
    project.done("upgrade")
    project.migrate("Tasks")
    assert "'item'" not in project.files()[0].read_text(encoding="utf-8")


# -- several databases


@pytest.fixture
def several(tmp_path: Path, make_empty: Callable[[str], str]) -> Project:
    """An application with a database on each of the servers."""

    def models(db: SQLAlchemy) -> None:
        tasks(db)
        db.Table("event", sa.Column("id", sa.Integer, primary_key=True), bind_key="events")
        db.Table("setting", sa.Column("id", sa.Integer, primary_key=True), bind_key="settings")

    made = {"events": make_empty("postgresql"), "settings": make_empty("mariadb"), "replica": "sqlite:///nowhere/x.db"}
    return Project(tmp_path, make_empty("sqlite"), models, **made)


def test_each_database_has_revisions_and_a_version_table_of_its_own(several: Project) -> None:
    several.done("migrate", "-m", "First")
    assert "upgrade" in several.done("upgrade")
    for bind, table in {"": "task", "events": "event", "settings": "setting"}.items():
        look = Look(several.binds.get(bind, several.url or ""))
        assert look.tables == {table}
        assert look.versions == {revision_of(several.files(bind)[0])}
    assert not (several.folder / "replica").exists()


def test_the_default_database_comes_first(several: Project) -> None:
    several.done("migrate", "-m", "First")
    lines = several.done("upgrade").splitlines()
    assert [line.partition(":")[0] for line in lines] == ["default", "events", "settings"]


def test_only_databases_that_differ_get_a_revision(several: Project) -> None:
    several.migrate("First")
    known = several.models

    def more(db: SQLAlchemy) -> None:
        known(db)
        db.Table("visit", sa.Column("id", sa.Integer, primary_key=True), bind_key="events")

    several.migrate("Visits", more)
    assert [len(several.files(bind)) for bind in ("", "events", "settings")] == [1, 2, 1]


def test_a_command_can_be_about_one_database(several: Project) -> None:
    several.done("migrate", "--bind", "events")
    assert [len(several.files(bind)) for bind in ("", "events", "settings")] == [0, 1, 0]
    assert several.done("upgrade", "--bind", "default") == "default: nothing to do\n"
    several.done("revision", "-m", "By hand", "--bind", "settings")
    assert len(several.files("settings")) == 1
    several.done("revision", "-m", "By hand")
    assert len(several.files()) == 1
    assert "Did you mean 'events'?" in several.refused("upgrade", "--bind", "event")
    assert "has neither models nor migrations" in several.refused("upgrade", "--bind", "replica")


def test_a_revision_names_the_database_that_it_is_of(several: Project) -> None:
    several.migrate("First")
    (event,) = map(revision_of, several.files("events"))
    output = several.done("downgrade", f"{event}@base")
    assert output.startswith("events: downgrade")
    assert Look(several.binds["events"]).tables == set()
    assert several.look().tables == {"task"}
    assert several.done("upgrade", event).startswith("events: upgrade")


def test_steps_are_counted_in_one_database_only(several: Project) -> None:
    several.migrate("First")
    assert "Say which by --bind: default, events, settings." in several.refused("downgrade")
    several.done("downgrade", "--bind", "events")
    assert Look(several.binds["events"]).tables == set()


def test_a_plugin_s_branch_goes_to_the_database_that_it_names(several: Project, tmp_path: Path) -> None:
    several.write("items", "op.create_table('item', sa.Column('id', sa.Integer))", folder=tmp_path / "shop")
    several.plugins = [Shipping(Migrations("shop", tmp_path / "shop", shop, bind_key="events"))]
    assert "lacks 1 of its revisions, from items on" in several.refused("migrate")
    assert several.files() == []
    several.done("upgrade")
    several.migrate("First")
    assert Look(several.binds["events"]).tables == {"event", "item"}
    assert several.look().tables == {"task"}


def test_two_binds_of_one_database_do_not_get_in_each_other_s_way(tmp_path: Path, database: str) -> None:
    def models(db: SQLAlchemy) -> None:
        tasks(db)
        db.Table("event", sa.Column("id", sa.Integer, primary_key=True), bind_key="events")

    project = Project(tmp_path, database, models, events=database)
    project.migrate("First")
    assert project.look().tables == {"task", "event"}
    assert project.done("check") == "".join(
        f"{name}: models, migrations and tables agree\n" for name in ("default", "events")
    )
    assert project.done("upgrade") == "default: nothing to do\nevents: nothing to do\n"


def test_tenants_with_the_same_tables_share_a_plugin_s_folder(tmp_path: Path, make_empty: Callable[[str], str]) -> None:
    tenants = {"red": make_empty("sqlite"), "green": make_empty("sqlite")}
    folder = tmp_path / "tenants"
    folder.mkdir()
    project = Project(tmp_path, None, lambda db: None, **tenants)
    project.plugins = [Shipping(*(Migrations("tenants", folder, shop, bind_key=key) for key in tenants))]
    assert project.done("migrate", "--branch", "tenants", "-m", "Items").startswith("red, green: ")
    assert len(list(folder.glob("*.py"))) == 1
    project.done("upgrade")
    assert [Look(url).tables for url in tenants.values()] == [{"item"}, {"item"}]
    assert "There are no models." in project.refused("migrate")


def test_tenants_that_lack_different_things_are_compared_one_at_a_time(
    tmp_path: Path, make_empty: Callable[[str], str]
) -> None:
    tenants = {"red": make_empty("sqlite"), "green": make_empty("sqlite")}
    folder = tmp_path / "tenants"
    folder.mkdir()
    project = Project(tmp_path, None, lambda db: None, **tenants)
    project.plugins = [Shipping(*(Migrations("tenants", folder, shop, bind_key=key) for key in tenants))]
    Look(tenants["red"]).run("CREATE TABLE item (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(40))")
    said = project.refused("migrate", "--branch", "tenants")
    assert (
        "red, green have the same migrations, and do not lack the same:\n  red: nothing\n  green: + table item" in said
    )
    assert "trivet db migrate --branch tenants --bind red" in said
    assert list(folder.glob("*.py")) == []
    assert "written" in project.done("migrate", "--branch", "tenants", "--bind", "green")
