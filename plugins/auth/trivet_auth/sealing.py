"""Small secrets that have to be kept as they are: encrypted with keys that come from the application's own."""

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Sealer:
    """Encrypts small texts for a database, such as the secrets of authenticator apps.

    Every purpose has keys of its own, made by HKDF with SHA-256 (RFC 5869), and the texts are Fernet tokens (AES-128 in
    CBC mode with HMAC-SHA-256). What was sealed for one purpose cannot be opened for another, so put the owner into the
    purpose, and nobody can give one account the secret of another by copying a column::

        sealed = sealer.seal(secret, f"totp:{user.get_id()}")

    :param keys: high-entropy secrets, such as ``SECRET_KEY`` and then ``SECRET_KEY_FALLBACKS``. The first one seals,
        all of them open.
    :raises ValueError: there is no key, or an empty one.
    :raises TypeError: a single key was given instead of a list.
    """

    def __init__(self, keys: Sequence[bytes | str]) -> None:
        if isinstance(keys, bytes | str):
            raise TypeError("Sealer() takes a list of keys, not a single one: Sealer([key]).")
        self._keys = [key.encode() if isinstance(key, str) else key for key in keys]
        if not self._keys or not all(self._keys):
            raise ValueError(
                "Secrets cannot be sealed without a key, or with an empty one. Set SECRET_KEY, and leave no empty text "
                "in SECRET_KEY_FALLBACKS."
            )

    def __repr__(self) -> str:
        return f"<Sealer of {len(self._keys)} keys>"

    def seal(self, text: str, purpose: str) -> str:
        """Return the text encrypted, in ASCII; four thirds as long, and 100 characters more.

        :raises ValueError: the text has lone surrogates.
        """
        return self._fernet(purpose).encrypt(text.encode()).decode()

    def open(self, sealed: str | None, purpose: str) -> str | None:
        """Return what was sealed for this purpose; ``None`` if it was not, has been changed, or the key is gone."""
        if not sealed or not sealed.isascii():
            return None
        try:
            return self._fernet(purpose).decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None

    def _fernet(self, purpose: str) -> MultiFernet:
        return MultiFernet([Fernet(_derived(key, purpose)) for key in self._keys])


def _derived(key: bytes, purpose: str) -> bytes:
    hkdf = HKDF(SHA256(), length=32, salt=None, info=b"trivet.auth.seal:" + purpose.encode())
    return base64.urlsafe_b64encode(hkdf.derive(key))
