"""``trivet routes``: every route, what answers it, and where that is declared."""

from typing import Any

import click
from werkzeug.routing import Rule

from ..app import Trivet
from ..kernel.chains import is_coroutine_function
from ..kernel.errors import place_of
from .decorators import own_command
from .failures import relative
from .loader import Loader
from .tables import print_json, print_table

SORTS = ("endpoint", "methods", "domain", "rule", "match")


@own_command("routes")
@click.option(
    "--sort",
    "-s",
    type=click.Choice(SORTS),
    default="endpoint",
    show_default=True,
    help="The column to sort by; match is the order in which rules are tried.",
)
@click.option("--all-methods", is_flag=True, help="Show HEAD and OPTIONS too, which are answered by themselves.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def routes_command(loader: Loader, sort: str, all_methods: bool, as_json: bool) -> None:
    """Show the routes."""
    app = loader.ready_app()
    described = [describe(app, rule) for rule in app.url_map.iter_rules()]
    if sort != "match":
        described.sort(key=lambda one: (one[sort], one["endpoint"], one["rule"]))
    if as_json:
        print_json(described)
    elif not described:
        click.echo("There are no routes.")
    else:
        headings = ("Endpoint", "Methods", "Domain", "Rule", "View", "Declared", "By")
        print_table(headings, [_row(one, all_methods) for one in described])


def describe(app: Trivet, rule: Rule) -> dict[str, Any]:
    """Return what is known of a rule, in plain types."""
    view = app.view_functions.get(rule.endpoint)
    claim = app.registrar.find("endpoint", rule.endpoint)
    return {
        "endpoint": rule.endpoint,
        "methods": sorted(rule.methods or ()),
        "domain": rule.host or rule.subdomain or "",
        "rule": rule.rule,
        "websocket": rule.websocket,
        "async": view is not None and is_coroutine_function(view),
        "declared": relative(place_of(getattr(view, "view_class", view))) if view is not None else None,
        "plugin": claim.owner if claim is not None else None,
    }


def _row(one: dict[str, Any], all_methods: bool) -> tuple[str, ...]:
    methods = [name for name in one["methods"] if all_methods or name not in ("HEAD", "OPTIONS")] or one["methods"]
    kind = "websocket" if one["websocket"] else "async" if one["async"] else ""
    declared = one["declared"] or "no view"
    return (
        one["endpoint"],
        ", ".join(methods),
        one["domain"],
        one["rule"],
        kind,
        declared,
        one["plugin"] or "",
    )
