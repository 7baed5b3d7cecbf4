"""Under ASGI nothing of the flows that takes its time runs on the event loop: neither hashing nor the store."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from .flow_fixtures import MakeSite
from .flow_site import ADA, BETTER, BOB, GOOD, Site


def runs_on_a_loop() -> bool:
    """Tell whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Watch:
    """Notes what was called on an event loop.

    :ivar called: the names of all that was called.
    :ivar blocking: of those that were on a loop.
    """

    def __init__(self) -> None:
        self.called: set[str] = set()
        self.blocking: set[str] = set()

    def over(self, monkeypatch: pytest.MonkeyPatch, target: Any, *names: str) -> None:
        """Watch methods of an object."""
        for name in names:
            monkeypatch.setattr(target, name, self._watched(f"{type(target).__name__}.{name}", getattr(target, name)))

    def _watched(self, title: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            self.called.add(title)
            if runs_on_a_loop():
                self.blocking.add(title)
            return function(*args, **kwargs)

        return watched


def go_through(site: Site) -> None:
    """Use every flow once."""
    browser = site.signed_in(remember=True)
    browser.client.delete_cookie("session")
    browser.login()
    site.browser().send("/auth/register", email=BOB, password=GOOD)
    site.browser().send("/auth/verify", token=site.token, password=GOOD)
    browser.send("/auth/tokens", name="laptop", scopes=["*"])
    browser.get("/auth/tokens")
    browser.get("/auth/sessions")
    browser.send("/auth/sessions", others=True)
    browser.send("/auth/totp")
    browser.send("/auth/totp/setup", code="000000")
    browser.send("/auth/email", email="lovelace@example.com")
    browser.send("/auth/password", current_password=GOOD, password=BETTER)
    site.browser().send("/auth/forgot", email=ADA)
    site.browser().send("/auth/reset", token=site.token, password=GOOD)
    browser.send("/auth/logout")


@pytest.mark.parametrize("sessions", ["cookie", "server"])
def test_nothing_that_takes_its_time_runs_on_the_event_loop(
    make_memory_site: MakeSite, monkeypatch: pytest.MonkeyPatch, sessions: str
) -> None:
    site, watch = make_memory_site(AUTH_SESSIONS=sessions).open(ADA), Watch()
    watch.over(monkeypatch, site.auth.passwords, "hash", "verify")
    watch.over(monkeypatch, site.auth.store, "get", "put", "delete", "owned", "delete_owned")
    go_through(site)
    assert watch.called == {
        "Passwords.hash",
        "Passwords.verify",
        *(f"MemoryStore.{name}" for name in ("get", "put", "delete", "owned", "delete_owned")),
    }
    assert watch.blocking == set()
