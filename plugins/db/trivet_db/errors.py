"""What can go wrong with a database's configuration, said without its credentials."""

from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError, TimeoutError, UnboundExecutionError

from trivet import ConfigError

#: What databases say of a value that no row can have, such as a number that is too large for the column.
IMPOSSIBLE = (OverflowError, DataError)


class DatabaseConfigError(ConfigError):
    """A URL, a bind or an option is wrong; the message names the place, never the URL itself."""


class MissingDriverError(DatabaseConfigError):
    """The package that talks to a database is not installed; the message has the line that installs it."""


class UnknownBindError(DatabaseConfigError, UnboundExecutionError, KeyError):
    """A bind key that is in no configuration; the message has the nearest one."""

    def __str__(self) -> str:
        return str(self.args[0])


class PageError(ValueError):
    """A page number, a page size or a cursor that is none."""


def is_away(error: Exception) -> bool:
    """Tell whether an error is that of a database which cannot be reached, has gone away or has no connection left."""
    if isinstance(error, TimeoutError) or is_of_asyncpg(error):
        return True
    if not isinstance(error, DBAPIError):
        return False
    # Drivers have no class in common for it, but what fails without a statement has mostly failed to connect.
    return error.connection_invalidated or (
        error.statement is None and (isinstance(error, (InterfaceError, OperationalError)) or type(error) is DBAPIError)
    )


def is_of_asyncpg(error: Exception) -> bool:
    """Tell whether an error is asyncpg's own: one about its connection, for which SQLAlchemy has no other."""
    return type(error).__module__.partition(".")[0] == "asyncpg"
