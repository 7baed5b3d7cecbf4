"""Codes of the second factor: of an authenticator app, and for recovery."""

from typing import Any

from .base import Flow


def has_second_factor(user: Any) -> bool:
    """Tell whether a user has set one up."""
    return bool(getattr(user, "totp_secret", None))


def purpose_of(owner: str) -> str:
    """Return what the secret of an authenticator app is sealed for."""
    return f"totp:{owner}"


def setup_purpose_of(owner: str) -> str:
    """Return what a secret is sealed for that waits for its first code."""
    return f"totp-setup:{owner}"


async def use_code(flow: Flow, user: Any, code: str) -> str | None:
    """Use a code of a user up; return of which kind it was, or ``None`` if it is wrong, or was used before."""
    owner, block, services = flow.accounts.owner_of(user), flow.driver.block, flow.services
    secret = flow.auth.sealer.open(user.totp_secret, purpose_of(owner))
    if secret is None:
        flow.tell("totp.unreadable", user)
    elif await block(services.steps.verify, owner, secret, code):
        return "totp"
    if not await block(services.recovery.use, owner, code):
        return None
    left = await block(services.recovery.left, owner)
    flow.tell("recovery.used", user, left=left)
    flow.mail_user("recovery_used", user, left=left)
    return "recovery"
