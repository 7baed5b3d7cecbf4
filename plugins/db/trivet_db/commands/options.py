"""What the commands share: options, and which databases they are about."""

import json
import re
from collections.abc import Callable
from typing import Any

import click

from ..migrating import Database, Layout, MigrationError, Scripts
from ..migrating.layout import name_of
from ..options import unknown_bind

pass_layout = click.make_pass_decorator(Layout)

bind_option = click.option(
    "--bind", metavar="KEY", help="This database only; 'default' is the one without a bind key. Else all of them."
)
message_option = click.option("-m", "--message", help="What the revision does, for its file's name and docstring.")
rev_id_option = click.option("--rev-id", help="The new revision's identifier, instead of one that is made up.")
sql_option = click.option("--sql", is_flag=True, help="Print the statements and run nothing.")
tag_option = click.option("--tag", hidden=True, help="For scripts that have given Alembic's command one.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

_STEPS = re.compile(r"[+-]\d+")


def branch_option(what: str) -> Callable[[Any], Any]:
    """Declare the option ``--branch``, and say what it chooses."""
    return click.option("--branch", metavar="NAME", help=what)


#: Said where there is nothing to make tables of, or to compare them with.
NO_MODELS = (
    'There are no models. Name what holds them in the configuration, as in [db] models = "todo.models", or give the '
    "application its SQLAlchemy object by db.init_app(app)."
)


def key_of(layout: Layout, bind: str | None) -> str | None:
    """Return the bind key that ``--bind`` says; without it, or with ``default``, the default database's.

    :raises UnknownBindError: no configuration has it.
    """
    settings = layout.state.engines.settings
    key = None if bind in (None, name_of(None)) and bind not in settings else bind
    if key not in settings:
        raise unknown_bind(key, settings)
    return key


def databases(layout: Layout, bind: str | None) -> list[Database]:
    """Return the databases that ``--bind`` chooses: all of them without it.

    :raises UnknownBindError: there is no such bind.
    :raises MigrationError: the database takes no part in migrations.
    """
    if bind is None:
        return list(layout.databases)
    key = key_of(layout, bind)
    found = [one for one in layout.databases if one.key == key]
    if not found:
        raise MigrationError(
            f"The database {bind!r} has neither models nor migrations. trivet db init --bind {bind} makes a folder "
            "for its migrations."
        )
    return found


def scripts_for(layout: Layout, bind: str | None, branch: str | None = None) -> list[Scripts]:
    """Return the revisions of the databases that ``--bind`` and ``--branch`` choose.

    :raises MigrationError: none of them has the branch.
    """
    chosen = databases(layout, bind)
    found = [one for one in chosen if branch is None or any(branch == other.name for other in one.branches)]
    if not found:
        names = sorted({one.name for database in chosen for one in database.branches})
        raise MigrationError(f"There is no branch {branch!r}. There are: {', '.join(names)}.")
    return [Scripts(layout, one) for one in found]


def targeted(layout: Layout, bind: str | None, branch: str | None, target: str) -> list[Scripts]:
    """Return the same for a target: without ``--bind`` those databases that have the revision it names.

    :raises MigrationError: none has; or it counts revisions, and nothing says of which database.
    """
    found = scripts_for(layout, bind, branch)
    if _STEPS.fullmatch(target) and len(found) > 1 and not layout.shared:
        names = ", ".join(one.database.name for one in found)
        raise MigrationError(f"{target} counts the revisions of one database. Say which by --bind: {names}.")
    knowing = [one for one in found if one.knows(target)]
    if not knowing:
        raise MigrationError(f"There is no revision {target!r}. trivet db history lists those that there are.")
    return knowing


def note_left_aside(layout: Layout) -> None:
    """Say, where another tool has made the folder, which of its files has no effect."""
    if layout.left_aside is not None:
        click.echo(
            f"Note: {layout.left_aside} is not run, trivet-db has an environment of its own. Once the file is deleted "
            "this note is gone.",
            err=True,
        )


def say(line: str) -> None:
    """Print a line of progress."""
    click.echo(line)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
