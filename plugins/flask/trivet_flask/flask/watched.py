"""Registries that extensions change directly: dicts and lists that tell when they are."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

Tell = Callable[[], None]


def _telling(cls: type, *names: str) -> Callable[[type], type]:
    """Make the named methods of a container tell that it was changed, after they have done their work."""

    def decorator(watched: type) -> type:
        for name in names:
            original = getattr(cls, name)

            def method(self: Any, *args: Any, _original: Any = original, **kwargs: Any) -> Any:
                answer = _original(self, *args, **kwargs)
                self.tell()
                return answer

            method.__name__ = name
            setattr(watched, name, method)
        return watched

    return decorator


@_telling(
    list, "append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse",
    "__setitem__", "__delitem__", "__iadd__",
)  # fmt: skip
class WatchedList(list[Any]):
    """A list that tells when it is changed."""

    def __init__(self, tell: Tell, items: Any = ()) -> None:
        super().__init__(items)
        self.tell = tell


@_telling(dict, "__delitem__", "pop", "popitem", "clear")
class WatchedDict(defaultdict[Any, Any]):
    """A dict that tells when it is changed; plain lists and dicts put into it become watched ones.

    :param make: makes the value of a missing key; ``None``: a missing key is an error.
    """

    def __init__(self, tell: Tell, make: Callable[[], Any] | None = None, items: Any = ()) -> None:
        super().__init__(make)
        self.tell = tell
        dict.update(self, items)

    def __setitem__(self, key: Any, value: Any) -> None:
        if type(value) is list:
            value = WatchedList(self.tell, value)
        elif type(value) in (dict, defaultdict):
            value = WatchedDict(self.tell, getattr(value, "default_factory", None), value)
        super().__setitem__(key, value)
        self.tell()

    def __missing__(self, key: Any) -> Any:
        if self.default_factory is None:
            raise KeyError(key)
        value = self.default_factory()
        dict.__setitem__(self, key, value)
        return value

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value of ``key``, set to ``default`` if it is missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several keys."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __ior__(self, other: Any) -> Any:  # type: ignore[misc]
        self.update(other)
        return self


def lists(tell: Tell) -> WatchedDict:
    """Return a registry of lists of functions."""
    return WatchedDict(tell, lambda: WatchedList(tell))


def handlers(tell: Tell) -> WatchedDict:
    """Return a registry of error handlers: by scope, code and class."""
    return WatchedDict(tell, lambda: WatchedDict(tell, lambda: WatchedDict(tell)))
