"""What can go wrong while an application is put together, and how it is said."""

import difflib
import sys
from collections.abc import Iterable
from types import CodeType


class TrivetError(Exception):
    """Base of every error that Trivet raises about how it is used."""


class SetupError(TrivetError):
    """The application, its configuration or one of its plugins is declared wrongly."""


class ConfigError(SetupError):
    """A configuration file, key or value is wrong; the message names the place."""


class SealedError(TrivetError, AssertionError):
    """Something was registered after setup had ended.

    It is an :class:`AssertionError` too, because that is what Flask's setup methods raise.
    """


class ConflictError(SetupError, AssertionError):
    """Two parts claim the same endpoint, command, option, namespace or provider.

    It is an :class:`AssertionError` too, because that is what Flask raises for an endpoint.
    """


class OutsideContextError(TrivetError, RuntimeError):
    """Something that belongs to a request or an application was used where none is active."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to ``name``, or ``None`` if nothing comes close."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for an unknown ``name``, or all known names if none is close."""
    names = sorted(set(known))
    close = nearest(name, names)
    if close is not None:
        return f" Did you mean {close!r}?"
    if not names:
        return ""
    return f" Known: {', '.join(names)}."


def place_of(code: CodeType | object) -> str:
    """Return ``file:line`` of a function, class or code object; ``"?"`` where Python does not know."""
    code = getattr(code, "__wrapped__", code)
    code = getattr(code, "__func__", code)
    code = getattr(code, "__code__", code)
    if isinstance(code, CodeType):
        return f"{code.co_filename}:{code.co_firstlineno}"
    module = sys.modules.get(getattr(code, "__module__", ""))
    return getattr(module, "__file__", None) or "?"


def caller_place(inner: str) -> str:
    """Return ``file:line`` of the nearest calling frame outside the package ``inner``.

    :param inner: the import name of the package whose frames are skipped, such as ``"trivet"``.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None:
        module = frame.f_globals.get("__name__", "")
        if module != inner and not module.startswith(inner + "."):
            break
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
