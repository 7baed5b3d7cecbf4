"""The group of commands behind ``trivet``: its own, the application's and the plugins'."""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import click

from ..commands import AppGroup
from ..kernel.errors import SetupError, did_you_mean, nearest
from .commands import Added, Commands, collect
from .failures import LoadError, last_place, summary
from .loader import PATIENCE, Loader, Seen, TooSlow
from .options import shared_options


class TrivetGroup(AppGroup):
    """A click group whose commands are Trivet's, those of the application and those of its plugins.

    For a script of an application's own::

        @click.group(cls=TrivetGroup, create_app=create_app)
        def manage():
            '''Manage the shop.'''

    :param add_default_commands: whether Trivet's own commands are there.
    :param create_app: a function that returns the application; without it the usual ways lead to one.
    :param add_version_option: whether there is ``--version``.
    :param load_dotenv: whether ``.env`` and ``.trivetenv`` are loaded.
    :param set_debug_flag: whether ``--debug`` sets the application's debug mode.
    """

    #: Trivet's own commands.
    defaults: Sequence[click.Command] = ()

    def __init__(
        self,
        add_default_commands: bool = True,
        create_app: Callable[..., Any] | None = None,
        add_version_option: bool = True,
        load_dotenv: bool = True,
        set_debug_flag: bool = True,
        **extra: Any,
    ) -> None:
        params = [*(extra.pop("params", None) or ()), *shared_options(with_version=add_version_option)]
        settings = {**extra.pop("context_settings", {})}
        settings.setdefault("help_option_names", ["-h", "--help"])
        super().__init__(params=params, context_settings=settings, **extra)
        self.create_app = create_app
        self.load_dotenv = load_dotenv
        self.set_debug_flag = set_debug_flag
        if add_default_commands:
            for command in self.defaults:
                self.add_command(command)

    # -- the loader, and what is taken back at the end

    def make_loader(self, obj: Any) -> Loader:
        """Return the loader for one run of the group."""
        if obj is None:
            obj = Loader(create_app=self.create_app, set_debug_flag=self.set_debug_flag)
            obj.load_dotenv = self.load_dotenv
        return Loader.of(obj)

    def main(self, *args: Any, obj: Any = None, **extra: Any) -> Any:
        """Run a command line; see :meth:`click.Command.main`."""
        loader = self.make_loader(obj)
        try:
            return super().main(*args, obj=loader, **extra)
        finally:
            loader.close()

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Make the context of one run, with the loader in it."""
        if parent is None or parent.find_object(Loader) is None:
            extra["obj"] = self.make_loader(extra.get("obj"))
        return super().make_context(info_name, args, parent=parent, **extra)

    # -- commands

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return Trivet's own command of a name, else the application's or a plugin's, for which it is loaded."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            return command
        if ctx.resilient_parsing:
            added = self._added_briefly(ctx)[0].get(cmd_name)
            return added.command if added is not None else None
        found = self._added(ctx, cmd_name)
        one = found.added.get(cmd_name)
        if one is None:
            self._refuse(ctx, cmd_name, found)
        if one.owner is not None:
            ctx.with_resource(ctx.ensure_object(Loader).load_app().app_context())
        return one.command

    def _added(self, ctx: click.Context, wanted: str) -> Commands:
        try:
            return collect(ctx.ensure_object(Loader).ready_app(), self.commands)
        except click.ClickException as error:
            close = nearest(wanted, self.commands)
            hint = f" Did you mean {close!r}?" if close else ""
            click.echo(
                f"Trivet itself has no command {wanted!r}.{hint} Those of the application are not known:", err=True
            )
            raise error

    def _refuse(self, ctx: click.Context, name: str, found: Commands) -> NoReturn:
        for problem in found.problems:
            if problem.__cause__ is not None or f"{name!r}" in str(problem):
                raise LoadError("Not all commands could be made.", problem)
        ctx.fail(f"There is no command {name!r}.{did_you_mean(name, [*self.commands, *found.added])}")

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands; those of an application that cannot be loaded are left out."""
        return sorted({*self.commands, *self._added_briefly(ctx)[0]})

    def _added_briefly(self, ctx: click.Context) -> tuple[dict[str, Added], list[str]]:
        """Return what can be had of the added commands without failing or waiting long, and what is wrong."""
        known: tuple[dict[str, Added], list[str]] | None = ctx.meta.get(f"{__name__}.added")
        if known is None:
            try:
                known = self._look(ctx.ensure_object(Loader).look_briefly())
            except TooSlow as error:
                place = last_place(error)
                known = (
                    {},
                    [f"The application was not loaded within {PATIENCE:g} s; it was at {place} then."],
                )
            ctx.meta[f"{__name__}.added"] = known
        return known

    def _look(self, seen: Seen) -> tuple[dict[str, Added], list[str]]:
        found = collect(seen.app, self.commands)
        problems = [*seen.problems, *map(str, found.problems)]
        if seen.failure is not None and not seen.missing:
            said = str(seen.failure) if isinstance(seen.failure, SetupError) else summary(seen.failure)
            problems.insert(0, f"The application could not be loaded, so its own commands are left out: {said}")
        return found.added, problems

    # -- help

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the lists of commands: Trivet's own, the application's, the plugins', and what is wrong."""
        added, problems = self._added_briefly(ctx)
        groups: dict[str, list[tuple[str, click.Command]]] = {"Commands": sorted(self.commands.items())}
        for name, one in sorted(added.items(), key=lambda item: (item[1].owner or "", item[0])):
            title = "Commands of the application" if one.owner is None else f"Commands of the plugin {one.owner}"
            groups.setdefault(title, []).append((name, one.command))
        for title, commands in groups.items():
            shown = [(name, command) for name, command in commands if not command.hidden]
            if not shown:
                continue
            room = formatter.width - 6 - max(len(name) for name, _ in shown)
            with formatter.section(title):
                formatter.write_dl([(name, command.get_short_help_str(room)) for name, command in shown])
        if problems:
            with formatter.section("Problems (more: trivet doctor)"):
                for problem in problems:
                    formatter.write_text(problem)
