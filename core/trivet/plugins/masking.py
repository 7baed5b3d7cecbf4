"""Keeping secrets out of what is printed: by type, by name, and credentials inside of URLs."""

import dataclasses
import datetime
import enum
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from .manifest import Secret

#: What stands in a secret's place.
MASK = "…"

# Patterns as text, which `re` compiles when something is first printed.
_CONFIDENTIAL = "SECRET|PASSWORD|PASSWD|PWD|PASSPHRASE|TOKEN|CREDENTIAL|SALT|KEY|PRIVATE|DSN"
_USERINFO = r"(?P<scheme>[a-z][a-z0-9+.-]*:/{1,3})(?P<user>[^/\s?#:@]*):(?P<password>[^\s/?#]*)@"
_LONE_USER = r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<user>[^/\s?#:@]{16,})@"
_PAIR = (
    r"(?P<name>\b[\w.-]*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|signature|credential)[\w.-]*)"
    r"(?P<equals>\s*=\s*)(?P<value>'[^']*'|[^\s&;,]+)"
)
_PLAIN = (int, float, datetime.date, datetime.timedelta, datetime.time, PurePath, enum.Enum)


def is_secret_name(name: str) -> bool:
    """Say whether a setting of this name is taken for a secret."""
    return re.search(_CONFIDENTIAL, name, re.IGNORECASE) is not None


def mask_text(text: str) -> str:
    """Mask credentials inside a text: in URLs, and as ``password=...``."""
    text = re.sub(_USERINFO, rf"\g<scheme>\g<user>:{MASK}@", text, flags=re.IGNORECASE)
    text = re.sub(_LONE_USER, rf"\g<scheme>{MASK}@", text, flags=re.IGNORECASE)
    return re.sub(_PAIR, rf"\g<name>\g<equals>{MASK}", text, flags=re.IGNORECASE)


def mask(name: str, value: Any) -> Any:
    """Return a value as it may be shown: made of plain types, without secrets.

    :param name: the name it is known under; a name such as ``API_TOKEN`` makes the whole value a secret.
    """
    if value is None or isinstance(value, bool) or (isinstance(value, (str, bytes, list, tuple, dict)) and not value):
        return value if not isinstance(value, bytes) else ""
    if isinstance(value, Secret) or is_secret_name(name):
        return MASK
    if hasattr(type(value), "__struct_fields__"):
        import msgspec  # not at the top: whoever only makes an application needs neither it nor this module

        value = msgspec.structs.asdict(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {mask_text(str(key)): mask(str(key), one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [mask("", one) for one in value]
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, _PLAIN):
        return value if type(value) in (int, float) else mask_text(str(value))
    if isinstance(value, type) or callable(value):
        return f"<{getattr(value, '__module__', '?')}.{getattr(value, '__qualname__', type(value).__name__)}>"
    return f"<{type(value).__module__}.{type(value).__qualname__}>"
