"""The page with its forms."""

import re

import pytest
from werkzeug.test import Client


def titles(client: Client, path: str = "/") -> list[str]:
    """Return the titles on the page, from top to bottom."""
    return re.findall(r'<span class="title">(.*?)</span>', client.get(path).text)


def add(client: Client, *names: str) -> None:
    for title in names:
        assert client.post("/tasks", data={"title": title}).status_code == 303


def form_of(client: Client, title: str) -> str:
    """Return where the form of a task is sent."""
    [action] = re.findall(rf'action="([^"]+)">(?:(?!action=).)*?"title">{title}<', client.get("/").text, re.DOTALL)
    return str(action)


def test_a_page_without_tasks_says_so(client: Client) -> None:
    assert "Nothing to do." in client.get("/").text


def test_a_task_is_added_at_the_top(client: Client) -> None:
    add(client, "Buy bread", "Water the plants")
    assert titles(client) == ["Water the plants", "Buy bread"]
    assert "2 to do, 0 done" in client.get("/").text


def test_what_is_ticked_off_moves_to_the_end_and_back(client: Client) -> None:
    add(client, "Buy bread", "Water the plants")
    form = form_of(client, "Water the plants")
    assert client.post(form, data={"action": "tick"}).headers["Location"] == "/"
    assert titles(client) == ["Buy bread", "Water the plants"]
    assert "1 to do, 1 done" in client.get("/").text
    client.post(form, data={"action": "untick"})
    assert titles(client) == ["Water the plants", "Buy bread"]


def test_a_deleted_task_is_gone(client: Client) -> None:
    add(client, "Buy bread", "Water the plants")
    client.post(form_of(client, "Buy bread"), data={"action": "delete"})
    assert titles(client) == ["Water the plants"]


@pytest.mark.parametrize("title", [" ", "x" * 201])
def test_a_wrong_title_is_said_beside_what_was_typed(client: Client, title: str) -> None:
    answer = client.post("/tasks", data={"title": title})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert f'value="{title}"' in answer.text
    assert titles(client) == []


def test_a_title_is_text_and_never_markup(client: Client) -> None:
    add(client, "<b>bread</b>")
    assert titles(client) == ["&lt;b&gt;bread&lt;/b&gt;"]


def test_more_than_twenty_tasks_come_on_several_pages(client: Client) -> None:
    add(client, *(f"Task {number}" for number in range(21)))
    assert len(titles(client)) == 20
    assert 'rel="next"' in client.get("/").text
    assert titles(client, "/?page=2") == ["Task 0"]
    assert client.get("/?page=3").status_code == 404


def test_a_form_that_is_not_ours_is_refused(client: Client) -> None:
    add(client, "Buy bread")
    form = form_of(client, "Buy bread")
    assert client.post(form, data={"action": "explode"}).status_code == 400
    assert client.post("/tasks", data={}).status_code == 400
    elsewhere = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert client.post(form, data={"action": "delete"}, headers=elsewhere).status_code == 403
    assert titles(client) == ["Buy bread"]


@pytest.mark.parametrize("path", ["/static/style.css", "/static/icon.svg"])
def test_what_the_page_is_drawn_with_is_there(client: Client, path: str) -> None:
    assert path in client.get("/").text
    assert client.get(path, buffered=True).status_code == 200
