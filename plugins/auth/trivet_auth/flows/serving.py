"""From flows to views: written once, called in plain code and on an event loop."""

from collections.abc import Callable
from typing import Any, cast

from trivet import current_context, hookimpl, specialised

from ..driving import OnLoop, Plain, run
from .base import Flow
from .services import Services


def view_of(flow: type[Flow]) -> Callable[..., Any]:
    """Return the view of a flow, for event loops; :class:`FlowCalls` calls it elsewhere."""

    async def view(**values: Any) -> Any:
        ctx: Any = current_context()
        return await flow(ctx, OnLoop(ctx.app)).answer(**values)

    view.__name__ = flow.name
    view.__doc__ = flow.__doc__
    marked = cast(Any, view)
    marked.trivet_auth_flow = flow
    # Where everybody has to sign in, this is where they do; each flow guards itself.
    marked.trivet_auth_public = True
    return view


class FlowCalls:
    """Calls flows in plain code without an event loop, and has what is left of their mails sent at the end.

    It is part of the plugin, and known to the plugin manager's hooks only.
    """

    @hookimpl
    @specialised("bind_call", by_route=True)
    def trivet_call_view(self, ctx: Any) -> Any:
        """Call the view, if it is a flow's and this is no event loop."""
        call = self.bind_call(ctx.plan, ctx.app.loops.bridge)
        return call(ctx) if call is not None else None

    def bind_call(self, route: Any, bridge: Any) -> Callable[[Any], Any] | None:
        """Return what calls a route's view in one flavour; ``None`` if nothing special does."""
        flow: type[Flow] | None = getattr(route.view, "trivet_auth_flow", None)
        if flow is None or bridge is None:
            return None
        return lambda ctx: run(flow(ctx, Plain(ctx.app)).answer(**ctx.view_args))

    @hookimpl
    def trivet_shutdown(self, app: Any) -> None:
        """Wait for the last mails, for some seconds."""
        services = Services.of(app)
        if "outbox" in services.__dict__:
            services.outbox.wait()
