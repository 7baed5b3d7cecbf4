"""Where records are kept; and what all stores agree on: which names can be, and how data becomes text."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from ..records import Record

_KIND = re.compile(r"[!-~]{1,32}")
_KEY = re.compile(r"[!-~]{1,128}")
_MAX_OWNER = 255
#: The most characters of data; MariaDB's ``TEXT`` holds no more.
MAX_DATA = 65_535


def can_be(kind: str, key: str) -> bool:
    """Tell whether a record can have such a name: visible ASCII characters, 32 and 128 of them at most."""
    return _KIND.fullmatch(kind) is not None and _KEY.fullmatch(key) is not None


def can_own(kind: str, owner: str) -> bool:
    """Tell whether a record of such a kind can have such an owner."""
    return _KIND.fullmatch(kind) is not None and _can_be_kept(owner)


def _can_be_kept(owner: str) -> bool:
    """Tell whether every store can keep an owner: at most 255 characters, no NUL, no half of a surrogate pair."""
    if len(owner) > _MAX_OWNER or "\0" in owner:
        return False
    return owner.isascii() or not any("\ud800" <= one <= "\udfff" for one in owner)


def pack(kind: str, key: str, record: Record) -> str:
    """Return a record's data as JSON (RFC 8259) in ASCII, so that every store can keep it as it is.

    :raises ValueError: the record cannot be kept because of its name, owner or expiry, the size of its data or a number
        in it.
    :raises TypeError: JSON cannot say what is in its data.
    """
    if not can_be(kind, key):
        raise ValueError(
            f"A record cannot have the kind {kind[:40]!r} with a key of {len(key)} characters. Kinds are 1 to 32 and "
            "keys 1 to 128 visible ASCII characters, without spaces."
        )
    if not _can_be_kept(record.owner):
        raise ValueError(
            f"A record of the kind {kind!r} cannot have this owner of {len(record.owner)} characters. Owners are at "
            f"most {_MAX_OWNER} characters, none of them NUL or half of a surrogate pair."
        )
    if record.expires is not None and not math.isfinite(record.expires):
        raise ValueError(f"A record of the kind {kind!r} cannot expire at {record.expires!r}. None means never.")
    return _as_json(kind, record.data)


def unpack(data: str | bytes, owner: str, expires: float | None, version: int) -> Record:
    """Return the record that was packed."""
    return Record(json.loads(data), owner, expires, version)


def _as_json(kind: str, data: Mapping[str, Any]) -> str:
    try:
        _check_keys(data)
        text = json.dumps(dict(data), allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise ValueError(f"The data of a record of the kind {kind!r} cannot be kept as JSON: {error}.") from None
    except (TypeError, RecursionError) as error:
        # The message names a type, and no value.
        raise TypeError(f"The data of a record of the kind {kind!r} cannot be kept as JSON: {error}.") from None
    if len(text) > MAX_DATA:
        raise ValueError(
            f"The data of a record of the kind {kind!r} is {len(text)} characters of JSON; at most {MAX_DATA} can be "
            "kept."
        )
    return text


def _check_keys(value: object) -> None:
    """Refuse keys that are no text: the ``json`` module would turn numbers into text without a word."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key is no text but of the type {type(key).__name__}")
            _check_keys(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            _check_keys(one)
