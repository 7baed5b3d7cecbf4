"""Makes ``import flask`` and its submodules give Trivet's own modules, even where Flask is installed."""

import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, DistributionFinder
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

#: The package whose modules pose as those of the same name in ``flask``.
REAL = f"{__package__}.flask"
#: The version of Flask whose documented interface this is.
FLASK_VERSION = "3.1.3"


class AlreadyImported(ImportError):
    """Flask itself was imported before :func:`install` was called."""


class _AliasLoader(Loader):
    """Loads a module under its name in ``flask`` by importing the one that poses as it."""

    def __init__(self, real: str) -> None:
        self._real = real
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(self._real)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has put its own there

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the code of the module, which ``python -m`` runs without importing it."""
        spec = find_spec(self._real)
        loader: Any = spec.loader if spec is not None else None
        return loader.get_code(self._real) if loader is not None else None


class _Metadata(Distribution):
    """What asks which version of Flask is installed gets an answer where Flask itself is not."""

    def read_text(self, filename: str) -> str | None:
        if filename not in ("METADATA", "PKG-INFO"):
            return None
        return f"Metadata-Version: 2.1\nName: Flask\nVersion: {FLASK_VERSION}\nRequires-Dist: werkzeug\n"

    def locate_file(self, path: Any) -> Any:
        return Path(__file__).parent.parent / path


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "flask" and not fullname.startswith("flask."):
            return None
        real = REAL + fullname.removeprefix("flask")
        package, _, name = real.rpartition(".")
        if PathFinder.find_spec(real, import_module(package).__path__) is None:
            return None
        return ModuleSpec(fullname, _AliasLoader(real), is_package=real == REAL or name in ("json", "sansio"))

    def find_distributions(self, context: DistributionFinder.Context) -> Iterable[Distribution]:
        """Answer for Flask if nobody else does; ``context.name`` is ``None`` where all distributions are listed."""
        if context.name is None or context.name.lower() != "flask":
            return []
        others = [one for one in sys.meta_path if one is not self and hasattr(one, "find_distributions")]
        if any(True for one in others for _ in one.find_distributions(context)):
            return []
        return [_Metadata()]


def install() -> None:
    """Make ``import flask`` and its submodules give Trivet's own, from now on. Calling it again does nothing.

    Call it before anything imports Flask::

        import trivet_flask
        trivet_flask.install()

        from flask import Flask

    :raises AlreadyImported: if Flask itself has been imported already; both at once would not know of each other.
    """
    if any(isinstance(one, _Finder) for one in sys.meta_path):
        return
    module = sys.modules.get("flask")
    if module is not None:
        raise AlreadyImported(
            f"Flask was imported before trivet_flask.install() was called, from {getattr(module, '__file__', '?')}. "
            "Call it first of all: at the top of the module that the server imports, or start the program with "
            "python -m trivet_flask."
        )
    sys.meta_path.insert(0, _Finder())
