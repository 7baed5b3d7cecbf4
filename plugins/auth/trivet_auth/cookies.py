"""The remember-me cookie: its name and attributes, as Flask-Login's settings say."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from .errors import AuthConfigError

#: The end of what dates can say.
_LAST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


class CookieAttributes(NamedTuple):
    """What a cookie is set with."""

    name: str
    domain: str | None
    path: str
    secure: bool
    httponly: bool
    samesite: str | None


def attributes(config: Mapping[str, Any], realm: str, https: bool) -> CookieAttributes:
    """Return the attributes of a realm's cookie.

    ``REMEMBER_COOKIE_NAME``, ``_DOMAIN``, ``_PATH``, ``_SECURE``, ``_HTTPONLY`` and ``_SAMESITE`` are understood.
    Without them it is for this host, by https only if the request came by it, hidden from scripts, and
    ``SameSite=Lax``.
    """
    name = config.get("REMEMBER_COOKIE_NAME", "remember_token")
    secure = config.get("REMEMBER_COOKIE_SECURE")
    return CookieAttributes(
        name if realm == "default" else f"{name}_{realm}",
        config.get("REMEMBER_COOKIE_DOMAIN"),
        config.get("REMEMBER_COOKIE_PATH") or config.get("APPLICATION_ROOT") or "/",
        https if secure is None else bool(secure),
        bool(config.get("REMEMBER_COOKIE_HTTPONLY", True)),
        config.get("REMEMBER_COOKIE_SAMESITE", "Lax"),
    )


def seconds(value: Any, setting: str) -> float:
    """Return a duration, given as a number of seconds or as a :class:`datetime.timedelta`.

    :raises AuthConfigError: if it is neither.
    """
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise AuthConfigError(f"{setting} must be a datetime.timedelta or a number of seconds, not: {value!r}.")


def put(response: Any, cookie: CookieAttributes, value: str, expires: float) -> None:
    """Set a cookie that ends at a time in Unix seconds."""
    response.set_cookie(
        cookie.name,
        value,
        expires=datetime.fromtimestamp(min(expires, _LAST), UTC),
        domain=cookie.domain,
        path=cookie.path,
        secure=cookie.secure,
        httponly=cookie.httponly,
        samesite=cookie.samesite,
    )


def drop(response: Any, cookie: CookieAttributes) -> None:
    """Have the browser forget a cookie."""
    response.delete_cookie(
        cookie.name,
        domain=cookie.domain,
        path=cookie.path,
        secure=cookie.secure,
        httponly=cookie.httponly,
        samesite=cookie.samesite,
    )
