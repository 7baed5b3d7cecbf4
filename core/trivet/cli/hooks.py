"""``trivet hooks``: the hooks in the order of a request, and who implements them."""

import inspect
from typing import Any

import click

from .. import hookspecs
from ..app import Trivet
from ..kernel.errors import did_you_mean, place_of
from .decorators import note_problems, own_command
from .failures import relative
from .loader import Loader
from .tables import print_json


@own_command("hooks")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def hooks_command(loader: Loader, name: str | None, as_json: bool) -> None:
    """Show the hooks in the order of a request and who implements them, or all about one of them."""
    seen = loader.look()
    described = describe(seen.app)
    if name is not None:
        known = {one["name"]: one for one in described}
        one = known.get(name) or known.get(f"trivet_{name}")
        if one is None:
            raise click.UsageError(f"There is no hook {name!r}.{did_you_mean(name, known)}")
        described = [one]
    note_problems(seen)
    if as_json:
        print_json(described)
    elif name is not None:
        _print_one(described[0])
    else:
        for one in described:
            _print_line(one)


def describe(app: Trivet) -> list[dict[str, Any]]:
    """Return what is known of every hook, in plain types, in lifecycle order; hooks of plugins come last."""
    names = [name for name in vars(app.hook) if not name.startswith("_") and getattr(app.hook, name).has_spec()]
    order = {name: index for index, name in enumerate(vars(hookspecs))}
    names.sort(key=lambda name: (order.get(name, len(order)), name))
    return [_describe(getattr(app.hook, name)) for name in names]


def _describe(caller: Any) -> dict[str, Any]:
    spec = caller.spec
    doc = inspect.getdoc(spec.function) or ""
    return {
        "name": caller.name,
        "summary": doc.splitlines()[0] if doc else "",
        "arguments": list(spec.argnames),
        "first_result": bool(spec.opts.get("firstresult")),
        "doc": doc,
        "implementations": [_implementation(impl) for impl in reversed(caller.get_hookimpls())],
    }


def _implementation(impl: Any) -> dict[str, Any]:
    function = impl.function
    is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    marks = {"wrapper": impl.wrapper, "tryfirst": impl.tryfirst, "trylast": impl.trylast, "async": is_async}
    return {
        "plugin": impl.plugin_name,
        "place": relative(place_of(function)),
        "marks": [mark for mark, is_set in marks.items() if is_set],
    }


def _print_line(one: dict[str, Any]) -> None:
    click.secho(f"{one['name']}({', '.join(one['arguments'])})", bold=True)
    click.echo(f"    {one['summary']}")
    if one["implementations"]:
        click.echo(f"    called: {', then '.join(_said(impl) for impl in one['implementations'])}")


def _said(impl: dict[str, Any]) -> str:
    return f"{impl['plugin']} ({', '.join(impl['marks'])})" if impl["marks"] else str(impl["plugin"])


def _print_one(one: dict[str, Any]) -> None:
    kind = "the first result that is not None counts" if one["first_result"] else "all implementations are called"
    click.secho(f"{one['name']}({', '.join(one['arguments'])})", bold=True)
    click.echo(f"{kind}\n\n{one['doc']}\n")
    if not one["implementations"]:
        click.echo("Nobody implements it.")
        return
    click.echo("Implementations, in the order in which they are called:")
    for impl in one["implementations"]:
        click.echo(f"  {_said(impl)}  {impl['place']}")
