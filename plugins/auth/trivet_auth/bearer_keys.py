"""Keys that sign and verify tokens: read from PEM, JWK or a secret, with what makes them too weak refused."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from joserfc.errors import JoseError
from joserfc.jwk import DictKey, ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

AnyKey = OctKey | RSAKey | ECKey | OKPKey

#: The bits of an RSA key (RFC 7518, 3.3).
MIN_RSA = 2048
#: How many different bytes a secret has at least: what people make up and repeat has fewer.
MIN_DIFFERENT = 8

#: What each algorithm needs: the kind of key, and its curves or the bytes of a secret (RFC 7518, 3.2).
_NEEDS: dict[str, tuple[type[AnyKey], tuple[str, ...] | int]] = {
    "HS256": (OctKey, 32),
    "HS384": (OctKey, 48),
    "HS512": (OctKey, 64),
    **{f"{kind}{size}": (RSAKey, ()) for kind in ("RS", "PS") for size in (256, 384, 512)},
    "ES256": (ECKey, ("P-256",)),
    "ES384": (ECKey, ("P-384",)),
    "ES512": (ECKey, ("P-521",)),
    "EdDSA": (OKPKey, ("Ed25519", "Ed448")),
    "Ed25519": (OKPKey, ("Ed25519",)),
    "Ed448": (OKPKey, ("Ed448",)),
}
#: The signature algorithms that can be configured; ``none`` is not among them.
ALGORITHMS = tuple(name for name in _NEEDS if name in JWSRegistry.algorithms)

_SSH = re.compile(r"\s*(?:ssh-|ecdsa-sha2-|sk-)")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key with what it may be used for.

    :ivar key: the key, as the library wants it.
    :ivar id: its ``kid``.
    :ivar algorithms: those that it fits and that are accepted, in their order.
    :ivar signs: whether it can sign, and not only verify.
    """

    key: AnyKey = field(repr=False)
    id: str
    algorithms: tuple[str, ...]
    signs: bool


def refuse_algorithms(algorithms: Sequence[str]) -> None:
    """Refuse algorithms that cannot be configured.

    :raises TypeError: it is a single text instead of a list, or an empty list.
    :raises ValueError: one is not known, or means that nothing is signed.
    """
    if isinstance(algorithms, str) or not algorithms:
        raise TypeError('The algorithms of bearer tokens are a list of at least one: ["ES256"].')
    for name in algorithms:
        if name not in ALGORITHMS:
            raise ValueError(f"Bearer tokens cannot be signed by {name!r}. There are {', '.join(ALGORITHMS)}.")


def read_key(text: str, algorithms: Sequence[str], label: str) -> SigningKey:
    """Read a key.

    :param text: PEM, a JWK as JSON, or a secret.
    :param algorithms: the accepted ones.
    :param label: what messages call it, as they never show it.
    :raises ValueError: it is weak, unreadable or fits none of the algorithms.
    """
    signs = True
    if "-----BEGIN " in text:
        key = _from_pem(text, label)
    elif text.lstrip().startswith("{"):
        key, signs = _from_jwk(text, label)
    elif _SSH.match(text):
        raise ValueError(f"{label} is in the format of SSH. Give it as PEM: ssh-keygen -e -m PKCS8.")
    else:
        key = _from_secret(text.encode("utf-8", "surrogatepass"), algorithms, label)
    fitting = tuple(name for name in algorithms if _fits(key, name))
    if not fitting:
        raise ValueError(
            f"{label} fits none of the algorithms {', '.join(algorithms)}: it is of the kind {_kind(key)}."
        )
    return SigningKey(key, key.kid or _make_id(key), fitting, signs and key.is_private)


def _from_pem(text: str, label: str) -> AnyKey:
    lines = text.strip()
    if "\n" not in lines:
        lines = lines.replace("\\n", "\n")  # how line ends get into environment variables
    load: Callable[[bytes], object] = load_pem_public_key
    if "PRIVATE KEY-----" in text:
        load = partial(load_pem_private_key, password=None)
    try:
        found = load(lines.encode("utf-8", "surrogatepass"))
    except TypeError:
        raise ValueError(f"{label} is encrypted. Give it without a passphrase, from where secrets are kept.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"{label} looks like PEM, and cannot be read as a private or a public key.") from None
    if isinstance(found, RSAPrivateKey | RSAPublicKey):
        _refuse_small(found.key_size, label)
        return RSAKey.import_key(found)
    if isinstance(found, EllipticCurvePrivateKey | EllipticCurvePublicKey):
        return ECKey.import_key(found)
    if isinstance(found, Ed25519PrivateKey | Ed25519PublicKey | Ed448PrivateKey | Ed448PublicKey):
        return OKPKey.import_key(found)
    raise ValueError(f"{label} is of a kind that does not sign tokens: {type(found).__name__}.")


def _from_jwk(text: str, label: str) -> tuple[AnyKey, bool]:
    """Read a JWK; tell whether it says that it may sign. Whatever may sign may verify here, too."""
    try:
        data = json.loads(text)
        use, operations = data.pop("use", "sig"), data.pop("key_ops", ["sign", "verify"])
        if use != "sig" or not {"sign", "verify"} & set(operations):
            raise _RefusedKey(f"{label} is not for signatures: its 'use' or 'key_ops' say so.")
        return _import(data, label), "sign" in operations
    except _RefusedKey:
        raise
    except (JoseError, ValueError, TypeError, LookupError, AttributeError, RecursionError, UnsupportedAlgorithm):
        # The cause is not told: its text could be a piece of the key.
        raise ValueError(f"{label} looks like a JWK (RFC 7517), and cannot be read as one.") from None


def _import(data: DictKey, label: str) -> AnyKey:
    """Import what a JWK says, looking first at what the library would only warn of."""
    kind = data["kty"]
    if kind == "oct":
        _refuse_weak(_bytes(data["k"]), ALGORITHMS, label)
        return OctKey.import_key(data)
    if kind == "RSA":
        _refuse_small(int.from_bytes(_bytes(data["n"]), "big").bit_length(), label)
        return RSAKey.import_key(data)
    return ECKey.import_key(data) if kind == "EC" else OKPKey.import_key(data)


def _from_secret(secret: bytes, algorithms: Sequence[str], label: str) -> AnyKey:
    _refuse_weak(secret, algorithms, label)
    try:
        return OctKey.import_key(secret)
    except ValueError:
        raise ValueError(f"{label} is taken for a secret, and is a public key: give it as PEM.") from None


def _refuse_weak(secret: bytes, algorithms: Sequence[str], label: str) -> None:
    needed = min((needs for _, needs in map(_NEEDS.__getitem__, algorithms) if isinstance(needs, int)), default=32)
    if len(secret) < needed or len(set(secret)) < MIN_DIFFERENT:
        raise _RefusedKey(
            f"{label} is too weak: a secret for HMAC has at least {needed} bytes here, made at "
            "random. Make one: python -c 'import secrets; print(secrets.token_urlsafe(64))'. A key in PEM begins with "
            "-----BEGIN."
        )


class _RefusedKey(ValueError):
    """A key can be read, and is refused."""


def _refuse_small(bits: int, label: str) -> None:
    if bits < MIN_RSA:
        raise _RefusedKey(f"{label} is too weak: an RSA key of {bits} bits, and {MIN_RSA} are needed (RFC 7518, 3.3).")


def _bytes(text: object) -> bytes:
    """Decode base64url.

    :raises ValueError: it is something else.
    """
    if not isinstance(text, str) or re.fullmatch(r"[A-Za-z0-9_-]+", text) is None:
        raise ValueError
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _fits(key: AnyKey, algorithm: str) -> bool:
    kind, needs = _NEEDS[algorithm]
    if not isinstance(key, kind) or key.alg not in (None, algorithm):
        return False
    if isinstance(key, OctKey):
        return isinstance(needs, int) and len(key.raw_value) >= needs
    return isinstance(key, RSAKey) or (not isinstance(needs, int) and key.curve_name in needs)


def _kind(key: AnyKey) -> str:
    if isinstance(key, ECKey | OKPKey):
        return f"{key.key_type} with the curve {key.curve_name}"
    return "a secret" if isinstance(key, OctKey) else key.key_type


def _make_id(key: AnyKey) -> str:
    """Make a ``kid``: by RFC 7638 of a public key; of a secret a digest that nothing else uses."""
    if not isinstance(key, OctKey):
        return key.thumbprint()
    digest = hmac.digest(key.raw_value, b"trivet.auth.kid", hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:12]).decode()
