"""examples/tasks, copied to a folder of its own, migrated by the command and served by real servers."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ..docs.servers import Running, environment, free_port

SERVERS = {
    "gunicorn": "gunicorn --no-control-socket --workers 2 --bind 127.0.0.1:{port} tasks:create_app()",
    "uvicorn": "uvicorn --port {port} --factory tasks:create_app",
    "trivet-serve-wsgi": "trivet serve --port {port} --interface wsgi",
    "trivet-serve-asgi": "trivet serve --port {port} --interface asgi",
    "trivet-run": "trivet run --port {port}",
}


KEY = "for tests only, and long enough to be one"
PASSWORD = "violet kettles hum at noon"


@pytest.fixture(scope="module")
def make_copy(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Copy the example, without what running it leaves."""
    left = shutil.ignore_patterns("instance", "__pycache__", "*.db")

    def copy() -> Path:
        folder = tmp_path_factory.mktemp("example")
        return Path(shutil.copytree(root / "examples" / "tasks", folder / "tasks", ignore=left))

    return copy


def run(folder: Path, *command: str) -> str:
    """Run a command of this Python in a folder; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**environment(), "TASKS_SECRET_KEY": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module", params=SERVERS)
def client(
    request: pytest.FixtureRequest, make_copy: Callable[[], Path], need_program: Callable[[str], str]
) -> Iterator[httpx.Client]:
    """A client of the migrated example behind each server in turn."""
    copy = make_copy()
    run(copy, "trivet", "db", "upgrade")
    command = SERVERS[request.param]
    need_program(command.split()[0])
    with serving(command, copy) as url, make_client(url) as client:
        form = {"email": "ada@example.com", "password": PASSWORD}
        assert "Nothing to do" in client.post("/auth/register", data=form).text
        yield client


@contextmanager
def serving(command: str, folder: Path) -> Iterator[str]:
    """Serve a migrated copy, and give its address."""
    port = free_port()
    quoted = command.format(port=port).replace("create_app()", '"create_app()"')
    server = Running(f"env TASKS_SECRET_KEY={shlex.quote(KEY)} {quoted}", folder, folder.parent / "log")
    try:
        server.wait_for(f"http://127.0.0.1:{port}/auth/login")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


def make_client(url: str) -> httpx.Client:
    """Make a client with a jar of cookies of its own."""
    return httpx.Client(base_url=url, follow_redirects=True, trust_env=False)


def test_a_task_goes_its_way_by_json_and_by_page(client: httpx.Client) -> None:
    made = client.post("/api/tasks", json={"title": "Buy bread"})
    assert made.status_code == 201
    task = made.json()
    assert client.get(made.headers["Location"]).json() == task
    assert "Buy bread" in client.get("/").text
    page = client.post("/tasks", data={"title": "Water the plants"})
    assert (page.status_code, page.url.path) == (200, "/")
    assert "Water the plants" in page.text
    assert "1 to do, 1 done" in client.post(f"/tasks/{task['id']}", data={"action": "tick"}).text
    listed = client.get("/api/tasks").json()
    assert [(one["title"], one["done"]) for one in listed["tasks"]] == [
        ("Buy bread", True),
        ("Water the plants", False),
    ]
    assert client.delete(f"/api/tasks/{task['id']}").status_code == 204
    assert "Buy bread" not in client.get("/").text


def test_what_is_wrong_is_refused_in_json_and_the_next_request_is_healthy(client: httpx.Client) -> None:
    before = client.get("/api/tasks").json()["total"]
    wrong = [
        (client.post("/api/tasks", json={"title": ""}), 422),
        (client.post("/api/tasks", content="{", headers={"Content-Type": "application/json"}), 400),
        (client.get("/api/tasks", params={"page": "seven"}), 404),
        (client.patch("/api/tasks/4711", json={"done": True}), 404),
        (client.put("/api/tasks/4711"), 405),
    ]
    for answer, status in wrong:
        assert (answer.status_code, set(answer.json())) == (status, {"error"})
    assert client.get("/api/tasks").json()["total"] == before


def test_a_program_asks_with_a_token_of_its_own(client: httpx.Client) -> None:
    asked = {"name": "backup", "scopes": ["tasks:read"], "days": 7, "current_password": PASSWORD}
    made = client.post("/auth/tokens", json=asked, headers={"Accept": "application/json"})
    assert made.status_code == 201
    with make_client(str(client.base_url)) as program:
        assert program.get("/api/tasks").status_code == 401
        program.headers["Authorization"] = f"Bearer {made.json()['token']}"
        assert program.get("/api/tasks").json()["total"] == client.get("/api/tasks").json()["total"]
        assert program.post("/api/tasks", json={"title": "Buy bread"}).status_code == 403
        assert client.post(f"/auth/tokens/{made.json()['id']}").status_code == 200
        assert program.get("/api/tasks").status_code == 401


@pytest.mark.parametrize("path", ["/static/style.css", "/static/icon.svg"])
def test_the_page_finds_what_it_is_drawn_with(client: httpx.Client, path: str) -> None:
    assert path in client.get("/").text
    assert client.get(path).status_code == 200


def test_the_commands_of_the_read_me_work_in_a_fresh_copy(make_copy: Callable[[], Path]) -> None:
    copy = make_copy()
    upgraded = run(copy, "trivet", "db", "upgrade").splitlines()
    assert sorted(line.split()[2] for line in upgraded) == ["0001", "0002", "auth_0001"]
    assert run(copy, "trivet", "db", "upgrade") == "default: nothing to do\n"
    assert "agree" in run(copy, "trivet", "db", "check")
    assert (copy / "instance" / "tasks.db").is_file()
    assert "passed" in run(copy, "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(copy))
