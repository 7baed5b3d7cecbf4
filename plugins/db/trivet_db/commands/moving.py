"""Commands that write migrations and run them."""

import os
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

import click
from alembic.script import Script

from ..migrating import APP, Layout, MigrationError, downgrade, merge, migrate, revise, stamp, upgrade
from ..migrating.choosing import key_of, scripts_for, targeted
from ..migrating.scripts import no_revision
from ..migrating.writing import grouped, require_current
from .options import (
    NO_MODELS,
    bind_option,
    branch_option,
    message_option,
    note_left_aside,
    pass_layout,
    rev_id_option,
    say,
    sql_option,
    tag_option,
)

_WHOSE = "The branch: a plugin's name; else the application's own."
_ONLY = "This branch only: a plugin's name, or 'app' for the application's own. Else all of them."


@click.command("init")
@bind_option
@pass_layout
def init_command(layout: Layout, bind: str | None) -> None:
    """Make the folder for migrations, one for each database. The next thing is: trivet db migrate.

    Only revisions are kept in it. A folder of Flask-Migrate's is taken over as it is.
    """
    key = key_of(layout, bind)
    if bind is not None:
        _make_folders([layout.folder if key is None else layout.top / key])
    else:
        _make_folders(layout.missing())  # plugins are asked again afterwards, and refused without them
        _make_folders(one.branches[0].folder for one in layout.databases if one.key is None or not one.is_a_plugin_s)
    note_left_aside(layout)


@click.command("revision")
@message_option
@click.option("--autogenerate", is_flag=True, help="Fill it with what the models ask for: trivet db migrate.")
@branch_option(_WHOSE)
@bind_option
@click.option("--head", metavar="REVISION", help="The revision that it follows, instead of the head.")
@click.option("--splice", is_flag=True, help="Let it follow a revision that is no head.")
@click.option("--depends-on", metavar="REVISION", multiple=True, help="A revision that has to be run first.")
@rev_id_option
@click.pass_context
@pass_layout
def revision_command(
    layout: Layout,
    ctx: click.Context,
    message: str | None,
    autogenerate: bool,
    branch: str | None,
    bind: str | None,
    head: str | None,
    splice: bool,
    depends_on: tuple[str, ...],
    rev_id: str | None,
) -> None:
    """Write an empty revision, to be filled by hand; for the default database unless --bind says another one."""
    if autogenerate:
        if head or splice:
            raise click.UsageError("--autogenerate follows the head; it goes with neither --head nor --splice.")
        ctx.invoke(migrate_command, message=message, branch=branch, bind=bind, depends_on=depends_on, rev_id=rev_id)
        return
    scripts = scripts_for(layout, bind, branch)[0]
    made = revise(scripts, message, branch=branch, head=head, splice=splice, rev_id=rev_id, depends_on=depends_on)
    _written(scripts.database.name, made)


@click.command("migrate")
@message_option
@branch_option(_WHOSE)
@bind_option
@click.option("--depends-on", metavar="REVISION", multiple=True, help="A revision that has to be run first.")
@rev_id_option
@pass_layout
def migrate_command(
    layout: Layout,
    message: str | None,
    branch: str | None,
    bind: str | None,
    depends_on: tuple[str, ...],
    rev_id: str | None,
) -> None:
    """Write the revision that brings the tables to what the models say; look it over before it is run.

    Each database that differs from its models gets one. Where nothing differs nothing is written.
    """
    note_left_aside(layout)
    groups = [
        group
        for group in grouped(scripts_for(layout, bind, branch), branch)
        if any(one.database.branch(branch).modelled or one.database.branch(branch).files for one in group)
    ]
    if not groups:
        raise MigrationError(NO_MODELS)
    for group in groups:
        for scripts in group:
            require_current(scripts)  # of all before anything is written
    for group in groups:
        name = ", ".join(one.database.name for one in group)
        if not any(one.database.branch(branch).metadata for one in group):
            click.echo(f"{name}: no models, so nothing to compare with")
            continue
        made = migrate(group, message, branch=branch, rev_id=rev_id, depends_on=depends_on, say=say)
        if made is not None:
            _written(name, made)
            continue
        click.echo(f"{name}: nothing to write, models and tables agree")
        one = group[0].database.branch(branch)
        if one.name == APP and one.modelled and not one.files:
            click.echo(
                "  But no migration makes these tables. Compare with an empty database to get the first one; then "
                "trivet db stamp says that this one has it."
            )


@click.command("merge")
@click.argument("revisions", nargs=-1)
@message_option
@branch_option(_WHOSE)
@bind_option
@rev_id_option
@pass_layout
def merge_command(
    layout: Layout,
    revisions: tuple[str, ...],
    message: str | None,
    branch: str | None,
    bind: str | None,
    rev_id: str | None,
) -> None:
    """Write a revision that follows several REVISIONS: 'heads', all heads of the branch, if none are given."""
    found = [group[0] for group in grouped(scripts_for(layout, bind, branch), branch)]
    knowing = [one for one in found if all(one.knows(name) for name in revisions)]
    if not knowing:
        unknown = next((name for name in revisions if not any(one.knows(name) for one in found)), None)
        if unknown is not None:
            raise no_revision(found, unknown)
        raise MigrationError(f"{', '.join(revisions)} are of different databases, so they cannot be merged.")
    for scripts in knowing:
        made = merge(scripts, revisions, message, branch=branch, rev_id=rev_id)
        if made is None:
            click.echo(f"{scripts.database.name}: nothing to merge, there is one head")
        else:
            _written(scripts.database.name, made)


@click.command("upgrade")
@click.argument("target", default="heads")
@branch_option(_ONLY)
@bind_option
@sql_option
@tag_option
@pass_layout
def upgrade_command(
    layout: Layout, target: str, branch: str | None, bind: str | None, sql: bool, tag: str | None
) -> None:
    """Bring the databases up to TARGET: by default all branches, the plugins' too, to their heads.

    TARGET is a revision, 'heads', or '+1' for the next one of the application; with --sql also 'from:to'. Of several
    processes that upgrade one database at once, one does it, and the others wait.
    """
    note_left_aside(layout)
    for scripts in targeted(layout, bind, branch, target, ranges=sql):
        if sql:
            text = StringIO()
            upgrade(scripts, target, branch=branch, sql=text, tag=tag, say=say)
            click.echo(f"-- {scripts.database.name}\n{text.getvalue()}", nl=False)
            continue
        count = upgrade(scripts, target, branch=branch, tag=tag, say=say)
        if not count:
            click.echo(f"{scripts.database.name}: nothing to do")


@click.command("downgrade", context_settings={"ignore_unknown_options": True})
@click.argument("target", default="-1")
@branch_option(_ONLY)
@bind_option
@sql_option
@tag_option
@pass_layout
def downgrade_command(
    layout: Layout, target: str, branch: str | None, bind: str | None, sql: bool, tag: str | None
) -> None:
    """Take migrations back down to TARGET: by default the application's last one. Rows of dropped tables are lost.

    TARGET is a revision that stays, 'base', or '-2' for the last two; with --sql only 'from:to'.
    """
    note_left_aside(layout)
    for scripts in targeted(layout, bind, branch, target, ranges=sql):
        if sql:
            text = StringIO()
            downgrade(scripts, target, branch=branch, sql=text, tag=tag, say=say)
            click.echo(f"-- {scripts.database.name}\n{text.getvalue()}", nl=False)
            continue
        count = downgrade(scripts, target, branch=branch, tag=tag, say=say)
        if not count:
            click.echo(f"{scripts.database.name}: nothing to do")


@click.command("stamp")
@click.argument("target", default="heads")
@branch_option(_ONLY)
@bind_option
@click.option("--purge", is_flag=True, help="Forget first what was noted, also of revisions that are gone.")
@pass_layout
def stamp_command(layout: Layout, target: str, branch: str | None, bind: str | None, purge: bool) -> None:
    """Note that the databases are at TARGET, and run nothing."""
    for scripts in targeted(layout, bind, branch, target):
        at = stamp(scripts, target, branch=branch, purge=purge, say=say)
        click.echo(f"{scripts.database.name}: at {', '.join(at) or 'no revision'}")


def _make_folders(folders: Iterable[Path]) -> None:
    for folder in dict.fromkeys(folders):
        there = folder.is_dir()
        folder.mkdir(parents=True, exist_ok=True)
        files = len(list(folder.glob("*.py")))
        click.echo(f"{_shown(folder)}: {f'there already, with {files} revisions' if there else 'made'}")


def _written(name: str, script: Script) -> None:
    click.echo(f"{name}: {_shown(Path(script.path))} written")


def _shown(path: Path) -> str:
    """Return a path as it is seen from the current folder, if that is shorter."""
    try:
        return os.path.relpath(path) if path.resolve().is_relative_to(Path.cwd()) else str(path)
    except OSError:
        return str(path)


COMMANDS = (
    init_command,
    revision_command,
    migrate_command,
    merge_command,
    upgrade_command,
    downgrade_command,
    stamp_command,
)
