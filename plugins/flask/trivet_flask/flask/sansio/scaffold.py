"""``flask.sansio.scaffold``: what applications and blueprints have in common."""

import importlib.util
import os
import pathlib
import sys

from trivet.scaffold import Scaffold, setupmethod
from trivet.scaffold import endpoint_of as _endpoint_from_view_func

__all__ = ["Scaffold", "_endpoint_from_view_func", "find_package", "setupmethod"]


def _folder_of(import_name: str) -> str:
    """Return the folder that holds the top package or module of ``import_name``."""
    top = import_name.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return os.getcwd()
    if spec.submodule_search_locations is None:
        return os.path.dirname(str(spec.origin))
    if spec.origin in {None, "namespace"}:  # of a namespace package's folders, the one that has the module
        inner = importlib.util.find_spec(import_name)
        places = [pathlib.Path(place) for place in spec.submodule_search_locations]
        found = pathlib.Path(str(inner.origin)) if inner is not None and inner.origin else None
        place = next((place for place in places if found is not None and found.is_relative_to(place)), places[0])
        return str(place.parent)
    return os.path.dirname(os.path.dirname(str(spec.origin)))


def find_package(import_name: str) -> tuple[str | None, str]:
    """Return where a package is installed: the prefix, ``None`` if it is not installed, and the folder it is in."""
    folder = _folder_of(import_name)
    prefix = os.path.abspath(sys.prefix)
    if pathlib.PurePath(folder).is_relative_to(prefix):
        return prefix, folder
    parent, name = os.path.split(folder)
    if name.lower() == "site-packages":
        above, lib = os.path.split(parent)
        if lib.lower() == "lib":  # as on Windows: prefix/Lib/site-packages
            return above, folder
        if os.path.basename(above).lower() == "lib":  # prefix/lib/pythonX.Y/site-packages
            return os.path.dirname(above), folder
        return parent, folder
    return None, folder
