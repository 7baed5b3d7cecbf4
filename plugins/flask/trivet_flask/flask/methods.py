"""The lifecycle of a request in Flask's methods, for applications that override one of them.

An application that overrides none goes Trivet's way, which does the same, faster.
"""

from typing import Any

from werkzeug.exceptions import BadRequestKeyError, HTTPException, InternalServerError
from werkzeug.routing.exceptions import RequestRedirect, RoutingException

from trivet.kernel.chains import runs_inline
from trivet.kernel.context import current

from .debughelpers import FormDataRoutingRedirect


@runs_inline
async def by_methods(ctx: Any) -> Any:
    """Answer a request by the application's methods."""
    app = ctx.app
    try:
        return app.full_dispatch_request()
    except Exception as error:
        ctx.error = error
        return app.handle_exception(error)


#: Whoever overrides one of these has the lifecycle done by them.
OVERRIDABLE = frozenset(
    (
        "dispatch_request",
        "ensure_sync",
        "finalize_request",
        "full_dispatch_request",
        "handle_exception",
        "handle_http_exception",
        "handle_user_exception",
        "make_default_options_response",
        "make_response",
        "preprocess_request",
        "process_response",
        "raise_routing_exception",
        "trap_http_exception",
        "_find_error_handler",
    )
)


class Methods:
    """Flask's methods around a request. Each may be overridden, and may be called by whoever overrides another one."""

    def _flow(self: Any) -> Any:
        return current.get().plan.sync

    def full_dispatch_request(self: Any) -> Any:
        """Answer the active request: before-functions, view, after-functions, and error handlers."""
        try:
            rv = self.preprocess_request()
            if rv is None:
                rv = self.dispatch_request()
        except Exception as error:
            ctx: Any = current.get()
            ctx.error = error
            rv = self.handle_user_exception(error)
        return self.finalize_request(rv)

    def preprocess_request(self: Any) -> Any:
        """Run preprocessors, before-functions and the plugins' hooks; what one returns answers the request."""
        before = self._flow().before
        return before(current.get()) if before is not None else None

    def dispatch_request(self: Any) -> Any:
        """Call the view of the matched rule, and return what it returns."""
        ctx: Any = current.get()
        request = ctx.request
        if request.routing_exception is not None:
            self.raise_routing_exception(request)
        rule = request.url_rule
        if getattr(rule, "provide_automatic_options", False) and request.method == "OPTIONS":
            return self.make_default_options_response()
        flow = self._flow()
        if flow.call is not None:
            return flow.call(ctx)
        return self.ensure_sync(self.view_functions[rule.endpoint])(**(request.view_args or {}))

    def raise_routing_exception(self: Any, request: Any) -> Any:
        """Raise what routing had to say; in debug mode, a redirect that would lose a form is explained."""
        error = request.routing_exception
        if (
            not self.debug
            or not isinstance(error, RequestRedirect)
            or error.code in {307, 308}
            or request.method in {"GET", "HEAD", "OPTIONS"}
        ):
            raise error
        raise FormDataRoutingRedirect(request)

    def make_default_options_response(self: Any) -> Any:
        """Return the answer to ``OPTIONS``."""
        return self.answer_options(current.get())

    def finalize_request(self: Any, rv: Any, from_error_handler: bool = False) -> Any:
        """Make a response of a view's value and run the after-functions on it."""
        response = self.make_response(rv)
        try:
            response = self.process_response(response)
        except Exception:
            if not from_error_handler:
                raise
            self.logger.exception("Request finalizing failed with an error while handling an error")
        return response

    def process_response(self: Any, response: Any) -> Any:
        """Run the functions of this request, the after-functions and the plugins' hooks, and save the session."""
        ctx: Any = current.get()
        for function in ctx.after or ():
            response = self.ensure_sync(function)(response)
        after = self._flow().after
        if after is not None:
            after(ctx, response)
        for function in ctx.last or ():
            function(response)
        return response

    def trap_http_exception(self: Any, e: Exception) -> bool:
        """Say whether an HTTP error is treated like any exception, because the configuration wants it."""
        if self.config["TRAP_HTTP_EXCEPTIONS"]:
            return True
        trap = self.config["TRAP_BAD_REQUEST_ERRORS"]
        if isinstance(e, BadRequestKeyError) and (self.debug or trap):
            e.show_exception = True
        if trap is None and self.debug and isinstance(e, BadRequestKeyError):
            return True
        return bool(trap) and isinstance(e, HTTPException) and e.code == 400

    def should_ignore_error(self: Any, error: BaseException | None) -> bool:
        """Say whether an exception is nobody's error. Never, unless overridden."""
        return False

    def _find_error_handler(self: Any, e: Exception, blueprints: Any = ()) -> Any:
        return self.callbacks.find_handler(e, current.get())

    def handle_http_exception(self: Any, e: HTTPException) -> Any:
        """Answer an HTTP error: by its handler, else by its page."""
        if e.code is None or isinstance(e, RoutingException):
            return e
        handler = self._find_error_handler(e, current.get().request.blueprints)
        return e if handler is None else self.ensure_sync(handler)(e)

    def handle_user_exception(self: Any, e: Exception) -> Any:
        """Answer an exception by its handler, or raise it again."""
        if isinstance(e, BadRequestKeyError) and (self.debug or self.config["TRAP_BAD_REQUEST_ERRORS"]):
            e.show_exception = True
        if isinstance(e, HTTPException) and not self.trap_http_exception(e):
            return self.handle_http_exception(e)
        handler = self._find_error_handler(e, current.get().request.blueprints)
        if handler is None:
            raise e
        return self.ensure_sync(handler)(e)

    def handle_exception(self: Any, e: Exception) -> Any:
        """Answer an exception that no handler took: log it, and answer 500; or raise it, if it is to be seen."""
        for told in self.errors.on_exception:
            told(e)
        if self.propagates_exceptions:
            raise e
        self.log_exception((type(e), e, e.__traceback__))
        failure: Any = InternalServerError(original_exception=e)
        handler = self._find_error_handler(failure, current.get().request.blueprints)
        if handler is not None:
            failure = self.ensure_sync(handler)(failure)
        return self.finalize_request(failure, from_error_handler=True)

    # -- the ends of contexts

    def do_teardown_request(self: Any, exc: BaseException | None = None) -> None:
        """Run the teardown functions of the active request."""
        self.callbacks.teardown(current.get(), exc)

    def do_teardown_appcontext(self: Any, exc: BaseException | None = None) -> None:
        """Run the teardown functions of the active context."""
        for function in reversed(self.teardown_appcontext_funcs):
            self.ensure_sync(function)(exc)
