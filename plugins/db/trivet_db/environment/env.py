"""What Alembic runs for a command: everything is said by the command itself, so nothing is to be changed here."""

from alembic import context

context.config.attributes["environment"](context)
