"""``trivet give EMAIL``: give somebody the tasks that are from before there were accounts."""

import click
from sqlalchemy import select

from trivet.cli import with_appcontext

from .models import Task, User, db


@click.command("give")
@click.argument("email")
@with_appcontext
def give_command(email: str) -> None:
    """Give the account EMAIL the tasks that nobody has."""
    user = db.session.scalar(select(User).where(User.email == email))
    if user is None:
        raise click.UsageError(f"There is no account {email!r}. trivet auth create-user makes one.")
    tasks = db.session.scalars(select(Task).where(Task.owner_id.is_(None))).all()
    for task in tasks:
        task.owner_id = user.id
    db.session.commit()
    click.echo(f"{len(tasks)} tasks are {email}'s now")
