"""One provider: what it says about itself, where people are sent, and who it says they are."""

import re
import ssl
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import httpx
import msgspec
from authlib.oauth2.auth import ClientAuth  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.parameters import (  # type: ignore[import-untyped]
    prepare_grant_uri,
    prepare_token_request,
)
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from authlib.oidc.discovery import get_well_known_url  # type: ignore[import-untyped]

from ..bearer_keys import SigningKey
from ..options import ProviderOptions
from .attempts import Attempt
from .errors import Refused
from .fetching import Connection, Fetched, connect, is_usable
from .tokens import ALGORITHMS, UnknownKeyError, read_keys, verify

#: Seconds for which metadata and keys are taken for right, and for which they are used if no newer ones can be had.
FRESH, USABLE = 3600.0, 86_400.0
#: What codes and tokens are made of (RFC 6749, appendix A), and how long the longest may be.
_VISIBLE = re.compile(r"[ -~]{1,4096}")
_CODE_LOST = ("invalid_grant", "bad_verification_code")


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says about itself (RFC 8414, 2; OpenID Connect Discovery 1.0, 3)."""

    issuer: str = ""
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str | None = None
    jwks_uri: str | None = None
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class Profile(NamedTuple):
    """Who a provider says somebody is.

    :ivar subject: what it knows the person by, for ever.
    :ivar email: the address; empty if it tells none.
    :ivar verified: whether it says that it has verified the address.
    """

    subject: str
    email: str
    verified: bool


class Provider:
    """A provider of ``[auth.oauth]``.

    :param name: its name there.
    :param options: what stands there.
    :param redirect_uri: where it sends people back to.
    """

    def __init__(self, name: str, options: ProviderOptions, redirect_uri: str) -> None:
        self.name = name
        self.options = options
        self.label = options.label or name.replace("_", " ").replace("-", " ").title()
        self.redirect_uri = redirect_uri
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, str, tuple[SigningKey, ...]] | None = None

    def __repr__(self) -> str:
        return f"<Provider {self.name!r}>"

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """Whose certificates are accepted: those of public authorities, or what ``SSL_CERT_FILE`` names."""
        return httpx.create_ssl_context()

    @property
    def issuer(self) -> str:
        """The issuer; empty for a provider that speaks OAuth 2.0 only."""
        return self.options.issuer

    # -- what it says about itself

    async def find(self, connection: Connection) -> Metadata:
        """Return its metadata, from memory if that is not too old.

        :raises Refused: it cannot be had.
        """
        known, now = self._metadata, time.time()
        if known is not None and 0 <= now - known[0] < FRESH:
            return known[1]
        try:
            found = await self._discover(connection) if self.issuer else self._configured()
        except Refused as refused:
            if refused.reason == "unavailable" and known is not None and 0 <= now - known[0] < USABLE:
                return known[1]
            raise
        self._metadata = (now, found)
        return found

    def _configured(self) -> Metadata:
        given = self.options
        return Metadata(
            authorization_endpoint=given.authorize_url,
            token_endpoint=given.token_url,
            userinfo_endpoint=given.userinfo_url,
        )

    async def _discover(self, connection: Connection) -> Metadata:
        answer = await connection.ask("metadata", get_well_known_url(self.issuer, external=True))
        try:
            found = msgspec.convert(_fine(answer, "metadata"), Metadata)
        except msgspec.ValidationError:
            raise Refused("provider", "its metadata is not what OpenID Connect Discovery says") from None
        if found.issuer != self.issuer:
            raise Refused("provider", f"its metadata names another issuer, {found.issuer[:200]!r}")
        urls = (found.authorization_endpoint, found.token_endpoint, found.jwks_uri, found.userinfo_endpoint)
        if found.jwks_uri is None or not all(is_usable(url) for url in urls if url is not None):
            raise Refused("provider", "its metadata lacks an address, or has one that is not https")
        return found

    async def _find_keys(self, connection: Connection, url: str, but: Any = None) -> tuple[SigningKey, ...]:
        """Return its keys.

        :param but: the keys that are not good enough.
        """
        known, now = self._keys, time.time()
        if known is not None and known[1] == url and 0 <= now - known[0] < FRESH and known[2] is not but:
            return known[2]
        found = read_keys(_fine(await connection.ask("keys", url), "keys"))
        self._keys = (now, url, found)
        return found

    # -- sending people there

    async def address(self, attempt: Attempt) -> str:
        """Return where to send somebody who begins to sign in (RFC 6749, 4.1.1; RFC 7636, 4.3).

        :raises Refused: the provider cannot be asked for its metadata.
        """
        metadata = await self._find_alone()
        more = {"nonce": attempt.nonce} if self.issuer else {}
        if self.options.max_age is not None:
            more["max_age"] = str(self.options.max_age)
        return str(
            prepare_grant_uri(
                metadata.authorization_endpoint,
                self.options.client_id,
                "code",
                redirect_uri=self.redirect_uri,
                scope=self._scope(),
                state=attempt.state,
                code_challenge=create_s256_code_challenge(attempt.verifier),
                code_challenge_method="S256",
                **more,
            )
        )

    async def _find_alone(self) -> Metadata:
        known = self._metadata
        if known is not None and 0 <= time.time() - known[0] < FRESH:
            return known[1]
        async with connect(self.trust) as connection:
            return await self.find(connection)

    def _scope(self) -> str:
        """Return the scope: ``openid`` only where an ID token can be verified, and there always."""
        names = [one for one in self.options.scope.split() if one != "openid"]
        return " ".join(["openid", *names] if self.issuer else names)

    # -- when they come back

    async def check_issuer(self, given: str | None) -> None:
        """Check who an answer says that it comes from (RFC 9207, 2.4).

        :raises Refused: it is not this provider, or it does not say so although this one always does.
        """
        if not self.issuer:
            return
        required = given is None and (await self._find_alone()).authorization_response_iss_parameter_supported
        if required or given not in (None, self.issuer):
            raise Refused("request", "the answer does not come from the provider that was asked (iss)")

    async def identify(self, code: str, attempt: Attempt) -> Profile:
        """Exchange a code for who somebody is.

        :raises Refused: that cannot be done.
        """
        async with connect(self.trust) as connection:
            metadata = await self.find(connection)
            answer = await self._exchange(connection, metadata, code, attempt)
            access_token = _access_token(answer)
            claims: Mapping[str, Any] = {}
            if self.issuer:
                claims = await self._verified(connection, metadata, answer.get("id_token"), access_token, attempt)
            if not claims.get("email") and metadata.userinfo_endpoint:
                claims = await self._userinfo(connection, metadata.userinfo_endpoint, access_token, claims)
        return _profile(claims)

    async def _exchange(
        self, connection: Connection, metadata: Metadata, code: str, attempt: Attempt
    ) -> dict[str, Any]:
        body = prepare_token_request(
            "authorization_code", code=code, redirect_uri=self.redirect_uri, code_verifier=attempt.verifier
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        auth = ClientAuth(self.options.client_id, str(self.options.client_secret), self._auth_method(metadata))
        url, headers, body = auth.prepare("POST", metadata.token_endpoint, headers, body)
        answer = await connection.ask("tokens", url, headers, body)
        error = answer.data.get("error") if isinstance(answer.data, dict) else None
        if error is not None and answer.status < 500:
            raise _token_error(error)
        found: dict[str, Any] = _fine(answer, "tokens")
        return found

    def _auth_method(self, metadata: Metadata) -> str:
        if not self.options.client_secret:
            return "none"
        offered = metadata.token_endpoint_auth_methods_supported
        posts = "client_secret_basic" not in offered and "client_secret_post" in offered
        return "client_secret_post" if posts else "client_secret_basic"

    async def _verified(
        self, connection: Connection, metadata: Metadata, text: object, access_token: str, attempt: Attempt
    ) -> Mapping[str, Any]:
        """Verify an ID token, with newer keys if it is signed by none of those that are known."""
        algorithms = [one for one in ALGORITHMS if one in metadata.id_token_signing_alg_values_supported]
        keys = None
        for _ in range(2):
            keys = await self._find_keys(connection, metadata.jwks_uri or "", but=keys)
            try:
                return verify(
                    text,
                    keys,
                    algorithms,
                    issuer=self.issuer,
                    client_id=self.options.client_id,
                    nonce=attempt.nonce,
                    access_token=access_token,
                    max_age=self.options.max_age,
                )
            except UnknownKeyError:
                continue
        raise Refused("provider", "its ID token is refused: none of its keys has signed it")

    async def _userinfo(
        self, connection: Connection, url: str, access_token: str, claims: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        answer = await connection.ask("userinfo", url, {"Authorization": f"Bearer {access_token}"})
        found: dict[str, Any] = _fine(answer, "userinfo")
        if claims and found.get("sub") != claims["sub"]:  # OpenID Connect Core 1.0, 5.3.2
            raise Refused("provider", "its userinfo is about somebody else than its ID token")
        return {**claims, **found}


def is_code(code: str) -> bool:
    """Tell whether a text can be an authorization code."""
    return _VISIBLE.fullmatch(code) is not None


def _fine(answer: Fetched, what: str) -> Any:
    """Return the JSON object of an answer."""
    if answer.status in (408, 425, 429) or answer.status >= 500:
        raise Refused("unavailable", f"{what}: the answer is {answer.status}")
    if answer.status != 200:
        raise Refused("provider", f"{what}: the answer is {answer.status}")
    if not isinstance(answer.data, dict):
        raise Refused("provider", f"{what}: the answer is not a JSON object")
    return answer.data


def _token_error(error: object) -> Refused:
    if error in _CODE_LOST:
        return Refused("code", "the provider does not know the code")
    known = isinstance(error, str) and re.fullmatch(r"[a-z_]{1,40}", error) is not None
    return Refused("provider", f"tokens: refused with {error if known else 'an unknown error'}")


def _access_token(answer: Mapping[str, Any]) -> str:
    token, kind = answer.get("access_token"), answer.get("token_type", "bearer")
    if not isinstance(token, str) or _VISIBLE.fullmatch(token) is None or str(kind).lower() != "bearer":
        raise Refused("provider", "tokens: there is no bearer token in the answer")
    return token


def _profile(claims: Mapping[str, Any]) -> Profile:
    """Read claims; a provider without OpenID Connect may say ``id`` for the subject, also as a number."""
    subject = claims.get("sub", claims.get("id"))
    if isinstance(subject, int) and not isinstance(subject, bool):
        subject = str(subject)
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise Refused("provider", "userinfo: it does not say who it is")
    email = claims.get("email")
    said = claims.get("email_verified")
    verified = said is True or said == "true"  # as text by some
    return Profile(subject, email, verified) if isinstance(email, str) and email else Profile(subject, "", False)
