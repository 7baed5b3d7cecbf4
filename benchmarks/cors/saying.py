"""What every peer needs to say a policy of the table in its own words."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

#: ``ask(method, path, headers, body=..., encoding=...)`` gives the status and the headers, names in small letters.
Ask = Callable[..., tuple[int, dict[str, str]]]
Policy = Mapping[str, Any]

#: What the application of the table has, taken together: for peers that ask for one list of methods.
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "REPORT")
#: What the table lets a page set in any case (Fetch, "CORS-safelisted request-header").
SAFELISTED = ("Accept", "Accept-Language", "Content-Language", "Content-Type", "Range")
#: A text for /static/app.css.
STYLE = "body { color: #345 }\n"
LIMIT = 1024


class CannotSay(Exception):
    """The peer has no option for this; the message names what is missing."""


def refuse(policy: Policy, *options: str) -> None:
    """Say that a peer has no such options.

    :raises CannotSay: the policy sets one of them.
    """
    for option in options:
        if option in policy:
            raise CannotSay(option)


def is_wildcard(origin: str) -> bool:
    return "://*." in origin


def pattern_for(wildcard: str) -> str:
    """Write ``https://*.example.com`` as the most careful regular expression that a user of a peer would."""
    scheme, _, parent = wildcard.partition("://*.")
    return rf"^{re.escape(scheme)}://([a-z0-9_-]+\.)+{re.escape(parent)}\Z"


def split(origins: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the origins that are literal, and patterns for the others."""
    listed = list(origins)
    return [one for one in listed if not is_wildcard(one)], [pattern_for(one) for one in listed if is_wildcard(one)]
