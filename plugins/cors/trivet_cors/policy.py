"""The policy: which answers a page of another origin may read, as the headers that say so."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import msgspec

from .origins import OriginError, Origins, compile_origins

Pairs: TypeAlias = tuple[tuple[str, str], ...]

ORIGIN = "Origin"
REQUEST_METHOD = "Access-Control-Request-Method"
REQUEST_HEADERS = "Access-Control-Request-Headers"
ALLOW_ORIGIN = "Access-Control-Allow-Origin"
PREFLIGHT_VARY = f"{ORIGIN}, {REQUEST_METHOD}, {REQUEST_HEADERS}"

# Fetch, "CORS-safelisted request-header": allowed with short plain values anyway, so with any value here.
SAFELISTED_HEADERS = ("Accept", "Accept-Language", "Content-Language", "Content-Type", "Range")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_KNOWN_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY"})
# Names under .invalid belong to nobody (RFC 6761 §6.4): a pattern that accepts these accepts everyone.
_STRANGERS = ("https://stranger.invalid", "http://stranger.invalid", "https://a-b.c9.stranger.invalid:4711")


class PolicyError(ValueError):
    """Options that contradict each other or that no browser would understand.

    :ivar option: the name of the option.
    :ivar advice: what is wrong with it, and what to write.
    :ivar place: where its value was written, if that is known.
    """

    def __init__(self, option: str, advice: str, place: str | None = None) -> None:
        super().__init__(f"{place or option}: {advice}")
        self.option, self.advice, self.place = option, advice, place


class Options(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a policy allows. With nothing set, nothing is allowed.

    :ivar origins: who may read answers: ``"https://app.example.com"``, ``"https://*.example.com"`` (one or
        more whole labels), ``"null"``, or ``"*"`` alone; from code also compiled patterns, which must match
        the whole origin, and functions ``(origin: str) -> bool``. A string may hold several, between commas.
    :ivar methods: limits the methods that a preflight is told about; none means all that the path has.
    :ivar allow_headers: request headers a page may set, beside the CORS-safelisted ones. ``"*"`` stands for
        all but ``Authorization``, and only without credentials (Fetch, "CORS protocol and credentials").
    :ivar expose_headers: response headers a page may read, beside the CORS-safelisted ones; ``"*"`` as above.
    :ivar credentials: whether cookies, HTTP authentication and client certificates may come along.
    :ivar max_age: seconds a browser may remember a preflight; None leaves the browser's default, 5 seconds.
    """

    origins: str | tuple[Any, ...] = ()
    methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    credentials: bool = False
    max_age: Annotated[int, msgspec.Meta(ge=0)] | None = 600


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy: a request costs a look into a table.

    :ivar origins: the allow-list.
    :ivar varies: whether answers depend on the ``Origin`` header, so that caches must be told (``Vary``).
    :ivar everyone: the headers of every answer, ``Origin`` or not, where everyone is allowed; or else empty.
    """

    origins: Origins
    varies: bool
    everyone: Pairs
    _listed: Mapping[str, Pairs]
    _sharing: Pairs
    _asking: Pairs
    _methods: frozenset[str]

    def answer(self, origin: str) -> Pairs | None:
        """Return the headers that share an answer with the origin of an ``Origin`` header; None is a refusal.

        A refusal is said by leaving the headers out (Fetch, "HTTP responses").
        """
        if self.everyone:
            return self.everyone
        listed = self._listed.get(origin)
        if listed is not None:
            return listed
        allowed = self.origins.match(origin)
        return None if allowed is None else ((ALLOW_ORIGIN, allowed), *self._sharing)

    def preflight(self, origin: str, methods: Collection[str]) -> Pairs | None:
        """Return the headers that answer a preflight for a path with these methods; None is a refusal.

        The method and the headers that the request asks for are not looked at: the answer lists what is
        allowed, and the browser compares (Fetch, "CORS-preflight fetch", step 7), naming in its console what
        was missing. Nothing of the request is repeated but an allowed origin.
        """
        allowed = "*" if self.everyone else self.origins.match(origin)
        if allowed is None:
            return None
        offered = self._methods.intersection(methods) if self._methods else methods
        return (
            (ALLOW_ORIGIN, allowed),
            ("Access-Control-Allow-Methods", ", ".join(sorted(offered))),
            *self._asking,
        )

    def describe(self) -> list[str]:
        """Return lines that say whom the policy lets in, for people who check an installation."""
        if self.everyone:
            return ["every origin may read answers, without credentials"]
        if not self.varies:
            return ["warning: no origins are listed, so no other site may read answers"]
        listed = self.origins
        names = [
            *sorted(listed.exact),
            *sorted(str(one._replace(host=f"*.{one.host}")) for one in listed.parents),
        ]
        names += [f"pattern {pattern.pattern}" for pattern in listed.patterns]
        names += [f"function {getattr(one, '__qualname__', repr(one))}" for one in listed.deciders]
        credentials = "with" if ("Access-Control-Allow-Credentials", "true") in self._sharing else "without"
        lines = [f"allowed {credentials} credentials: {name}" for name in names]
        if credentials == "with" and "null" in listed.exact:
            lines.append('warning: every site can make pages of the origin "null", and these act as your users')
        return lines


def compile_policy(options: Options) -> Policy:
    """Compile options once, at setup.

    :raises PolicyError: an origin does not parse, a name is none, or two options contradict each other.
    """
    rules = _split(options.origins) if isinstance(options.origins, str) else options.origins
    try:
        origins = compile_origins(rules)
    except OriginError as error:
        raise PolicyError("origins", str(error)) from None
    _refuse_contradictions(options, origins)
    credentials: Pairs = (("Access-Control-Allow-Credentials", "true"),) if options.credentials else ()
    sharing = (
        *credentials,
        *_names("Access-Control-Expose-Headers", "expose_headers", options.expose_headers),
    )
    asked = SAFELISTED_HEADERS if "*" not in options.allow_headers else ()
    headers = _names("Access-Control-Allow-Headers", "allow_headers", (*asked, *options.allow_headers))
    max_age = () if options.max_age is None else (("Access-Control-Max-Age", str(options.max_age)),)
    return Policy(
        origins=origins,
        varies=not origins.everyone and origins != Origins(),
        everyone=((ALLOW_ORIGIN, "*"), *sharing) if origins.everyone else (),
        _listed={origin: ((ALLOW_ORIGIN, origin), *sharing) for origin in origins.exact},
        _sharing=sharing,
        _asking=(*credentials, *headers, *max_age),
        _methods=frozenset(map(_method, options.methods)),
    )


def _split(text: str) -> tuple[str, ...]:
    """Split a string of several origins, as an environment variable holds them; no origin has a comma."""
    return tuple(part for part in map(str.strip, text.split(",")) if part)


def _refuse_contradictions(options: Options, origins: Origins) -> None:
    if not options.credentials:
        return
    if origins.everyone:
        raise PolicyError(
            "origins",
            '"*" with credentials would let every site act as your users; list the origins, as in '
            'origins = ["https://app.example.com"], or set credentials = false',
        )
    for pattern in origins.patterns:
        if any(pattern.fullmatch(stranger) for stranger in _STRANGERS):
            raise PolicyError(
                "origins",
                f"the pattern {pattern.pattern!r} matches origins of strangers, so with credentials every "
                r'site could act as your users; name the domain, as in re.compile(r"https://[a-z]+\.example\.com")',
            )
    for name in ("allow_headers", "expose_headers"):
        if "*" in getattr(options, name):
            raise PolicyError(name, '"*" means nothing with credentials; list the header names')


def _names(header: str, option: str, names: Iterable[str]) -> Pairs:
    """Make the pair for a list of header names, each once, in the case it first came in; none for none."""
    unique: dict[str, str] = {}
    for name in names:
        if not _TOKEN.fullmatch(name):
            raise PolicyError(option, f"{name!r} is not a header name; write one name a string")
        unique.setdefault(name.lower(), name)
    return ((header, ", ".join(unique.values())),) if unique else ()


def _method(name: str) -> str:
    if name == "*":
        raise PolicyError("methods", 'leave out "*"; without methods, all that a path really has are allowed')
    if not _TOKEN.fullmatch(name):
        raise PolicyError("methods", f"{name!r} is not a method; write one name a string")
    if name not in _KNOWN_METHODS and name.upper() in _KNOWN_METHODS:
        raise PolicyError("methods", f"{name!r} is not {name.upper()!r}, case counts; write {name.upper()!r}")
    return name


def merge_vary(existing: str | None, names: str) -> str:
    """Add names to the value of a ``Vary`` header, each once, keeping what is there (RFC 9110 §12.5.5).

    >>> merge_vary("Cookie, origin", "Origin")
    'Cookie, origin'
    >>> merge_vary("*", "Origin")
    '*'
    """
    if not existing:
        return names
    present = [name.strip() for name in existing.split(",")]
    if "*" in present:
        return existing
    folded = {name.lower() for name in present}
    missing = [name for name in names.split(", ") if name.lower() not in folded]
    return ", ".join([existing, *missing])
