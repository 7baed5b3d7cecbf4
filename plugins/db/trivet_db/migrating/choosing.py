"""Which databases and revisions are meant by a bind key, a branch and a target."""

import re

from ..options import unknown_bind
from .errors import MigrationError
from .layout import Database, Layout, name_of
from .scripts import Scripts, no_revision

_STEPS = re.compile(r"[+-]\d+")


def key_of(layout: Layout, bind: str | None) -> str | None:
    """Return the bind key that ``--bind`` says; without it, or with ``default``, the default database's.

    :raises UnknownBindError: no configuration has it.
    """
    settings = layout.state.engines.settings
    key = None if bind in (None, name_of(None)) and bind not in settings else bind
    if key not in settings:
        raise unknown_bind(key, settings)
    return key


def databases(layout: Layout, bind: str | None) -> list[Database]:
    """Return the databases that ``--bind`` chooses: all of them without it.

    :raises UnknownBindError: there is no such bind.
    :raises MigrationError: the database takes no part in migrations.
    """
    if bind is None:
        return list(layout.databases)
    key = key_of(layout, bind)
    found = [one for one in layout.databases if one.key == key]
    if not found:
        raise MigrationError(
            f"The database {bind!r} has neither models nor migrations. trivet db init --bind {bind} makes a folder "
            "for its migrations."
        )
    return found


def scripts_for(layout: Layout, bind: str | None, branch: str | None = None) -> list[Scripts]:
    """Return the revisions of the databases that ``--bind`` and ``--branch`` choose.

    :raises MigrationError: none of them has the branch.
    """
    chosen = databases(layout, bind)
    found = [one for one in chosen if branch is None or any(branch == other.name for other in one.branches)]
    if not found:
        names = sorted({one.name for database in chosen for one in database.branches})
        raise MigrationError(f"There is no branch {branch!r}. There are: {', '.join(names)}.")
    return [Scripts(layout, one) for one in found]


def targeted(
    layout: Layout, bind: str | None, branch: str | None, target: str, *, ranges: bool = False
) -> list[Scripts]:
    """Return the same for a target: without ``--bind`` those databases that have the revision it names.

    :param ranges: whether the target may be ``from:to``.
    :raises MigrationError: none has; or it counts revisions, and nothing says of which database.
    """
    found = scripts_for(layout, bind, branch)
    if _STEPS.fullmatch(target) and len(found) > 1 and not layout.shared:
        names = ", ".join(one.database.name for one in found)
        raise MigrationError(f"{target} counts the revisions of one database. Say which by --bind: {names}.")
    if ":" in target and not ranges:
        raise MigrationError(
            f"{target!r} says from where to where, which only statements that are printed (--sql) are told: a database "
            f"knows where it is. Write what comes after the colon: {target.rpartition(':')[2] or 'heads'}"
        )
    knowing = [one for one in found if one.knows(target)]
    if not knowing:
        raise no_revision(found, target)
    return knowing
