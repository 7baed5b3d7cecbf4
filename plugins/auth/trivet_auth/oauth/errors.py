"""Why signing in by a provider did not work: reasons, each with its status and its words."""

from typing import NamedTuple


class Reason(NamedTuple):
    """What whoever asked is told.

    :ivar status: the status of the answer.
    :ivar text: the sentence; ``{label}`` stands for the provider's name.
    """

    status: int
    text: str


#: The reasons by name. One of them, ``"account"``, stands for everything that would tell what accounts there are.
REASONS = {
    "attempt": Reason(
        400, "This sign-in was not begun in this browser, has expired, or has been used already. Please begin again."
    ),
    "request": Reason(400, "This is not an answer of {label}. Please begin again."),
    "code": Reason(400, "{label} does not know this sign-in any more. Please begin again."),
    "denied": Reason(403, "You have not been signed in: {label} says that you or it did not agree."),
    "account": Reason(
        403,
        "You cannot sign in with this account of {label}. If you have an account here, sign in as you did before, and "
        "connect the two.",
    ),
    "person": Reason(
        403, "Somebody else is signed in here now than was when this was begun. Nothing has been changed."
    ),
    "taken": Reason(409, "This account of {label} is connected to another account here."),
    "last": Reason(409, "This is your only way to sign in. Set a password or connect another account first."),
    "absent": Reason(404, "This account of {label} is not connected."),
    "throttled": Reason(429, "There were too many attempts. Please wait, and try again."),
    "provider": Reason(502, "{label} has given an answer that cannot be used. Please try again later."),
    "unavailable": Reason(503, "{label} cannot be reached at the moment. Please try again."),
}


class Refused(Exception):
    """Signing in by a provider is not possible.

    :param reason: one of :data:`REASONS`.
    :param detail: what exactly is wrong, for the log. It never repeats what a browser has sent, and holds no secret.
    :param wait: seconds for ``Retry-After``; a few for who cannot be reached.
    """

    def __init__(self, reason: str, detail: str = "", wait: int = 0) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.wait = wait or (5 if reason == "unavailable" else 0)

    @property
    def is_fault_of_provider(self) -> bool:
        """Whether neither the person nor the browser could have done better."""
        return REASONS[self.reason].status >= 500
