"""The policy: which answers a page of another origin may read, as the headers that say so."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from .origins import OriginError, Origins, compile_origins, parse_written

Fields: TypeAlias = tuple[tuple[str, str], ...]

ORIGIN = "Origin"
REQUEST_METHOD = "Access-Control-Request-Method"
REQUEST_HEADERS = "Access-Control-Request-Headers"
REQUEST_PRIVATE = "Access-Control-Request-Private-Network"
ALLOW_ORIGIN = "Access-Control-Allow-Origin"
CREDENTIALS: Fields = (("Access-Control-Allow-Credentials", "true"),)
MAX_AGE = "Access-Control-Max-Age"
PREFLIGHT_VARY = f"{ORIGIN}, {REQUEST_METHOD}, {REQUEST_HEADERS}"

# Fetch, "CORS-safelisted request-header": allowed with short plain values anyway, so with any value here.
SAFELISTED_HEADERS = ("Accept", "Accept-Language", "Content-Language", "Content-Type", "Range")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
KNOWN_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY"})
# Names under .invalid belong to nobody (RFC 6761 §6.4): a pattern that accepts these accepts everyone.
STRANGERS = ("https://stranger.invalid", "http://stranger.invalid", "https://a-b.c9.stranger.invalid:4711")


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for a name that is not there, or all that are."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are {', '.join(names)}" if names else "; there are none"


class PolicyError(ValueError):
    """Options that contradict each other or that no browser would understand.

    :ivar option: the name of the option.
    :ivar advice: what is wrong with it, and what to write.
    :ivar place: where its value was written, if that is known.
    """

    def __init__(self, option: str, advice: str, place: str | None = None) -> None:
        super().__init__(f"{place or option}: {advice}")
        self.option, self.advice, self.place = option, advice, place


class PolicyOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What one policy allows. With nothing set, nothing is allowed.

    :ivar origins: who may read answers: ``"https://app.example.com"``, ``"https://*.example.com"`` (one or
        more whole labels), ``"null"``, or ``"*"`` alone; from code also compiled patterns, which must match
        the whole origin, and functions ``(origin: str) -> bool``. A string may hold several, between commas.
    :ivar methods: limits the methods that a preflight is told about; none means all that the path has.
    :ivar allow_headers: request headers a page may set, beside the CORS-safelisted ones. ``"*"`` stands for
        all but ``Authorization``, and only without credentials (Fetch, "CORS protocol and credentials").
    :ivar expose_headers: response headers a page may read, beside the CORS-safelisted ones; ``"*"`` as above.
    :ivar credentials: whether cookies, HTTP authentication and client certificates may come along.
    :ivar max_age: seconds, or a span of time, for which a browser may remember a preflight; None leaves the
        browser's default, 5 seconds.
    :ivar private_network: whether pages of public sites may ask this server in a private network (Private
        Network Access, "CORS preflight"); only said to those who ask.
    :ivar timing_origins: origins whose pages may measure in detail how loading went, or ``"*"`` (Resource
        Timing, "Timing-Allow-Origin"); said in every answer, so only literal ones.
    :ivar resource_policy: which sites may embed answers at all (Fetch, "Cross-Origin-Resource-Policy").
    :ivar always_send: with ``"*"``, whether answers to requests without ``Origin`` say so too, for caches.
    :ivar automatic_options: whether preflights are answered here, or passed on to the view for ``OPTIONS``.
    """

    origins: Any = ()
    methods: str | tuple[str, ...] = ()
    allow_headers: str | tuple[str, ...] = ()
    expose_headers: str | tuple[str, ...] = ()
    credentials: bool = False
    max_age: Annotated[int, msgspec.Meta(ge=0)] | timedelta | None = 600
    private_network: bool = False
    timing_origins: str | tuple[str, ...] = ()
    resource_policy: Literal["same-site", "same-origin", "cross-origin"] | None = None
    always_send: bool = True
    automatic_options: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy: a request costs a look into a table.

    :ivar origins: the allow-list.
    :ivar ready: the header fields of answers by the ``Origin`` header, for those that can be listed; under
        ``None`` those of answers to requests without one.
    :ivar varies: whether answers depend on the ``Origin`` header, so that caches must be told (``Vary``).
    :ivar automatic: whether preflights are answered without the application.
    :ivar private_network: whether preflights for a private network are granted.
    """

    origins: Origins
    ready: Mapping[str | None, Fields]
    varies: bool
    automatic: bool
    private_network: bool
    _sharing: Fields
    _refused: Fields
    _asking: Fields
    _methods: frozenset[str] = field(default=frozenset())

    @property
    def silent(self) -> bool:
        """Tell whether no answer gets any field."""
        return not self.varies and not self.ready[None]

    def answer(self, origin: str | None) -> Fields:
        """Return the header fields of an answer to a request with this ``Origin`` header, or with none.

        A refusal is said by leaving ``Access-Control-Allow-Origin`` out (Fetch, "HTTP responses").
        """
        found = self.ready.get(origin)
        if found is not None:
            return found
        if self.origins.everyone:
            return ((ALLOW_ORIGIN, "*"), *self._sharing, *self._refused)
        allowed = self.origins.match(origin or "")
        return self._refused if allowed is None else ((ALLOW_ORIGIN, allowed), *self._sharing, *self._refused)

    def preflight(self, origin: str, methods: Iterable[str]) -> Fields | None:
        """Return the header fields that answer a preflight for a path with these methods; None is a refusal.

        The method and the headers that the request asks for are not looked at: the answer lists what is
        allowed, and the browser compares (Fetch, "CORS-preflight fetch", step 7), naming in its console what
        was missing. Nothing of the request is repeated but an allowed origin.
        """
        allowed = "*" if self.origins.everyone else self.origins.match(origin)
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
        listed = self.origins
        if listed.everyone:
            return ["every origin may read answers, without credentials"]
        if not self.varies:
            return ["warning: no origins are listed, so no other site may read answers"]
        credentials = "with" if CREDENTIALS[0] in self._sharing else "without"
        lines = [f"allowed {credentials} credentials: {name}" for name in listed.names()]
        if credentials == "with" and "null" in listed.exact:
            lines.append('warning: every site can make pages of the origin "null", and these act as your users')
        return lines


def compile_policy(options: PolicyOptions) -> Policy:
    """Compile options once, at setup.

    :raises PolicyError: an origin does not parse, a name is none, or two options contradict each other.
    """
    try:
        origins = compile_origins(_split(options.origins))
    except OriginError as error:
        raise PolicyError("origins", str(error)) from None
    exposed, allowed = _split(options.expose_headers), _split(options.allow_headers)
    _refuse_contradictions(options, origins, {"allow_headers": allowed, "expose_headers": exposed})
    credentials: Fields = CREDENTIALS if options.credentials else ()
    sharing = (*credentials, *_names("Access-Control-Expose-Headers", "expose_headers", exposed))
    asked = SAFELISTED_HEADERS if "*" not in allowed else ()
    headers = _names("Access-Control-Allow-Headers", "allow_headers", (*asked, *allowed))
    varies = origins != Origins() and not (origins.everyone and options.always_send)
    # What every answer says, whoever asks.
    always = (*_always(options), *((("Vary", ORIGIN),) if varies else ()))
    ready: dict[str | None, Fields] = {origin: ((ALLOW_ORIGIN, origin), *sharing, *always) for origin in origins.exact}
    ready[None] = ((ALLOW_ORIGIN, "*"), *sharing, *always) if origins.everyone and not varies else always
    return Policy(
        origins=origins,
        ready=ready,
        varies=varies,
        automatic=options.automatic_options,
        private_network=options.private_network,
        _sharing=sharing,
        _refused=always,
        _asking=(*credentials, *headers, *_max_age(options.max_age)),
        _methods=frozenset(map(_method, _split(options.methods))),
    )


def _max_age(age: int | timedelta | None) -> Fields:
    if age is None:
        return ()
    seconds = int(age.total_seconds()) if isinstance(age, timedelta) else age
    if seconds < 0:
        raise PolicyError("max_age", f"a browser cannot remember anything for {age}; write 0 or more")
    return ((MAX_AGE, str(seconds)),)


def _split(entries: Any) -> tuple[Any, ...]:
    """Split a string of several entries, as an environment variable holds them; none of them has a comma."""
    if not isinstance(entries, str):
        return tuple(entries) if isinstance(entries, (tuple, list, set, frozenset)) else (entries,)
    return tuple(part for part in map(str.strip, entries.split(",")) if part)


def _always(options: PolicyOptions) -> Fields:
    """Make the fields that do not depend on who asks."""
    fields: Fields = ()
    listed = _split(options.timing_origins)
    if "*" in listed and len(listed) > 1:
        raise PolicyError("timing_origins", '"*" already means every origin; write it alone, or leave it out')
    if listed:
        fields = (("Timing-Allow-Origin", ", ".join(map(_timing_origin, listed))),)
    if options.resource_policy is not None:
        fields += (("Cross-Origin-Resource-Policy", options.resource_policy),)
    return fields


def _timing_origin(text: str) -> str:
    if text in ("*", "null"):
        return text
    try:
        return str(parse_written(text))
    except OriginError as error:
        raise PolicyError("timing_origins", f"{error}; only literal origins can be listed here") from None


def _refuse_contradictions(options: PolicyOptions, origins: Origins, headers: Mapping[str, tuple[str, ...]]) -> None:
    for parent in origins.parents:
        if "." not in parent.host and parent.host != "localhost":
            raise PolicyError(
                "origins",
                f"everybody can have a name below {parent.host!r}; name the domain, as in "
                '"https://*.example.com", or write "*" if everybody is meant',
            )
    if not options.credentials:
        return
    if origins.everyone:
        raise PolicyError(
            "origins",
            '"*" with credentials would let every site act as your users; list the origins, as in '
            'origins = ["https://app.example.com"], or set credentials = false',
        )
    for pattern in origins.patterns:
        if any(pattern.fullmatch(stranger) for stranger in STRANGERS):
            raise PolicyError(
                "origins",
                f"the pattern {pattern.pattern!r} matches origins of strangers, so with credentials every "
                r'site could act as your users; name the domain, as in re.compile(r"https://[a-z]+\.example\.com")',
            )
    for name, listed in headers.items():
        if "*" in listed:
            raise PolicyError(name, '"*" means nothing with credentials; list the header names')


def _names(header: str, option: str, names: Iterable[str]) -> Fields:
    """Make the pair for a list of header names, each once, in the case it first came in; none for none."""
    unique: dict[str, str] = {}
    for name in names:
        if not _TOKEN.fullmatch(name):
            raise PolicyError(option, f"{name!r} is not a header name; write one name a string")
        if "*" in name and name != "*":
            raise PolicyError(option, f"{name!r} is compared literally, not as a pattern; list the header names")
        unique.setdefault(name.lower(), name)
    return ((header, ", ".join(unique.values())),) if unique else ()


def _method(name: str) -> str:
    if name == "*":
        raise PolicyError("methods", 'leave out "*"; without methods, all that a path really has are allowed')
    if not _TOKEN.fullmatch(name):
        raise PolicyError("methods", f"{name!r} is not a method; write one name a string")
    if name not in KNOWN_METHODS and name.upper() in KNOWN_METHODS:
        raise PolicyError("methods", f"{name!r} is not {name.upper()!r}, case counts; write {name.upper()!r}")
    return name
