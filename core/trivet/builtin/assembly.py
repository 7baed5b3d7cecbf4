"""Puts the built-in plugins into an application."""

from datetime import timedelta
from typing import Any

from ..hookspecs import hookimpl
from ..kernel.chains import specialised
from ..kernel.lifecycle import call_view
from . import responses
from .callbacks import Callbacks
from .csrf import CrossOriginProtection
from .errors import Errors
from .json import Json
from .proxy import Proxy
from .rsgi import Rsgi
from .sessions import Sessions
from .signals import Signals
from .signing import Signing
from .static import Static
from .templating import Templating
from .websockets import WebSockets

#: What an application's configuration starts with. Flask's keys; safer values where Flask's are not safe.
DEFAULT_CONFIG: dict[str, Any] = {
    "APPLICATION_ROOT": "/",
    "DEBUG": None,
    "EXPLAIN_TEMPLATE_LOADING": False,
    "MAX_CONTENT_LENGTH": 16 * 1024 * 1024,
    "MAX_COOKIE_SIZE": 4093,
    "MAX_FORM_MEMORY_SIZE": 500_000,
    "MAX_FORM_PARTS": 1_000,
    "PERMANENT_SESSION_LIFETIME": timedelta(days=31),
    "PREFERRED_URL_SCHEME": "http",
    "PROPAGATE_EXCEPTIONS": None,
    "PROVIDE_AUTOMATIC_OPTIONS": True,
    "SECRET_KEY": None,
    "SECRET_KEY_FALLBACKS": None,
    "SEND_FILE_MAX_AGE_DEFAULT": None,
    "SERVER_NAME": None,
    "SESSION_COOKIE_DOMAIN": None,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_NAME": "session",
    "SESSION_COOKIE_PARTITIONED": False,
    "SESSION_COOKIE_PATH": None,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "SESSION_COOKIE_SECURE": None,
    "SESSION_REFRESH_EACH_REQUEST": True,
    "TEMPLATES_AUTO_RELOAD": None,
    "TESTING": False,
    "TRAP_BAD_REQUEST_ERRORS": None,
    "TRAP_HTTP_EXCEPTIONS": False,
    "TRUSTED_HOSTS": None,
    "TRUSTED_ORIGINS": (),
    "TRUSTED_PROXIES": 0,
    "USE_X_SENDFILE": False,
}


class _Kernel:
    """The kernel's own part in the hooks: what happens if nobody else wants to."""

    trivet_call_view = staticmethod(hookimpl(trylast=True)(call_view))

    def __init__(self, app: Any) -> None:
        self.app = app

    @hookimpl(trylast=True)
    @specialised("bind_handle_request")
    def trivet_handle_request(self, ctx: Any) -> Any:
        """Walk the request through its lifecycle."""
        return self.app.lifecycle(ctx)

    def bind_handle_request(self, scopes: tuple[str, ...], bridge: Any) -> Any:
        """Return the application's lifecycle itself."""
        return self.app.lifecycle


def assemble(app: Any) -> None:
    """Add the built-in plugins to an application's manager, which decides which of them are enabled."""
    app.signing = Signing(app)
    app.callbacks = Callbacks(app)
    app.templating = Templating(app)
    app.errors = Errors(app)
    add = app.plugins.add_builtin
    add("kernel", _Kernel(app), "The lifecycle of a request.")
    add("callbacks", app.callbacks, "Functions around requests, and error handlers.")
    add("responses", responses, "From what a view returned to a response.")
    add("json", Json(), "JSON in and out.")
    add("templating", app.templating, "Jinja templates.")
    add("websockets", WebSockets(app), "WebSocket connections, under ASGI.")
    add("proxy", Proxy(), "Believes the headers of reverse proxies, as far as configured.")
    add("rsgi", Rsgi(app), "Granian's own protocol.")
    add("sessions", Sessions(app), "Sessions in a signed cookie.")
    add("static", Static(app), "Files of the static folders.")
    add("signals", Signals(app, app.errors, app.templating), "Blinker signals.")
    add("csrf", CrossOriginProtection(app), "Refuses unsafe requests from other origins, without tokens.")
    add("errors", app.errors, "Error pages and the log.")
