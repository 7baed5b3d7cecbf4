"""What happened during one request, in order."""

EVENTS: list[str] = []


def note(what: str) -> None:
    """Remember that something happened."""
    EVENTS.append(what)
