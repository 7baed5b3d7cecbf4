"""Typed storage for what one object keeps on behalf of others."""

from typing import Generic, TypeVar, cast, overload

T = TypeVar("T")
D = TypeVar("D")


class StashKey(Generic[T]):
    """A private key whose type says what is stored under it.

    ::

        hits = StashKey[int]("hits")
        app.stash[hits] = 0
    """

    __slots__ = ("name",)

    def __init__(self, name: str = "") -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<StashKey {self.name}>"


class Stash:
    """A mapping from :class:`StashKey` to a value of that key's type."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[StashKey[object], object] = {}

    def __setitem__(self, key: StashKey[T], value: T) -> None:
        self._values[cast("StashKey[object]", key)] = value

    def __getitem__(self, key: StashKey[T]) -> T:
        return cast(T, self._values[cast("StashKey[object]", key)])

    def __delitem__(self, key: StashKey[T]) -> None:
        del self._values[cast("StashKey[object]", key)]

    def __contains__(self, key: StashKey[T]) -> bool:
        return key in self._values

    @overload
    def get(self, key: StashKey[T]) -> T | None: ...
    @overload
    def get(self, key: StashKey[T], default: D) -> T | D: ...
    def get(self, key: StashKey[T], default: object = None) -> object:
        """Return the value under ``key``, or ``default``."""
        return self._values.get(cast("StashKey[object]", key), default)
