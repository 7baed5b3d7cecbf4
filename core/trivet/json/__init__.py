"""JSON by the active application's provider, or by the standard library where no application is active."""

import json as standard
from typing import IO, Any

from ..builtin.json import encode_special
from ..helpers import jsonify
from ..kernel.context import current

__all__ = ["dump", "dumps", "jsonify", "load", "loads"]


def dumps(obj: Any, **kwargs: Any) -> str:
    """Return ``obj`` as JSON text; keywords are the provider's."""
    ctx = current.get(None)
    if ctx is not None:
        return ctx.app.json.dumps(obj, **kwargs)  # type: ignore[no-any-return]
    kwargs.setdefault("default", encode_special)
    return standard.dumps(obj, **kwargs)


def dump(obj: Any, fp: IO[str], **kwargs: Any) -> None:
    """Write ``obj`` as JSON text to an open text file."""
    fp.write(dumps(obj, **kwargs))


def loads(s: str | bytes, **kwargs: Any) -> Any:
    """Return what the JSON text ``s`` says.

    :raises ValueError: if it is not JSON.
    """
    ctx = current.get(None)
    return ctx.app.json.loads(s, **kwargs) if ctx is not None else standard.loads(s, **kwargs)


def load(fp: IO[Any], **kwargs: Any) -> Any:
    """Read JSON from an open text or binary file."""
    return loads(fp.read(), **kwargs)
