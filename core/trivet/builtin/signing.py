"""The one signing service: tamper-proof tokens by the application's secret key and its predecessors."""

import hashlib
import hmac
import zlib
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from itsdangerous import (
    BadData,
    BadPayload,
    BadSignature,
    SignatureExpired,
    TimestampSigner,
    URLSafeTimedSerializer,
)
from itsdangerous.encoding import want_bytes
from itsdangerous.signer import SigningAlgorithm

from ..kernel.errors import ConfigError

__all__ = ["BadData", "BadSignature", "SignatureExpired", "Signing"]

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")

#: Texts up to this many bytes are not compressed: it would save nothing worth its time.
_SMALL = 64

#: What distinguishes one serializer from another: salt, serializer, key derivation, digest.
_Kind = tuple[str, Any, str, Any]


def _encode(data: bytes) -> bytes:
    return b2a_base64(data, newline=False).translate(_URL_SAFE).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    return a2b_base64(text.translate(_STANDARD) + b"=" * (-len(text) % 4))


class _Hmac(SigningAlgorithm):
    """HMAC (RFC 2104) computed in one call."""

    def __init__(self, digest_method: Any) -> None:
        self.digest_method = digest_method

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, self.digest_method)


class _Signer(TimestampSigner):
    """The library's signer, deriving each of its keys once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.algorithm = _Hmac(self.digest_method)
        self._derived: dict[str | bytes | None, bytes] = {}

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        found = self._derived.get(secret_key)
        if found is None:
            found = self._derived[secret_key] = super().derive_key(secret_key)
        return found

    def sign(self, value: str | bytes) -> bytes:
        now = self.get_timestamp()
        stamp = _encode(now.to_bytes((now.bit_length() + 7) // 8, "big"))
        dated = b"%b.%b" % (want_bytes(value), stamp)
        return b"%b.%b" % (dated, self.get_signature(dated))

    def get_signature(self, value: str | bytes) -> bytes:
        return _encode(self.algorithm.get_signature(self.derive_key(), want_bytes(value)))


class _Serializer(URLSafeTimedSerializer):
    """The library's serializer with a short way for the common case: a good token, signed by the newest key.

    What it writes the library's own class reads, and the other way round. A token that is not good in every
    respect is given to the library, which finds out what is wrong with it.
    """

    default_signer = _Signer

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._own: Any = super().make_signer()

    def make_signer(self, salt: str | bytes | None = None) -> Any:
        return self._own if salt is None else super().make_signer(salt)

    def iter_unsigners(self, salt: str | bytes | None = None) -> Iterator[TimestampSigner]:
        return iter((self.make_signer(salt),))

    def dumps(self, obj: Any, salt: str | bytes | None = None) -> Any:
        if salt is not None:
            return super().dumps(obj, salt)
        return self._own.sign(self.dump_payload(obj)).decode()

    def dump_payload(self, obj: Any) -> bytes:
        text = want_bytes(self.serializer.dumps(obj, **self.serializer_kwargs))
        if len(text) > _SMALL:
            compressed = zlib.compress(text)
            if len(compressed) < len(text) - 1:
                return b"." + _encode(compressed)
        return _encode(text)

    def loads(  # type: ignore[override]
        self,
        s: str | bytes,
        max_age: int | None = None,
        return_timestamp: bool = False,
        salt: str | bytes | None = None,
    ) -> Any:
        if salt is None and not return_timestamp:
            payload = self._newest(want_bytes(s), max_age)
            if payload is not None:
                return self.load_payload(payload)
        return super().loads(s, max_age, return_timestamp, salt)

    def _newest(self, token: bytes, max_age: int | None) -> bytes | None:
        """Return the payload of a token that the newest key has signed and that is not too old."""
        signer = self._own
        value, _, signature = token.rpartition(b".")
        if not hmac.compare_digest(signature, signer.get_signature(value)):
            return None
        payload, found, stamp = value.rpartition(b".")
        age = signer.get_timestamp() - int.from_bytes(_decode(stamp), "big")
        good = found and (max_age is None or 0 <= age <= max_age)
        return payload if good else None

    def load_payload(self, payload: bytes, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs or payload.startswith(b"."):
            return super().load_payload(payload, *args, **kwargs)
        try:
            return self.serializer.loads(_decode(payload).decode())
        except Exception as error:
            raise BadPayload("The signed data cannot be read.", original_error=error) from error


class Signing:
    """Signs data for one application; reachable as ``app.signing``.

    The newest key is ``SECRET_KEY``; it signs. Keys in ``SECRET_KEY_FALLBACKS`` only verify, so that a key
    can be replaced without ending every session. Plugins that hand out tokens use this service, and so rotate
    along.

    ::

        token = app.signing.dumps("newsletter.unsubscribe", {"reader": 7})
        app.signing.loads("newsletter.unsubscribe", token, max_age=3600)["reader"]

    :param app: the application; its ``secret_key`` and ``config`` are read at every use.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._state: tuple[Any, tuple[Any, ...], dict[_Kind, URLSafeTimedSerializer]] = (None, (), {})

    def __repr__(self) -> str:
        state = "with" if self.available else "without"
        return f"<Signing of {self._app.name!r}, {state} a key>"

    @property
    def available(self) -> bool:
        """Whether there is a key to sign with."""
        return bool(self._app.secret_key)

    def dumps(self, purpose: str, data: Any) -> str:
        """Return a token for ``data``: URL-safe text, signed and dated. All can read it, nobody change it.

        :param purpose: what the token is for, such as ``"auth.reset"``; it opens for no other purpose.
        :param data: anything that JSON can say.
        :raises ConfigError: if the application has no secret key.
        :raises TypeError: if JSON cannot say it.
        """
        return str(self.signer(purpose).dumps(data))

    def loads(self, purpose: str, token: str | bytes, max_age: int | timedelta | None = None) -> Any:
        """Return the data of a token that :meth:`dumps` made for the same purpose, by any accepted key.

        :param max_age: how old the token may be, in seconds.
        :raises SignatureExpired: if it is older.
        :raises BadData: if it was not made here, was changed, or was made for another purpose.
        :raises ConfigError: if the application has no secret key.
        """
        if isinstance(max_age, timedelta):
            max_age = int(max_age.total_seconds())
        return self.signer(purpose).loads(token, max_age=max_age)

    def signer(self, purpose: str) -> URLSafeTimedSerializer:
        """Return the serializer for one purpose, HMAC-SHA-256 with a key of its own.

        :raises ConfigError: if the application has no secret key.
        :raises ValueError: if ``purpose`` is empty.
        """
        if not purpose:
            raise ValueError("A token needs a purpose: a name that no other kind has, as 'auth.reset'.")
        found = self.serializer(f"trivet.signing:{purpose}", digest_method=hashlib.sha256)
        if found is None:
            raise ConfigError(
                f"Signing for {purpose!r} needs a key, and SECRET_KEY of {self._app.name!r} is not set. Set "
                'it to a long random value that is kept out of the code: python -c "import secrets; '
                'print(secrets.token_hex())" makes one.'
            )
        return found

    def serializer(
        self,
        salt: str,
        serializer: Any = None,
        key_derivation: str = "hmac",
        digest_method: Callable[..., Any] = hashlib.sha256,
    ) -> URLSafeTimedSerializer | None:
        """Return the serializer with these parameters of itsdangerous, or ``None`` if there is no key.

        It is made once per set of keys. Keys change when the configuration does: ask again at every use.

        :raises ConfigError: if ``SECRET_KEY_FALLBACKS`` is not a list of keys.
        """
        secret, fallbacks = self._app.secret_key, self._app.config.get("SECRET_KEY_FALLBACKS")
        if not secret:
            return None
        older = () if not fallbacks else _checked(fallbacks)
        state = self._state
        if state[0] != secret or state[1] != older:
            state = self._state = (secret, older, {})
        kind = (salt, serializer, key_derivation, digest_method)
        found = state[2].get(kind)
        if found is None:
            found = state[2][kind] = _Serializer(
                [*older, secret],
                salt=salt,
                serializer=serializer,
                signer_kwargs={"key_derivation": key_derivation, "digest_method": digest_method},
            )
        return found


def _checked(fallbacks: Any) -> tuple[Any, ...]:
    """Return the older keys as a tuple; a lone string would make every single character an accepted key."""
    if isinstance(fallbacks, (str, bytes)):
        raise ConfigError("SECRET_KEY_FALLBACKS must be a list of keys, oldest first, not one string.")
    keys = tuple(fallbacks)
    if not all(keys) or not all(isinstance(key, (str, bytes)) for key in keys):
        raise ConfigError(
            "SECRET_KEY_FALLBACKS must hold strings or bytes, none of them empty: anybody can sign with an empty key."
        )
    return keys
