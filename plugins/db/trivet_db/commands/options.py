"""What the commands share: options, and how they print."""

import json
from collections.abc import Callable
from typing import Any

import click

from ..migrating import Layout

pass_layout = click.make_pass_decorator(Layout)

bind_option = click.option(
    "--bind", metavar="KEY", help="This database only; 'default' is the one without a bind key. Else all of them."
)
message_option = click.option("-m", "--message", help="What the revision does, for its file's name and docstring.")
rev_id_option = click.option("--rev-id", help="The new revision's identifier, instead of one that is made up.")
sql_option = click.option("--sql", is_flag=True, help="Print the statements and run nothing.")
tag_option = click.option("--tag", hidden=True, help="For scripts that have given Alembic's command one.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def branch_option(what: str) -> Callable[[Any], Any]:
    """Declare the option ``--branch``, and say what it chooses."""
    return click.option("--branch", metavar="NAME", help=what)


#: Said where there is nothing to make tables of, or to compare them with.
NO_MODELS = (
    'There are no models. Name what holds them in the configuration, as in [db] models = "todo.models", or give the '
    "application its SQLAlchemy object by db.init_app(app)."
)


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
