"""What is refused because of what somebody has typed: errors that know nothing of the framework."""


class TakenError(ValueError):
    """Somebody else has this login name already."""


class WeakPasswordError(ValueError):
    """A new password is too weak.

    :ivar problems: why, in sentences for the person who has chosen it.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems
