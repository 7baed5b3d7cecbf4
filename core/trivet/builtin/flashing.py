"""Flashing: messages kept in the session until a later request shows them."""

from collections.abc import Iterable
from typing import Any

from ..kernel.stash import StashKey

_SESSION_KEY = "_flashes"
#: The messages that a request has taken out of its session: every look at them during it gives the same.
_TAKEN = StashKey[list[Any]]("flashes")


def flash(ctx: Any, message: str, category: str = "message") -> None:
    """Keep a message for the next request that shows messages, this one included.

    :param ctx: the request's context.
    :param message: the text, escaped by the template that shows it.
    :param category: any word; ``message``, ``error``, ``info`` and ``warning`` are customary.
    :raises RuntimeError: if the session cannot be written, for want of a secret key.
    """
    session = ctx.session
    # Assigned anew, not changed in place, so that the session knows of it.
    session[_SESSION_KEY] = [*session.get(_SESSION_KEY, ()), (category, message)]


def get_flashed_messages(
    ctx: Any, with_categories: bool = False, category_filter: Iterable[str] = ()
) -> list[str] | list[tuple[str, str]]:
    """Take the kept messages out of the session and return them; again and again during one request.

    :param ctx: the request's context.
    :param with_categories: return pairs of category and message instead of messages.
    :param category_filter: leave out messages of any other category; all are taken out of the session.
    """
    flashes = ctx.stash.get(_TAKEN)
    if flashes is None:
        session = ctx.session
        flashes = ctx.stash[_TAKEN] = session.pop(_SESSION_KEY) if _SESSION_KEY in session else []
    if category_filter:
        wanted = set(category_filter)
        flashes = [pair for pair in flashes if pair[0] in wanted]
    if with_categories:
        return [(category, message) for category, message in flashes]
    return [message for _, message in flashes]
