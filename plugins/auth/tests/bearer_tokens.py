"""What the tests of signed bearer tokens share: keys of each kind, and tokens made by hand."""

import base64
import hashlib
import hmac
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from trivet_auth.bearer import Bearers

NOW = 1_800_000_000.0
ISSUER, AUDIENCE = "https://id.example", "https://api.example"
SECRET = "5Hq0vPzX2mWl8cTnB7kYdRfJ3sGaUeVo"
OTHER_SECRET = "Lr9TzQw1XnKc6VbMf4HjPs8GdYa2EuRo"
LONG_SECRET = SECRET + OTHER_SECRET


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


# -- keys


def private_pem(key: Any) -> str:
    """Return a private key as PEM."""
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


def public_pem(key: Any) -> str:
    """Return the public half as PEM."""
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return an RSA key, the same each time because making one takes long."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    """Return a key of the curve P-256, one for each number."""
    return ec.generate_private_key(ec.SECP256R1())


def key_for(algorithm: str, other: bool = False) -> str:
    """Return a key that can sign by an algorithm; another one than the usual where that is kept."""
    if algorithm.startswith("HS"):
        return LONG_SECRET
    if algorithm.startswith(("RS", "PS")):
        return private_pem(rsa_key(2056 if other else 2048))
    curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
    if algorithm in curves:
        return private_pem(ec.generate_private_key(curves[algorithm]))
    return private_pem((ed448.Ed448PrivateKey if algorithm == "Ed448" else ed25519.Ed25519PrivateKey).generate())


def jwk_of(key: Any, **changes: Any) -> str:
    """Return a private JWK with changes."""
    return json.dumps({**key.as_dict(private=True), **changes})


def bearers(*keys: str, algorithms: tuple[str, ...] = ("HS256",), **more: Any) -> Bearers:
    """Return bearers with the issuer and audience of these tests."""
    options = {"issuer": ISSUER, "audience": AUDIENCE, "clock": Clock(), **more}
    return Bearers(list(keys or [SECRET]), list(algorithms), **options)


# -- tokens made by hand


def encoded(value: object) -> str:
    """Return base64url of bytes, or of a value as JSON."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(segment: str) -> Any:
    """Return what a part of a token says."""
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def signed(header: object, claims: object, secret: str | bytes = SECRET) -> str:
    """Return a token with a right signature by HS256, whatever it says."""
    text = f"{encoded(header)}.{encoded(claims)}"
    key = secret.encode() if isinstance(secret, str) else secret
    return f"{text}.{encoded(hmac.digest(key, text.encode(), hashlib.sha256))}"


def header(**changes: Any) -> dict[str, Any]:
    """Return a header without kid; None leaves something out."""
    return {name: value for name, value in {"typ": "JWT", "alg": "HS256", **changes}.items() if value is not None}


def claims(**changes: Any) -> dict[str, Any]:
    """Return right claims with changes; None leaves something out."""
    right = {"iss": ISSUER, "aud": AUDIENCE, "sub": "7", "exp": NOW + 60, "nbf": NOW, "iat": NOW}
    return {name: value for name, value in {**right, **changes}.items() if value is not None}


def token(**changes: Any) -> str:
    """Return a signed token with changed claims."""
    return signed(header(), claims(**changes))
