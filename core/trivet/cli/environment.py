"""What a command changes in its process: environment variables and the import path, taken back at its end."""

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click

#: Files of environment variables beside the project's configuration file; the first one that has a name wins.
ENV_FILES = (".env", ".trivetenv")


class Surroundings:
    """Sets environment variables and import paths, and can undo it."""

    def __init__(self) -> None:
        self._before: dict[str, str | None] = {}
        self._paths: list[str] = []

    def set(self, name: str, value: str) -> None:
        """Set one environment variable."""
        self._before.setdefault(name, os.environ.get(name))
        os.environ[name] = value

    def fill(self, values: Mapping[str, str | None]) -> None:
        """Set those variables that are not set yet."""
        for name, value in values.items():
            if value is not None and name not in os.environ:
                self.set(name, value)

    def import_from(self, folder: Path) -> None:
        """Put a folder at the head of the import path."""
        path = str(folder)
        if path not in sys.path:
            sys.path.insert(0, path)
            self._paths.append(path)

    def restore(self) -> None:
        """Undo everything."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._before.clear()
        for path in self._paths:
            if path in sys.path:
                sys.path.remove(path)
        self._paths.clear()


def load_dotenv(around: Surroundings, folder: Path, extra: str | None = None) -> list[Path]:
    """Load ``.env`` and ``.trivetenv`` of a folder, if python-dotenv is installed; what is set already stays.

    :param extra: one more file, which comes before both.
    :return: the files that were found.
    :raises click.UsageError: if ``extra`` is given and cannot be read.
    """
    if extra is not None and find_spec("dotenv") is None:
        raise click.UsageError("--env-file needs python-dotenv. Install it: pip install 'trivet[dotenv]'")
    wanted = [Path(extra)] if extra is not None else []
    if not os.environ.get("TRIVET_SKIP_DOTENV"):
        wanted += [folder / name for name in ENV_FILES]
    found = [path for path in wanted if path.is_file()]
    if found and find_spec("dotenv") is None:
        names = ", ".join(path.name for path in found)
        click.secho(f" * {names}: not loaded. To load it: pip install 'trivet[dotenv]'", fg="yellow", err=True)
        return []
    for path in found:
        around.fill(import_module("dotenv").dotenv_values(path, encoding="utf-8"))
    return found
