"""Writing revisions: empty ones, those that models ask for, and merges."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.operations import ops
from alembic.script import Script
from alembic.util import CommandError

from .comparing import Scope, describe, options_for, owners
from .connecting import Say, on_connection
from .errors import MigrationError
from .layout import APP, Branch, Database
from .naming import Naming, unnamed_uniques
from .scripts import Scripts, no_revision
from .standing import standing_of


def revise(
    scripts: Scripts,
    message: str | None,
    *,
    branch: str | None = None,
    head: str | None = None,
    splice: bool = False,
    rev_id: str | None = None,
    depends_on: Iterable[str] = (),
) -> Script:
    """Write an empty revision to be filled by hand, and return it.

    :param head: the revision that it follows; None: the head of the branch.
    :param splice: let it follow one that is no head.
    :raises MigrationError: the branch has more than one head.
    """
    asked = _asked(scripts, scripts.database.branch(branch), message, head, splice, rev_id, depends_on)
    return _one(_write(scripts, None, asked))


def migrate(
    group: list[Scripts],
    message: str | None,
    *,
    branch: str | None = None,
    rev_id: str | None = None,
    depends_on: Iterable[str] = (),
    say: Say,
) -> Script | None:
    """Write the revision that brings databases to what the models say; return None if they are there already.

    :param group: the databases whose revisions are the same files; mostly one.
    :raises MigrationError: a database is not at the head of its migrations (:func:`require_current`), or cannot be
        reached.
    """
    first = group[0]
    one = first.database.branch(branch)
    if one.made and not any(scripts.database.branch(branch).modelled for scripts in group):
        raise MigrationError(
            f"{first.database.name}: no model is known, but migrations have made {', '.join(sorted(one.made))}. Import "
            "the modules that hold the models where the application is made, or name them in [db] models. If all "
            "tables are really to go, write that by hand: trivet db revision."
        )
    asked = _asked(first, one, message, None, False, rev_id, depends_on)
    first.check_heads()
    found: Script | None = _with_connections(
        group, [], lambda connections: _compare(group, one, connections, asked, say)
    )
    return found


def require_current(scripts: Scripts) -> None:
    """Look whether a database has got all of its revisions, so that what else it lacks can be told.

    :raises MigrationError: it has not, there is more than one head, or it cannot be reached.
    """
    scripts.check_heads()
    pending = standing_of(scripts).pending
    if pending:
        raise MigrationError(
            f"The database {scripts.database.title} lacks {len(pending)} of its revisions, from {pending[0].revision} "
            "on, so what else it lacks cannot be told: trivet db upgrade first."
        )


def _with_connections(group: list[Scripts], made: list[sa.Connection], work: Any) -> Any:
    """Connect to one database after the other, and call a function with all connections."""
    if len(made) == len(group):
        return work(made)
    scripts = group[len(made)]
    return on_connection(
        scripts.layout.state,
        scripts.database,
        lambda connection: _with_connections(group, [*made, connection], work),
    )


def _compare(
    group: list[Scripts], branch: Branch, connections: list[sa.Connection], asked: dict[str, Any], say: Say
) -> Script | None:
    comparison = Comparison(group, branch.name, connections)
    written = _write(group[0], comparison, asked)
    for line in comparison.notes():
        say(line)
    return _one(written) if written else None


class Comparison:
    """What Alembic's environment does to compare models with databases.

    :param group: the databases, and ``connections`` to them.
    """

    def __init__(self, group: list[Scripts], branch: str, connections: list[sa.Connection]) -> None:
        self._group = group
        self._branch = branch
        self._connections = connections
        self._left: list[str] = []

    def __call__(self, context: Any) -> None:
        """Compare each database."""
        for scripts, connection in zip(self._group, self._connections, strict=True):
            database = scripts.database
            branch = database.branch(self._branch)
            scope = Scope(database, branch)
            options = {**options_for(database, branch), "include_object": scope.includes}
            if database.shared:
                options["upgrade_token"] = f"{database.engine_name}_upgrades"
                options["downgrade_token"] = f"{database.engine_name}_downgrades"
            last = scripts is self._group[-1]
            context.configure(
                connection=connection,
                process_revision_directives=self._finish if last else None,
                dont_mutate=True,
                **options,
            )
            with context.begin_transaction():
                context.run_migrations()
            self._left += [
                f"{database.name}: {name}: left as it is, since no migration here has made this table. If it is to go, "
                "write op.drop_table()."
                for name in scope.left
            ]
            self._left += [f"{database.name}: {line}" for line in unnamed_uniques(connection, branch.metadata)]

    def _finish(self, context: Any, revision: Any, directives: list[Any]) -> None:
        """Write nothing if there is nothing to do; else let it wait for the branches that it refers to."""
        script = directives[0]
        if all(one.is_empty() for one in script.upgrade_ops_list):
            directives[:] = []
            return
        if not self._group[0].database.shared:
            self._require_alike(script.upgrade_ops_list)
        waits: list[str] = list(script.depends_on or ())
        each = zip(self._group, self._connections, script.upgrade_ops_list, script.downgrade_ops_list, strict=True)
        for scripts, connection, operations, back in each:
            branch = scripts.database.branch(self._branch)
            naming = Naming(branch.metadata, connection.dialect)
            naming.name(operations)
            naming.name(back)
            touched = {name for one in operations.ops for name in _tables_of(one)}
            tables = [table for one in branch.metadata for name, table in one.tables.items() if name in touched]
            for other in owners(scripts.database, branch, tables):
                head = scripts.head(other)
                if head is not None and head.revision not in waits:
                    waits.append(head.revision)
        script.depends_on = waits or None
        script.message = script.message or _summary(script.upgrade_ops_list)

    def _require_alike(self, containers: list[ops.UpgradeOps]) -> None:
        """Look whether one file will do for all databases that have the same ones, as those of tenants.

        :raises MigrationError: they lack different things.
        """
        lacks = [tuple(line for one in found.as_diffs() for line in describe(one)) for found in containers]
        if len(set(lacks)) > 1:
            names = [scripts.database.name for scripts in self._group]
            listed = "".join(
                f"\n  {name}: {', '.join(lines) or 'nothing'}" for name, lines in zip(names, lacks, strict=True)
            )
            raise MigrationError(
                f"{', '.join(names)} have the same migrations, and do not lack the same:{listed}\n"
                f"Say by --bind which one to compare with: trivet db migrate --branch {self._branch} --bind {names[0]}"
            )

    def notes(self) -> list[str]:
        """Return lines about what was left as it is."""
        return self._left


_VERBS = {"CreateTableOp": "create", "DropTableOp": "drop"}


def _summary(containers: Iterable[ops.OpContainer]) -> str:
    """Say what a revision does, in a few words: ``create task, alter user``."""
    done = [
        f"{_VERBS.get(type(one).__name__, 'alter')} {name}"
        for all_ in containers
        for one in all_.ops
        for name in _tables_of(one)
    ]
    unique = list(dict.fromkeys(done))
    return ", ".join(unique[:3]) + (" and more" if len(unique) > 3 else "")


def _tables_of(operation: Any) -> Iterable[str]:
    """Yield the names of the tables that an operation is about."""
    for name in ("table_name", "source_table"):
        found = getattr(operation, name, None)
        if found:
            schema = getattr(operation, "schema", None)
            yield f"{schema}.{found}" if schema else str(found)
    if isinstance(operation, ops.OpContainer):
        for one in operation.ops:
            yield from _tables_of(one)


def merge(
    scripts: Scripts, revisions: Iterable[str], message: str | None, *, branch: str | None, rev_id: str | None = None
) -> Script | None:
    """Write a revision that follows several, and return it; None if the branch has one head only.

    :param revisions: which; ``"heads"`` or none: the heads of the branch.
    :raises MigrationError: one does not exist or is no head, or the identifier is taken.
    """
    scripts.check_new(rev_id)
    heads = [one.revision for one in scripts.heads(scripts.database.branch(branch))]
    asked = tuple(revisions)
    names: dict[str, None] = {}
    for name in asked or ("heads",):
        names.update(dict.fromkeys(heads if name in ("head", "heads") else [_head(scripts, name)]))
    if len(names) < 2:
        if set(asked) <= {"head", "heads"}:
            return None
        raise MigrationError(
            f"A merge follows two revisions or more, and {asked[0]!r} is one. trivet db merge heads takes all heads."
        )
    try:
        return command.merge(scripts.config(), list(names), message=_quotable(message) or "merge", rev_id=rev_id)
    except CommandError as error:
        raise MigrationError(str(error)) from error


def _head(scripts: Scripts, name: str) -> str:
    """Return the identifier of a revision to be merged.

    :raises MigrationError: there is none, or another one follows it.
    """
    found = scripts.find(name)
    if found is None:
        raise no_revision([scripts], name)
    if not found.is_head:
        followers = ", ".join(sorted(found.nextrev))
        raise MigrationError(
            f"The revision {found.revision!r} cannot be merged, it is no head: {followers} follows it. trivet db heads "
            "lists the heads."
        )
    return found.revision


def _asked(
    scripts: Scripts,
    branch: Branch,
    message: str | None,
    head: str | None,
    splice: bool,
    rev_id: str | None,
    depends_on: Iterable[str],
) -> dict[str, Any]:
    """Return the arguments of Alembic's command for a new revision of a branch.

    :raises MigrationError: it cannot follow what it is to follow, or its identifier is taken.
    """
    scripts.check_new(rev_id)
    waits = list(depends_on)
    for name in (*waits, *([head] if head is not None else [])):
        if not scripts.knows(name):
            raise no_revision([scripts], name)
    if head is None:
        found = scripts.head(branch)
        head = found.revision if found is not None else "base"
    label = branch.name if branch.name != APP and not scripts.of(branch) else None
    return {
        "message": _quotable(message),
        "head": head,
        "splice": splice,
        "branch_label": label,
        "version_path": str(branch.folder.absolute()),
        "rev_id": rev_id,
        "depends_on": waits or None,
    }


def _write(scripts: Scripts, comparison: Comparison | None, asked: dict[str, Any]) -> Any:
    try:
        return command.revision(scripts.config(comparison), autogenerate=comparison is not None, **asked)
    except CommandError as error:
        raise MigrationError(str(error)) from error


def _one(written: Any) -> Script:
    if not isinstance(written, Script):
        raise MigrationError("The new revision could not be read back; look at its file.")
    return written


def _quotable(message: str | None) -> str | None:
    """Return a message that can stand in the docstring of a revision."""
    return message.replace("\\", "\\\\").replace('"""', "'''") if message else message


def grouped(found: Iterable[Scripts], branch: str | None) -> list[list[Scripts]]:
    """Put those together whose revisions of a branch are the same files."""
    groups: dict[Any, list[Scripts]] = {}
    for scripts in found:
        names = [one.name for one in scripts.database.branches]
        if (branch or APP) in names:
            groups.setdefault(_folder(scripts.database, branch), []).append(scripts)
    return list(groups.values())


def _folder(database: Database, branch: str | None) -> Any:
    return database.branch(branch).folder.resolve()
