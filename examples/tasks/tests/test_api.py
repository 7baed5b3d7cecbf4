"""The JSON endpoints."""

from typing import Any

import pytest
from werkzeug.test import Client

API = "/api/tasks"


def add(client: Client, title: str, **more: Any) -> dict[str, Any]:
    answer = client.post(API, json={"title": title, **more})
    assert answer.status_code == 201
    return dict(answer.get_json())


def test_an_empty_list_has_no_pages(client: Client) -> None:
    assert client.get(API).get_json() == {"tasks": [], "page": 1, "pages": 0, "total": 0}


def test_a_task_that_was_added_is_listed_and_has_a_place_of_its_own(client: Client) -> None:
    answer = client.post(API, json={"title": "Buy bread"})
    task = answer.get_json()
    assert task == {"id": task["id"], "title": "Buy bread", "done": False, "created": task["created"]}
    assert client.get(answer.headers["Location"]).get_json() == task
    assert client.get(API).get_json()["tasks"] == [task]


def test_a_change_is_what_the_request_names_and_nothing_else(client: Client) -> None:
    task = add(client, "Buy bread")
    path = f"{API}/{task['id']}"
    assert client.patch(path, json={"done": True}).get_json() == {**task, "done": True}
    assert client.patch(path, json={"title": "Buy cake"}).get_json() == {**task, "done": True, "title": "Buy cake"}
    assert client.patch(path, json={}).get_json() == client.get(path).get_json()


def test_a_deleted_task_is_gone(client: Client) -> None:
    path = f"{API}/{add(client, 'Buy bread')['id']}"
    assert client.delete(path).status_code == 204
    assert [client.open(path, method=method).status_code for method in ("GET", "DELETE")] == [404, 404]


def test_a_long_list_comes_in_pages(client: Client) -> None:
    for number in range(5):
        add(client, f"Task {number}")
    page = client.get(f"{API}?page=2&per_page=2").get_json()
    assert [task["title"] for task in page["tasks"]] == ["Task 2", "Task 3"]
    assert (page["page"], page["pages"], page["total"]) == (2, 3, 5)


@pytest.mark.parametrize("query", ["page=2", "page=0", "page=-1", "page=seven", "per_page=0", "page=9" + "9" * 30])
def test_a_page_that_does_not_exist_is_a_404_in_json(client: Client, query: str) -> None:
    answer = client.get(f"{API}?{query}")
    assert answer.status_code == 404
    assert set(answer.get_json()) == {"error"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "missing required field `title`"),
        ([], "Expected `object`"),
        ({"title": 5}, "Expected `str`"),
        ({"title": "Buy bread", "done": "yes"}, "Expected `bool`"),
        ({"titel": "Buy bread", "title": "Buy bread"}, "unknown field `titel`"),
        ({"title": " \n "}, "A task needs a title."),
        ({"title": "x" * 201}, "A title has at most 200 characters."),
        ({"title": "bread\0"}, "without control characters"),
        ({"title": "bread \ud83c"}, "without control characters"),
    ],
)
def test_what_is_no_task_is_a_422_that_says_why(client: Client, body: object, said: str) -> None:
    answer = client.post(API, json=body)
    assert answer.status_code == 422
    assert said in answer.get_json()["error"]
    assert client.get(API).get_json()["total"] == 0


@pytest.mark.parametrize("body", [{"title": ""}, {"done": None}, {"id": 7}])
def test_what_is_no_change_is_a_422_and_changes_nothing(client: Client, body: object) -> None:
    task = add(client, "Buy bread")
    path = f"{API}/{task['id']}"
    assert client.patch(path, json=body).status_code == 422
    assert client.get(path).get_json() == task


def test_what_is_no_json_is_refused_in_json(client: Client) -> None:
    broken = client.post(API, data="{", content_type="application/json")
    assert (broken.status_code, set(broken.get_json())) == (400, {"error"})
    form = client.post(API, data={"title": "Buy bread"})
    assert (form.status_code, set(form.get_json())) == (415, {"error"})


@pytest.mark.parametrize("ident", ["4711", "0", "-1", "bread", "9" * 30])
def test_a_task_that_is_not_there_is_a_404_in_json(client: Client, ident: str) -> None:
    answer = client.patch(f"{API}/{ident}", json={"done": True})
    assert answer.status_code == 404
    assert set(answer.get_json()) == {"error"}


def test_a_method_that_there_is_not_is_refused_with_those_that_there_are(client: Client) -> None:
    answer = client.put(f"{API}/1")
    assert (answer.status_code, set(answer.get_json())) == (405, {"error"})
    assert "PATCH" in answer.headers["Allow"]
