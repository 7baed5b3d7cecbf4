"""From what a view returned to a response."""

from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from typing import Any, cast

from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, InternalServerError, NotFound
from werkzeug.wrappers import Response as WerkzeugResponse

from ..hookspecs import hookimpl
from ..kernel.errors import place_of
from ..wrappers import Response

#: Content types that were checked once and need no check again; few, as they stand in code.
_KNOWN_TYPES = frozenset(
    f"{kind}{charset}"
    for kind in (
        "text/plain",
        "text/html",
        "text/css",
        "text/csv",
        "text/xml",
        "application/json",
        "application/xml",
    )
    for charset in ("", "; charset=utf-8", ";charset=utf-8")
)
#: Errors whose page depends on nothing but their class.
_PLAIN_ERRORS = frozenset((BadRequest, Forbidden, NotFound, InternalServerError))


@hookimpl(trylast=True)
def trivet_make_response(ctx: Any, value: Any) -> Response:
    """Turn a view's return value into a response of the application's class; the last to be asked.

    Understands everything that Flask's documentation says a view may return, and asynchronous generators.

    :raises TypeError: if that is not possible; the message names the view.
    """
    cls: type[Response] = ctx.app.response_class
    kind = value.__class__
    if kind is cls:
        return cast(Response, value)
    status: Any = None
    headers: Any = None
    response: Any
    if kind is tuple:
        if len(value) == 2:
            value, second = value
            if second.__class__ is dict and len(second) == 1 and value.__class__ is str:
                content_type = second.get("Content-Type")
                if content_type in _KNOWN_TYPES:
                    return cls.light(value.encode(), content_type)
            if isinstance(second, (Headers, dict, list, tuple)):
                headers = second
            else:
                status = second
        elif len(value) == 3:
            value, status, headers = value
        else:
            raise _type_error(
                ctx,
                f"a tuple of {len(value)}. The tuple must have the form (body, status, headers), (body, status) or "
                "(body, headers)",
            )
    response = _from_body(ctx, cls, value, status, headers)
    if response is None:
        response = _from_object(ctx, cls, value)
        if status is not None:
            if isinstance(status, (str, bytes, bytearray)):
                response.status = status
            else:
                response.status_code = status
        if headers:
            response.headers.update(headers)
    return cast(Response, response)


def _from_body(ctx: Any, cls: Any, value: Any, status: Any, headers: Any) -> Any:
    """Make a response of text, bytes or JSON data; ``None`` if ``value`` is nothing of the kind."""
    if isinstance(value, (str, bytes, bytearray)):
        if headers is None:
            return cls(bytes(value) if value.__class__ is bytearray else value, status=status)
        return cls(value, status=status, headers=headers)
    if isinstance(value, (dict, list)):
        response = ctx.app.json.response(value)
        if status is not None:
            response.status_code = status
        if headers:
            response.headers.update(headers)
        return response
    if isinstance(value, (Iterator, AsyncIterator)):
        return cls(value, status=status, headers=headers)
    return None


def _from_object(ctx: Any, cls: Any, value: Any) -> Any:
    """Make a response of another response, an HTTP error or a WSGI application."""
    if value is None:
        raise _type_error(ctx, "None, or ended without a return statement")
    if isinstance(value, Response) and isinstance(value, cls):
        return value
    if isinstance(value, HTTPException):
        return error_response(ctx, cls, value)
    if isinstance(value, WerkzeugResponse) or callable(value):
        try:
            return cls.force_type(value, ctx.environ)
        except TypeError as error:
            raise _type_error(
                ctx, f"something else: it was a {type(value).__name__}, which is no WSGI application either: {error}"
            ) from error
    raise _type_error(ctx, f"something else: it was a {type(value).__name__}")


@lru_cache(maxsize=64)
def _standard_page(kind: Any) -> bytes:
    page: str = kind().get_body()
    return page.encode()


def error_response(ctx: Any, cls: Any, error: HTTPException) -> Any:
    """Return the page of an HTTP error; the pages of plain errors, such as an ordinary 404, are made once."""
    kind: Any = type(error)
    if kind in _PLAIN_ERRORS and "description" not in error.__dict__ and error.response is None:
        return cls(_standard_page(kind), status=kind.code)
    return cls.force_type(error.get_response(ctx.environ), ctx.environ)


def _type_error(ctx: Any, what: str) -> TypeError:
    plan = ctx.plan
    where = f" (at {place_of(plan.view)})" if plan is not None and plan.endpoint is not None else ""
    return TypeError(
        f"The view function for {ctx.endpoint!r}{where} did not return a valid response: it returned {what}. "
        "Return a string, bytes, a dict, a list, a generator, a response object, a WSGI application, "
        "or a tuple of one of these with a status and headers."
    )
