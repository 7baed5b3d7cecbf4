"""The life of a serving process: startup before its first request, shutdown at its end, on both protocols."""

import atexit
import os
import sys
import threading
import weakref
from contextlib import suppress
from inspect import isawaitable
from typing import Any

from .chains import compile_hook


class Lifespan:
    """Runs ``trivet_startup`` once in every process that serves, and ``trivet_shutdown`` at its end."""

    def __init__(self, app: Any) -> None:
        self._app = weakref.ref(app)
        self._lock = threading.RLock()
        self._pid: int | None = None
        self._starting: Any = None

    @property
    def started(self) -> bool:
        """Whether startup has run in this very process."""
        return self._pid == os.getpid()

    def start(self) -> None:
        """Run startup by the sync driver, unless it has run: under WSGI, before the first request."""
        with self._lock:
            if self.started:
                return
            app: Any = self._app()
            chain = compile_hook(app.hook.trivet_startup, ("app",), app.loops.bridge)
            if chain.call is not None:
                chain.call(app)
            self._note_start()

    def _note_start(self) -> None:
        """Remember that startup has run, and see to it that shutdown does, if nobody else calls it before."""
        self._pid = os.getpid()
        atexit.register(_stop_at_exit, weakref.ref(self))
        util = sys.modules.get("multiprocessing.util")
        if util is not None:  # a process that multiprocessing started does not run what atexit has
            util.Finalize(None, _stop_at_exit, (weakref.ref(self),), exitpriority=0)

    async def start_on_loop(self) -> None:
        """Run startup on the event loop, once; under ASGI. Requests that come together wait for the same run."""
        if self.started:
            return
        import asyncio  # here, because WSGI does without it

        loop = asyncio.get_running_loop()
        if self._starting is None or self._starting.get_loop() is not loop:
            self._starting = loop.create_task(self._startup())
        await asyncio.shield(self._starting)

    async def _startup(self) -> None:
        try:
            app: Any = self._app()
            chain = compile_hook(app.hook.trivet_startup, ("app",))
            if chain.call is not None:
                waiting = chain.call(app)
                if chain.is_async:
                    await waiting
            self._note_start()
        finally:
            self._starting = None

    def _take_shutdown(self) -> list[Any]:
        """Return what has to run at the end, once."""
        app = self._app()
        if not self.started or app is None:
            return []
        self._pid = None
        impls = reversed(app.hook.trivet_shutdown.get_hookimpls())
        return [impl.function if impl.argnames else (lambda app, f=impl.function: f()) for impl in impls]

    def stop(self) -> None:
        """Run shutdown by the sync driver: every implementation; what fails is logged."""
        app = self._app()
        with suppress(StopIteration):
            self._stop(app.loops.settle if app is not None else None).send(None)

    async def stop_on_loop(self) -> None:
        """Run shutdown on the event loop: every implementation; what fails is logged."""
        await self._stop(lambda waiting: waiting)

    async def _stop(self, settle: Any) -> None:
        app = self._app()
        for function in self._take_shutdown():
            try:
                waiting = function(app)
                if isawaitable(waiting):
                    await settle(waiting)
            except Exception as error:
                app.report(None, error, "A shutdown function failed")  # type: ignore[union-attr]

    async def serve(self, receive: Any, send: Any) -> None:
        """Speak the lifespan protocol (https://asgi.readthedocs.io/en/latest/specs/lifespan.html)."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    self._app().seal_for("by the server's start")  # type: ignore[union-attr]
                    await self.start_on_loop()
                except Exception as error:
                    app = self._app()
                    app.report(None, error, "The application could not start")  # type: ignore[union-attr]
                    await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
                    return
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.stop_on_loop()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _stop_at_exit(reference: "weakref.ref[Lifespan]") -> None:
    lifespan = reference()
    if lifespan is not None:
        lifespan.stop()
