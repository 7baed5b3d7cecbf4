"""The commands of ``trivet db``: each module has some of them, in ``COMMANDS``. They import Alembic."""

from ..migrating.calling import in_words
from ..migrating.connecting import let_go
from ..migrating.layout import Layout
from . import moving, showing, tending

COMMANDS = (*moving.COMMANDS, *showing.COMMANDS, *tending.COMMANDS)

__all__ = ["COMMANDS", "Layout", "in_words", "let_go"]
