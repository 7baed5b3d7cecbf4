"""``trivet config``: every setting and plugin option with its value and where that came from, secrets masked."""

from typing import Any

import click

from ..app import Trivet
from ..kernel.errors import SetupError, did_you_mean
from ..plugins.masking import MASK, mask
from .decorators import note_problems, own_command
from .loader import Loader
from .tables import print_json, print_table


@own_command("config")
@click.argument("name", required=False)
@click.option("--changed", is_flag=True, help="Leave out what has its default value.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def config_command(loader: Loader, name: str | None, changed: bool, as_json: bool) -> None:
    """Show settings and the options of plugins: value and origin. Secrets are masked."""
    seen = loader.look()
    described = describe(seen.app)
    note_problems(seen)
    if name is not None:
        described = _chosen(seen.app, described, name)
    if changed:
        described = [one for one in described if one["origin"] != "default"]
    if as_json:
        print_json(described)
    else:
        print_table(
            ("Name", "Value", "From"),
            [(one["name"], _shown(one["value"]), one["origin"]) for one in described],
        )


def describe(app: Trivet) -> list[dict[str, Any]]:
    """Return every setting and option in plain types, without secrets."""
    settings = [
        {"name": key, "plugin": None, "value": mask(key, value), "origin": _origin(app, key, value)}
        for key, value in sorted(app.config.items())
    ]
    return settings + [one for found in app.plugins.enabled for one in _options(app, found.name)]


def _chosen(app: Trivet, described: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return a setting, an option, or the options of a plugin, also of one that is not enabled or cannot be set up.

    :raises click.UsageError: there is nothing of that name.
    """
    chosen = [one for one in described if name.lower() in (one["name"].lower(), str(one["plugin"]).lower())]
    if chosen:
        return chosen
    if name in app.plugins.found:
        chosen = _options(app, name)
        if not chosen:
            why = "is not enabled" if app.plugins.found[name].manifest is None else "has none"
            click.echo(f"No options of the plugin {name!r} can be shown: it {why}.", err=True)
        return chosen
    known = {one["name"] for one in described} | set(app.plugins.found)
    raise click.UsageError(f"There is no setting, option or plugin {name!r}.{did_you_mean(name, known)}")


def _origin(app: Trivet, key: str, value: Any) -> str:
    if key in app.config.places:
        return str(app.config.places[key])
    if key == "DEBUG" and value is False:
        return "default"
    if key in app.default_config and app.default_config[key] == value:
        return "default"
    return "TRIVET_DEBUG, --debug or code of the application" if key == "DEBUG" else "code of the application"


def _options(app: Trivet, plugin: str) -> list[dict[str, Any]]:
    try:
        found = app.plugins.describe_options(plugin, app.config)
    except SetupError:
        return []  # told among the problems
    return [
        {
            "name": f"[{plugin}] {one.name}",
            "plugin": plugin,
            "value": MASK if one.secret and one.value not in (None, "") else mask(one.name, one.value),
            "origin": one.origin,
        }
        for one in found
    ]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) and value else repr(value).replace(repr(MASK), MASK)
