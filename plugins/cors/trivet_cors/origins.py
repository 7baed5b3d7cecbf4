"""Web origins: parsed, written in their one canonical form, and compared exactly."""

import inspect
import ipaddress
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import idna

_logger = logging.getLogger(__name__)

Decider: TypeAlias = Callable[[str], bool]
Rule: TypeAlias = str | re.Pattern[str] | Decider

# RFC 6454 §6.2 with the host already in ASCII; lower case, because the text is folded before it is matched.
_SERIALIZED = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(0|[1-9][0-9]{0,4}))?")
_WRITTEN = re.compile(r"([^:/?#]+://)([^:/?#@%\[\]]+)(:[0-9]+)?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")

# Longer than any origin a browser can send: scheme, "://", a name of 253 octets (RFC 1035 §2.3.4) and a port.
_LONGEST = 320
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}


class OriginError(ValueError):
    """A text that is no origin; the message says what to write instead."""


class Origin(NamedTuple):
    """A tuple origin (HTML, "origin"): ``str()`` gives its serialization (RFC 6454 §6.2).

    ``host`` is ASCII and lower case, IPv6 in brackets; ``port`` is None where it is the scheme's default.
    """

    scheme: str
    host: str
    port: int | None = None

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


def parse(text: str) -> Origin | None:
    """Read a serialized origin, as the ``Origin`` request header carries it; None if it is none.

    Letter case and a spelt-out default port are folded away, as RFC 6454 §4 does; anything that is not
    scheme, host and port alone is refused: user names, paths, lists, percent signs, non-ASCII text,
    control characters, broken A-labels, IPv4 addresses in any form but four decimal numbers.

    >>> str(parse("HTTPS://App.Example.com:443"))
    'https://app.example.com'
    >>> parse("https://app.example.com/") is None
    True
    """
    # ASCII first: lower() folds the Kelvin sign to "k".
    if len(text) > _LONGEST or not text.isascii():
        return None
    found = _SERIALIZED.fullmatch(text.lower())
    if found is None:
        return None
    scheme, written, digits = found.groups()
    host = _address_v6(written) if written[0] == "[" else _name(written)
    port = None if digits is None else int(digits)
    if host is None or (port is not None and port > 65535):
        return None
    return Origin(scheme, host, None if port == _DEFAULT_PORTS.get(scheme) else port)


def _name(host: str) -> str | None:
    labels = host.split(".")
    if len(host) > 253 or not all(0 < len(label) < 64 for label in labels):
        return None
    if _NUMERIC_LABEL.fullmatch(labels[-1]):  # URL Standard, "ends in a number checker": an address or nothing
        return _address_v4(host)
    return host if all(_is_a_label(label) for label in labels if label.startswith("xn--")) else None


def _is_a_label(label: str) -> bool:
    """Tell whether a name stands behind ``xn--``, in the one spelling that a browser gives it (UTS 46, section 4).

    That is Punycode (RFC 3492) of letters that no rule maps to others or forbids.
    """
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
        spelt_so = decoded.encode("punycode").decode("ascii") == label[4:]
        return spelt_so and not decoded.isascii() and idna.uts46_remap(decoded, std3_rules=False) == decoded
    except (ValueError, OverflowError):
        return False


def _address_v4(host: str) -> str | None:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        return None


def _address_v6(host: str) -> str | None:
    try:
        address = ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        return None
    mapped = address.ipv4_mapped
    if mapped is None:
        return f"[{address.compressed}]"
    # Python 3.13 writes the last half dotted; the URL Standard's host serializer does not.
    return f"[::ffff:{int(mapped) >> 16:x}:{int(mapped) & 0xFFFF:x}]"


def parse_written(text: str) -> Origin:
    """Read an origin as people write it in a configuration: like ``parse``, and names in any script (UTS 46).

    >>> str(parse_written("https://bücher.example"))
    'https://xn--bcher-kva.example'

    :raises OriginError: it is no origin; the message says what to write.
    """
    origin = parse(text if text.isascii() else _to_ascii(text))
    if origin is None or origin.scheme in ("ws", "wss"):
        raise OriginError(f"{text!r} is not an origin: {_advice(text)}")
    return origin


def _to_ascii(text: str) -> str:
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return ""
    try:
        host = idna.encode(found[2], uts46=True).decode("ascii")
    except idna.IDNAError:
        return ""
    return f"{found[1]}{host}{found[3] or ''}"


_ADVICE: tuple[tuple[str, str], ...] = (
    (r"", 'write scheme and host, as in "https://app.example.com"'),
    (r".*[,;].*", "it holds several; write a list with one string for each"),
    (r".*[\s\x00-\x1f\x7f].*", "remove the spaces and control characters"),
    (
        r".*[\\^$|()+?].*|.*\.\*.*",
        "a string is compared literally; give a regular expression as re.compile(...), from code",
    ),
    (r"wss?://.*", "an origin is the page's, not the socket's; write it with https:// or http://"),
    (r"(?!.*://).*", 'it has no scheme; write it as in "https://app.example.com"'),
    (r"file:.*", 'pages from files have the origin "null"; list "null" if you mean them'),
    (r"[^*]*://\*\.[^*]*", "`*.` needs a domain name after it, without path, user name or final dot"),
    (
        r"[^*]*:\*",
        'a port is a number; for every port give re.compile(r"http://localhost(:[0-9]+)?"), from code',
    ),
    (
        r".*\*.*",
        '`*` stands for whole labels at the front, as in "https://*.example.com", or alone for every origin',
    ),
    (r".*@.*", "leave out the user name"),
    (r".*%.*", "percent signs have no place in an origin; write the name itself"),
    (r"[^/]*://[^/]+/.*|.*#.*", "leave out everything after host and port, the final slash too"),
    (r".*:[0-9]+", "the port is a number up to 65535 without leading zeros"),
    (r".*:[^/\]]*", "the port is missing or no number"),
    (r".*\.", "leave out the final dot"),
    (
        r".*[^\x00-\x7f].*|.*xn--.*",
        "the name is not valid internationally (IDNA); copy its xn-- form from a browser",
    ),
)


def _advice(text: str) -> str:
    for shape, advice in _ADVICE:
        if re.fullmatch(shape, text, re.DOTALL | re.IGNORECASE):
            return advice
    return 'write scheme, host and port alone, as in "https://app.example.com:8443"'


@dataclass(frozen=True, slots=True)
class Origins:
    """A compiled allow-list of origins.

    :ivar everyone: ``*`` was listed.
    :ivar exact: serializations that are allowed as they stand, ``null`` among them if it was listed.
    :ivar parents: origins whose subdomains, one or more whole labels deep, are allowed.
    :ivar patterns: allowed if one of them matches the whole serialization.
    :ivar deciders: allowed if one of them returns exactly True for the serialization.
    """

    everyone: bool = False
    exact: frozenset[str] = frozenset()
    parents: frozenset[Origin] = frozenset()
    patterns: tuple[re.Pattern[str], ...] = ()
    deciders: tuple[Decider, ...] = ()

    def match(self, header: str) -> str | None:
        """Return the canonical form of the origin in an ``Origin`` header if it is listed, or else None.

        ``everyone`` is not consulted. ``null`` is only compared exactly: no pattern and no function sees it.
        """
        if header in self.exact:
            return header
        origin = parse(header)
        if origin is None:
            return None
        text = str(origin)
        return text if text in self.exact or self._rule(origin, text) is not None else None

    def explain(self, header: str) -> str:
        """Say in words which rule lets an origin in, or why none does."""
        origin = None if header == "null" else parse(header)
        if self.everyone:
            return '"*" is listed'
        if header == "null":
            return '"null" is listed' if "null" in self.exact else 'pages without an origin, unless "null" is listed'
        if origin is None:
            return "this is not an origin: scheme, host and port alone, as a browser sends them"
        text = str(origin)
        rule = f"{text} is listed" if text in self.exact else self._rule(origin, text)
        return rule or "no rule lets it in"

    def names(self) -> list[str]:
        """Return every rule in words."""
        return [
            *sorted(self.exact),
            *sorted(map(_wildcard, self.parents)),
            *(f"pattern {pattern.pattern}" for pattern in self.patterns),
            *(f"function {_called(one)}" for one in self.deciders),
        ]

    def _rule(self, origin: Origin, text: str) -> str | None:
        """Return the rule, other than a listed origin, that lets an origin in."""
        parent = self._parent_of(origin) if self.parents else None
        if parent is not None:
            return f"{_wildcard(parent)} is listed"
        for pattern in self.patterns:
            if pattern.fullmatch(text):
                return f"the pattern {pattern.pattern!r} matches it"
        for decide in self.deciders:
            if _says_yes(decide, text):
                return f"the function {_called(decide)} says so"
        return None

    def _parent_of(self, origin: Origin) -> Origin | None:
        _, dot, rest = origin.host.partition(".")
        while dot:
            parent = origin._replace(host=rest)
            if parent in self.parents:
                return parent
            _, dot, rest = rest.partition(".")
        return None


def _says_yes(decide: Decider, text: str) -> bool:
    """Ask a function; one that fails has not said yes, and must not make an answer out of an error."""
    try:
        # `is True`: a coroutine or any other truthy accident must not open the door.
        return decide(text) is True
    except Exception:
        _logger.exception("The function %s, which decides on origins, failed; the origin is refused.", _called(decide))
        return False


def _called(decide: Decider) -> str:
    return getattr(decide, "__qualname__", None) or repr(decide)


def _wildcard(parent: Origin) -> str:
    return str(parent._replace(host=f"*.{parent.host}"))


def compile_origins(rules: Iterable[object]) -> Origins:
    """Compile what a policy lists: origins, ``https://*.example.com``, ``null``, ``*``, patterns, functions.

    :raises OriginError: an entry is none of these, or ``*`` stands beside others; it says what to write.
    """
    entries = list(rules)
    texts = [entry for entry in entries if isinstance(entry, str)]
    if "*" in texts:
        if len(entries) > 1:
            raise OriginError('"*" already means every origin; write it alone, or leave it out')
        return Origins(everyone=True)
    return Origins(
        exact=frozenset(_exact(text) for text in texts if not _is_wildcard(text)),
        parents=frozenset(_parent(text) for text in texts if _is_wildcard(text)),
        patterns=tuple(_pattern(entry) for entry in entries if isinstance(entry, re.Pattern)),
        deciders=tuple(_decider(entry) for entry in entries if not isinstance(entry, str | re.Pattern)),
    )


def _exact(text: str) -> str:
    return text if text == "null" else str(parse_written(text))


def _is_wildcard(text: str) -> bool:
    return "://*." in text


def _parent(text: str) -> Origin:
    try:
        parent = parse_written(text.replace("://*.", "://", 1))
    except OriginError:
        raise OriginError(f"{text!r} is not an origin: {_advice(text)}") from None
    if _address_v4(parent.host) or parent.host[0] == "[":
        raise OriginError(f"{text!r} is not an origin: an address has no subdomains; list the address itself")
    return parent


def _pattern(pattern: re.Pattern[Any]) -> re.Pattern[str]:
    if not isinstance(pattern.pattern, str):
        raise OriginError(f"the pattern {pattern.pattern!r} is bytes; compile it from a str")
    return pattern


def _decider(entry: object) -> Decider:
    if inspect.iscoroutinefunction(entry) or inspect.iscoroutinefunction(getattr(entry, "__call__", None)):  # noqa: B004
        raise OriginError(f"{entry!r} is a coroutine function; a function that decides on origins is a plain one")
    if not callable(entry):
        raise OriginError(f"{entry!r} is no origin; list strings, compiled patterns or functions")
    return entry
