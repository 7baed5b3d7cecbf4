"""What flows do with the links in mails: find whose they are, and see that each works once."""

from typing import Any

from ..links import Link
from .base import Flow
from .sent import Refused
from .services import state_of


def dead_link() -> Refused:
    """Return the refusal of a link that does not work, whatever the reason."""
    return Refused(
        400,
        "invalid_link",
        "This link does not work: it was used before, is too old, or is not complete.",
        template="auth/refused.html",
    )


async def read_link(flow: Flow, token: str, purpose: str) -> Link | None:
    """Return a link that works for a purpose, without using it."""
    link: Link | None = await flow.driver.block(flow.services.links.read, token, purpose)
    return link


async def user_of(flow: Flow, link: Link) -> Any:
    """Return the user whose link it is.

    :raises Refused: there is none, the account is locked, or something has changed since that ends the link.
    """
    realm, _, id = link.owner.partition(":")
    user = await flow.manager.load_user(flow.driver, id) if realm == flow.realm and id else None
    if user is None or not user.is_active or not link.is_for(state_of(user)):
        raise dead_link()
    return user


async def use_link(flow: Flow, link: Link) -> None:
    """Use a link up.

    :raises Refused: somebody else has just done so.
    """
    if not await flow.driver.block(flow.services.links.use, link):
        raise dead_link()
