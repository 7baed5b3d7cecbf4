"""Sessions on the one connection of a test, at random, held to a model of what each may see."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from trivet_db.testing import rolled_back

from .kit_app import Kit, on_loop

STEPS = 200


class Model:
    """Titles that are committed, and those that each session has written, the innermost session last.

    :ivar holding: the sessions inside whose transactions others have committed, so that they must not roll back.
    """

    def __init__(self) -> None:
        self.committed: set[str] = set()
        self.written: dict[int, set[str]] = {}
        self.holding: set[int] = set()

    def visible(self) -> set[str]:
        return self.committed.union(*self.written.values())

    def is_inside(self, number: int) -> bool:
        """Tell whether others have begun inside this one's transaction, so that it has to wait."""
        return number in self.written and list(self.written)[-1] != number

    def end(self, number: int, *, commit: bool) -> None:
        has_written = number in self.written
        titles = self.written.pop(number, set())
        self.holding.discard(number)
        if commit:
            if has_written:
                self.holding.update(self.written)
            outer = self.written[list(self.written)[-1]] if self.written else self.committed
            outer |= titles


class Players:
    """Sessions that do one thing at a time."""

    def __init__(self, kit: Kit, engine: sa.Engine, seed: int) -> None:
        self.kit = kit
        self.random = random.Random(seed)
        self.sessions = [orm.Session(engine) for _ in range(4)]
        self.model = Model()
        self.moves: list[Callable[[int, Any], None]] = [
            self.read, self.write, self.write, self.write_nested, self.commit, self.roll_back, self.err, self.double,
        ]  # fmt: skip

    def play(self) -> None:
        for _ in range(STEPS):
            number = self.random.randrange(len(self.sessions))
            if not self.model.is_inside(number):
                self.random.choice(self.moves)(number, self.sessions[number])
        for number in reversed(list(self.model.written)):
            self.roll_back(number, self.sessions[number])
        for session in self.sessions:
            session.close()

    def read(self, number: int, session: Any) -> None:
        assert set(session.scalars(sa.select(self.kit.Task.title))) == self.model.visible()

    def write(self, number: int, session: Any) -> None:
        title = str(self.random.getrandbits(60))
        session.execute(sa.insert(self.kit.Task).values(title=title))
        self.model.written.setdefault(number, set()).add(title)

    def write_nested(self, number: int, session: Any) -> None:
        with session.begin_nested() as nested:
            self.model.written.setdefault(number, set())
            before = set(self.model.written[number])
            self.write(number, session)
            if self.random.random() < 0.5:
                nested.rollback()
                self.model.written[number] = before

    def commit(self, number: int, session: Any) -> None:
        session.commit()
        self.model.end(number, commit=True)

    def roll_back(self, number: int, session: Any) -> None:
        if number in self.model.holding:
            self.commit(number, session)
        else:
            session.rollback()
            self.model.end(number, commit=False)

    def err(self, number: int, session: Any) -> None:
        if number in self.model.holding:
            return
        with pytest.raises(sa.exc.DBAPIError):
            session.execute(sa.text("SELECT nothing FROM nowhere"))
        self.roll_back(number, session)

    def double(self, number: int, session: Any) -> None:
        if not self.model.visible():
            return
        title = self.random.choice(sorted(self.model.visible()))
        self.model.written.setdefault(number, set())
        with pytest.raises(sa.exc.IntegrityError), session.begin_nested():
            session.execute(sa.insert(self.kit.Task).values(title=title))


@pytest.mark.parametrize("driver", ["plain", "async"])
@pytest.mark.parametrize("seed", range(3))
def test_every_session_sees_what_the_model_says(
    database: str, make_kit: Callable[..., Kit], driver: str, seed: int
) -> None:
    kit = make_kit(on_loop(database) if driver == "async" else database)
    with rolled_back(kit.app):
        with kit.app.app_context():
            players = Players(kit, kit.db.engine, seed)
        players.play()
        assert kit.titles() == players.model.committed
    assert kit.titles() == set()
