"""examples/tasks in a real browser: somebody registers, works, makes a token, signs out, and is nobody again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from .browser import Browser, Visitor
from .test_example_tasks import PASSWORD, SERVERS, make_client, make_copy, run, serving

__all__ = ["make_copy"]


@pytest.fixture(scope="module", params=["trivet-serve-wsgi", "uvicorn"])
def site(request: pytest.FixtureRequest, make_copy: Callable[[], Path]) -> Iterator[str]:
    """The address of the example, by each protocol."""
    copy = make_copy()
    run(copy, "trivet", "db", "upgrade")
    with serving(SERVERS[request.param], copy) as url:
        yield url


class Person:
    """Somebody at a browser, who finds fields by their labels and presses buttons.

    :ivar wrong: what the browser's console has complained of.
    """

    def __init__(self, visitor: Visitor, url: str) -> None:
        self._browser: Browser = visitor.browser
        self.wrong: list[str] = []
        self.tab: Any = self._browser.wait(self._open(visitor))
        self.url = url
        self.go("/")

    async def _open(self, visitor: Visitor) -> Any:
        tab = await visitor.context.new_page()
        tab.on("console", lambda message: self.wrong.append(message.text) if message.type == "error" else None)
        return tab

    def go(self, path: str) -> None:
        self._browser.wait(self.tab.goto(self.url + path))

    def fill(self, **fields: str) -> None:
        for label, text in fields.items():
            self._browser.wait(self.tab.get_by_label(label.replace("_", " "), exact=True).fill(text))

    def tick(self, label: str) -> None:
        self._browser.wait(self.tab.get_by_label(label, exact=True).check())

    def press(self, name: str) -> None:
        self._browser.wait(self._press(name))

    async def _press(self, name: str) -> None:
        found = self.tab.get_by_role("button", name=name, exact=True).or_(
            self.tab.get_by_role("link", name=name, exact=True)
        )
        async with self.tab.expect_navigation():
            await found.click()

    def sees(self, text: str) -> bool:
        return bool(self._browser.wait(self.tab.get_by_text(text, exact=True).count()) == 1)

    @property
    def path(self) -> str:
        return str(self.tab.url).removeprefix(self.url)

    def text_of(self, selector: str) -> str:
        return str(self._browser.wait(self.tab.locator(selector).inner_text()))

    def cookies(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self._browser.wait(self.tab.context.cookies())}


@pytest.fixture
def person(visitor: Visitor, site: str) -> Person:
    """Somebody who has come to the site for the first time."""
    return Person(visitor, site)


def register(person: Person, email: str) -> None:
    """Go to the page for a new account, and make one."""
    person.go("/auth/register")
    person.fill(**{"E-mail_address": email, "Password": PASSWORD})
    person.press("Create the account")


def test_somebody_registers_works_signs_out_and_comes_back(person: Person) -> None:
    assert person.path == "/auth/login?next=%2F"
    register(person, "ada@example.com")
    assert person.path == "/"
    person.fill(New_task="Buy bread")
    person.press("Add")
    assert person.sees("Buy bread")
    before = person.cookies()["session"]
    assert (before["httpOnly"], before["sameSite"]) == (True, "Lax")
    person.press("Sign out")
    person.go("/")
    assert person.path == "/auth/login?next=%2F"
    person.fill(**{"E-mail_address": "ada@example.com", "Password": "something else"})
    person.press("Sign in")
    assert person.sees("E-mail address or password is wrong.")
    person.fill(**{"E-mail_address": "ada@example.com", "Password": PASSWORD})
    person.press("Sign in")
    assert person.path == "/"
    assert person.sees("Buy bread")
    assert person.cookies()["session"]["value"] != before["value"]


def test_a_token_that_was_made_on_the_page_works_until_it_is_revoked_there(person: Person, site: str) -> None:
    register(person, "eve@example.com")
    person.press("Access tokens")
    person.fill(Name="backup")
    person.tick("tasks:read")
    person.press("Create the token")
    token = person.text_of("code")
    with make_client(site) as program:
        program.headers["Authorization"] = f"Bearer {token}"
        assert program.get("/api/tasks").json() == {"tasks": [], "page": 1, "pages": 0, "total": 0}
        person.go("/auth/tokens")
        person.press("Revoke")
        assert program.get("/api/tasks").status_code == 401


def test_signing_out_everywhere_ends_another_browser(person: Person, browser: Browser, site: str) -> None:
    register(person, "cora@example.com")
    other = Visitor(browser)
    try:
        phone = Person(other, site)
        phone.fill(**{"E-mail_address": "cora@example.com", "Password": PASSWORD})
        phone.press("Sign in")
        assert phone.path == "/"
        person.press("Devices")
        person.press("Sign out everywhere")
        phone.go("/")
        assert phone.path == "/auth/login?next=%2F"
    finally:
        other.close()


def test_a_form_of_another_site_changes_nothing(person: Person, site: str) -> None:
    register(person, "dora@example.com")
    answer = httpx.post(f"{site}/tasks", data={"title": "Buy bread"}, headers={"Origin": "https://elsewhere.invalid"})
    assert answer.status_code in (401, 403)
    person.go("/")
    assert person.sees("Nothing to do. Add the first task above.")


def test_the_pages_need_nothing_that_a_strict_policy_would_refuse(person: Person, browser: Browser) -> None:
    register(person, "fay@example.com")

    async def forbid(route: Any) -> None:
        answer = await route.fetch()
        policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'"
        await route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": policy})

    browser.wait(person.tab.route("**/*", forbid))
    for path in ("/auth/sessions", "/auth/tokens", "/auth/password", "/auth/login", "/auth/register"):
        person.go(path)
    browser.wait(asyncio.sleep(0.2))
    assert person.wrong == []
