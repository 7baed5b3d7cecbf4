"""What can be wrong with the configuration; the errors of what is refused stand in ``refusals``."""

from collections.abc import Iterator
from contextlib import contextmanager

from trivet import ConfigError

from .refusals import TakenError, WeakPasswordError

__all__ = ["NO_KEY", "AuthConfigError", "TakenError", "WeakPasswordError", "written_in"]

#: What an error says where there is no key, and how to come by one.
NO_KEY = (
    "SECRET_KEY is not set. Set it to a random text, such as this prints: "
    "python -c 'import secrets; print(secrets.token_hex(32))'"
)


class AuthConfigError(ConfigError):
    """The plugin is configured wrongly, or not at all, for what is asked of it."""


@contextmanager
def written_in(place: str) -> Iterator[None]:
    """Turn what the domain says of a wrong value into an error that names the option.

    The domain raises ``ValueError`` and ``TypeError``, because it knows neither options nor the framework. Its messages
    show no secret, so this adds the place and nothing else. ::

        with written_in("[auth.jwt]"):
            bearers = Bearers(...)

    :param place: the option, as it is written: ``"[auth] redis"``.
    :raises AuthConfigError: in place of a ``ValueError`` or a ``TypeError``.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        raise AuthConfigError(f"{place}: {error}") from None
