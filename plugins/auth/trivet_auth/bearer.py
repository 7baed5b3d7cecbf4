"""Bearer tokens that are signed instead of kept: JSON Web Tokens (RFC 7519), pinned algorithms, key rotation."""

import json
import math
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact

from .bearer_keys import SigningKey, read_key, refuse_algorithms

#: No token is longer; what is longer is not looked at.
MAX_LENGTH = 8192
#: Characters of what ``sub`` and ``jti`` say.
MAX_IDENTIFIER = 255
#: The ``typ`` of tokens made here (RFC 9068, 2.1), and what tokens say that do not tell what they are for.
TYPE = "at+jwt"
UNTOLD = "jwt"
#: Claims that :meth:`Bearers.issue` sets, so nobody else does.
RESERVED = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "scp"})

Reason = Literal[
    "",
    "malformed",
    "too long",
    "type",
    "critical",
    "algorithm",
    "key",
    "signature",
    "claims",
    "issuer",
    "audience",
    "expired",
    "not yet valid",
    "subject",
    "scope",
]

_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)")
#: A scope (RFC 6749, 3.3): visible ASCII except the quotation mark and the backslash.
_SCOPE = re.compile(r"[!#-\[\]-~]{1,100}")
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#: What the library, or Python beneath it, may raise because of what somebody sent.
_BAD_INPUT = (JoseError, ValueError, TypeError, KeyError, RecursionError)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, or why it is refused.

    :ivar reason: empty if the token is valid; otherwise what is wrong first: ``"malformed"``, ``"too long"``,
        ``"type"`` (made for something else), ``"critical"`` (asks for an extension), ``"algorithm"`` (not one of ours),
        ``"key"`` (no key of that ``kid`` and kind), ``"signature"``, ``"claims"`` (not what RFC 7519 says they are),
        ``"issuer"``, ``"audience"``, ``"expired"``, ``"not yet valid"``, ``"subject"``, ``"scope"``. It is for the log.
    :ivar subject: whom it is about; empty if it is refused.
    :ivar scopes: the permissions that it is limited to; ``None``: all that the subject has. Of a refused one: none.
    :ivar id: its identifier; empty if it has none.
    :ivar all: all its claims; empty if it is refused.
    """

    reason: Reason = ""
    subject: str = ""
    scopes: frozenset[str] | None = frozenset()
    id: str = ""
    all: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the token is valid."""
        return not self.reason


class _Refused(Exception):
    """A token is not valid."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class _Pinned(JWSRegistry):
    """The algorithms that are accepted, and no others, whatever the library recommends or warns of."""

    max_header_length = 2048
    max_payload_length = MAX_LENGTH

    def get_alg(self, name: str) -> Any:
        """Return an algorithm."""
        if name not in (self.allowed or ()):
            raise _Refused("algorithm")
        return self.algorithms[name]


class Bearers:
    """Makes signed tokens and checks them; nothing is kept, so a token works until it expires.

    ::

        bearers = Bearers(
            keys=[new_pem, old_pem], algorithms=["ES256"], issuer="https://id.example", audience="https://api.example"
        )
        text = bearers.issue("7", ["tasks:read"])
        claims = bearers.check(text)
        if claims.ok:
            user = load_user(claims.subject)

    A key is PEM (private or public), a JWK (RFC 7517), or a secret for HS256 and its like. The first key signs and all
    verify, so to rotate, put the new key in front and take the old one out when its last token has expired. ``kid``
    chooses among keys. It is a JWK's own, and otherwise made from the key: by RFC 7638 from PEM, so that the private
    and the public half agree. A token without ``kid`` is tried with each key that fits its algorithm.

    :param keys: the newest first.
    :param algorithms: the accepted ones, such as ``["ES256"]``. A token has no say in it, and a key only verifies the
        algorithms of its own kind, so nobody can sign with a public key as if it were a secret.
    :param issuer: what ``iss`` has to be.
    :param audience: what ``aud`` has to be or contain.
    :param leeway: by how many seconds clocks may differ.
    :param lifetime: of tokens made here, in seconds.
    :param types: what ``typ`` may be, without ``application/`` (RFC 7515, 4.1.9). ``"jwt"`` stands for tokens without
        ``typ`` too. With ``["at+jwt"]`` only access tokens are accepted: an ID token of the same issuer is not.
    :param clock: tells the time in Unix seconds.
    :raises ValueError: a key is weak or unreadable or fits no algorithm, an algorithm is unknown or has no key, or a
        name or a number cannot be one. No message shows a key.
    :raises TypeError: a single text was given instead of a list.
    """

    def __init__(
        self,
        keys: Sequence[str],
        algorithms: Sequence[str],
        issuer: str,
        audience: str,
        leeway: float = 30,
        lifetime: float = 900,
        types: Iterable[str] = (TYPE, UNTOLD),
        clock: Callable[[], float] = time.time,
    ) -> None:
        refuse_algorithms(algorithms)
        if isinstance(keys, str) or not keys:
            raise TypeError("Bearers() takes a list of at least one key.")
        if not issuer or not audience:
            raise ValueError("Bearer tokens need an issuer and an audience: what 'iss' and 'aud' have to be.")
        if not (math.isfinite(leeway) and leeway >= 0 and math.isfinite(lifetime) and lifetime > 0):
            raise ValueError("The lifetime of bearer tokens is a positive number of seconds, the leeway one from 0.")
        self.issuer, self.audience = issuer, audience
        self.leeway, self.lifetime = leeway, lifetime
        self._types = frozenset(one.lower() for one in types)
        self._clock = clock
        self._keys = [read_key(text, algorithms, f"key {number}") for number, text in enumerate(keys, 1)]
        _refuse_idle(algorithms, self._keys)
        self._registry = _Pinned(algorithms=list(algorithms), strict_check_header=False)

    def __repr__(self) -> str:
        return f"<Bearers of {self.issuer!r} for {self.audience!r} with {len(self._keys)} keys>"

    # -- making

    def issue(
        self,
        subject: str,
        scopes: Iterable[str] | None = None,
        claims: Mapping[str, Any] | None = None,
        lifetime: float | None = None,
    ) -> str:
        """Make a token, signed with the first key by the first of the algorithms that it fits.

        :param subject: whom it is about: a user's identifier.
        :param scopes: the permissions that it is limited to; ``None``: all that the subject has.
        :param claims: more that it says. Whoever has the token can read it.
        :param lifetime: seconds, in place of the usual ones.
        :raises ValueError: the first key is a public one; a claim is one that this method sets; the subject, a scope or
            the lifetime cannot be one; or the token would be longer than :data:`MAX_LENGTH`.
        :raises TypeError: JSON cannot say a claim, or the scopes are one text instead of several.
        """
        key = self._keys[0]
        if not key.signs:
            raise ValueError("The first of the keys is a public one, which can only verify. Put a private one first.")
        said = {**_own_claims(claims or {}), **self._registered(subject, lifetime)}
        if scopes is not None:
            said["scope"] = " ".join(_usable_scopes(scopes))
        header = {"typ": TYPE, "alg": key.algorithms[0], "kid": key.id}
        text: str = jwt.encode(header, said, key.key, registry=self._registry)
        if len(text) > MAX_LENGTH:
            raise ValueError(
                f"The token would be {len(text)} characters long, and {MAX_LENGTH} are accepted: say less."
            )
        return text

    def _registered(self, subject: str, lifetime: float | None) -> dict[str, Any]:
        lasts = self.lifetime if lifetime is None else lifetime
        if not (math.isfinite(lasts) and lasts > 0):
            raise ValueError(f"The lifetime of a bearer token must be a positive number of seconds, not {lasts!r}.")
        if not _is_identifier(subject):
            raise ValueError(
                f"The subject of a bearer token is a user's identifier: 1 to {MAX_IDENTIFIER} characters that every "
                "encoding can say."
            )
        now = int(self._clock())
        return {
            "iss": self.issuer,
            "sub": subject,
            "aud": self.audience,
            "iat": now,
            "nbf": now,
            "exp": now + math.ceil(lasts),
            "jti": secrets.token_urlsafe(16),
        }

    # -- checking

    def check(self, text: object) -> Claims:
        """Return what a token says, or why it is refused. Whatever the text is, this does not raise."""
        try:
            return self._claims(self._payload(text))
        except _Refused as refused:
            return Claims(refused.reason)

    def _payload(self, text: object) -> Mapping[str, Any]:
        """Verify a token's signature and return its claims, unchecked."""
        if not isinstance(text, str):
            raise _Refused("malformed")
        if len(text) > MAX_LENGTH:
            raise _Refused("too long")
        form = _FORM.fullmatch(text)
        if form is None or not _is_canonical(form[1]):
            raise _Refused("malformed")
        try:
            signed = extract_compact(text.encode("ascii"), None, self._registry)
        except _BAD_INPUT:
            raise _Refused("malformed") from None
        self._verify(signed)
        try:
            claims = json.loads(signed.payload)
        except (ValueError, RecursionError):
            raise _Refused("claims") from None
        if not isinstance(claims, dict):
            raise _Refused("claims")
        return claims

    def _verify(self, signed: CompactSignature) -> None:
        header = signed.headers()
        if not isinstance(header, dict):
            raise _Refused("malformed")
        if "crit" in header or "b64" in header:
            raise _Refused("critical")  # RFC 7515, 4.1.11: we know no extension; RFC 7797, 7: tokens have no b64
        type_ = header.get("typ", UNTOLD)
        if not isinstance(type_, str) or type_.lower().removeprefix("application/") not in self._types:
            raise _Refused("type")  # RFC 8725, 3.11
        algorithm, id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in (self._registry.allowed or ()):
            raise _Refused("algorithm")
        fitting = [one for one in self._keys if algorithm in one.algorithms and id in (None, one.id)]
        if not fitting:
            raise _Refused("key")
        if not any(self._is_signed_by(signed, one) for one in fitting):
            raise _Refused("signature")

    def _is_signed_by(self, signed: CompactSignature, key: SigningKey) -> bool:
        try:
            return validate_compact(signed, key.key, registry=self._registry)
        except _BAD_INPUT:
            return False

    def _claims(self, claims: Mapping[str, Any]) -> Claims:
        """Check what a token that is signed says (RFC 7519, 4.1)."""
        now = self._clock()
        expires, begins, made = _time(claims.get("exp")), _time(claims.get("nbf", 0)), _time(claims.get("iat", 0))
        if claims.get("iss") != self.issuer:
            raise _Refused("issuer")
        audience = claims.get("aud")
        if self.audience not in (audience if isinstance(audience, list) else [audience]):
            raise _Refused("audience")
        if expires <= now - self.leeway:
            raise _Refused("expired")
        if max(begins, made) > now + self.leeway:
            raise _Refused("not yet valid")
        subject, id = claims.get("sub"), claims.get("jti", "")
        if not isinstance(subject, str) or not _is_identifier(subject):
            raise _Refused("subject")
        if id != "" and not _is_identifier(id):
            raise _Refused("claims")
        return Claims("", subject, _scopes(claims), id, claims)


def _refuse_idle(algorithms: Sequence[str], keys: Sequence[SigningKey]) -> None:
    """Refuse an algorithm without a key, which is a mistake, and two keys that could not be told apart."""
    for name in algorithms:
        if not any(name in one.algorithms for one in keys):
            raise ValueError(f"None of the keys fits the algorithm {name!r}. Add one, or take the algorithm out.")
    names = [one.id for one in keys]
    if len(set(names)) < len(names):
        raise ValueError("Two of the keys are the same, or have the same 'kid'.")


def _own_claims(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    taken = sorted(RESERVED & set(claims))
    if taken:
        raise ValueError(f"The claim {taken[0]!r} is set by issue(); its arguments say what it is to be.")
    return claims


def _usable_scopes(scopes: Iterable[str]) -> list[str]:
    if isinstance(scopes, str):
        raise TypeError(f"The scopes of a token are a list, not a single text: [{scopes!r}].")
    found = sorted(set(scopes))
    for one in found:
        if _SCOPE.fullmatch(one) is None:
            raise ValueError(f"{one!r} cannot be a scope: those are visible ASCII characters without quotation marks.")
    return found


def _scopes(claims: Mapping[str, Any]) -> frozenset[str] | None:
    """Return what limits a token: ``scope`` (RFC 8693, 4.2), and ``scp``, which some issuers say instead."""
    given = [claims[name] for name in ("scope", "scp") if name in claims]
    if not given:
        return None
    lists = [one.split(" ") if isinstance(one, str) else one for one in given]
    if not all(isinstance(one, list) and all(isinstance(name, str) for name in one) for one in lists):
        raise _Refused("scope")
    return frozenset.intersection(*[frozenset(one) - {""} for one in lists])


def _time(value: object) -> float:
    """Return a NumericDate. JSON in Python has NaN, which nothing is later than, and bool counts as a number."""
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return value
    raise _Refused("claims")


def _is_identifier(value: object) -> bool:
    """Tell whether it is text that a database can be asked for."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_IDENTIFIER or "\0" in value:
        return False
    return not any("\ud800" <= one <= "\udfff" for one in value)


def _is_canonical(segment: str) -> bool:
    """Tell whether it is base64url as encoders write it: no bits are set in vain, so no two texts mean the same."""
    unused = {0: 1, 2: 16, 3: 4}.get(len(segment) % 4, 0)
    return unused > 0 and _DIGITS.index(segment[-1]) % unused == 0
