"""Small HTTP facts and helpers that requests, responses and both protocol adapters share."""

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar, cast

from werkzeug.exceptions import BadRequest, HTTPException
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.sansio.utils import host_is_trusted

T = TypeVar("T")

#: Header fields: names and values.
Fields = tuple[tuple[str, str], ...]

#: ``404`` to ``"404 NOT FOUND"``, written once.
STATUS_LINES: dict[int, str] = {code: f"{code} {text.upper()}" for code, text in HTTP_STATUS_CODES.items()}

#: Status codes whose answers carry no body (RFC 9110, 6.4.1 and 15).
BODILESS = frozenset((*range(100, 200), 204, 304))

#: Up to this many bytes a body that is too large is read all the same, and dropped.
SWALLOWED_BYTES = 1024 * 1024
NOT_UTF8 = "The path of the URL is not valid UTF-8."
_HOSTS_REMEMBERED = 1024
#: More than any length has.
_LENGTH_DIGITS = 20


class _Lazy(Generic[T]):
    """A non-data descriptor: the first read computes the value and stores it in the instance."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> T:
        if instance is None:
            return cast(T, self)
        value = instance.__dict__[self.name] = self.compute(instance)
        return value


def lazy(compute: Callable[[Any], T]) -> T:
    """Declare an attribute that is computed from its instance on first use and kept.

    It is typed as the value itself, so that it can stand in for an attribute a base class sets eagerly.
    """
    return cast(T, _Lazy(compute))


def decode_path(environ: dict[str, Any]) -> str:
    """Return the path of a WSGI request as text; ``PATH_INFO`` carries bytes read as Latin-1 (:pep:`3333`).

    :raises BadRequest: if the bytes are not UTF-8.
    """
    raw: str = environ.get("PATH_INFO", "")
    try:
        path = raw.encode("latin-1").decode()
    except UnicodeError:
        raise BadRequest(NOT_UTF8) from None
    # Some servers put U+FFFD for what is not UTF-8; where they pass the URL on as sent, it tells.
    sent = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if "\ufffd" in path and isinstance(sent, str) and "%EF%BF%BD" not in sent.upper():
        raise BadRequest(NOT_UTF8)
    return path


def is_length(text: str | bytes) -> bool:
    """Say whether a ``Content-Length`` is a number that Python reads (RFC 9110, 8.6)."""
    return text.isascii() and text.isdigit() and len(text) <= _LENGTH_DIGITS


class HostCheck:
    """Says whether a ``Host`` header is well-formed and trusted; remembers a bounded number of good ones."""

    __slots__ = ("good", "lenient", "trusted")

    def __init__(self, trusted: list[str] | None = None) -> None:
        self.trusted = trusted
        #: Whether any host will do as long as none is trusted in particular.
        self.lenient = False
        #: As text, and as bytes, as they come by ASGI.
        self.good: set[str | bytes] = set()

    def __call__(self, host: str) -> bool:
        if host in self.good:
            return True
        if not (self.lenient and not self.trusted) and not host_is_trusted(host, self.trusted or None):
            return False
        if not _decodes(host):
            return False
        if len(self.good) >= _HOSTS_REMEMBERED:
            self.good.clear()
        self.good |= {host, host.encode("latin-1", "replace")}
        return True


def _decodes(host: str) -> bool:
    if "xn--" not in host.lower():
        return True  # no internationalised name (RFC 5890), which showing a URL decodes
    try:
        host.encode("ascii").decode("idna")
    except UnicodeError:
        return False
    return True


def put_fields(headers: Iterable[tuple[str, str]], fields: Fields) -> list[tuple[str, str]]:
    """Return header fields with others in place of those of their names; ``Vary`` is added to (RFC 9110, 12.5.5)."""
    headers = list(headers)
    names = {name.lower() for name, _ in fields}
    said = [part.strip() for name, value in headers if name.lower() == "vary" for part in value.split(",")]
    kept = [one for one in headers if one[0].lower() not in names]
    for name, value in fields:
        if name.lower() == "vary" and said:
            known = {part.lower() for part in said}
            more = [part for part in value.split(", ") if part.lower() not in known and "*" not in known]
            value = ", ".join([*said, *more])
        kept.append((name, value))
    return kept


class UpgradeRequired(HTTPException):
    """426: the path speaks only WebSocket (RFC 9110, 15.5.22)."""

    code = 426
    description = "This path speaks only WebSocket, over an ASGI server; an ordinary request cannot be answered here."

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        """Return the headers of the error page.

        Under ASGI the protocol to upgrade to is named; WSGI applications must not send that header (:pep:`3333`).
        """
        headers = list(super().get_headers(environ, scope))
        if environ is not None and "asgi.scope" in environ:
            headers.append(("Upgrade", "websocket"))
        return headers


def body_allowed(method: str, status: int) -> bool:
    """Say whether an answer to ``method`` with ``status`` carries a body (RFC 9110, 6.4.1)."""
    return method != "HEAD" and status not in BODILESS
