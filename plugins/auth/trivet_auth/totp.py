"""Second factors: the codes of authenticator apps (RFC 6238), and recovery codes for who has lost the app."""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Sequence

import pyotp
import segno
from argon2.low_level import Type, hash_secret_raw

from .records import Record, Store, update

#: Characters of a secret in base 32: 160 bits, as RFC 4226, 4, recommends.
SECRET_LENGTH = 32
#: Seconds a code is shown for.
PERIOD = 30
#: Periods before and after the present one whose codes are right too (RFC 6238, 5.2).
WINDOW = 1

RECOVERY_CODES = 10
#: Characters of a recovery code: 60 bits.
RECOVERY_LENGTH = 12
#: Crockford's base 32, without the letters that look like digits.
RECOVERY_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: argon2id's iterations and memory in KiB for recovery codes. Fewer than for passwords: nobody chose these.
RECOVERY_COST = (2, 19_456)

STEP_KIND = "totp"
RECOVERY_KIND = "recovery"

_CODE = re.compile(r"[0-9]{6}")
_RECOVERY_CODE = re.compile(rf"[{RECOVERY_ALPHABET}]{{{RECOVERY_LENGTH}}}")
_LOOKALIKES = str.maketrans({"I": "1", "L": "1", "O": "0", " ": None, "-": None})


# -- authenticator apps


def new_secret() -> str:
    """Return a new secret in base 32. Keep it sealed, see :mod:`trivet_auth.sealing`."""
    return pyotp.random_base32(SECRET_LENGTH)


def uri(secret: str, account: str, issuer: str) -> str:
    """Return the ``otpauth:`` URI that authenticator apps read. It holds the secret: show it once, and log it never.

    :param account: what the app shows as the person's name: the login name.
    :param issuer: what the app shows as the site's name. Colons and slashes, which would divide the label, become
        spaces in both.
    """
    account, issuer = (" ".join(re.split(r"[\s:/]+", text)).strip() for text in (account, issuer))
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def qr_svg(text: str, title: str = "", scale: int = 4) -> str:
    """Return the QR code of a text as an ``<svg>`` element for a page, dark on white with the margin that readers need.

    It has neither styles nor scripts of its own, so it needs nothing from the Content-Security-Policy.

    :param title: what screen readers say in its place.
    :param scale: pixels of a module.
    """
    return segno.make(text, error="m", micro=False).svg_inline(scale=scale, light="#fff", title=title or None)


def verify(secret: str, code: object, last_step: int | None = None, *, now: float | None = None) -> int | None:
    """Return the step of a right code, and ``None`` for a wrong one, whatever it is.

    Right are the present code, the one before and the one after, of six digits with any spaces between them. A code
    must not be right twice (RFC 6238, 5.2): keep the step that this returns, and give it as ``last_step`` next time.
    :class:`UsedSteps` does both at once, as has to be when several requests come at a time.

    :param last_step: the step of the last code that was right; that one and earlier ones are refused.
    :param now: Unix seconds; the time by default.
    """
    digits = code.replace(" ", "") if isinstance(code, str) and len(code) <= 32 else ""
    if _CODE.fullmatch(digits) is None:
        return None
    present = int(time.time() if now is None else now) // PERIOD
    codes = pyotp.TOTP(secret, interval=PERIOD)
    steps = range(max(present - WINDOW, 0), present + WINDOW + 1)
    right = [step for step in steps if hmac.compare_digest(codes.generate_otp(step), digits)]
    return next((step for step in right if last_step is None or step > last_step), None)


class UsedSteps:
    """Verifies the codes of authenticator apps, each of which is right once, in all workers together.

    :param store: where the last step of everybody is kept.
    :param clock: Unix seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def verify(self, owner: str, secret: str, code: object) -> bool:
        """Tell whether a code is right and has not been used, and use it.

        :raises StoreError: the store cannot be reached.
        """
        now = self._clock()

        def use(found: Record | None) -> Record | None:
            step = verify(secret, code, found.data["step"] if found is not None else None, now=now)
            return Record({"step": step}, owner) if step is not None else None

        return update(self._store, STEP_KIND, _key(owner), use) is not None

    def forget(self, owner: str) -> None:
        """Forget the last step: the person has another secret, or none any more."""
        self._store.delete(STEP_KIND, _key(owner))


# -- recovery codes


class RecoveryCodes:
    """Codes on paper, each of which takes the place of the app once.

    Kept are their argon2id hashes with a salt for each set, as ASVS 5, 6.5.2, asks of secrets below 112 bits.

    :param store: where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def issue(self, owner: str) -> list[str]:
        """Return ten new codes, such as ``7K2M-9QXW-4HBT``, in place of those the person had. Show them once.

        It takes up to half a second: on an event loop call it in a worker thread.
        """
        codes = [_random_code() for _ in range(RECOVERY_CODES)]
        salt = secrets.token_bytes(16)
        digests = [_digest(code, salt, RECOVERY_COST) for code in codes]
        data = {"salt": base64.b64encode(salt).decode(), "cost": list(RECOVERY_COST), "digests": digests}
        self._store.put(RECOVERY_KIND, _key(owner), Record(data, owner))
        return ["-".join(code[at : at + 4] for at in range(0, RECOVERY_LENGTH, 4)) for code in codes]

    def use(self, owner: str, code: object) -> bool:
        """Tell whether a code is one of the person's, and use it up.

        Case, spaces and hyphens do not matter, and O, I and L are taken for the digits they look like.

        :raises StoreError: the store cannot be reached.
        """
        text = code.upper().translate(_LOOKALIKES) if isinstance(code, str) and len(code) <= 64 else ""
        if _RECOVERY_CODE.fullmatch(text) is None:
            return False

        def without(found: Record | None) -> Record | None:
            if found is None:
                return None
            digest = _digest(text, base64.b64decode(found.data["salt"]), found.data["cost"])
            left = [one for one in found.data["digests"] if not hmac.compare_digest(one, digest)]
            return found.with_data(digests=left) if len(left) < len(found.data["digests"]) else None

        return update(self._store, RECOVERY_KIND, _key(owner), without) is not None

    def left(self, owner: str) -> int:
        """Return how many codes the person has left."""
        found = self._store.get(RECOVERY_KIND, _key(owner))
        return len(found.data["digests"]) if found is not None else 0

    def revoke(self, owner: str) -> None:
        """Forget all codes of a person."""
        self._store.delete(RECOVERY_KIND, _key(owner))


def _key(owner: str) -> str:
    return hashlib.sha256(owner.encode()).hexdigest()


def _random_code() -> str:
    return "".join(secrets.choice(RECOVERY_ALPHABET) for _ in range(RECOVERY_LENGTH))


def _digest(code: str, salt: bytes, cost: Sequence[int]) -> str:
    iterations, memory = cost
    return hash_secret_raw(code.encode(), salt, iterations, memory, 1, 32, Type.ID).hex()
