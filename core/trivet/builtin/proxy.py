"""Reverse proxies: who asked, by which scheme, for which host, below which prefix.

``X-Forwarded-For``, ``-Proto``, ``-Host``, ``-Port`` and ``-Prefix`` say so, and anybody can send them: they are
believed only as far as ``TRUSTED_PROXIES`` proxies, which each append to them, stand before the application.
"""

from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from ..hookspecs import hookimpl
from ..kernel.errors import ConfigError


class Proxy:
    """The built-in plugin: believes the headers of as many proxies as are configured, on both protocols."""

    def __init__(self) -> None:
        self.count = 0
        self._fix: Any = None

    @hookimpl
    def trivet_setup(self, app: Any) -> None:
        """Look at every request, if there are proxies to believe.

        :raises ConfigError: if ``TRUSTED_PROXIES`` is not a number.
        """
        self.count = count = app.config["TRUSTED_PROXIES"]
        if not isinstance(count, int) or count < 0:
            raise ConfigError(f"TRUSTED_PROXIES must be the number of proxies before the application, not {count!r}.")
        if count:
            # The middleware is used for what it does to the environ; the application it calls does nothing.
            self._fix = ProxyFix(lambda environ, start_response: [], count, count, count, count, count)
            app.intake.append(self)

    def environ(self, environ: dict[str, Any]) -> None:
        """Put into a WSGI environ what the proxies say."""
        self._fix(environ, None)

    def scope(self, scope: dict[str, Any]) -> dict[str, Any]:
        """Return a copy of an ASGI scope with what the proxies say."""
        return fix(scope, self.count)


def fix(scope: dict[str, Any], count: int) -> dict[str, Any]:
    """Return a copy of an ASGI scope with address, scheme, host and prefix as the proxies give them."""

    def told(name: bytes) -> str | None:
        parts = b",".join(value for header, value in scope["headers"] if header == name).decode("latin-1").split(",")
        return (parts[-count].strip() or None) if len(parts) >= count else None

    scope = dict(scope)
    address, scheme, host = told(b"x-forwarded-for"), told(b"x-forwarded-proto"), told(b"x-forwarded-host")
    port, prefix = told(b"x-forwarded-port"), told(b"x-forwarded-prefix")
    if address:
        scope["client"] = (address, 0)
    if scheme in ("http", "https"):
        secure = scheme == "https"
        scope["scheme"] = scheme if scope["type"] == "http" else "wss" if secure else "ws"
    if host or port:
        sent = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        name = host or sent
        if port:
            name = f"{name.rpartition(':')[0] or name}:{port}" if not name.endswith("]") else f"{name}:{port}"
        others = [(header, value) for header, value in scope["headers"] if header != b"host"]
        scope["headers"] = [(b"host", name.encode("latin-1")), *others]
    if prefix:
        prefix = "/" + prefix.strip("/")
        scope["path"] = prefix + _below(scope)
        scope["root_path"] = prefix
    return scope


def _below(scope: dict[str, Any]) -> str:
    """Return the path without the prefix that the server knew of."""
    path: str = scope["path"]
    known: str = scope.get("root_path", "")
    return path[len(known) :] if known and path.startswith(known) else path
