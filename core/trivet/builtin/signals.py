"""Blinker signals, sent by hooks that are bound only while somebody listens."""

import weakref
from collections.abc import Callable
from typing import Any

from blinker import ANY, NamedSignal

from ..hookspecs import hookimpl
from ..kernel.chains import Bridge, specialised


class LifecycleSignal(NamedSignal):
    """A signal that wakes the applications' senders when its first receiver comes; it costs nothing before."""

    def __init__(self, name: str, doc: str | None = None) -> None:
        super().__init__(name, doc)
        self.watchers: weakref.WeakSet[Signals] = weakref.WeakSet()

    def connect(self, receiver: Any, sender: Any = ANY, weak: bool = True) -> Any:
        """Connect a receiver, as :meth:`blinker.Signal.connect`."""
        connected = super().connect(receiver, sender, weak)
        for watcher in list(self.watchers):
            watcher.wake(self)
        return connected


#: A request begins to be handled. Sent with the application.
request_started = LifecycleSignal("request-started")
#: A response is ready. ``response``.
request_finished = LifecycleSignal("request-finished")
#: A request's context ends, whatever happened. ``exc``: the exception, or ``None``.
request_tearing_down = LifecycleSignal("request-tearing-down")
#: An exception is answered with a 500. ``exception``.
got_request_exception = LifecycleSignal("got-request-exception")
#: A context has become active.
appcontext_pushed = LifecycleSignal("appcontext-pushed")
#: A context has ended.
appcontext_popped = LifecycleSignal("appcontext-popped")
#: A context ends, whatever happened. ``exc``: the exception, or ``None``.
appcontext_tearing_down = LifecycleSignal("appcontext-tearing-down")
#: A template is about to be rendered. ``template``, ``context``.
before_render_template = LifecycleSignal("before-render-template")
#: A template has been rendered. ``template``, ``context``.
template_rendered = LifecycleSignal("template-rendered")
#: A message was flashed. ``message``, ``category``.
message_flashed = LifecycleSignal("message-flashed")


class Signals:
    """Sends the signals of one application."""

    def __init__(self, app: Any, errors: Any, templating: Any) -> None:
        self.app = app
        self._awake: set[str] = set()
        self._targets: dict[LifecycleSignal, tuple[list[Any], Callable[..., Any]] | None] = {
            request_started: None,
            request_finished: None,
            got_request_exception: (errors.on_exception, self._exception),
            request_tearing_down: (app.closers, self._request_ends),
            appcontext_tearing_down: (app.closers, self._context_ends),
            appcontext_pushed: (app.openers, self._pushed),
            appcontext_popped: (app.leavers, self._popped),
            before_render_template: (templating.before_render, self._before_render),
            template_rendered: (templating.after_render, self._rendered),
        }
        for signal in self._targets:
            signal.watchers.add(self)
            if signal.receivers:
                self.wake(signal)

    def wake(self, signal: LifecycleSignal) -> None:
        """Begin to send a signal."""
        if signal.name in self._awake:
            return
        self._awake.add(signal.name)
        target = self._targets[signal]
        if target is not None:
            target[0].append(target[1])
        elif self.app.sealed:
            self.app.rebind()

    # -- the two that are hooks

    @hookimpl(tryfirst=True)
    @specialised("bind_before_request")
    def trivet_before_request(self, ctx: Any) -> Any:
        """Send ``request_started``."""
        request_started.send(ctx.app, _async_wrapper=ctx.app.ensure_sync)

    def bind_before_request(self, scopes: tuple[str, ...], bridge: Bridge | None) -> Callable[..., Any] | None:
        """Return the sender if somebody listens."""
        return self.trivet_before_request if request_started.name in self._awake else None

    @hookimpl(trylast=True)
    @specialised("bind_after_request")
    def trivet_after_request(self, ctx: Any, response: Any) -> None:
        """Send ``request_finished``."""
        request_finished.send(ctx.app, _async_wrapper=ctx.app.ensure_sync, response=response)

    def bind_after_request(self, scopes: tuple[str, ...], bridge: Bridge | None) -> Callable[..., Any] | None:
        """Return the sender if somebody listens."""
        return self.trivet_after_request if request_finished.name in self._awake else None

    # -- the others

    def _send(self, signal: LifecycleSignal, **values: Any) -> None:
        signal.send(self.app, _async_wrapper=self.app.ensure_sync, **values)

    def _exception(self, error: BaseException) -> None:
        self._send(got_request_exception, exception=error)

    def _request_ends(self, ctx: Any, error: BaseException | None) -> None:
        if ctx.has_request:
            self._send(request_tearing_down, exc=error)

    def _context_ends(self, ctx: Any, error: BaseException | None) -> None:
        if not ctx.within:
            self._send(appcontext_tearing_down, exc=error)

    def _pushed(self, ctx: Any) -> None:
        if not ctx.within:
            self._send(appcontext_pushed)

    def _popped(self, ctx: Any) -> None:
        if not ctx.within:
            self._send(appcontext_popped)

    def _before_render(self, template: Any, context: dict[str, Any]) -> None:
        self._send(before_render_template, template=template, context=context)

    def _rendered(self, template: Any, context: dict[str, Any]) -> None:
        self._send(template_rendered, template=template, context=context)
