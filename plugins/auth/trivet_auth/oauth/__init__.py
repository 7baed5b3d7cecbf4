"""Signing in by accounts elsewhere: OAuth 2.0 (RFC 6749) and OpenID Connect, through Authlib."""

from importlib import import_module
from typing import Any

from ..errors import AuthConfigError
from .linking import Links


def register(app: Any, auth: Any) -> None:
    """Add the pages of the providers in ``[auth.oauth]`` to an application.

    :param auth: its :class:`~trivet_auth.state.Auth`.
    :raises AuthConfigError: Authlib or httpx is not installed, or something in ``[auth.oauth]`` is missing or wrong.
    """
    try:
        home = import_module(".routes", __name__)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in ("authlib", "httpx"):
            raise
        raise AuthConfigError(f"[auth.oauth] needs the library {library}: pip install 'trivet-auth[oauth]'.") from error
    home.register(app, auth)


def disconnect_all(auth: Any, user: Any, realm: str = "default") -> int:
    """Disconnect a user from all accounts of providers, and return how many there were; this may block.

    Call it before a user is deleted: whoever gets the same identifier later would be signed in to by these accounts. ::

        disconnect_all(Auth.of(app), user)
        db.session.delete(user)

    :param auth: the application's :class:`~trivet_auth.state.Auth`.
    :raises StoreError: the store cannot be reached.
    """
    return Links(auth.store).remove_all(f"{realm}:{auth.realm(realm).id_of(user)}")
