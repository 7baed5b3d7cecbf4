"""Whose tasks are whose, and how people and programs get to them."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert
from tasks.models import Task, User, db
from werkzeug.test import Client

from trivet import Trivet
from trivet.cli import cli

API = "/api/tasks"
#: Of everybody whom the fixtures make.
PASSWORD = "violet kettles hum at noon"


def token(client: Client, *scopes: str) -> dict[str, str]:
    """Make an access token by the page, and return the header that a program sends."""
    asked = {"name": "backup", "scopes": list(scopes), "current_password": PASSWORD}
    answer = client.post("/auth/tokens", json=asked, headers={"Accept": "application/json"})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.get_json()['token']}"}


def test_a_stranger_is_sent_to_sign_in_and_comes_back(stranger: Client, add_person: Callable[[str], User]) -> None:
    add_person("ada@example.com")
    sent = stranger.get("/?page=1")
    assert sent.headers["Location"] == "/auth/login?next=%2F%3Fpage%3D1"
    form = {"email": "ada@example.com", "password": PASSWORD}
    back = stranger.post(sent.headers["Location"], data=form)
    assert (back.status_code, back.headers["Location"]) == (303, "/?page=1")
    assert "ada@example.com" in stranger.get("/").text


def test_a_program_without_a_token_is_told_so_in_json(stranger: Client) -> None:
    answer = stranger.get(API)
    assert (answer.status_code, set(answer.get_json())) == (401, {"error"})


def test_whoever_registers_may_add_tasks_at_once(stranger: Client) -> None:
    stranger.post("/auth/register", data={"email": "eve@example.com", "password": PASSWORD})
    assert stranger.post(API, json={"title": "Buy bread"}).status_code == 201


def test_nobody_sees_or_changes_what_somebody_else_has_to_do(make_client: Callable[[str], Client]) -> None:
    ada, bob = make_client("ada@example.com"), make_client("bob@example.com")
    path = f"{API}/{ada.post(API, json={'title': 'Buy bread'}).get_json()['id']}"
    assert [bob.get(path).status_code, bob.patch(path, json={}).status_code, bob.delete(path).status_code] == [404] * 3
    assert bob.get(API).get_json()["total"] == 0
    assert "Buy bread" not in bob.get("/").text
    assert ada.get(path).status_code == 200


def test_a_program_uses_a_token_within_its_scopes(client: Client, stranger: Client) -> None:
    client.post(API, json={"title": "Buy bread"})
    reading = token(client, "tasks:read")
    assert [one["title"] for one in stranger.get(API, headers=reading).get_json()["tasks"]] == ["Buy bread"]
    refused = stranger.post(API, json={"title": "Buy cake"}, headers=reading)
    assert refused.status_code == 403
    assert stranger.post(API, json={"title": "Buy cake"}, headers=token(client, "tasks:write")).status_code == 201


@pytest.mark.parametrize("text", ["", "trv_", "trv_" + "0" * 66, "x" * 9000])
def test_a_token_that_is_none_is_a_401_that_says_so(stranger: Client, text: str) -> None:
    answer = stranger.get(API, headers={"Authorization": f"Bearer {text}"})
    assert (answer.status_code, set(answer.get_json())) == (401, {"error"})
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_form_of_another_site_is_refused(client: Client) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.invalid"}
    assert client.post("/tasks", data={"title": "Buy bread"}, headers=headers).status_code == 403
    assert client.get(API).get_json()["total"] == 0


def test_tasks_from_before_there_were_accounts_can_be_given_to_one(app: Trivet, client: Client) -> None:
    with app.app_context():
        db.session.execute(insert(Task).values(title="Old", done=False, created=datetime.now(UTC).replace(tzinfo=None)))
        db.session.commit()
    assert client.get(API).get_json()["total"] == 0
    runner = app.test_cli_runner()
    assert "There is no account 'eve@example.com'" in runner.invoke(cli, ["give", "eve@example.com"]).output
    assert runner.invoke(cli, ["give", "ada@example.com"]).output == "1 tasks are ada@example.com's now\n"
    assert [one["title"] for one in client.get(API).get_json()["tasks"]] == ["Old"]
