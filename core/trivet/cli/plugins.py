"""``trivet plugins``: what was found, what is enabled, in which order, and why the rest is not."""

from typing import Any

import click

from ..app import Trivet
from ..plugins import Found
from .decorators import note_failure, note_problems, own_command
from .loader import Loader
from .tables import print_json, print_table


@own_command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--enabled", "only_enabled", is_flag=True, help="Leave out what is not enabled.")
def plugins_command(loader: Loader, as_json: bool, only_enabled: bool) -> None:
    """Show the plugins: installed, enabled, in which order, with which hooks."""
    seen = loader.look()
    described = describe(seen.app)
    if only_enabled:
        described = [one for one in described if one["enabled"]]
    if as_json:
        note_problems(seen)
        print_json(described)
        return
    note_failure(seen)
    headings = ("#", "Plugin", "Version", "Source", "Enabled", "Hooks", "Note")
    print_table(headings, [_row(one) for one in described])
    shown = [one["problem"] for one in described if one["problem"]]
    problems = shown + [one for one in seen.problems if one not in shown]
    if problems:
        click.echo("\nProblems:")
        for problem in problems:
            click.secho(f"  {problem}", fg="red")


def describe(app: Trivet) -> list[dict[str, Any]]:
    """Return what is known of every plugin, in plain types: the enabled ones in their order, then the others."""
    manager = app.plugins
    enabled = [one for one in manager.enabled if one.enabled]
    others = sorted((one for one in manager.found.values() if one not in enabled), key=lambda one: one.name)
    return [_describe(one, number) for number, one in enumerate(enabled, 1)] + [_describe(one, None) for one in others]


def _describe(one: Found, order: int | None) -> dict[str, Any]:
    return {
        "name": one.name,
        "summary": one.manifest.summary if one.manifest is not None else "",
        "source": one.source,
        "place": one.place,
        "distribution": one.distribution,
        "version": one.version,
        "enabled": order is not None,
        "order": order,
        "declared": one.declared or None,
        "hooks": list(dict.fromkeys(one.hooks)),
        "requires": list(one.manifest.requires) if one.manifest is not None else [],
        "why_disabled": None if order is not None else one.why_disabled,
        "problem": one.problem,
    }


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    hooks = ", ".join(name.removeprefix("trivet_") for name in one["hooks"])
    note = one["summary"] if one["enabled"] else one["why_disabled"]
    source = one["distribution"] or one["source"]
    version = one["version"] or ""
    return (
        str(one["order"] or ""),
        one["name"],
        version,
        source,
        "yes" if one["enabled"] else "no",
        hooks,
        note,
    )
