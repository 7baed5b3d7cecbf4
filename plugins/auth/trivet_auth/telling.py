"""Telling plugins what has happened: hooks whose results nobody needs, and whose coroutines have to be awaited."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from inspect import isawaitable
from typing import Any

from trivet import StashKey

#: What could not be waited for where it was told, and is awaited before the answer is sent.
_WAITING = StashKey[list[Awaitable[Any]]]("auth.telling")

logger = logging.getLogger("trivet.auth")


def tell(app: Any, ctx: Any, hook: str, /, **facts: Any) -> None:
    """Call a hook that is told something.

    Plain implementations run at once. Where one is asynchronous all wait for it, in their order: in plain code at once,
    and on an event loop, where plain code cannot wait, before the answer is sent. What one raises is raised there.

    :param ctx: the context of the moment; ``None`` if there is none.
    :param facts: the hook's arguments, each time in the same order.
    """
    call = app.chain(hook, tuple(facts), None, False).call
    found = call(*facts.values()) if call is not None else None
    if isawaitable(found):
        _settle(app, ctx, found)


def tell_quietly(app: Any, ctx: Any, hook: str, /, **facts: Any) -> None:
    """Do the same where an exception must not change what is going on: it is logged."""
    try:
        call = app.chain(hook, tuple(facts), None, False).call
        found = call(*facts.values()) if call is not None else None
    except Exception:
        _log(hook)
        return
    if isawaitable(found):
        _settle(app, ctx, _quiet(hook, found))


async def _quiet(hook: str, one: Awaitable[Any]) -> None:
    try:
        await one
    except Exception:
        _log(hook)


def _log(hook: str) -> None:
    logger.exception("An implementation of %s failed.", hook)


def _settle(app: Any, ctx: Any, one: Awaitable[Any]) -> None:
    if ctx is None or not _a_loop_runs_here():
        app.settle(one)
        return
    waiting = ctx.stash.get(_WAITING)
    if waiting is None:
        waiting = ctx.stash[_WAITING] = []
        ctx.defer(tell_all, ctx)  # for what is told after the answer was sent, or outside of a request
        if ctx.has_request and not ctx.on_loop:  # an asynchronous view by WSGI: its answer is made in plain code
            add_last(ctx, partial(_tell_plainly, ctx), first=True)  # before the session is saved
    waiting.append(one)


def add_last(ctx: Any, function: Callable[[Any], Any], first: bool = False) -> None:
    """Have a function called with the response at the very end of a request; the list may be gone through just now."""
    if ctx.last is None:
        ctx.last = [function]
    else:
        ctx.last.insert(0 if first else len(ctx.last), function)


def _a_loop_runs_here() -> bool:
    from asyncio import get_running_loop  # here: something asynchronous is there, so asyncio is, too

    try:
        get_running_loop()
    except RuntimeError:
        return False
    return True


def _tell_plainly(ctx: Any, response: Any) -> None:
    if is_waiting(ctx):
        ctx.app.settle(tell_all(ctx))


def is_waiting(ctx: Any) -> bool:
    """Tell whether something is still to be awaited."""
    return bool(ctx._stash is not None and ctx.stash.get(_WAITING))


async def tell_all(ctx: Any) -> None:
    """Await what is still to be awaited, all of it.

    :raises Exception: the first one that was raised there.
    """
    waiting, failed = ctx.stash.get(_WAITING), None
    while waiting:
        try:
            await waiting.pop(0)
        except Exception as error:
            failed = failed or error
    if failed is not None:
        raise failed
