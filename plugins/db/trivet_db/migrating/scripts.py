"""The revisions of one database: which there are, in which branch, and what a target on a command line means."""

import os
import re
import traceback
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from .errors import MigrationError, said_by
from .layout import APP, Branch, Database, Layout

ENVIRONMENT = Path(__file__).parent.parent / "environment"
_RELATIVE = re.compile(r"[+-]\d+$")
_ALL = ("head", "heads")


class Scripts:
    """The revisions that lead to a database's tables.

    :raises MigrationError: a file cannot be loaded, or they do not fit together.
    """

    def __init__(self, layout: Layout, database: Database) -> None:
        self.layout = layout
        self.database = database
        self._branches = {one.folder.resolve(): one for one in reversed(database.branches)}
        self.directory = ScriptDirectory.from_config(self.config())
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", r"Revision \S+ (referenced from|is present more than once)")
                self._all = list(self.directory.walk_revisions())
        except (CommandError, UserWarning) as error:
            raise MigrationError(f"The migrations of {database.name} do not fit together: {error}") from error
        except Exception as error:
            raise MigrationError(f"{self._blamed(error)} cannot be loaded: {said_by(error)}.") from error

    def config(self, environment: Callable[[Any], None] | None = None, output: TextIO | None = None) -> Config:
        """Make the configuration with which Alembic's commands are called.

        :param environment: is called with Alembic's context to run what a command has prepared.
        :param output: where SQL is written, if it is to be written and not to be run.
        """
        names = [one.engine_name for one in self.layout.databases] if self.database.shared else None
        made = Config(
            str(self.layout.ini) if self.layout.ini is not None else None,
            output_buffer=output,
            cmd_opts=Namespace(quiet=True),
            attributes={"environment": environment, "databases": names},
        )
        folders = os.pathsep.join(str(one.folder.absolute()) for one in self.database.branches)
        for name, value in {
            "script_location": str(ENVIRONMENT),
            "version_locations": folders,
            "recursive_version_locations": str(self.layout.recursive).lower(),
            "path_separator": "os",
            "version_path_separator": "os",  # the name before Alembic 1.16
        }.items():
            made.set_main_option(name, value.replace("%", "%%"))
        return made

    def _blamed(self, error: Exception) -> str:
        """Return the file that could not be loaded."""
        if isinstance(error, SyntaxError) and error.filename:
            return f"{error.filename}:{error.lineno}"
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if Path(frame.filename).parent.resolve() in self._branches:
                return f"{frame.filename}:{frame.lineno}"
        return f"A revision of {self.database.name}"

    # -- what there is

    def branch_of(self, script: Script) -> Branch:
        """Return the branch of a revision."""
        return next(self._branches[one] for one in Path(script.path).resolve().parents if one in self._branches)

    def of(self, branch: Branch) -> list[Script]:
        """Return the revisions of a branch, the first one first."""
        return [one for one in reversed(self._all) if self.branch_of(one) is branch]

    def all(self) -> list[Script]:
        """Return all revisions, the last one first."""
        return list(self._all)

    def heads(self, branch: Branch) -> list[Script]:
        """Return the revisions of a branch that no other one of it follows."""
        return [one for one in self.of(branch) if one.is_head]

    def head(self, branch: Branch) -> Script | None:
        """Return the only head of a branch, or None if it has no revisions.

        :raises MigrationError: it has several; the message says how to merge them.
        """
        heads = self.heads(branch)
        if len(heads) > 1:
            raise MigrationError(self._too_many(branch, heads))
        return heads[0] if heads else None

    def _too_many(self, branch: Branch, heads: list[Script]) -> str:
        listed = "".join(f"\n  {one.revision}  {one.doc}" for one in heads)
        more = "" if branch.name == APP else f" --branch {branch.name}"
        more += "" if self.database.key is None or self.database.shared else f" --bind {self.database.key}"
        where = "the application's migrations" if branch.name == APP else f"the migrations of {branch.name!r}"
        return (
            f"There is more than one head in {where} of {self.database.name}: revisions that follow the same one, as "
            f'two people write them:{listed}\nMerge them into one: trivet db merge heads -m "merge"{more}'
        )

    def check_heads(self) -> None:
        """Look whether every branch has one head only.

        :raises MigrationError: one has several.
        """
        for branch in self.database.branches:
            self.head(branch)

    def find(self, name: str) -> Script | None:
        """Return the revision that an identifier, its beginning or a label names; None if there is none."""
        try:
            return self.directory.get_revision(name)
        except CommandError:
            return None

    # -- a database's place among them

    def applied(self, current: Iterable[str]) -> list[Script]:
        """Return the revisions that a database has got, the first one first.

        :param current: what its version table has.
        :raises MigrationError: it is at a revision that is in no folder.
        """
        at = tuple(current)
        for name in at:
            if self.find(name) is None:
                raise MigrationError(
                    f"The database {self.database.name} is at revision {name!r}, which no folder of migrations has. "
                    "Enable the plugin that has brought it, or restore its file. If neither can be, trivet db stamp "
                    "--purge says anew where the database is."
                )
        if not at:
            return []
        found = {one.revision for one in self.directory.iterate_revisions(at, "base", implicit_base=True)}
        return [one for one in reversed(self._all) if one.revision in found]

    def pending(self, current: Iterable[str]) -> list[Script]:
        """Return the revisions that a database has not got, the next one first."""
        got = {one.revision for one in self.applied(current)}
        return [one for one in reversed(self._all) if one.revision not in got]

    # -- targets

    def knows(self, target: str) -> bool:
        """Tell whether everything that a target names is here: ``ab12:heads``, ``shop@head``, ``ab12+1``."""
        names = [name for part in target.split(":") for name in part.split("@")]
        bare = [_RELATIVE.sub("", name) for name in names]
        return all(name in ("", "base", *_ALL) or self.find(name) is not None for name in bare)

    def upward(self, target: str, branch: str | None, current: Iterable[str]) -> str | None:
        """Return what Alembic calls a target to go up to; None if there is nothing there.

        :raises MigrationError: more than one head, or fewer revisions than asked for.
        """
        if target in _ALL and branch is None:
            self.check_heads()
            return "heads" if self._all else None
        if target in _ALL:
            head = self.head(self.database.branch(branch))
            return head.revision if head is not None else None
        if not _RELATIVE.fullmatch(target):
            return target
        one = self._relative_branch(branch)
        left = [script for script in self.pending(current) if self.branch_of(script) is one]
        return left[self._steps(target, "+", len(left)) - 1].revision

    def downward(self, target: str, branch: str | None, current: Iterable[str]) -> str | None:
        """Return what Alembic calls a target to go down to; None if there is nothing to take back."""
        if target == "base" and branch is None:
            return "base"
        if target != "base" and not _RELATIVE.fullmatch(target):
            return target
        one = self._relative_branch(branch)
        got = [script for script in self.applied(current) if self.branch_of(script) is one]
        if not got and target == "base":
            return None
        left = 0 if target == "base" else len(got) - self._steps(target, "-", len(got))
        return got[left - 1].revision if left else f"{got[0].revision}@base"

    def _relative_branch(self, name: str | None) -> Branch:
        """Return the branch that ``+1`` and ``-1`` are counted in: the application's, if not the only one."""
        branches = [one for one in self.database.branches if one.files]
        if name is None and len(branches) == 1:
            return branches[0]
        return self.database.branch(name)

    def _steps(self, target: str, sign: str, there: int) -> int:
        steps = int(target[1:])
        if target[0] != sign or not steps:
            raise MigrationError(f"{target!r} is no target here. Write {sign}1, a revision, heads or base.")
        if steps > there:
            way = "to go up to" if sign == "+" else "to take back"
            raise MigrationError(
                f"{self.database.name}: {target} asks for {steps} revisions, and there are {there} {way}."
            )
        return steps
