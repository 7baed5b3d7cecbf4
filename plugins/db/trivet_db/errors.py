"""What can go wrong with a database's configuration, said without its credentials."""

from trivet import ConfigError


class DatabaseConfigError(ConfigError):
    """A URL, a bind or an option is wrong; the message names the place, never the URL itself."""


class MissingDriverError(DatabaseConfigError):
    """The package that talks to a database is not installed; the message has the line that installs it."""


class UnknownBindError(DatabaseConfigError, KeyError):
    """A bind key that is in no configuration; the message has the nearest one."""

    def __str__(self) -> str:
        return str(self.args[0])


class PageError(ValueError):
    """A page number, a page size or a cursor that is none."""
