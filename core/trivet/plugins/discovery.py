"""Finding plugins: installed distributions, local files, objects. Nothing is imported before it is enabled."""

import importlib.util
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ..kernel.errors import ConfigError
from .manifest import Found, PluginError

#: The entry point group in which distributions name their plugins.
GROUP = "trivet.plugins"


def installed_plugins() -> list[Found]:
    """Return what the installed distributions offer, without importing any of it; two may offer the same name."""
    # Imported here, because an application without installed plugins needs none of it, nor of packaging below.
    from importlib_metadata import entry_points

    return [_from_entry(entry) for entry in entry_points(group=GROUP)]


def import_enabled(names: Iterable[str], version: str) -> None:
    """Import the installed plugins of these names, for those that have something to do before the application is there.

    What goes wrong is left to the application, which meets it again and says it.
    """
    wanted = {name for name in names if not is_path(name)}
    for one in installed_plugins() if wanted else ():
        if one.name in wanted:
            with suppress(Exception, SystemExit):
                check_version(one, version)
                one.load()


def _from_entry(entry: Any) -> Found:
    from packaging.requirements import InvalidRequirement, Requirement

    dist = entry.dist
    requirements = []
    for line in (dist.requires or []) if dist is not None else []:
        try:
            needed = Requirement(line)
        except InvalidRequirement:
            continue
        if needed.name.lower() == "trivet" and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
            requirements.append(str(needed.specifier))
    return Found(
        name=entry.name,
        source="installed",
        place=entry.value,
        load=lambda: import_module(entry.module) if not entry.attr else entry.load(),
        distribution=dist.name if dist is not None else None,
        version=dist.version if dist is not None else None,
        requirement=",".join(one for one in requirements if one),
    )


def check_version(one: Found, version: str) -> None:
    """Raise if the plugin's distribution declares that it does not work with this Trivet.

    :raises PluginError: before anything of the plugin has been imported.
    """
    from packaging.specifiers import SpecifierSet

    if one.requirement and not SpecifierSet(one.requirement).contains(version, prereleases=True):
        raise PluginError(
            f"The plugin {one.title} requires trivet{one.requirement}, and this is trivet {version}. "
            f"Upgrade one of them: pip install --upgrade trivet {one.distribution}"
        )


def is_path(name: str) -> bool:
    """Say whether an entry of the list of plugins is a file rather than a name."""
    return name.endswith(".py") or "/" in name or "\\" in name


def file_plugin(name: str, folder: Path, where: str) -> Found:
    """Return the plugin in a local file.

    :raises ConfigError: if there is no such file.
    """
    path = (folder / name).resolve()
    if not path.is_file():
        near = sorted(other.name for other in path.parent.glob("*.py")) if path.parent.is_dir() else []
        hint = f" Python files there: {', '.join(near)}." if near else ""
        raise ConfigError(f"{where}: the plugin file {name!r} does not exist (looked for {path}).{hint}")
    return Found(name=path.stem, source="file", place=str(path), load=lambda: _load_file(path))


def _load_file(path: Path) -> ModuleType:
    name = f"trivet_local_{path.stem}"
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"The plugin file {path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def object_plugin(plugin: Any) -> Found:
    """Return a module or object that was handed over as a plugin itself."""
    manifest = getattr(plugin, "plugin", None)
    name = getattr(manifest, "name", None) or getattr(plugin, "name", None)
    if not isinstance(name, str):
        name = getattr(plugin, "__name__", None) or type(plugin).__name__
    return Found(name=name.rpartition(".")[2], source="object", place=repr(plugin), load=lambda: plugin)
