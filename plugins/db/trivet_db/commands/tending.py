"""Commands around databases: their prompt, tables without migrations, rows to begin with."""

import click
import sqlalchemy as sa

from ..client import run_client
from ..migrating import Layout, MigrationError
from ..migrating.choosing import databases, key_of
from ..migrating.layout import implementations
from ..migrating.tables import create_tables, drop_tables
from ..urls import said_by
from .options import NO_MODELS, bind_option, pass_layout


@click.command("shell")
@click.option("--bind", metavar="KEY", help="The database, instead of the default one.")
@pass_layout
def shell_command(layout: Layout, bind: str | None) -> None:
    """Open the prompt of the database's own program: psql, mysql or sqlite3."""
    status = run_client(layout.state.engines[key_of(layout, bind)].url)
    if status:
        raise click.exceptions.Exit(status)


@click.command("create")
@bind_option
@click.option("--force", is_flag=True, help="Also where migrations make the tables.")
@pass_layout
def create_command(layout: Layout, bind: str | None, force: bool) -> None:
    """Make the tables of the models that are missing, without migrations."""
    chosen = databases(layout, bind)
    if not any(one.branches[0].modelled for one in chosen):
        raise MigrationError(NO_MODELS)
    for database in chosen:
        made = create_tables(layout, database, force=force)
        click.echo(f"{database.name}: {', '.join(made) + ' made' if made else 'nothing to make'}")


@click.command("drop")
@bind_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_layout
def drop_command(layout: Layout, bind: str | None, yes: bool) -> None:
    """Drop the tables of models and migrations, with all their rows. Asks first."""
    chosen = databases(layout, bind)
    if not yes:
        names = "\n".join(f"  {one.title}" for one in chosen)
        click.echo(f"All tables of the application and its plugins will be lost, with their rows, in\n{names}")
        click.confirm("Drop them?", abort=True)
    for database in chosen:
        dropped = drop_tables(layout.state, database)
        click.echo(f"{database.name}: {', '.join(dropped) + ' dropped' if dropped else 'nothing to drop'}")


@click.command("seed")
@pass_layout
def seed_command(layout: Layout) -> None:
    """Fill tables with what plugins want an application to begin with (the hook trivet_db_seed)."""
    count = 0
    for name, fill in implementations(layout.app, "trivet_db_seed"):
        with layout.app.app_context():
            try:
                fill()
            except sa.exc.SQLAlchemyError as error:
                raise MigrationError(f"The plugin {name!r} could not fill its tables: {said_by(error)}.") from error
            except Exception as error:
                error.add_note(f"This was trivet_db_seed of the plugin {name!r}.")
                raise
        click.echo(f"{name}: done")
        count += 1
    if not count:
        click.echo("Nothing to do: no plugin implements trivet_db_seed.")


COMMANDS = (shell_command, create_command, drop_command, seed_command)
