"""The project's configuration file: ``trivet.toml``, or ``[tool.trivet]`` in ``pyproject.toml``."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..kernel.errors import ConfigError, did_you_mean

#: Keys of the file that are not tables of plugins.
TOP_KEYS = ("app", "plugins", "disable", "config")


class Project:
    """What the file says.

    :ivar path: the file, or ``None`` if there is none.
    :ivar app: where the application is: ``"module:name"`` or ``"module:factory"``.
    :ivar plugins: names, and paths of files, to enable.
    :ivar disable: names to leave out, built-in ones too.
    :ivar config: values for ``app.config``.
    :ivar tables: the options of each plugin.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.app: str | None = None
        self.plugins: list[str] = []
        self.disable: list[str] = []
        self.config: dict[str, Any] = {}
        self.tables: dict[str, dict[str, Any]] = {}

    @property
    def folder(self) -> Path:
        """The folder that relative paths in the file start from."""
        return self.path.parent if self.path is not None else Path.cwd()

    def where(self, key: str) -> str:
        """Return the file and key, for messages."""
        return f"{self.path.name if self.path else 'configuration'}: {key}"

    def check_tables(self, known: Iterable[str]) -> None:
        """Raise for a table or key that belongs to no plugin.

        :raises ConfigError: naming the table, the file, and the nearest right name.
        """
        names = {*known, *TOP_KEYS}
        for table in self.tables:
            if table not in names:
                raise ConfigError(
                    f"{self.path}: [{table}] is neither a key of Trivet nor the name of a plugin that is installed."
                    f"{did_you_mean(table, names)}"
                )


def find_project(start: str | os.PathLike[str]) -> Project:
    """Read the file that ``TRIVET_CONFIG`` names, else the nearest one in ``start`` or the folders above it.

    The search ends at the first folder that has one, at a repository's top, or at the file system's.
    """
    named = os.environ.get("TRIVET_CONFIG")
    if named:
        return read_project(named)
    folder = Path(start).resolve()
    for place in (folder, *folder.parents):
        if (place / "trivet.toml").is_file():
            return read_project(place / "trivet.toml")
        if (place / "pyproject.toml").is_file() and _has_table(place / "pyproject.toml"):
            return read_project(place / "pyproject.toml")
        if (place / ".git").exists():
            break
    return Project()


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    :raises ConfigError: naming the file and line, if it is not TOML or not readable.
    """
    import tomllib  # not at the top: an application without a file needs none

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}.") from error


def _has_table(path: Path) -> bool:
    return "trivet" in read_toml(path).get("tool", {})


def read_project(path: str | os.PathLike[str]) -> Project:
    """Read one file.

    :raises ConfigError: if it cannot be read, is not TOML, or has a key of the wrong type.
    """
    path = Path(path).resolve()
    data = read_toml(path)
    if path.name == "pyproject.toml":
        data = data.get("tool", {}).get("trivet", {})
    project = Project(path=path)
    app = data.pop("app", None)
    if app is not None and not isinstance(app, str):
        raise ConfigError(f'{path}: app must be a string such as "hello:app", not {app!r}.')
    project.app = app
    project.plugins = _strings(path, "plugins", data.pop("plugins", []))
    project.disable = _strings(path, "disable", data.pop("disable", []))
    config = data.pop("config", {})
    if not isinstance(config, Mapping):
        raise ConfigError(f"{path}: config must be a table of settings in capital letters, not {config!r}.")
    for key in config:
        if not key.isupper():
            raise ConfigError(f"{path}: [config] {key}: settings have names in capital letters: {key.upper()}.")
    project.config = dict(config)
    for key, value in data.items():
        if not isinstance(value, Mapping):
            raise ConfigError(f"{path}: unknown key {key!r}.{did_you_mean(key, TOP_KEYS)}")
        project.tables[key] = dict(value)
    return project


def _strings(path: Path, key: str, value: Any) -> list[str]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return list(value)
    raise ConfigError(f"{path}: {key} must be a list of strings, not {value!r}.")
