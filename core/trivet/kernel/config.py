"""The configuration mapping, and attributes that stand for its keys."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class ConfigAttribute(Generic[T]):
    """An attribute of an application that reads and writes a configuration key."""

    def __init__(self, name: str, convert: Callable[[Any], T] | None = None) -> None:
        self.name = name
        self.convert = convert

    def __get__(self, app: Any, owner: type | None = None) -> Any:
        if app is None:
            return self
        value = app.config[self.name]
        return self.convert(value) if self.convert is not None else value

    def __set__(self, app: Any, value: Any) -> None:
        app.config[self.name] = value


class Settings(dict[str, Any]):
    """A dictionary of settings that knows where each value comes from.

    :param root_path: the folder that relative file names start from.
    :param defaults: the first values.
    """

    def __init__(self, root_path: str | os.PathLike[str], defaults: Mapping[str, Any] | None = None) -> None:
        super().__init__(defaults or {})
        self.root_path = root_path
        #: Where each key got its value: ``file:line``, a file or a variable, as far as it is known.
        self.places: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} keys>"  # the values may be secret
