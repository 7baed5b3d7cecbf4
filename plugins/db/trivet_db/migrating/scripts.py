"""The revisions of one database: which there are, in which branch, and what a target on a command line means."""

import difflib
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

from ..urls import said_by
from .errors import MigrationError
from .layout import APP, Branch, Database, Layout

ENVIRONMENT = Path(__file__).parent.parent / "environment"
_RELATIVE = re.compile(r"[+-]\d+$")
_IDENTIFIER = re.compile(r"^revision\b[^=\n]*=\s*[\"']([^\"']+)[\"']", re.MULTILINE)
_ALL = ("head", "heads")
_RESERVED = ("base", *_ALL)


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
            said = f"The migrations of {database.name} do not fit together: {error}"
            raise MigrationError(f"{said}{self._doubled()}") from error
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

    def _doubled(self) -> str:
        """Name the files that have one identifier, if there are such files."""
        by_name: dict[str, list[Path]] = {}
        for file in (file for branch in self.database.branches for file in branch.files):
            for name in _IDENTIFIER.findall(file.read_text(encoding="utf-8")):
                by_name.setdefault(name, []).append(file)
        return "".join(
            f". {name!r} is in {' and in '.join(map(str, files))}: give one of them another identifier, or delete it"
            for name, files in by_name.items()
            if len(files) > 1
        )

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

    def check_new(self, rev_id: str | None) -> None:
        """Look whether an identifier can be that of a new revision; None: one is made up.

        :raises MigrationError: it is taken; the message names the file that has it.
        """
        if rev_id in _RESERVED:
            raise MigrationError(f"--rev-id: {rev_id!r} means revisions already, so none can be called that.")
        for one in self._all:
            if one.revision == rev_id:
                raise MigrationError(
                    f"--rev-id: there is a revision {rev_id!r} already, in {one.path}. Choose another identifier, or "
                    "leave it out."
                )

    # -- targets

    def knows(self, target: str) -> bool:
        """Tell whether everything that a target names is here: ``ab12:heads``, ``shop@head``, ``ab12+1``."""
        return bool(target) and all(self.find(name) is not None for name in _named(target))

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
            return self._below(target, current)
        one = self._relative_branch(branch)
        got = [script for script in self.applied(current) if self.branch_of(script) is one]
        if not got and target == "base":
            return None
        left = 0 if target == "base" else len(got) - self._steps(target, "-", len(got))
        return got[left - 1].revision if left else f"{got[0].revision}@base"

    def _below(self, target: str, current: Iterable[str]) -> str:
        """Return a target that is a revision, if the database has got that one."""
        found = self.find(target)
        if found is not None and all(one.revision != found.revision for one in self.applied(current)):
            raise MigrationError(
                f"The database {self.database.name} has not got the revision {found.revision!r}, so it cannot be taken "
                "down to it. trivet db current says where it is."
            )
        return target

    def check_range(self, target: str, branch: str | None) -> None:
        """Look whether a target says where to begin, as what is printed has to: no database is asked.

        :raises MigrationError: it does not; the message has what to write.
        """
        if ":" in target:
            return
        head = self.head(self.database.branch(branch))
        start = head.revision if head is not None else "heads"
        end = target
        if _RELATIVE.fullmatch(target):
            there = self.of(self.database.branch(branch))
            left = there[: len(there) - self._steps(target, "-", len(there))]
            end = left[-1].revision if left else "base"
        raise MigrationError(
            f"--sql connects to no database, so it has to be told from where it goes down: trivet db downgrade "
            f"{start}:{end} --sql"
        )

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


def _named(target: str) -> list[str]:
    """Return the revisions and labels that a target names: ``ab12`` of ``ab12+1``."""
    names = [_RELATIVE.sub("", name) for part in target.split(":") for name in part.split("@")]
    return [name for name in names if name and name not in _RESERVED]


def no_revision(among: Iterable[Scripts], target: str) -> MigrationError:
    """Make the error for a target that none of some databases has."""
    found = list(among)
    unknown = [name for name in _named(target) if all(one.find(name) is None for one in found)]
    if not unknown and target:
        return MigrationError(f"No database here has all of {target!r}. Say which by --bind.")
    name = unknown[0] if unknown else target
    known = {one.revision for scripts in found for one in scripts.all()}
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"Did you mean {near[0]!r}?" if near else "trivet db history lists those that there are."
    return MigrationError(f"There is no revision {name!r}. {advice}")
