"""Chromium without a window, driven from a thread of its own, and blank pages of any origin for it to visit."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

HOST = "127.0.0.1"
SECONDS = 20.0
ARGUMENTS = [
    "--no-sandbox",  # in a container, and for root, there is none
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

# Some distributions switch cookies of other sites off; what is said about them here is what a server decides.
PREFERENCES = {"profile": {"cookie_controls_mode": 0}}

FETCH = """async ([url, init]) => {
    try {
        const answer = await fetch(url, init);
        const {status, type, redirected} = answer;
        return {status, type, redirected, headers: [...answer.headers], text: await answer.text()};
    } catch (error) {
        return {error: String(error)};
    }
}"""

SANDBOXED = """() => new Promise(resolve => {
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts";
    frame.srcdoc = "<!doctype html>";
    frame.onload = resolve;
    document.body.append(frame);
})"""


class Refused(Exception):
    """The browser kept an answer, or a request, from a script; the message is what it tells developers."""


@dataclass(frozen=True)
class Read:
    """What a script could read of an answer."""

    status: int
    type: str
    redirected: bool
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        """Return the body read as JSON."""
        return json.loads(self.text)


class Browser:
    """One Chromium for many visitors.

    Playwright's own synchronous interface would keep an event loop running in the thread of the tests, where no
    other test could then run one; so its asynchronous one runs in a thread of its own. What is typed as Any comes
    from Playwright, which need not be installed where types are checked.

    :ivar chromium: Playwright's browser, whose coroutines :meth:`wait` awaits.
    """

    def __init__(self, program: str, profile: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="browser", daemon=True)
        self._thread.start()
        self._playwright: Any = None
        self.chromium: Any = None
        try:
            self.chromium = self.wait(self._launch(program, profile))
        except BaseException:
            self.close()
            raise

    async def _launch(self, program: str, profile: Path) -> Any:
        (profile / "Default").mkdir()
        (profile / "Default" / "Preferences").write_text(json.dumps(PREFERENCES))
        self._playwright = await import_module("playwright.async_api").async_playwright().start()
        # Only a browser with a lasting profile takes preferences; visitors, whose profiles do not last, inherit them.
        lasting = await self._playwright.chromium.launch_persistent_context(
            profile, executable_path=program, headless=True, args=ARGUMENTS
        )
        return lasting.browser

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns on the browser's loop; a test calls Playwright through this."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(SECONDS)
        finally:
            future.cancel()

    def close(self) -> None:
        """End Chromium, Playwright and the thread."""
        if self.chromium is not None:
            self.wait(self.chromium.close())
        if self._playwright is not None:
            self.wait(self._playwright.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()


class Visitor:
    """One person's browser: it begins without cookies and with an empty cache, and shares nothing with others.

    :ivar context: Playwright's context.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.context: Any = browser.wait(browser.chromium.new_context())

    def open(self, url: str) -> Page:
        """Open a page in a tab of its own."""
        return self.browser.wait(self._open(url))

    async def _open(self, url: str) -> Page:
        tab = await self.context.new_page()
        reasons: asyncio.Queue[str] = asyncio.Queue()
        tab.on("console", lambda message: _note_reason(message.text, reasons))
        await tab.goto(url)
        return Page(self.browser, tab, tab, reasons)

    def forget_cookies(self) -> None:
        """Forget the cookies of every site."""
        self.browser.wait(self.context.clear_cookies())

    def close(self) -> None:
        """Close all tabs and forget everything."""
        self.browser.wait(self.context.close())


def _note_reason(text: str, reasons: asyncio.Queue[str]) -> None:
    """Keep what the console says about CORS: a script learns only that its request failed."""
    if "blocked by CORS policy" in text:
        reasons.put_nowait(text)


class Page:
    """A page in a tab, or a frame in one.

    :ivar tab: Playwright's page.
    """

    def __init__(self, browser: Browser, tab: Any, frame: Any, reasons: asyncio.Queue[str]) -> None:
        self.tab = tab
        self._browser = browser
        self._frame = frame
        self._reasons = reasons

    def run(self, script: str, argument: object = None) -> Any:
        """Call a JavaScript function with an argument in the page and return what it returns, or resolves to."""
        return self._browser.wait(self._frame.evaluate(script, argument))

    def fetch(self, url: str, **init: object) -> Read:
        """Fetch as a script of the page does.

        :param init: method, headers, body, credentials, mode, cache and so on.
        :raises Refused: the script got an error instead of an answer.
        """
        return self._browser.wait(self._fetch(url, init))

    async def _fetch(self, url: str, init: dict[str, object]) -> Read:
        while not self._reasons.empty():
            self._reasons.get_nowait()
        found = await self._frame.evaluate(FETCH, [url, init])
        if "error" in found:
            try:
                raise Refused(await asyncio.wait_for(self._reasons.get(), SECONDS / 2))
            except TimeoutError:
                raise AssertionError(f"{found['error']}, for another reason than CORS") from None
        return Read(**{**found, "headers": dict(found["headers"])})

    def leave(self, script: str, argument: object = None) -> int:
        """Call a function that makes the tab go to another page, and return the status of that."""
        return self._browser.wait(self._leave(script, argument))

    async def _leave(self, script: str, argument: object) -> int:
        async with self.tab.expect_response(lambda response: response.request.is_navigation_request()) as response:
            await self._frame.evaluate(script, argument)
        status: int = (await response.value).status
        return status

    def sandboxed(self) -> Page:
        """Put a frame into the page whose scripts run, but of the opaque origin, and return it."""
        self.run(SANDBOXED)
        return Page(self._browser, self.tab, self.tab.frames[-1], self._reasons)


class Pages:
    """Blank pages at every path of one port; every name that means this machine makes another origin of them."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer((HOST, 0), _Blank)
        self._thread = threading.Thread(target=self._server.serve_forever, name="pages", daemon=True)
        self._thread.start()
        self.port: int = self._server.server_address[1]

    def origin(self, host: str = HOST) -> str:
        """Return the origin of the pages under one name of the machine."""
        return f"http://{host}:{self.port}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join(SECONDS)
        self._server.server_close()


class _Blank(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        with suppress(ConnectionError):  # a tab that is closed may not wait for its icon
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>A page</title>")

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests that ask for it."""
    request.getfixturevalue("need_module")("playwright")
    browser = Browser(request.getfixturevalue("need_program")("chromium"), tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    """Somebody who has been nowhere yet."""
    visitor = Visitor(browser)
    yield visitor
    visitor.close()
