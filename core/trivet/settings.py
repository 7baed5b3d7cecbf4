"""The settings that Trivet itself reads: of which kind each is, and what is nearly one of them."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from .kernel.errors import ConfigError

_Test = Callable[[Any], bool]


def _flag(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _limit(value: Any) -> bool:
    return value is None or _number(value)


def _text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _key(value: Any) -> bool:
    return value is None or isinstance(value, (str, bytes))


def _keys(value: Any) -> bool:
    return value is None or (isinstance(value, (list, tuple)) and all(map(_key, value)))


def _texts(value: Any) -> bool:
    listed = isinstance(value, (list, tuple, set, frozenset))
    return value is None or (listed and all(isinstance(one, str) for one in value))


def _duration(value: Any) -> bool:
    return value is None or isinstance(value, timedelta) or (_number(value))


def _site(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.lower() in ("strict", "lax", "none"))


#: What each kind of value is called, and how it is told.
_KINDS: dict[str, tuple[str, _Test]] = {
    "flag": ("true or false", _flag),
    "number": ("a whole number that is not negative", _number),
    "limit": ("a whole number that is not negative, or None", _limit),
    "text": ("a string", _text),
    "key": ("a string or bytes", _key),
    "keys": ("a list of strings or bytes", _keys),
    "texts": ("a list of strings", _texts),
    "duration": ("a number of seconds or a timedelta", _duration),
    "site": ('"Strict", "Lax", "None" or None', _site),
}

#: The kind of each setting.
SETTINGS: dict[str, str] = {
    "APPLICATION_ROOT": "text",
    "DEBUG": "flag",
    "EXPLAIN_TEMPLATE_LOADING": "flag",
    "MAX_CONTENT_LENGTH": "limit",
    "MAX_COOKIE_SIZE": "number",
    "MAX_FORM_MEMORY_SIZE": "limit",
    "MAX_FORM_PARTS": "limit",
    "PERMANENT_SESSION_LIFETIME": "duration",
    "PREFERRED_URL_SCHEME": "text",
    "PROPAGATE_EXCEPTIONS": "flag",
    "PROVIDE_AUTOMATIC_OPTIONS": "flag",
    "SECRET_KEY": "key",
    "SECRET_KEY_FALLBACKS": "keys",
    "SEND_FILE_MAX_AGE_DEFAULT": "duration",
    "SERVER_NAME": "text",
    "SESSION_COOKIE_DOMAIN": "text",
    "SESSION_COOKIE_HTTPONLY": "flag",
    "SESSION_COOKIE_NAME": "text",
    "SESSION_COOKIE_PARTITIONED": "flag",
    "SESSION_COOKIE_PATH": "text",
    "SESSION_COOKIE_SAMESITE": "site",
    "SESSION_COOKIE_SECURE": "flag",
    "SESSION_REFRESH_EACH_REQUEST": "flag",
    "TEMPLATES_AUTO_RELOAD": "flag",
    "TESTING": "flag",
    "TRAP_BAD_REQUEST_ERRORS": "flag",
    "TRAP_HTTP_EXCEPTIONS": "flag",
    "TRUSTED_HOSTS": "texts",
    "TRUSTED_ORIGINS": "texts",
    "TRUSTED_PROXIES": "number",
    "USE_X_SENDFILE": "flag",
}


def nearly(name: str) -> str | None:
    """Return the setting that ``name`` is nearly but not quite, such as for ``MAX_CONTENT_LENGHT``."""
    if name in SETTINGS:
        return None
    found = get_close_matches(name, SETTINGS, n=1, cutoff=0.9)
    return found[0] if found else None


def check(config: Mapping[str, Any], places: Mapping[str, str]) -> None:
    """Raise for a setting whose value is of the wrong kind.

    :param places: where each setting got its value, as far as it is known.
    :raises ConfigError: naming the setting, the place, and what is wanted. The value is not shown: it may be secret.
    """
    for name, kind in SETTINGS.items():
        wanted, test = _KINDS[kind]
        if name in config and not test(config[name]):
            where = places.get(name, f"app.config[{name!r}]")
            raise ConfigError(f"{where}: {name} must be {wanted}, not of type {type(config[name]).__name__}.")
