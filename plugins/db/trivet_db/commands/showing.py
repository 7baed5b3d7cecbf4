"""Commands that show migrations, and where databases stand."""

from typing import Any

import click
from alembic.script import Script

from ..migrating import Layout, MigrationError, Scripts, Standing, difference_of, standing_of
from ..migrating.choosing import scripts_for, targeted
from .options import (
    bind_option,
    branch_option,
    json_option,
    note_left_aside,
    pass_layout,
    print_json,
)

_ONLY = "This branch only: a plugin's name, or 'app' for the application's own. Else all of them."


@click.command("history")
@branch_option(_ONLY)
@bind_option
@click.option("-v", "--verbose", is_flag=True, help="Also what each follows, and its file.")
@json_option
@pass_layout
def history_command(layout: Layout, branch: str | None, bind: str | None, verbose: bool, as_json: bool) -> None:
    """List the revisions, the last one first."""
    found = [(scripts, one) for scripts in _apart(layout, bind, branch) for one in scripts.all()]
    _list([pair for pair in found if _is_in(*pair, branch)], verbose, as_json)


@click.command("heads")
@branch_option(_ONLY)
@bind_option
@click.option("-v", "--verbose", is_flag=True, help="Also what each follows, and its file.")
@json_option
@pass_layout
def heads_command(layout: Layout, branch: str | None, bind: str | None, verbose: bool, as_json: bool) -> None:
    """List the last revision of each branch."""
    found = [
        (scripts, head)
        for scripts in _apart(layout, bind, branch)
        for one in scripts.database.branches
        for head in scripts.heads(one)
    ]
    _list([pair for pair in found if _is_in(*pair, branch)], verbose, as_json)


@click.command("current")
@bind_option
@click.option("-v", "--verbose", is_flag=True, help="Also what each follows, and its file.")
@click.option("--check-heads", is_flag=True, help="Exit with 1 if a database lacks a revision.")
@json_option
@pass_layout
def current_command(layout: Layout, bind: str | None, verbose: bool, check_heads: bool, as_json: bool) -> None:
    """Show at which revisions the databases are."""
    found = [(scripts, standing_of(scripts)) for scripts in scripts_for(layout, bind)]
    if as_json:
        print_json([record for scripts, one in found for record in _current_records(scripts, one)])
    else:
        for scripts, one in found:
            lines = [(scripts, script) for script in one.current]
            _list(lines, verbose, False)
            if not lines:
                click.echo(f"{one.database.name}: no revision")
            if one.pending:
                click.echo(f"{one.database.name}: lacks {', '.join(script.revision for script in one.pending)}")
    if check_heads and any(one.pending for _, one in found):
        raise click.exceptions.Exit(1)


@click.command("check")
@branch_option("Compare the models of this plugin; else those of the application.")
@bind_option
@json_option
@pass_layout
def check_command(layout: Layout, branch: str | None, bind: str | None, as_json: bool) -> None:
    """Say whether models, migrations and databases agree; exit with 1 and the differences if they do not."""
    note_left_aside(layout)
    found = [difference_of(scripts, branch) for scripts in scripts_for(layout, bind, branch)]
    settled = all(one.settled for one in found)
    if as_json:
        print_json({"settled": settled, "databases": {one.database.name: _standing_record(one) for one in found}})
    else:
        for one in found:
            _print_standing(one)
    if not settled:
        raise click.exceptions.Exit(1)


def _print_standing(one: Standing) -> None:
    name = one.database.name
    if one.settled:
        click.echo(f"{name}: models, migrations and tables agree")
    elif one.pending:
        click.echo(f"{name}: not at the head of its migrations, it lacks (trivet db upgrade):")
        for script in one.pending:
            click.echo(f"  {script.revision}  {script.doc}")
    else:
        click.echo(f"{name}: no migration covers (trivet db migrate):")
        for line in one.differences:
            click.echo(f"  {line}")


@click.command("show")
@click.argument("revision", default="heads")
@bind_option
@pass_layout
def show_command(layout: Layout, revision: str, bind: str | None) -> None:
    """Show a REVISION: what it follows, what it is for, and its file."""
    shown = [pair for scripts in targeted(layout, bind, None, revision) for pair in _named(scripts, revision)]
    _list(shown, True, False)


@click.command("edit")
@click.argument("revision", default="head")
@bind_option
@pass_layout
def edit_command(layout: Layout, revision: str, bind: str | None) -> None:
    """Open a REVISION, by default the application's last one, in the editor that EDITOR names."""
    for scripts in targeted(layout, bind, None, revision):
        own = [pair for pair in _named(scripts, revision) if revision not in ("head", "heads") or _is_in(*pair, "app")]
        if own:
            click.edit(filename=own[0][1].path)
            return
    raise MigrationError("There are no migrations yet.")


def _apart(layout: Layout, bind: str | None, branch: str | None) -> list[Scripts]:
    """Return the revisions of each database; of those that share one folder the first one's."""
    found = scripts_for(layout, bind, branch)
    return found[:1] if layout.shared else found


def _named(scripts: Scripts, revision: str) -> list[tuple[Scripts, Script]]:
    names: Any = "heads" if revision == "head" else revision
    return [(scripts, one) for one in scripts.directory.get_revisions(names)]


def _is_in(scripts: Scripts, script: Script, branch: str | None) -> bool:
    return branch is None or scripts.branch_of(script).name == branch


# -- lines and records


def _list(found: list[tuple[Scripts, Script]], verbose: bool, as_json: bool) -> None:
    if as_json:
        print_json([_record(scripts, script) for scripts, script in found])
        return
    for scripts, script in found:
        record = _record(scripts, script)
        marks = " (head)" if record["head"] else ""
        click.echo(f"{record['database']}  {record['branch']}  {record['revision']}{marks}  {record['message']}")
        if verbose:
            click.echo(f"  follows     {', '.join(record['follows']) or 'nothing'}")
            if record["depends_on"]:
                click.echo(f"  depends on  {', '.join(record['depends_on'])}")
            click.echo(f"  file        {record['file']}")


def _record(scripts: Scripts, script: Script) -> dict[str, Any]:
    return {
        "database": scripts.database.name,
        "branch": scripts.branch_of(script).name,
        "revision": script.revision,
        "message": script.doc,
        "follows": _names(script.down_revision),
        "depends_on": _names(script.dependencies),
        "head": script.is_head,
        "file": script.path,
    }


def _names(value: Any) -> list[str]:
    if not value:
        return []
    return [value] if isinstance(value, str) else list(value)


def _current_records(scripts: Scripts, one: Standing) -> list[dict[str, Any]]:
    return [_record(scripts, script) for script in one.current]


def _standing_record(one: Standing) -> dict[str, Any]:
    return {
        "current": [script.revision for script in one.current],
        "pending": [script.revision for script in one.pending],
        "differences": list(one.differences),
    }


COMMANDS = (history_command, heads_command, current_command, check_command, show_command, edit_command)
