"""Cross-origin protection: a page of another origin cannot make a browser change anything here.

Browsers say where a request comes from, in ``Sec-Fetch-Site`` and ``Origin``; scripts cannot forge either
(Fetch standard, "forbidden request-header"). So no tokens are needed: what is neither safe nor from here is
refused. Requests with neither header do not come from a browser that could be abused, and pass.
"""

import re
from collections.abc import Callable, Iterable, Iterator, MutableSet
from typing import Any, NamedTuple, TypeVar

from werkzeug.exceptions import Forbidden

from ..hookspecs import hookimpl
from ..kernel.chains import never_blocks, unsafe_only
from ..kernel.core import SAFE_METHODS
from ..kernel.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])

_DEFAULT_PORTS = {"http": 80, "https": 443}
# As text, which `re` compiles when the first browser comes.
_HOST = r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?"
_ORIGIN = rf"(?P<scheme>[a-z][a-z0-9+.-]*)://{_HOST}"


class Origin(NamedTuple):
    """An origin (RFC 6454, 4): scheme, host and port, the scheme's own port filled in."""

    scheme: str
    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> "Origin | None":
        """Return the origin that ``text`` spells, or ``None`` if it is none: ``null``, or one with a path."""
        found = re.fullmatch(_ORIGIN, text.lower())
        if found is None:
            return None
        scheme, host, port = found["scheme"], found["host"], found["port"]
        return cls(scheme, host, int(port) if port else _DEFAULT_PORTS.get(scheme))

    def __str__(self) -> str:
        port = "" if self.port == _DEFAULT_PORTS.get(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


class TrustedOrigins(MutableSet[str]):
    """A set of origins, each in the one form in which browsers send it; ``app.trusted_origins`` is one.

    ::

        app.trusted_origins.add("https://app.example.com")
    """

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self._origins: set[str] = set()
        self._deciders: list[Callable[[str], object]] = []
        self._deciders_by_request: list[Callable[[Any, str], object]] = []
        self.update(origins)

    @staticmethod
    def normalise(text: str) -> str:
        """Return the form in which browsers send an origin: lower case, no default port.

        Names outside ASCII are refused: how they are encoded differs between standards, and with it whom one trusts.

        :raises ConfigError: if ``text`` is not one literal origin.
        """
        origin = Origin.parse(text)
        if origin is None or (origin.port is not None and not 0 < origin.port < 65536):
            raise ConfigError(
                f"{text!r} is not an origin that can be trusted. Write scheme and host, and the port unless "
                "it is the scheme's own, such as 'https://app.example.com' or 'http://localhost:5173': no "
                "path, no '/' at the end, no pattern, not 'null'; a name outside ASCII in its 'xn--' form."
            )
        return str(origin)

    def add(self, value: str) -> None:
        """Trust an origin.

        :raises ConfigError: if it is not one literal origin.
        """
        self._origins.add(self.normalise(value))

    def update(self, origins: Iterable[str]) -> None:
        """Trust several origins.

        :raises ConfigError: if one of them is not a literal origin, or ``origins`` is a lone string.
        """
        if isinstance(origins, str):
            raise ConfigError(f"Trusted origins must be a list of origins, not one string: [{origins!r}].")
        for origin in origins:
            self.add(origin)

    def trust_if(self, decide: Callable[[str], object]) -> None:
        """Trust every origin for which ``decide`` is true; it gets one literal origin, never ``null``.

        For those who trust more than can be listed, such as all subdomains of a host.
        """
        self._deciders.append(decide)

    def trust_for(self, decide: Callable[[Any, str], object]) -> None:
        """Trust an origin in the requests for which ``decide(ctx, origin)`` is true.

        For those who trust one origin with one part of an application only.
        """
        self._deciders_by_request.append(decide)

    def trusted_by(self, ctx: Any, origin: str) -> bool:
        """Tell whether an origin in its normal form is trusted in a request."""
        return origin in self or any(decide(ctx, origin) for decide in self._deciders_by_request)

    def discard(self, value: str) -> None:
        """Stop trusting an origin; one that is not trusted changes nothing."""
        self._origins.discard(self.normalise(value))

    def __contains__(self, value: object) -> bool:
        if value in self._origins:
            return True
        origin = Origin.parse(value) if isinstance(value, str) else None
        if origin is None:
            return False
        text = str(origin)
        return text in self._origins or any(decide(text) for decide in self._deciders)

    def __iter__(self) -> Iterator[str]:
        return iter(self._origins)

    def __len__(self) -> int:
        return len(self._origins)

    def __repr__(self) -> str:
        return f"TrustedOrigins({sorted(self._origins)})"


class CrossOriginRefused(Forbidden):
    """403: the request came from a page of an origin that is not trusted."""


def csrf_exempt(view: F) -> F:
    """Let pages of every origin call a view with unsafe methods: for views that identify nobody by cookie.

    ::

        @app.post("/hooks/payment")
        @csrf_exempt
        def payment(): ...
    """
    view.csrf_exempt = True  # type: ignore[attr-defined]
    return view


class CrossOriginProtection:
    """The built-in plugin: refuses what pages of other origins make browsers send.

    It gives the application :class:`app.trusted_origins <TrustedOrigins>`, filled from ``TRUSTED_ORIGINS``.
    Requests with a safe method pass; WebSocket handshakes are checked, because browsers open them across
    origins without asking.

    :param app: the application.
    """

    name = "csrf"

    def __init__(self, app: Any) -> None:
        self._app = app
        app.trusted_origins = TrustedOrigins()

    @hookimpl
    def trivet_setup(self, app: Any) -> None:
        """Trust what the configuration says."""
        app.trusted_origins.update(app.config.get("TRUSTED_ORIGINS") or ())

    @hookimpl(tryfirst=True)
    @unsafe_only
    @never_blocks
    def trivet_before_request(self, ctx: Any) -> None:
        """Refuse a request from another origin, before anything else looks at it.

        :raises CrossOriginRefused: if it is one.
        """
        headers = getattr(ctx, "headers", None)
        if headers is None:
            environ = ctx.environ
            if "HTTP_ORIGIN" not in environ and "HTTP_SEC_FETCH_SITE" not in environ:
                return  # not a browser
            if environ["REQUEST_METHOD"] in SAFE_METHODS:
                return
        else:
            if b"origin" not in headers and b"sec-fetch-site" not in headers:
                return
            if ctx.method in SAFE_METHODS and not ctx.is_websocket:
                return
        self.check(ctx)

    def check(self, ctx: Any) -> None:
        """Judge an unsafe request from a browser.

        :raises CrossOriginRefused: unless it comes from here or from a trusted origin, or its view is exempt.
        """
        site = ctx.header("Sec-Fetch-Site")
        if site in ("same-origin", "none"):
            return
        sent = ctx.header("Origin")
        if site is None and not sent:
            return
        origin = Origin.parse(sent) if sent else None
        if site is None and origin is not None and _is_own(origin, ctx):
            return
        if origin is not None and self._app.trusted_origins.trusted_by(ctx, str(origin)):
            return
        if not getattr(self._app.view_functions.get(ctx.endpoint), "csrf_exempt", False):
            raise CrossOriginRefused(_refusal(ctx, origin, site is None))


def _is_own(origin: Origin, ctx: Any) -> bool:
    """Compare an origin with the ``Host`` header, which names no scheme and rarely a port.

    Behind a proxy that ends TLS a request may look as if it came by http although it came by https; so only
    the reverse is telling: a page by http, which anybody on the way can forge, is not of an https site.
    """
    found = re.fullmatch(_HOST, (ctx.header("Host") or "").lower())
    if found is None or found["host"] != origin.host or origin.scheme not in _DEFAULT_PORTS:
        return False
    port = int(found["port"]) if found["port"] else _DEFAULT_PORTS[origin.scheme]
    https = ctx.environ.get("wsgi.url_scheme") in ("https", "wss")
    return port == origin.port and not (https and origin.scheme == "http")


def _refusal(ctx: Any, origin: Origin | None, by_host: bool) -> str:
    """Say what was refused and what to do; only what was parsed is repeated."""
    what = "WebSocket handshake" if ctx.is_websocket else f"{ctx.method} request"
    if origin is None:
        return f"Cross-origin {what} refused: the browser does not name the origin it comes from."
    why = " Behind a proxy, check that it passes the Host header on." if by_host else ""
    return (
        f"Cross-origin {what} refused: it comes from {origin}, which is not trusted here. To trust it, add "
        f'"{origin}" to TRUSTED_ORIGINS in the configuration.{why}'
    )
