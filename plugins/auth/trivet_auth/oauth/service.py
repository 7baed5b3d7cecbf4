"""What signing in by providers keeps for one application: the providers, attempts and links."""

from typing import Any

from ..errors import NO_KEY, AuthConfigError
from ..flows.services import Services
from ..options import ProviderOptions
from ..state import Auth
from .attempts import Attempts
from .errors import Refused
from .fetching import is_usable
from .linking import Links
from .provider import Provider

_EXTENSION = "trivet_auth.oauth"


class OAuth:
    """The providers of one application.

    :ivar providers: by name.
    :ivar attempts: what browsers have begun.
    :raises AuthConfigError: something in ``[auth.oauth]`` is missing or wrong.
    """

    def __init__(self, auth: Auth) -> None:
        self.auth = auth
        options = auth.options
        if not options.url:
            raise AuthConfigError(
                'Providers send people back to the address of this application: set [auth] url = "https://app.example.'
                'com". The address of a request is not taken, as anybody can choose it.'
            )
        if not auth.app.secret_key:
            raise AuthConfigError(f"[auth.oauth] needs sessions, and {NO_KEY}")
        base = Services.of(auth.app).url + options.prefix.rstrip("/")
        self.providers: dict[str, Provider] = {}
        for name, given in options.oauth.items():
            check(name, given)
            self.providers[name] = Provider(name, given, f"{base}/oauth/{name}/callback")
        self.attempts = Attempts(auth)

    @classmethod
    def of(cls, app: Any) -> "OAuth":
        """Return that of an application.

        :raises AuthConfigError: no provider is configured there.
        """
        found = app.extensions.get(_EXTENSION)
        if found is None:
            if not Auth.of(app).options.oauth:
                raise AuthConfigError("No provider is configured to sign in by. Add [auth.oauth.NAME].")
            found = app.extensions[_EXTENSION] = cls(Auth.of(app))
        return found  # type: ignore[no-any-return]

    @property
    def links(self) -> Links:
        """Which accounts of providers belong to whom."""
        return Links(self.auth.store)

    def remove_way(self, user: Any, owner: str, id: str) -> str:
        """Remove a link, unless the user could not sign in any more; return its provider. This may block.

        :raises Refused: there is no such link, or it is the last way to sign in.
        """
        links = self.links
        other_way = bool(getattr(user, "password_hash", None))
        if not other_way and all(one.id == id for one in links.of(owner, self.providers)):
            raise Refused("last" if links.find(id).owner == owner else "absent", "it is the last way to sign in")
        record = links.remove(id, owner)
        if record is None:
            raise Refused("absent", "there is no such link")
        if not other_way and not links.of(owner, self.providers):  # another one was removed at the same time
            links.restore(id, record)
            raise Refused("last", "it is the last way to sign in")
        return str(record.data["provider"])


def check(name: str, given: ProviderOptions) -> None:
    """See to it that a provider's options are complete.

    :raises AuthConfigError: they are not.
    """
    table = f"[auth.oauth.{name}]"
    if name != name.lower():
        raise AuthConfigError(
            f"{table}: a provider's name is part of addresses. Use up to 32 lower-case letters, digits, '-' and '_'."
        )
    urls = {"authorize_url": given.authorize_url, "token_url": given.token_url, "userinfo_url": given.userinfo_url}
    if given.issuer and any(urls.values()):
        raise AuthConfigError(
            f"{table} has an issuer, whose addresses are found by its metadata, and {_listed(urls, True)}. Leave one "
            "of the two out."
        )
    if not given.issuer and not all(urls.values()):
        raise AuthConfigError(
            f'{table} lacks {_listed(urls, False)}; or issuer = "https://…" for a provider that speaks OpenID Connect.'
        )
    if given.max_age is not None and not given.issuer:
        raise AuthConfigError(f"{table} max_age needs an issuer: only OpenID Connect says when somebody has signed in.")
    for option, url in {"issuer": given.issuer, **urls}.items():
        if url and (not is_usable(url) or (option == "issuer" and "?" in url)):
            raise AuthConfigError(
                f"{table} {option} is not an address that can be used. Write https://…, without a password or '#'; "
                "http:// works for this machine only."
            )


def _listed(urls: dict[str, str], given: bool) -> str:
    return " and ".join(name for name, url in urls.items() if bool(url) is given)
