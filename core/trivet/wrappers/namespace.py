"""The free namespace of a context, which users know as ``g``."""

from collections.abc import Iterator
from typing import Any

from ..kernel.context import current

_NO_DEFAULT: Any = object()


class Namespace:
    """A free namespace for one context; users know it as ``g``."""

    __setattr__ = object.__setattr__  # said for type checkers: every name may be set

    def get(self, name: str, default: Any = None) -> Any:
        """Return the attribute ``name``, or ``default``."""
        return self.__dict__.get(name, default)

    def pop(self, name: str, default: Any = _NO_DEFAULT) -> Any:
        """Remove the attribute ``name`` and return it; without a default, a missing one is a KeyError."""
        if default is _NO_DEFAULT:
            return self.__dict__.pop(name)
        return self.__dict__.pop(name, default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return the attribute ``name``; set it to ``default`` first if it is missing."""
        return self.__dict__.setdefault(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def __repr__(self) -> str:
        ctx = current.get(None)
        return f"<trivet.g of {ctx.app.name!r}>" if ctx is not None else object.__repr__(self)
