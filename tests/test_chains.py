"""A compiled chain gives exactly what pluggy's own call would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import pluggy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trivet.hookspecs import HookimplMarker
from trivet.kernel.chains import compile_hook, specialised
from trivet.kernel.errors import SetupError
from trivet.loops import BackgroundLoop

hookspec = pluggy.HookspecMarker("chains")
hookimpl = HookimplMarker("chains")
NAMES = ("ctx", "value")


class Specs:
    @hookspec(firstresult=True)
    def first(self, ctx: Any, value: Any) -> Any:
        """Stop at the first result."""

    @hookspec
    def every(self, ctx: Any, value: Any) -> Any:
        """Collect all results."""


class Boom(Exception):
    """What implementations raise in these tests."""


class Impl(NamedTuple):
    """What one implementation does."""

    kind: str
    takes: tuple[str, ...]
    order: str
    result: int | None
    fails: str


impls = st.lists(
    st.builds(
        Impl,
        kind=st.sampled_from(("plain", "plain", "wrapper")),
        takes=st.sampled_from(((), ("ctx",), ("value",), ("ctx", "value"))),
        order=st.sampled_from(("", "", "tryfirst", "trylast")),
        result=st.none() | st.integers(0, 3),
        fails=st.sampled_from(("", "", "", "", "early", "late", "swallow")),
    ),
    max_size=6,
)


def function_for(number: int, impl: Impl, log: list[Any]) -> Callable[..., Any]:
    """Write an implementation that notes what it sees."""

    def note(event: str, *seen: Any) -> None:
        log.append((number, event, *seen))

    def plain(*args: Any) -> Any:
        note("called", *args)
        if impl.fails == "early":
            raise Boom(number)
        return impl.result

    def wrapper(*args: Any) -> Any:
        note("entered", *args)
        if impl.fails == "early":
            raise Boom(number)
        try:
            result = yield
        except BaseException as error:
            note("saw", type(error).__name__, str(error))
            if impl.fails == "swallow":
                return ("swallowed", number)
            raise
        note("got", result)
        if impl.fails == "late":
            raise Boom(number)
        return result if impl.result is None else ("replaced", number)

    inner = plain if impl.kind == "plain" else wrapper
    scope: dict[str, Any] = {"inner": inner}
    names = ", ".join(impl.takes)
    arguments = "yield from" if impl.kind == "wrapper" else ""
    exec(f"def made({names}):\n    return ({arguments} inner({names}))", scope)
    return scope["made"]  # type: ignore[no-any-return]


def finisher(number: int, impl: Impl, log: list[Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Write a wrapper that only looks at the result, as a generator function and as what follows its yield."""

    def finish(result: Any, ctx: Any, value: Any) -> Any:
        log.append((number, "got", result))
        if impl.fails == "late":
            raise Boom(number)
        return result if impl.result is None else ("replaced", number)

    @specialised("bind", by_route=bool(number % 2))
    def wrapper(ctx: Any, value: Any) -> Any:
        return finish((yield), ctx, value)

    return wrapper, finish


def manager_of(specs: list[Impl], hook: str, log: list[Any]) -> pluggy.PluginManager:
    manager = pluggy.PluginManager("chains")
    manager.add_hookspecs(Specs)
    for number, impl in enumerate(specs):
        options: dict[str, Any] = {impl.order: True} if impl.order else {}
        if impl.kind == "wrapper":
            options["wrapper"] = True
        function = hookimpl(**options)(function_for(number, impl, log))
        manager.register(SimpleNamespace(**{hook: function}))
    return manager


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return "returned", call()
    except Exception as error:
        return "raised", type(error), str(error)


@settings(max_examples=600, deadline=None)
@given(specs=impls, hook=st.sampled_from(("first", "every")))
def test_a_chain_does_what_pluggy_does(specs: list[Impl], hook: str) -> None:
    log: list[Any] = []
    manager = manager_of(specs, hook, log)
    caller = getattr(manager.hook, hook)
    by_pluggy = outcome(lambda: caller(ctx=1, value=2))
    seen_by_pluggy = list(log)
    log.clear()
    chain = compile_hook(caller, NAMES)
    nothing: Any = None if hook == "first" else []
    by_chain = outcome(lambda: chain.call(1, 2) if chain.call is not None else nothing)
    assert not chain.is_async
    assert (by_chain, log) == (by_pluggy, seen_by_pluggy)


def as_coroutine(function: Callable[..., Any], names: tuple[str, ...]) -> Callable[..., Any]:
    """Return the same implementation as a coroutine function."""
    scope: dict[str, Any] = {"function": function, "asyncio": asyncio}
    listed = ", ".join(names)
    exec(f"async def made({listed}):\n    await asyncio.sleep(0)\n    return function({listed})", scope)
    return scope["made"]  # type: ignore[no-any-return]


@settings(max_examples=400, deadline=None)
@given(
    specs=impls,
    hook=st.sampled_from(("first", "every")),
    which=st.lists(st.booleans(), min_size=6, max_size=6),
    split=st.booleans(),
)
def test_wrappers_that_only_look_at_the_result_mean_the_same_without_their_generators(
    specs: list[Impl], hook: str, which: list[bool], split: bool
) -> None:
    log: list[Any] = []
    manager = pluggy.PluginManager("chains")
    manager.add_hookspecs(Specs)
    for number, (impl, finishes) in enumerate(zip(specs, which, strict=False)):
        options: dict[str, Any] = {impl.order: True} if impl.order else {}
        if impl.kind == "wrapper":
            options["wrapper"] = True
        if impl.kind == "wrapper" and finishes:
            function, finish = finisher(number, impl, log)
            bind = {"bind": lambda scopes, bridge, finish=finish: finish}
        else:
            function, bind = function_for(number, impl, log), {}
        manager.register(SimpleNamespace(**{hook: hookimpl(**options)(function)}, **bind))
    caller = getattr(manager.hook, hook)
    expected = outcome(lambda: caller(ctx=1, value=2)), list(log)
    log.clear()
    chain = compile_hook(caller, NAMES, None, lambda method, by_route: method((), None), split=split)
    nothing: Any = None if hook == "first" else []

    def call() -> Any:
        result = chain.call(1, 2) if chain.call is not None else nothing
        return chain.finish(result, 1, 2) if chain.finish is not None else result

    assert (outcome(call), log) == expected
    assert split or chain.finish is None


@settings(max_examples=200, deadline=None)
@given(specs=impls, hook=st.sampled_from(("first", "every")), which=st.lists(st.booleans(), min_size=6, max_size=6))
def test_coroutine_functions_change_nothing_in_either_flavour(specs: list[Impl], hook: str, which: list[bool]) -> None:
    log: list[Any] = []
    manager = manager_of(specs, hook, log)
    expected = outcome(lambda: getattr(manager.hook, hook)(ctx=1, value=2)), list(log)
    mixed = pluggy.PluginManager("chains")
    mixed.add_hookspecs(Specs)
    for number, (impl, make_async) in enumerate(zip(specs, which, strict=False)):
        function = function_for(number, impl, log)
        if make_async and impl.kind == "plain":
            function = as_coroutine(function, impl.takes)
        options: dict[str, Any] = {impl.order: True} if impl.order else {}
        if impl.kind == "wrapper":
            options["wrapper"] = True
        mixed.register(SimpleNamespace(**{hook: hookimpl(**options)(function)}))
    caller = getattr(mixed.hook, hook)
    nothing: Any = None if hook == "first" else []

    log.clear()
    on_loop = compile_hook(caller, NAMES)

    async def awaited() -> Any:
        if on_loop.call is None:
            return nothing
        value = on_loop.call(1, 2)
        return await value if on_loop.is_async else value

    assert (outcome(lambda: asyncio.run(awaited())), list(log)) == expected

    log.clear()
    loops = BackgroundLoop()
    bridged = compile_hook(caller, NAMES, loops.bridge)
    assert not bridged.is_async
    by_sync = outcome(lambda: bridged.call(1, 2) if bridged.call is not None else nothing)
    loops.stop()
    assert (by_sync, list(log)) == expected


def make(hook: str, *functions: Any) -> Any:
    manager = pluggy.PluginManager("chains")
    manager.add_hookspecs(Specs)
    for function in functions:
        manager.register(SimpleNamespace(**{hook: function}))
    return getattr(manager.hook, hook)


@pytest.mark.parametrize("bridged", [True, False])
def test_an_asynchronous_wrapper_keeps_the_result_unless_it_yields_another(bridged: bool) -> None:
    @hookimpl(wrapper=True)
    async def keeps(ctx: Any) -> AsyncIterator[Any]:
        await asyncio.sleep(0)
        yield

    @hookimpl(wrapper=True)
    async def doubles(ctx: Any) -> AsyncIterator[Any]:
        result: Any = yield
        yield result * 2

    @hookimpl
    def answers(ctx: Any) -> int:
        return 21

    loops = BackgroundLoop()
    chain = compile_hook(make("first", answers, keeps, doubles), NAMES, loops.bridge if bridged else None)
    assert chain.call is not None
    assert (chain.call(1, 2) if bridged else asyncio.run(chain.call(1, 2))) == 42
    loops.stop()


@pytest.mark.parametrize("bridged", [True, False])
def test_an_asynchronous_wrapper_sees_the_exception_and_may_answer_it(bridged: bool) -> None:
    @hookimpl(wrapper=True)
    async def answers(ctx: Any) -> AsyncIterator[Any]:
        try:
            yield
        except Boom:
            yield "mended"

    @hookimpl
    def fails(ctx: Any) -> None:
        raise Boom

    loops = BackgroundLoop()
    chain = compile_hook(make("first", fails, answers), NAMES, loops.bridge if bridged else None)
    assert chain.call is not None
    assert (chain.call(1, 2) if bridged else asyncio.run(chain.call(1, 2))) == "mended"
    loops.stop()


def test_a_hook_nobody_implements_has_no_function_to_call() -> None:
    assert compile_hook(make("first"), NAMES).call is None


def test_a_lone_implementation_is_called_without_anything_between() -> None:
    @hookimpl
    def only(ctx: Any, value: Any) -> Any:
        return value

    assert compile_hook(make("first", only), NAMES).call is only


def test_pluggys_old_wrapper_style_is_refused_with_the_place() -> None:
    @hookimpl(hookwrapper=True)
    def old(ctx: Any) -> Iterator[None]:
        yield

    with pytest.raises(SetupError, match=r"test_chains\.py:\d+: hookwrapper=True"):
        compile_hook(make("first", old), NAMES)


def test_a_wrapper_that_yields_twice_is_an_error_with_the_place() -> None:
    @hookimpl(wrapper=True)
    def twice(ctx: Any) -> Iterator[None]:
        yield
        yield

    chain = compile_hook(make("first", twice), NAMES)
    assert chain.call is not None
    with pytest.raises(RuntimeError, match=r"test_chains\.py:\d+ has more than one 'yield'"):
        chain.call(1, 2)
