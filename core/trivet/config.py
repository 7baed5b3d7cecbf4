"""The configuration that users fill: from files, objects and the environment."""

import errno
import json
import os
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import IO, Any, Generic, TypeVar

from werkzeug.utils import import_string

from .kernel.config import Settings
from .settings import nearly

T = TypeVar("T")


class ConfigAttribute(Generic[T]):
    """An attribute of an application that reads and writes a configuration key."""

    def __init__(self, name: str, get_converter: Callable[[Any], T] | None = None) -> None:
        self.name = name
        self.get_converter = get_converter

    def __get__(self, app: Any, owner: type | None = None) -> Any:
        if app is None:
            return self
        value = app.config[self.name]
        return self.get_converter(value) if self.get_converter is not None else value

    def __set__(self, app: Any, value: Any) -> None:
        app.config[self.name] = value


class Config(Settings):
    """A dictionary of settings that can be filled from files, objects and the environment.

    Only keys in capital letters are taken from objects, files and keyword arguments.
    """

    def __missing__(self, key: str) -> Any:
        close = nearly(key)
        raise KeyError(f"{key} (did you mean {close}?)" if close else key)

    def from_envvar(self, variable_name: str, silent: bool = False) -> bool:
        """Load the Python file that an environment variable names.

        :param silent: return ``False`` instead of raising if the variable is not set or the file is missing.
        :raises RuntimeError: if the variable is not set.
        """
        value = os.environ.get(variable_name)
        if not value:
            if silent:
                return False
            raise RuntimeError(
                f"The environment variable {variable_name!r} is not set. Set it to the path of a configuration file."
            )
        return self.from_pyfile(value, silent=silent)

    def from_prefixed_env(self, prefix: str = "FLASK", *, loads: Callable[[str], Any] = json.loads) -> bool:
        """Load every environment variable that begins with ``prefix`` and an underscore.

        Values are read as JSON where possible, else as strings. Two underscores lead into nested dictionaries:
        ``FLASK_MAIL__PORT=25`` sets ``config["MAIL"]["PORT"]``.
        """
        prefix = f"{prefix}_"
        for variable in sorted(os.environ):
            if not variable.startswith(prefix):
                continue
            raw = os.environ[variable]
            try:
                value = loads(raw)
            except Exception:
                value = raw
            key = variable.removeprefix(prefix)
            *parents, last = key.split("__")
            target: Any = self
            for parent in parents:
                target = target.setdefault(parent, {})
            target[last] = value
            self.places[key.split("__")[0]] = f"environment variable {variable}"
        return True

    def from_pyfile(self, filename: str | os.PathLike[str], silent: bool = False) -> bool:
        """Run a Python file and take its names in capital letters.

        :param silent: return ``False`` instead of raising if the file is missing.
        :raises OSError: if the file cannot be read.
        """
        path = os.path.join(self.root_path, filename)
        source = self._read(path, "rb", silent, lambda file: file.read())
        if source is None:
            return False
        module = ModuleType("config")
        module.__file__ = path
        exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102 - a configuration file is code
        self.from_object(module)
        return True

    def from_object(self, obj: object | str) -> None:
        """Take the attributes in capital letters of an object, a class or a module, or of what a string names."""
        if isinstance(obj, str):
            obj = import_string(obj)
        where = (
            getattr(obj, "__file__", None) or f"{getattr(obj, '__module__', '')}.{getattr(obj, '__qualname__', obj)}"
        )
        for key in dir(obj):
            if key.isupper():
                self[key] = getattr(obj, key)
                self.places[key] = str(where)

    def from_file(
        self,
        filename: str | os.PathLike[str],
        load: Callable[[IO[Any]], Mapping[str, Any]],
        silent: bool = False,
        text: bool = True,
    ) -> bool:
        """Take the keys in capital letters of a data file.

        :param load: reads the open file, such as ``json.load``, or ``tomllib.load`` with ``text=False``.
        :param silent: return ``False`` instead of raising if the file is missing.
        :param text: open the file in text mode.
        """
        path = os.path.join(self.root_path, filename)
        values = self._read(path, "r" if text else "rb", silent, load)
        if values is None:
            return False
        self.from_mapping(values)
        for key in values:
            if key.isupper():
                self.places[key] = path
        return True

    def _read(self, path: str, mode: str, silent: bool, load: Callable[[IO[Any]], Any]) -> Any:
        try:
            with open(path, mode) as file:
                return load(file)
        except OSError as error:
            if silent and error.errno in (errno.ENOENT, errno.EISDIR, errno.ENOTDIR):
                return None
            error.strerror = f"Unable to load configuration file ({error.strerror})"
            raise

    def from_mapping(self, mapping: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None, **kwargs: Any) -> bool:
        """Take the keys in capital letters of a mapping (or pairs) and of keyword arguments; return ``True``."""
        for key, value in {**dict(mapping or {}), **kwargs}.items():
            if key.isupper():
                self[key] = value
        return True

    def get_namespace(self, namespace: str, lowercase: bool = True, trim_namespace: bool = True) -> dict[str, Any]:
        """Return the keys that begin with ``namespace``, without it unless ``trim_namespace`` is false."""
        found = {}
        for key, value in self.items():
            if key.startswith(namespace):
                name = key[len(namespace) :] if trim_namespace else key
                found[name.lower() if lowercase else name] = value
        return found
