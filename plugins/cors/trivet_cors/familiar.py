"""The option names of Flask-CORS, for those who come from it, in terms of the policy's own."""

from collections.abc import Mapping
from typing import Any

from .policy import PolicyError

_NAMES = {"supports_credentials": "credentials", "allow_private_network": "private_network"}
#: What can be given only in the one way in which things are done here anyway, and why.
_FIXED = {
    "vary_header": "caches would hand one origin's answer to another; `Vary` is always sent",
    "intercept_exceptions": "a page could not read why it failed; errors always carry the headers",
}


def translate(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with the names of :class:`trivet_cors.PolicyOptions`; ``None`` stands for not given.

    :raises PolicyError: one thing is said twice and differently, or asks for what is never done.
    """
    known = {*_NAMES, *_FIXED, "send_wildcard"}
    own = {name: value for name, value in options.items() if name not in known}
    for theirs, ours in _NAMES.items():
        value = options.get(theirs)
        if value is None:
            continue
        if own.get(ours) is not None and bool(own[ours]) is not bool(value):
            raise PolicyError(theirs, f"it means the same as {ours!r}, which says otherwise; write one of them")
        own[ours] = value
    for name, why in _FIXED.items():
        if options.get(name) is False:
            raise PolicyError(name, f"leave it out: {why}")
    if options.get("send_wildcard") and own.get("origins") not in ("*", ["*"], ("*",)):
        raise PolicyError("send_wildcard", 'leave it out and write origins = "*", which is always sent as it is')
    return own
