"""Building URLs, and what to do when one cannot be built."""

from typing import Any
from urllib.parse import quote

from werkzeug.routing import BuildError
from werkzeug.utils import redirect as werkzeug_redirect

from ..kernel.context import current
from ..kernel.errors import OutsideContextError


def url_for(
    app: Any,
    endpoint: str,
    *,
    _anchor: str | None = None,
    _method: str | None = None,
    _scheme: str | None = None,
    _external: bool | None = None,
    **values: Any,
) -> str:
    """Build the URL of an endpoint.

    With a request active, URLs are relative to the host unless ``_external`` is true, and an endpoint that begins
    with a dot belongs to the current blueprint. Without one, they are external, and ``SERVER_NAME`` is needed.

    :raises OutsideContextError: without a request and without ``SERVER_NAME``.
    :raises ValueError: if ``_scheme`` is given for a URL that is not external.
    """
    ctx = current.get(None)
    if ctx is not None and ctx.has_request and ctx.app is app:
        adapter = ctx.url_adapter  # type: ignore[attr-defined]
        if endpoint.startswith("."):
            scopes = ctx.plan.scopes if ctx.plan is not None else ()
            endpoint = f"{scopes[0]}{endpoint}" if scopes else endpoint[1:]
        if _external is None:
            _external = _scheme is not None
    else:
        adapter = app.create_url_adapter(None)
        if _external is None:
            _external = True
    if adapter is None:
        raise OutsideContextError(
            "A URL cannot be built without an active request unless SERVER_NAME is configured. Also configure "
            "APPLICATION_ROOT and PREFERRED_URL_SCHEME as needed."
        )
    if _scheme is not None and not _external:
        raise ValueError("When specifying '_scheme', '_external' must be True.")
    app.inject_url_defaults(endpoint, values)
    try:
        built: str = adapter.build(endpoint, values, method=_method, url_scheme=_scheme, force_external=_external)
    except BuildError as error:
        values.update(_anchor=_anchor, _method=_method, _scheme=_scheme, _external=_external)
        return app.handle_url_build_error(error, endpoint, values)  # type: ignore[no-any-return]
    return f"{built}#{quote(_anchor, safe='%!#$&*+,/:;=?@')}" if _anchor is not None else built


def inject_url_defaults(app: Any, endpoint: str, values: dict[str, Any]) -> None:
    """Let the ``url_defaults`` functions of the application and the endpoint's blueprints change ``values``."""
    for scope in (None, *reversed(app.scopes_of(endpoint))):
        for function in app.url_default_functions.get(scope, ()):
            function(endpoint, values)


def handle_url_build_error(app: Any, error: BuildError, endpoint: str, values: dict[str, Any]) -> str:
    """Ask the application's ``url_build_error_handlers``; the first that returns a URL wins.

    :raises BuildError: if none does; it names the nearest endpoint.
    """
    for handler in app.url_build_error_handlers:
        try:
            found = handler(error, endpoint, values)
        except BuildError as again:
            error = again
        else:
            if found is not None:
                return found  # type: ignore[no-any-return]
    raise error


def redirect(app: Any, location: str, code: int = 302) -> Any:
    """Return a response that sends the client to ``location``."""
    return werkzeug_redirect(location, code, app.response_class)
