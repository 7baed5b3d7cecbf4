"""Hook chains: what pluggy's call would do, compiled to plain functions when setup ends.

pluggy keeps the implementations in order; a chain is one function with the hook's arguments, by position.
Its meaning is pluggy's. Implementations may be coroutine functions, wrappers asynchronous generators. In the
*loop* flavour of a chain coroutines are awaited; in the *sync* flavour ``bridge`` runs them on the background loop.
"""

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from pluggy import HookCaller, HookImpl

from .errors import SetupError, place_of

Call = Callable[..., Any]
#: Turns a coroutine function into a function that waits for it.
Bridge = Callable[[Call], Call]


class Chain(NamedTuple):
    """A compiled chain.

    :ivar call: the function to call, or ``None`` if nobody implements the hook.
    :ivar is_async: whether ``call`` returns an awaitable.
    :ivar finish: what gets the result and the arguments afterwards, where that is left to the caller.
    """

    call: Call | None
    is_async: bool
    finish: Call | None = None


EMPTY = Chain(None, False)


class Link(NamedTuple):
    """One implementation in a chain, taking all the hook's arguments by position; ``finish``: a wrapper's last half."""

    call: Call
    is_async: bool
    wrapper: bool
    finish: bool = False


def runs_inline(function: Call) -> Call:
    """Mark a coroutine function that never really suspends in the sync flavour, so that it needs no bridge."""
    function.runs_inline = True  # type: ignore[attr-defined]
    return function


def specialised(name: str, by_route: bool = False) -> Callable[[Call], Call]:
    """Mark a hook implementation that can be bound to one line of blueprints when setup ends, or to each route.

    :param name: a function of the plugin, ``(scopes, bridge)``, that returns the function to run for requests of
        these blueprints, with the hook's arguments, or ``None`` if there is nothing to do for them. ``bridge`` is
        ``None`` where coroutines are awaited. For a wrapper that does nothing before its ``yield`` and leaves
        exceptions alone, the function is what follows: it gets the result, then the hook's arguments.
    :param by_route: call it with the route instead of ``scopes``: an object with ``app``, ``endpoint`` (``None`` for
        requests that no rule matches), ``view``, ``scopes`` and ``automatic`` (it answers ``OPTIONS`` for the view).
    """

    def decorator(function: Call) -> Call:
        function.specialised_by = name, by_route  # type: ignore[attr-defined]
        return function

    return decorator


def unsafe_only(function: Call) -> Call:
    """Mark a hook implementation that has nothing to do for ``GET``, ``HEAD`` and ``OPTIONS``.

    It is left out for endpoints whose rules allow no other method, so that it costs nothing there.
    """
    function.unsafe_only = True  # type: ignore[attr-defined]
    return function


def never_blocks(function: Call) -> Call:
    """Mark a synchronous hook implementation that may run on the event loop where there is no view.

    Without it, unmatched requests under ASGI go to a worker thread as soon as the hook is implemented.
    """
    function.never_blocks = True  # type: ignore[attr-defined]
    return function


def is_coroutine_function(function: Any) -> bool:
    """Say whether calling ``function`` gives a coroutine; looks through partials and callable objects."""
    if inspect.iscoroutinefunction(function):
        return True
    return not inspect.isroutine(function) and inspect.iscoroutinefunction(type(function).__call__)


def _positional(function: Call, names: Sequence[str], all_names: Sequence[str]) -> Call:
    """Adapt an implementation that takes ``names`` to be called with ``all_names`` by position."""
    if list(names) == list(all_names):
        return function
    picks = [all_names.index(name) for name in names]
    if not picks:
        return lambda *args: function()
    if len(picks) == 1:
        only = picks[0]
        return lambda *args: function(args[only])
    return lambda *args: function(*[args[pick] for pick in picks])


#: Gets what :func:`specialised` names and whether it goes by route; returns what it binds.
Bind = Callable[[Call, bool], Call | None]


def link(impl: HookImpl, names: Sequence[str], bind: Bind | None = None) -> Link | None:
    """Make a link from a registered implementation; ``None`` if there is nothing to do.

    :raises SetupError: for the old wrapper style, and for a wrapper that is not a generator.
    """
    function: Call = impl.function
    real = getattr(function, "asynchronous", None)
    if real is not None:  # an asynchronous wrapper, of which pluggy knows a stand-in only
        function = real.__get__(impl.plugin) if inspect.ismethod(function) else real
    if impl.hookwrapper:
        raise SetupError(
            f"{place_of(function)}: hookwrapper=True is pluggy's old style; write @hookimpl(wrapper=True) and "
            "return the result from the generator."
        )
    if impl.wrapper and not (inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)):
        raise SetupError(f"{place_of(function)}: a hook wrapper must contain exactly one 'yield'.")
    special = getattr(function, "specialised_by", None)
    if special is not None and bind is not None:
        bound = bind(getattr(impl.plugin, special[0]), special[1])
        return bound and Link(bound, is_coroutine_function(bound), bool(impl.wrapper), bool(impl.wrapper))
    call = _positional(function, impl.argnames, names)
    if impl.wrapper:
        return Link(call, inspect.isasyncgenfunction(function), True)
    return Link(call, is_coroutine_function(function), False)


def compile_hook(
    caller: HookCaller,
    names: Sequence[str],
    bridge: Bridge | None = None,
    bind: Bind | None = None,
    safe: bool = False,
    collect: bool = True,
    split: bool = False,
) -> Chain:
    """Compile the implementations of one hook.

    :param names: the hook's arguments, in the order in which the chain takes them.
    :param bridge: given for the sync flavour.
    :param safe: leave out what is marked :func:`unsafe_only`.
    :param collect: whether anybody reads the list of results of a hook that is not *first result*.
    :param split: leave it to the caller to call what comes last of all: ``finish``.
    """
    spec = caller.spec
    first = bool(spec and spec.opts["firstresult"])
    impls = [impl for impl in reversed(caller.get_hookimpls()) if not (safe and hasattr(impl.function, "unsafe_only"))]
    links = [link(impl, names, bind) for impl in impls]
    return compile_chain([one for one in links if one is not None], first, bridge, collect, split)


def compile_chain(
    links: Sequence[Link], first: bool, bridge: Bridge | None = None, collect: bool = True, split: bool = False
) -> Chain:
    """Compile links, in call order, to one function."""
    if bridge is not None:
        links = [_bridged(one, bridge) for one in links]
    plain = [one for one in links if not one.wrapper]
    wrappers = [one for one in links if one.wrapper]
    inner = _compile_plain(plain, first, collect or bool(wrappers))
    for finish, group in groupby(reversed(wrappers), lambda one: one.finish):
        layer = list(group)[::-1]
        if finish and split and layer[0] is wrappers[0]:
            inner = inner._replace(finish=_in_turn([one.call for one in reversed(layer)]))
        elif finish:
            for one in reversed(layer):
                inner = _finished(one.call, inner, None if first else [])
        elif inner.is_async or any(one.is_async for one in layer):
            inner = Chain(_wrap_async(layer, inner, first), True)
        else:
            inner = Chain(_wrap(layer, inner, first), False)
    return inner


def _in_turn(calls: Sequence[Call]) -> Call:
    if len(calls) == 1:
        return calls[0]

    def finish(result: Any, *args: Any) -> Any:
        for call in calls:
            result = call(result, *args)
        return result

    return finish


def _finished(finish: Call, inner: Chain, nothing: Any) -> Chain:
    """Put a wrapper around a chain that only looks at its result."""
    call, is_async, _ = inner
    if call is None:
        return Chain(lambda *args: finish(nothing, *args), False)
    if not is_async:
        return Chain(lambda *args: finish(call(*args), *args), False)

    async def finished(*args: Any) -> Any:
        return finish(await call(*args), *args)

    return Chain(finished, True)


def _bridged(one: Link, bridge: Bridge) -> Link:
    if not one.is_async or getattr(one.call, "runs_inline", False):
        return one
    if one.wrapper:
        return Link(_bridged_wrapper(one.call, bridge), False, True)
    return Link(bridge(one.call), False, False)


def _bridged_wrapper(function: Call, bridge: Bridge) -> Call:
    """Turn an asynchronous wrapper into a plain one whose every step is run through the bridge."""

    def wrapper(*args: Any) -> Generator[None, Any, Any]:
        steps = function(*args)
        bridge(_enter)(steps)
        try:
            result = yield
        except BaseException as error:
            return bridge(_leave_failed)(steps, error)
        return bridge(_leave)(steps, result)

    return wrapper


def _compile_plain(links: Sequence[Link], first: bool, collect: bool) -> Chain:
    if not links:
        return EMPTY
    if any(one.is_async for one in links):
        return Chain(_loop_async(tuple(links), first), True)
    calls = tuple(one.call for one in links)
    if len(calls) == 1 and (first or not collect):
        return Chain(calls[0], False)
    if first:
        return Chain(_loop_first(calls), False)
    return Chain(_loop_all(calls), False)


def _loop_first(calls: tuple[Call, ...]) -> Call:
    def first_result(*args: Any) -> Any:
        for call in calls:
            value = call(*args)
            if value is not None:
                return value
        return None

    return first_result


def _loop_all(calls: tuple[Call, ...]) -> Call:
    def all_results(*args: Any) -> list[Any]:
        results = []
        for call in calls:
            value = call(*args)
            if value is not None:
                results.append(value)
        return results

    return all_results


def _loop_async(links: tuple[Link, ...], first: bool) -> Call:
    if first and len(links) == 1:
        return links[0].call
    steps = tuple((one.call, one.is_async) for one in links)

    async def results(*args: Any) -> Any:
        found = []
        for call, is_async in steps:
            value = call(*args)
            if is_async:
                value = await value
            if value is not None:
                if first:
                    return value
                found.append(value)
        return None if first else found

    return results


def _second_yield(steps: Any) -> RuntimeError:
    code = getattr(steps, "gi_code", None) or steps.ag_code
    return RuntimeError(f"The hook wrapper at {place_of(code)} has more than one 'yield'.")


def _no_yield(steps: Any) -> RuntimeError:
    code = getattr(steps, "gi_code", None) or steps.ag_code
    return RuntimeError(f"The hook wrapper at {place_of(code)} ended without reaching its 'yield'.")


def _resume(steps: Generator[None, Any, Any], result: Any, error: BaseException | None) -> Any:
    """Run a wrapper's second half; return its result or raise its exception."""
    try:
        if error is None:
            steps.send(result)
        else:
            steps.throw(error)
        steps.close()
    except StopIteration as stop:
        return stop.value
    except RuntimeError as raised:
        # A StopIteration cannot pass through a generator; it comes out as the cause of this one.
        if isinstance(error, StopIteration) and raised.__cause__ is error:
            raise error from None
        raise
    raise _second_yield(steps)


def _wrap(wrappers: Sequence[Link], inner: Chain, first: bool) -> Call:
    """Do what :func:`_wrap_async` does where nothing has to be awaited."""
    start = _wrap_async(wrappers, inner, first)

    def wrapped(*args: Any) -> Any:
        try:
            start(*args).send(None)
        except StopIteration as stop:
            return stop.value
        except RuntimeError as raised:
            if isinstance(raised.__cause__, StopIteration):
                raise raised.__cause__ from None  # it cannot pass through a coroutine
            raise

    return wrapped


async def _enter(steps: AsyncGenerator[Any, Any]) -> None:
    try:
        await steps.__anext__()
    except StopAsyncIteration:
        raise _no_yield(steps) from None


async def _leave(steps: AsyncGenerator[Any, Any], result: Any) -> Any:
    """Run the second half; a second ``yield`` gives the replacing result, ending keeps the old one."""
    try:
        result = await steps.asend(result)
    except StopAsyncIteration:
        return result
    return await _exhaust(steps, result)


async def _leave_failed(steps: AsyncGenerator[Any, Any], error: BaseException) -> Any:
    try:
        result = await steps.athrow(error)
    except StopAsyncIteration:
        return None
    return await _exhaust(steps, result)


async def _exhaust(steps: AsyncGenerator[Any, Any], result: Any) -> Any:
    try:
        await steps.__anext__()
    except StopAsyncIteration:
        return result
    await steps.aclose()
    raise _second_yield(steps)


def _wrap_async(wrappers: Sequence[Link], inner: Chain, first: bool) -> Call:
    outer = tuple((one.call, one.is_async) for one in wrappers)
    call_inner, inner_async, _ = inner

    async def wrapped(*args: Any) -> Any:
        entered: list[tuple[Any, bool]] = []
        result: Any = None if first else []
        error: BaseException | None = None
        try:
            for call, is_async in outer:
                steps = call(*args)
                if is_async:
                    await _enter(steps)
                else:
                    try:
                        next(steps)
                    except StopIteration:
                        raise _no_yield(steps) from None
                entered.append((steps, is_async))
            if call_inner is not None:
                result = call_inner(*args)
                if inner_async:
                    result = await result
        except BaseException as raised:
            error = raised
        while entered:
            steps, is_async = entered.pop()
            try:
                if not is_async:
                    result = _resume(steps, result, error)
                elif error is None:
                    result = await _leave(steps, result)
                else:
                    result = await _leave_failed(steps, error)
                error = None
            except BaseException as raised:
                error = raised
        if error is not None:
            raise error
        return result

    return wrapped
