"""The life of a request, written once.

:func:`respond` is the whole of it. It is a coroutine with two drivers. The *sync driver* (``coroutine.send(None)``)
runs it to its end without an event loop: in that flavour nothing in it suspends, because every asynchronous piece
has been put behind the bridge when setup ended. The *async driver* awaits it.
"""

from collections.abc import Callable
from typing import Any

from .chains import Chain, runs_inline


class Flow:
    """What is done for a route in one flavour, bound when setup ends.

    :ivar view: the view itself.
    :ivar handle: coroutine function of ``trivet_handle_request(ctx)``: the whole of it.
    :ivar before: chain of ``trivet_before_request(ctx)``.
    :ivar call: chain of ``trivet_call_view(ctx)``, ``None`` where nobody but the kernel implements it.
    :ivar respond: chain of ``trivet_make_response(ctx, value)``.
    :ivar recover: chain of ``trivet_handle_error(ctx, error)``.
    :ivar after: chain of ``trivet_after_request(ctx, response)``.
    """

    handle: Any = None
    before: Any = None
    before_async = False
    call: Any = None
    call_async = False
    respond: Any = None
    respond_async = False
    recover: Any = None
    recover_async = False
    after: Any = None
    after_async = False

    def __init__(self, view: Any, view_async: bool) -> None:
        self.view = view
        self.view_async = view_async

    def bind(self, step: str, chain: Chain) -> None:
        """Set the chain of one step."""
        setattr(self, step, chain.call)
        setattr(self, step + "_async", chain.is_async)


class Plan:
    """What is done for an endpoint: its view and its two flows.

    :ivar app: the application.
    :ivar endpoint: ``None`` for requests that no rule matches.
    :ivar view: the view function.
    :ivar automatic: whether it answers ``OPTIONS`` in place of the view.
    :ivar scopes: names of the blueprints the view belongs to, innermost first.
    :ivar sync: what the sync driver runs.
    :ivar loop: what is awaited.
    :ivar on_loop: whether ASGI requests stay on the event loop.
    :ivar finish: function ``(response, ctx)`` that completes what ``handle`` returns; ``None`` if nobody does.
    """

    sync: Flow
    loop: Flow
    on_loop = False
    finish: Callable[[Any, Any], Any] | None = None

    def __init__(
        self, app: Any, endpoint: str | None, view: Callable[..., Any], scopes: tuple[str, ...], automatic: bool
    ) -> None:
        self.app = app
        self.endpoint = endpoint
        self.view = view
        self.scopes = scopes
        self.automatic = automatic


@runs_inline
async def respond(ctx: Any) -> Any:
    """Walk one request through its lifecycle and return the response.

    This is the default of ``trivet_handle_request``: before-hooks, the view, its value made a response,
    after-hooks; an exception on the way is handled once, and what goes wrong while handling it once more.

    :raises Exception: only if the error hooks let one through.
    """
    flow = ctx.plan.loop if ctx.on_loop else ctx.plan.sync
    try:
        value = None
        if flow.before is not None:
            value = flow.before(ctx)
            if flow.before_async:
                value = await value
        if value is None:
            if flow.call is None:
                args = ctx.view_args
                value = flow.view(**args) if args else flow.view()
                if flow.view_async:
                    value = await value
            else:
                value = flow.call(ctx)
                if flow.call_async:
                    value = await value
        response = flow.respond(ctx, value)
        if flow.respond_async:
            response = await response
        if ctx.after is not None or flow.after_async:
            return await finish(ctx, flow, response)
        if flow.after is not None:
            flow.after(ctx, response)
        if ctx.last is not None:
            for function in ctx.last:
                function(response)
            ctx.last = None
        return response
    except Exception as error:
        return await recover(ctx, flow, error)


async def finish(ctx: Any, flow: Flow, response: Any) -> Any:
    """Give a finished response to this request's own functions and to the after-hooks."""
    if ctx.after is not None:
        for function in ctx.after:
            response = function(response)
            if hasattr(response, "__await__"):
                response = await response
    if flow.after is not None:
        waiting = flow.after(ctx, response)
        if flow.after_async:
            await waiting
    if ctx.last is not None:
        for function in ctx.last:
            function(response)
        ctx.last = None
    return response


async def recover(ctx: Any, flow: Flow, error: Exception) -> Any:
    """Answer an exception; an exception raised while doing so is answered once more, then let through."""
    ctx.failures += 1
    ctx.error = error
    try:
        value: Any = None
        if flow.recover is not None:
            value = flow.recover(ctx, error)
            if flow.recover_async:
                value = await value
        if value is None:
            raise error
        response = flow.respond(ctx, value)
        if flow.respond_async:
            response = await response
        if error is ctx.routing_error:
            error.__traceback__ = None  # it leads back to the context: a circle that only the collector can undo
        return await _finish_error(ctx, flow, response)
    except Exception as second:
        if second is error or ctx.failures > 1:
            raise
        return await recover(ctx, flow, second)


async def _finish_error(ctx: Any, flow: Flow, response: Any) -> Any:
    """Finish the answer to an error; what fails a second time is reported, and the answer still sent."""
    try:
        return await finish(ctx, flow, response)
    except Exception as third:
        if ctx.failures == 1:
            raise
        ctx.app.report(ctx, third, "An after-request function failed while an error was being answered")
        return response


def call_view(ctx: Any) -> Any:
    """Call the view of the matched rule with the rule's values: the default of ``trivet_call_view``."""
    flow = ctx.plan.loop if ctx.on_loop else ctx.plan.sync
    return flow.view(**ctx.view_args)


def raise_routing_error(ctx: Any) -> Any:
    """Raise what routing had to say: the view of requests that no rule matches."""
    raise ctx.routing_error
