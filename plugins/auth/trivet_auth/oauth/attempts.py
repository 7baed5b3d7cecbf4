"""Attempts to sign in: what a browser has to bring back with the provider's answer, once and soon."""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from ..records import Record
from ..state import Auth
from .errors import Refused

#: Seconds for which one may take to sign in at the provider.
LIFETIME = 600
#: How records of attempts that have been used are known in the store.
KIND = "oauth-used"
#: How many a browser may have begun at the same time.
MAX_COOKIES = 5
#: Characters of an address to return to.
MAX_NEXT = 1024

_PREFIX = "trivet_oauth_"
_STATE = re.compile(r"[A-Za-z0-9_-]{43}")


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. It is kept in a cookie of its own, encrypted: nothing is stored for what is only begun.

    :ivar state: what the provider has to return (RFC 6749, 10.12).
    :ivar nonce: what the ID token has to say.
    :ivar verifier: what proves to the provider that the code was meant for us (RFC 7636).
    :ivar purpose: to sign in, or to connect an account with that of somebody who is signed in.
    :ivar owner: who that is, as ``"default:7"``.
    :ivar next: where to go afterwards.
    :ivar remember: whether the browser is to be remembered.
    :ivar at: when it was begun, in Unix seconds.
    """

    state: str
    nonce: str
    verifier: str
    purpose: Literal["enter", "link"] = "enter"
    owner: str = ""
    next: str = ""
    remember: bool = False
    at: float


def begin(**what: Any) -> Attempt:
    """Return a new attempt: state, nonce and verifier have 256 bits each."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Attempt(state=state, nonce=nonce, verifier=verifier, at=time.time(), **what)


def is_state(text: str) -> bool:
    """Tell whether a text can be a state."""
    return _STATE.fullmatch(text) is not None


class Attempts:
    """Keeps attempts in cookies.

    The cookies are for this host only, hidden from scripts, and sent along when the provider sends somebody back. Under
    https their names begin with ``__Host-``, so that no other host of the domain can plant one (RFC 6265bis, 4.1.3.2).

    :param auth: the state of the application.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        self._secure = auth.options.url.lower().startswith("https://")
        self._prefix = ("__Host-" if self._secure else "") + _PREFIX

    def give(self, ctx: Any, response: Any, provider: str, attempt: Attempt) -> None:
        """Have a browser keep an attempt."""
        text = msgspec.json.encode(attempt).decode()
        value = self._auth.sealer.seal(text, _purpose(provider))
        self._forget_many(ctx, response)
        response.set_cookie(self._name(attempt.state), value, max_age=LIFETIME, **self._attributes())

    def take(self, ctx: Any, provider: str, state: str) -> Attempt:
        """Return the attempt that an answer belongs to.

        :raises Refused: it was not begun by this browser for this provider, or too long ago.
        """
        value = ctx.request.cookies.get(self._name(state), "")
        text = self._auth.sealer.open(value, _purpose(provider)) if len(value) <= 4096 else None
        attempt = _read(text) if text is not None else None
        if attempt is None or not hmac.compare_digest(attempt.state, state):
            raise Refused("attempt", "the browser has no attempt of this state")
        if not -60 <= time.time() - attempt.at <= LIFETIME:
            raise Refused("attempt", "it was begun too long ago")
        return attempt

    def use(self, attempt: Attempt) -> None:
        """Use an attempt up; this may block.

        :raises Refused: it has been used before.
        """
        used = Record({}, "", attempt.at + LIFETIME + 120)
        if not self._auth.store.put(KIND, _digest(attempt.state), used, expect=0):
            raise Refused("attempt", "it has been used before")

    def drop(self, response: Any, state: str) -> None:
        """Have a browser forget an attempt."""
        response.delete_cookie(self._name(state), **self._attributes())

    def _forget_many(self, ctx: Any, response: Any) -> None:
        found = [name for name in ctx.request.cookies if name.startswith(self._prefix)]
        for name in found if len(found) >= MAX_COOKIES else ():
            response.delete_cookie(name, **self._attributes())

    def _name(self, state: str) -> str:
        return self._prefix + _digest(state)[:12]

    def _attributes(self) -> Mapping[str, Any]:
        return {"path": "/", "secure": self._secure, "httponly": True, "samesite": "Lax"}


def _read(text: str) -> Attempt | None:
    try:
        return msgspec.json.decode(text, type=Attempt)
    except msgspec.ValidationError:  # of another version of this package
        return None


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()


def _purpose(provider: str) -> str:
    return f"oauth:{provider}"
