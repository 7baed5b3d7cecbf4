"""What becomes of exceptions that no handler answered: error pages, and the log."""

from collections.abc import Callable
from typing import Any

from werkzeug.exceptions import BadRequestKeyError, HTTPException, InternalServerError

from ..hookspecs import hookimpl
from ..kernel.chains import runs_inline
from ..kernel.stash import StashKey

_ASKED = StashKey[bool]("500 handlers asked")


class Errors:
    """Answers HTTP errors with their page and everything else with a 500, logged once."""

    def __init__(self, app: Any) -> None:
        self.app = app
        #: Functions ``(error)`` told of every exception that is answered with a 500.
        self.on_exception: list[Callable[[BaseException], Any]] = []
        #: Says whether an HTTP error is treated like any exception.
        self.traps: Callable[[HTTPException], bool] = self._trapped

    @hookimpl(trylast=True)
    @runs_inline
    async def trivet_handle_error(self, ctx: Any, error: Exception) -> Any:
        """Return the HTTP error itself, as a page; or log the exception and answer 500."""
        if isinstance(error, HTTPException) and ctx.failures <= 1 and not self.traps(error):
            return error
        if isinstance(error, InternalServerError) and error.original_exception is not None:
            return error
        for told in self.on_exception:
            told(error)
        if self.app.propagates_exceptions:
            return None
        self.app.log_exception((type(error), error, error.__traceback__))
        ctx.unhandled = error
        failure = InternalServerError(original_exception=error)
        if _ASKED in ctx.stash:
            return failure  # the handler for 500 has failed itself
        ctx.stash[_ASKED] = True
        flow = ctx.plan.loop if ctx.on_loop else ctx.plan.sync
        try:
            value = flow.recover(ctx, failure)
            if flow.recover_async:
                value = await value
        except Exception as second:
            self.app.log_exception((type(second), second, second.__traceback__))
            value = failure
        ctx.failures += 1  # this is the answer: what fails from here on is reported
        return value

    def _trapped(self, error: HTTPException) -> bool:
        """Say whether the configuration wants an HTTP error to be treated like any exception."""
        config = self.app.config
        if config["TRAP_HTTP_EXCEPTIONS"]:
            return True
        trap = config["TRAP_BAD_REQUEST_ERRORS"]
        if trap is None and self.app.debug and isinstance(error, BadRequestKeyError):
            error.show_exception = True
            return False
        return bool(trap) and error.code == 400
