"""Whole processes: forked workers share no connection, a server is restarted, and commands print no password."""

import http.client
import json
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from trivet import Trivet
from trivet_db import SQLAlchemy

from .serving import WsgiServer

Make = Callable[..., Trivet]

WORKERS = 8


def missing(reason: str) -> None:
    """Skip and say why; where everything has to be there, fail."""
    if os.environ.get("TRIVET_CI"):
        pytest.fail(f"{reason}; and TRIVET_CI is set", pytrace=False)
    pytest.skip(reason)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# -- forked workers


def add_view(app: Trivet, db: SQLAlchemy) -> None:
    @app.get("/")
    def index() -> list[Any]:
        number = os.getpid()
        found = db.session.execute(sa.text("SELECT pg_backend_pid(), CAST(:n AS INTEGER)"), {"n": number}).one()
        return [number, *found]


def load(server: WsgiServer, requests: int, threads: int) -> list[list[int]]:
    """Send requests from several threads; return what was answered."""
    answers: list[list[int]] = []

    def work() -> None:
        answers.extend(server.ask("/").json for _ in range(requests))

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return answers


def assert_nothing_shared(answers: list[list[int]]) -> None:
    """Say that every process got its own answers, on connections that no other process used."""
    users = defaultdict(set)
    for process, backend, number in answers:
        assert number == process  # the answer of somebody else's statement would hold their number
        users[backend].add(process)
    assert all(len(processes) == 1 for processes in users.values()), users


@pytest.mark.timeout(120)
def test_forked_workers_under_load_share_no_connection(make_app: Make, postgresql_database: str) -> None:
    app = make_app(SQLALCHEMY_DATABASE_URI=postgresql_database)
    db = SQLAlchemy(app)
    add_view(app, db)
    server = WsgiServer(app)
    before = load(server, 5, 3)  # the parent's pool holds several connections
    reader, writer = multiprocessing.Pipe(duplex=False)
    children = []
    for _ in range(WORKERS):
        child = os.fork()
        if child == 0:
            status = 1
            with suppress(BaseException):
                writer.send(load(server, 40, 3))
                server.close()
                status = 0
            os._exit(status)
        children.append(child)
    during = load(server, 100, 3)
    answers = [reader.recv() for _ in children]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * WORKERS
    after = load(server, 20, 3)
    everything = [*before, *during, *after, *(one for each in answers for one in each)]
    assert len({process for process, _, _ in everything}) == WORKERS + 1
    assert_nothing_shared(everything)
    assert {backend for _, backend, _ in before} & {backend for _, backend, _ in after}  # the parent's still work
    reader.close()
    writer.close()
    server.close()


@pytest.mark.timeout(120)
def test_an_open_session_of_the_parent_is_untouched_by_its_children(make_app: Make, postgresql_database: str) -> None:
    app = make_app(SQLALCHEMY_DATABASE_URI=postgresql_database)
    db = SQLAlchemy(app)
    with app.app_context():
        db.session.execute(sa.text("CREATE TEMPORARY TABLE mine (x INTEGER)"))
        child = os.fork()
        if child == 0:
            status = 1
            with suppress(BaseException), app.app_context():
                with suppress(sa.exc.ProgrammingError):
                    db.session.execute(sa.text("SELECT * FROM mine"))
                    os._exit(2)
                status = 0
            os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert db.session.scalars(sa.text("SELECT x FROM mine")).all() == []


SHOP = """
import os
from sqlalchemy import text
from trivet import Trivet
from trivet_db import SQLAlchemy

app = Trivet(__name__, config_file=False)
app.config["DB_URL"] = os.environ["SHOP_URL"]
db = SQLAlchemy(app)
statement = text("SELECT pg_backend_pid(), CAST(:n AS INTEGER)")

@app.get("/")
def index():
    number = os.getpid()
    return [number, *db.session.execute(statement, {"n": number}).one()]

with app.app_context():
    parent = db.session.scalar(text("SELECT pg_backend_pid()"))  # the engine is used before the workers are forked
"""


@pytest.mark.timeout(120)
def test_gunicorn_with_preloading_shares_no_connection(postgresql_database: str, tmp_path: Path) -> None:
    program = shutil.which("gunicorn", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        missing("gunicorn is not installed")
    (tmp_path / "shop.py").write_text(SHOP, encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--preload", f"--workers={WORKERS}", "--threads=2"]
    with open(tmp_path / "log", "wb") as log:
        server = subprocess.Popen(
            [*command, f"--bind=127.0.0.1:{port}", "shop:app"],
            cwd=tmp_path,
            env={**os.environ, "SHOP_URL": postgresql_database},
            stdout=log,
            stderr=log,
        )
    try:
        answers = ask_from_outside(port)
    finally:
        server.terminate()
        server.wait(20)
    assert len(answers) == 400, (tmp_path / "log").read_text(encoding="utf-8")
    assert len({process for process, _, _ in answers}) > 1
    assert_nothing_shared(answers)
    assert "Traceback" not in (tmp_path / "log").read_text(encoding="utf-8")


def ask_from_outside(port: int) -> list[list[int]]:
    wait_for(port)
    answers: list[list[int]] = []

    def work() -> None:
        for _ in range(50):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("GET", "/")
            answers.append(json.loads(connection.getresponse().read()))
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def wait_for(port: int) -> None:
    for _ in range(400):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError("the server does not come up")


# -- a server that is restarted


class Cluster:
    """A PostgreSQL server of one's own."""

    def __init__(self, folder: Path, programs: Path, user: str | None) -> None:
        self.data = folder / "data"
        self.port = free_port()
        self._programs = programs
        self._folder = folder
        self._user: dict[str, Any] = {"user": user, "group": user, "extra_groups": []} if user else {}
        self._run("initdb", "-D", str(self.data), "-A", "trust", "-U", "tester", "--no-sync")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://tester@127.0.0.1:{self.port}/postgres"

    def _run(self, program: str, *arguments: str) -> None:
        with open(self._folder / "output", "ab") as output:
            subprocess.run(
                [self._programs / program, *arguments],
                check=True,
                cwd=self._folder,
                stdout=output,
                stderr=output,
                timeout=60,
                **self._user,
            )

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self._folder / "log"), "-w", "-o", options, "start")

    def stop(self, how: str = "fast") -> None:
        self._run("pg_ctl", "-D", str(self.data), "-m", how, "-w", "stop")


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    program = str(found[-1]) if found else shutil.which("initdb")
    if program is None:
        missing("PostgreSQL's initdb is not installed")
    folder = tmp_path_factory.mktemp("cluster")
    user = None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = "postgres"
        for one in (folder, *folder.parents[:2]):
            os.chmod(one, 0o755 if one != folder else 0o700)
        shutil.chown(folder, user, user)
    cluster = Cluster(folder, Path(str(program)).parent, user)
    cluster.start()
    yield cluster
    with suppress(subprocess.CalledProcessError):
        cluster.stop("immediate")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_server_that_is_restarted_between_two_requests_is_not_noticed(
    cluster: Cluster, make_app: Make, how: str
) -> None:
    app = make_app(SQLALCHEMY_DATABASE_URI=cluster.url)
    db = SQLAlchemy(app)
    add_view(app, db)

    @app.get("/async")
    async def asynchronous() -> str:
        return str(await db.async_session.scalar(sa.select(1)))

    server = WsgiServer(app)
    load(server, 5, 3)
    assert server.ask("/async").text == "1"
    cluster.stop(how)
    assert [server.ask(path).status for path in ("/", "/", "/async")] == [503] * 3  # it is away
    cluster.start()
    assert [server.ask(path).status for path in ("/", "/", "/async")] == [200] * 3
    cluster.stop(how)
    cluster.start()
    assert [server.ask(path).status for path in ("/async", "/")] == [200] * 2
    server.close()


# -- what commands print


TOML = """
app = "shop:app"
plugins = ["db"]

[db]
url = "postgresql+psycopg://ada:s3cr%40t@127.0.0.1:1/shop"

[db.binds]
audit = "mysql+pymysql://ada:s3cr%40t@127.0.0.1:1/audit"
query = "postgresql+psycopg://127.0.0.1:1/shop?user=ada&password=s3cr%40t"

[db.binds.table]
url = "postgresql+psycopg://127.0.0.1:1/shop"
connect_args = { password = "s3cr@t" }
"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "command",
    [
        ["config"],
        ["config", "--json"],
        ["config", "db"],
        ["plugins", "show", "db"],
        ["plugins"],
        ["doctor"],
        ["routes"],
        ["db", "current"],
    ],
    ids=" ".join,
)
def test_commands_print_no_password(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "trivet.toml").write_text(TOML, encoding="utf-8")
    (tmp_path / "shop.py").write_text(
        "from trivet import Trivet\n\napp = Trivet(__name__)\n"
        'app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg://ada:s3cr%40t@127.0.0.1:1/shop"\n',
        encoding="utf-8",
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TRIVET_")}
    done = subprocess.run(
        [sys.executable, "-m", "trivet", *command],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    printed = done.stdout + done.stderr
    assert printed
    assert "s3cr" not in printed
