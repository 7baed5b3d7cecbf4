"""The helpers that users call without a context at hand."""

import contextvars
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from typing import IO, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from werkzeug.exceptions import abort as werkzeug_abort
from werkzeug.utils import redirect as werkzeug_redirect

from .builtin import flashing, static, templating, urls
from .builtin.json import Response
from .builtin.signals import message_flashed
from .globals import app_context, request_context
from .kernel.context import current

F = TypeVar("F", bound=Callable[..., Any])


# -- responses


def jsonify(*args: Any, **kwargs: Any) -> Response:
    """Return a response with the arguments as JSON: one value, a list of several, or an object of keywords.

    ::

        return jsonify(id=42, name="Ada")
    """
    ctx = current.get(None) or app_context()
    return ctx.app.json.response(*args, **kwargs)  # type: ignore[no-any-return]


def make_response(*args: Any) -> Response:
    """Return the response that a view returning the arguments would give, to set headers or cookies on it."""
    ctx = app_context()
    if not args:
        return ctx.app.response_class()  # type: ignore[no-any-return]
    return ctx.app.make_response(args[0] if len(args) == 1 else args)  # type: ignore[no-any-return]


def redirect(location: str, code: int = 302, Response: type[Any] | None = None) -> Any:
    """Return a response that sends the client to ``location``.

    :param code: 301, 302, 303, 305, 307 or 308.
    :param Response: the response class; the application's by default.
    """
    ctx = current.get(None)
    if ctx is not None and Response is None:
        return ctx.app.redirect(location, code=code)
    return werkzeug_redirect(location, code=code, Response=Response)


def abort(code: int | Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Raise the HTTP error of a status code, or a response as an error.

    ::

        abort(404)
        abort(403, "Members only.")
    """
    ctx = current.get(None)
    if ctx is not None:
        ctx.app.aborter(code, *args, **kwargs)
    werkzeug_abort(code, *args, **kwargs)


def send_file(path_or_file: str | os.PathLike[str] | IO[bytes], *args: Any, **options: Any) -> Response:
    """Send a file to the client; the options are Flask's. Never pass a path that a user chose."""
    return static.send_file(request_context(), path_or_file, *args, **options)  # type: ignore[no-any-return]


def send_from_directory(directory: str | os.PathLike[str], path: str | os.PathLike[str], **options: Any) -> Response:
    """Send a file from within a directory, and 404 for whatever is not strictly inside it.

    :param directory: relative to the application's ``root_path``.
    :param path: relative to ``directory``; may come from the user.
    """
    return static.send_from_directory(request_context(), directory, path, **options)  # type: ignore[no-any-return]


def after_this_request(f: F) -> F:
    """Call ``f(response)`` after the active request; it must return a response."""
    ctx = request_context()
    if ctx.after is None:
        ctx.after = []
    ctx.after.append(f)
    return f


def after_response(f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call ``f(*args, **kwargs)`` once the response of the active request has been sent, or its client has gone.

    It runs in the same process, in an application's context, and may be a coroutine function. What it raises is
    logged. Work that must not be lost when the process ends belongs into a queue.

    ::

        after_response(send_mail, user.email, "Welcome")
    """
    ctx = request_context()
    app = ctx.app

    def task() -> None:
        try:
            with app.app_context():
                app.ensure_sync(f)(*args, **kwargs)
        except Exception as error:
            app.report(ctx, error, "A function after the response failed")

    ctx.last = [*(ctx.last or ()), lambda response: response.call_on_close(task)]


# -- URLs


def url_for(
    endpoint: str,
    *,
    _anchor: str | None = None,
    _method: str | None = None,
    _scheme: str | None = None,
    _external: bool | None = None,
    **values: Any,
) -> str:
    """Build the URL of an endpoint, from the values of its rule; unknown values go to the query string.

    :param endpoint: the view's name; ``".name"`` is one of the current blueprint.
    :param _anchor: put behind ``#``.
    :param _method: the method, where several rules of the endpoint differ by it.
    :param _scheme: the scheme of an external URL.
    :param _external: ``True``: with scheme and host.
    :raises werkzeug.routing.BuildError: if no rule fits; the message names the nearest endpoint.
    """
    return app_context().app.url_for(  # type: ignore[no-any-return]
        endpoint,
        _anchor=_anchor,
        _method=_method,
        _scheme=_scheme,
        _external=_external,
        **values,
    )


def safe_redirect_target(target: str | None, default: str = "/") -> str:
    """Return ``target`` if it stays on this host, else ``default``: for a ``next`` that came from outside.

    Other hosts, other schemes than http and https, ``//host``, backslashes and control characters, all of which
    browsers may take for a way out, are refused.

    ::

        return redirect(safe_redirect_target(request.args.get("next"), url_for("index")))
    """
    if not target or target != target.strip() or "\\" in target:
        return default
    if any(ord(character) < 0x21 or ord(character) == 0x7F for character in target):
        return default
    try:
        parts = urlsplit(target)
        here = request_context().request.host
    except ValueError:
        return default
    if not parts.scheme and not parts.netloc:
        return target if target.startswith("/") and not target.startswith("//") else default
    same = parts.scheme in ("http", "https") and parts.netloc.lower() == here.lower()
    # "https:path" and "https:///path" have no host, and still lead away from the page.
    return target if same and target.lower().startswith(f"{parts.scheme}://") else default


# -- templates and messages


def render_template(template_name_or_list: Any, **context: Any) -> str:
    """Render a template of the application's or a blueprint's template folder; the first that exists of a list."""
    return templating.render_template(app_context(), template_name_or_list, **context)


def render_template_string(source: str, **context: Any) -> str:
    """Render a template given as text; it is escaped like an HTML file."""
    return templating.render_template_string(app_context(), source, **context)


def stream_template(template_name_or_list: Any, **context: Any) -> Iterator[str]:
    """Render a template piece by piece; the iterator can be returned from a view."""
    return templating.stream_template(app_context(), template_name_or_list, **context)


def stream_template_string(source: str, **context: Any) -> Iterator[str]:
    """Render a template given as text piece by piece; the iterator can be returned from a view."""
    return templating.stream_template_string(app_context(), source, **context)


def get_template_attribute(template_name: str, attribute: str) -> Any:
    """Return a macro or variable that a template exports."""
    return getattr(app_context().app.jinja_env.get_template(template_name).module, attribute)


def flash(message: str, category: str = "message") -> None:
    """Keep a message in the session, for the next page to show."""
    ctx = request_context()
    flashing.flash(ctx, message, category)
    if message_flashed.receivers:
        app = ctx.app
        message_flashed.send(app, _async_wrapper=app.ensure_sync, message=message, category=category)


def get_flashed_messages(with_categories: bool = False, category_filter: Any = ()) -> Any:
    """Take the flashed messages out of the session; the same ones each time within one request.

    :param with_categories: return ``(category, message)`` pairs.
    :param category_filter: only these categories.
    """
    return flashing.get_flashed_messages(request_context(), with_categories, category_filter)


# -- contexts


def stream_with_context(generator_or_function: Any) -> Any:
    """Keep the request active while a generator runs.

    Trivet does that for every streamed body by itself; this is for generators that are started elsewhere, and so
    that code written for Flask works. Works as a decorator too.
    """
    if not isinstance(generator_or_function, (Iterator, AsyncIterator)) and callable(generator_or_function):
        function = generator_or_function

        def decorated(*args: Any, **kwargs: Any) -> Any:
            return stream_with_context(function(*args, **kwargs))

        return update_wrapper(decorated, function)
    ctx = current.get(None)
    if ctx is None:
        raise RuntimeError(
            "'stream_with_context' can only be used when a request context is active, such as in a view function."
        )
    if hasattr(generator_or_function, "__anext__"):
        return _within_async(ctx, generator_or_function)
    return _within(ctx, iter(generator_or_function))


def _within(ctx: Any, source: Iterator[Any]) -> Iterator[Any]:
    try:
        while True:
            with _active(ctx):
                try:
                    item = next(source)
                except StopIteration:
                    return
            yield item
    finally:
        close = getattr(source, "close", None)
        if close is not None:
            with _active(ctx):
                close()


async def _within_async(ctx: Any, source: Any) -> AsyncIterator[Any]:
    try:
        while True:
            with _active(ctx):
                try:
                    item = await anext(source)
                except StopAsyncIteration:
                    return
            yield item
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            with _active(ctx):
                await close()


@contextmanager
def _active(ctx: Any) -> Iterator[None]:
    """Make ``ctx`` the active context for a moment, without entering it anew."""
    token = current.set(ctx)
    try:
        yield
    finally:
        current.reset(token)


def copy_current_request_context(f: F) -> F:
    """Let a function that runs elsewhere, in a thread say, see the active request.

    :raises RuntimeError: if no request is active.
    """
    ctx = current.get(None)
    if ctx is None or not ctx.has_request:
        raise RuntimeError(
            "'copy_current_request_context' can only be used when a request context is active, such as in a view "
            "function."
        )
    variables = contextvars.copy_context()

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return variables.copy().run(f, *args, **kwargs)

    return update_wrapper(wrapper, f)  # type: ignore[return-value]


def inject_url_defaults(endpoint: str, values: dict[str, Any]) -> None:
    """Let the ``url_defaults`` functions change the values of a URL."""
    urls.inject_url_defaults(app_context().app, endpoint, values)
