"""The order of plugins: topological, ties as configured."""

from collections.abc import Sequence
from itertools import pairwise

from ..kernel.errors import did_you_mean
from .manifest import Found, PluginError


def check_requirements(one: Found, enabled: Sequence[Found], found: dict[str, Found]) -> None:
    """Raise if a plugin requires another one which is not enabled.

    :raises PluginError: saying how to enable or install what is missing.
    """
    names = {other.name for other in enabled}
    for needed in one.manifest.requires if one.manifest else ():
        if needed in names:
            continue
        other = found.get(needed)
        if other is None:
            raise PluginError(
                f"The plugin {one.title} requires {needed!r}, which is not installed."
                f"{did_you_mean(needed, found)} Install it: pip install trivet-{needed}"
            )
        advice = "Repair that one first." if other.problem else f'Add "{needed}" to plugins.'
        raise PluginError(
            f"The plugin {one.title} requires {needed!r}, which is not enabled ({other.why_disabled}). {advice}"
        )


def sort(plugins: Sequence[Found]) -> list[Found]:
    """Return the plugins so that each comes after what it requires or wants to follow, and before what it precedes.

    :raises PluginError: for a circle, naming the plugins in it and who asked for which order.
    """
    by_name = {one.name: one for one in plugins}
    earlier: dict[str, dict[str, str]] = {name: {} for name in by_name}
    for one in plugins:
        manifest = one.manifest
        if manifest is None:
            continue
        for name in (*manifest.requires, *manifest.after):
            if name in by_name:
                word = "requires" if name in manifest.requires else "comes after"
                earlier[one.name].setdefault(name, f"{one.name!r} {word} {name!r}")
        for name in manifest.before:
            if name in by_name:
                earlier[name].setdefault(one.name, f"{one.name!r} comes before {name!r}")
    done: list[Found] = []
    waiting = list(plugins)
    while waiting:
        placed = {one.name for one in done}
        free = [one for one in waiting if placed.issuperset(earlier[one.name])]
        if not free:
            raise PluginError(_circle(waiting[0].name, earlier, placed))
        ready = min(free, key=lambda one: one.manifest is None or "*" not in one.manifest.before)
        waiting.remove(ready)
        done.append(ready)
    return done


def _circle(start: str, earlier: dict[str, dict[str, str]], placed: set[str]) -> str:
    """Follow unmet wishes from ``start`` until a plugin comes up twice; say them."""
    path = [start]
    while True:
        following = next(name for name in earlier[path[-1]] if name not in placed)
        if following in path:
            ring = [*path[path.index(following) :], following]
            wishes = ", ".join(earlier[one][other] for one, other in pairwise(ring))
            return f"The order of the plugins goes in a circle: {wishes}. Change a manifest or disable one."
        path.append(following)
