"""Who claimed what during setup, and where: the ground for naming both sides of a conflict."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from .errors import ConflictError


class Claim(NamedTuple):
    """One claim.

    :ivar owner: the plugin that made it, ``None`` for the application itself.
    :ivar place: ``file:line``.
    """

    owner: str | None
    place: str

    def __str__(self) -> str:
        who = f"plugin {self.owner!r}" if self.owner is not None else "the application"
        return f"{who} ({self.place})"


class Registrar:
    """Keeps the claims of one application.

    The application may claim what a plugin claims too, and wins; two plugins may not claim the same.
    """

    def __init__(self) -> None:
        self.owner: str | None = None
        self._claims: dict[tuple[str, str], Claim] = {}

    @contextmanager
    def on_behalf_of(self, owner: str | None) -> Iterator[None]:
        """Record the claims made inside the block as those of a plugin."""
        before, self.owner = self.owner, owner
        try:
            yield
        finally:
            self.owner = before

    def claim(self, kind: str, name: str, place: str, again: bool = False) -> bool:
        """Claim ``name`` among things of one ``kind``, such as ``"endpoint"``.

        :param again: it is known to be another thing, though it may have been declared at the same place.
        :return: ``False`` if the application has overridden it, so that the caller leaves its own out.
        :raises ConflictError: if somebody else has it; the message names both places.
        """
        mine = Claim(self.owner, place)
        other = self._claims.get((kind, name))
        if other is None or (other.owner is not None and mine.owner is None):
            self._claims[kind, name] = mine
            return True
        if other.owner is None and mine.owner is not None:
            return False
        if other == mine and not again:
            return True
        raise ConflictError(
            f"The {kind} {name!r} is claimed twice: by {other} and by {mine}. Rename one of them, disable one of the "
            "plugins, or declare it in the application itself, which then wins."
        )

    def find(self, kind: str, name: str) -> Claim | None:
        """Return the claim on ``name``, if there is one."""
        return self._claims.get((kind, name))
