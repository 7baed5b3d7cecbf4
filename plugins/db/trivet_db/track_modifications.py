"""Signals of changed models, for programs that set ``SQLALCHEMY_TRACK_MODIFICATIONS``.

New code is better off with SQLAlchemy's own events, which cost only what is asked of them.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from blinker import Namespace
from sqlalchemy import orm

_signals = Namespace()
#: Sent by the application before a commit that changes models, with ``changes``: a list of ``(model, operation)``,
#: the operation being ``"insert"``, ``"update"`` or ``"delete"``.
before_models_committed = _signals.signal("before-models-committed")
#: The same, sent after the commit.
models_committed = _signals.signal("models-committed")


def track(app: Any, session: orm.Session) -> None:
    """Tell of the changes that one session commits.

    :param app: the signals' sender.
    """
    changes: dict[Any, tuple[Any, str]] = {}

    def note(*_: Any) -> None:
        changes.update(_pending(session))

    def announce(_: Any) -> None:
        note()
        if changes:
            before_models_committed.send(app, changes=list(changes.values()))

    def tell(_: Any) -> None:
        if changes:
            made = list(changes.values())
            changes.clear()
            models_committed.send(app, changes=made)

    sa.event.listen(session, "before_flush", note)
    sa.event.listen(session, "before_commit", announce)
    sa.event.listen(session, "after_commit", tell)
    sa.event.listen(session, "after_rollback", lambda _: changes.clear())


def _pending(session: orm.Session) -> Iterator[tuple[Any, tuple[Any, str]]]:
    for models, operation in ((session.new, "insert"), (session.dirty, "update"), (session.deleted, "delete")):
        for model in models:
            state = sa.inspect(model)
            yield state.identity_key if state.has_identity else id(model), (model, operation)
