"""ID tokens: signature, issuer, audience, times and nonce have to be right (OpenID Connect Core 1.0, 3.1.3.7)."""

import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, cast

import msgspec
from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc.errors import JoseError
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact

from ..bearer_keys import SigningKey, read_key
from .errors import Refused
from .fetching import parse

#: The signatures that are accepted, if the provider's metadata names them too. All are made by private keys: neither
#: ``none`` nor HMAC is among them, so nothing that is public can sign (RFC 8725, 3.1).
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
#: No token is longer.
MAX_LENGTH = 16_384
#: By how many seconds clocks may differ.
LEEWAY = 60
#: Of how many keys a provider may choose.
MAX_KEYS = 100

_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_BAD_INPUT = (JoseError, ValueError, TypeError, KeyError, RecursionError)


class _Claims(msgspec.Struct):
    """The kinds of the claims that are looked at."""

    iss: str
    sub: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    aud: str | list[str]
    exp: int | float
    iat: int | float
    nonce: str
    nbf: int | float | None = None
    azp: str | None = None
    at_hash: str | None = None
    amr: list[str] | None = None
    auth_time: int | float | None = None


class _Pinned(JWSRegistry):
    """The algorithms that are accepted, and no others."""

    max_header_length = 2048
    max_payload_length = MAX_LENGTH

    def get_alg(self, name: str) -> Any:
        """Return an algorithm."""
        if name not in (self.allowed or ()):
            raise ValueError(name)
        return self.algorithms[name]


class UnknownKeyError(Exception):
    """None of the keys has signed a token; the provider may have others by now."""


def read_keys(data: object) -> tuple[SigningKey, ...]:
    """Return the keys of a JWK set (RFC 7517, 5) that can verify ID tokens; what cannot be used is left out."""
    given = data.get("keys") if isinstance(data, dict) else None
    if not isinstance(given, list):
        raise Refused("provider", "its keys are no JWK set")
    found = []
    for one in given[:MAX_KEYS]:
        try:
            found.append(read_key(msgspec.json.encode(one).decode(), ALGORITHMS, "a key"))
        except (ValueError, TypeError, RecursionError):
            continue
    return tuple(found)


def verify(
    text: object,
    keys: Iterable[SigningKey],
    algorithms: Sequence[str],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str,
    max_age: int | None = None,
) -> Mapping[str, Any]:
    """Return the claims of an ID token that is valid.

    :param max_age: seconds within which the person has signed in at the provider (OpenID Connect Core 1.0, 3.1.2.1).
    :raises Refused: it is not.
    :raises UnknownKeyError: none of the keys has signed it.
    """
    if not isinstance(text, str) or len(text) > MAX_LENGTH or _FORM.fullmatch(text) is None:
        raise _refused("it has not the form of one")
    registry = _Pinned(algorithms=list(algorithms), strict_check_header=False)
    try:
        signed = extract_compact(text.encode("ascii"), None, registry)
    except _BAD_INPUT:
        raise _refused("it cannot be read, or its algorithm is not accepted") from None
    _check_signature(signed, keys, registry)
    claims = parse(signed.payload)
    params = {"nonce": nonce, "client_id": client_id, "access_token": access_token}
    checked = _check_claims(claims, signed.headers(), issuer, params)
    # Providers that do not know max_age leave it out, and auth_time too.
    if max_age is not None and not time.time() - checked.get("auth_time", -math.inf) <= max_age + LEEWAY:
        raise _refused("the person has not signed in there recently enough, or it does not say when")
    return checked


def _refused(what: str) -> Refused:
    return Refused("provider", f"its ID token is refused: {what}")


def _check_signature(signed: CompactSignature, keys: Iterable[SigningKey], registry: JWSRegistry) -> None:
    header = signed.headers()
    algorithm, id, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if "crit" in header or "b64" in header:
        raise _refused("it asks for an extension")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        raise _refused("it is a token of another type")
    if not isinstance(algorithm, str) or algorithm not in (registry.allowed or ()):
        raise _refused("its algorithm is not accepted")
    fitting = [one for one in keys if algorithm in one.algorithms and id in (None, one.id)]
    if not any(_is_signed_by(signed, one, registry) for one in fitting):
        raise UnknownKeyError


def _is_signed_by(signed: CompactSignature, key: SigningKey, registry: JWSRegistry) -> bool:
    try:
        return validate_compact(signed, key.key, registry=registry)
    except _BAD_INPUT:
        return False


def _check_claims(claims: Any, header: Mapping[str, Any], issuer: str, params: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        msgspec.convert(claims, _Claims)
    except msgspec.ValidationError:
        raise _refused("a claim is missing or of the wrong kind") from None
    wanted = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": params["client_id"]}}
    token = CodeIDToken(claims, header, wanted, dict(params))
    try:
        token.validate(int(time.time()), LEEWAY)
    except (AuthlibBaseError, JoseError, ValueError, TypeError) as error:
        raise _refused(type(error).__name__ + _claim_of(error)) from None
    return cast(Mapping[str, Any], claims)


def _claim_of(error: Exception) -> str:
    name = getattr(error, "claim", None) or getattr(error, "claim_name", None)
    return f" of {name}" if isinstance(name, str) else ""
