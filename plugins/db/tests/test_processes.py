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
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from trivet import Trivet
from trivet_db import SQLAlchemy

from .serving import Server, WsgiServer

Make = Callable[..., Trivet]

WORKERS = 8

servers = pytest.mark.parametrize("kind", ["postgresql", "mariadb"])


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


#: Ask for the connection's number on the server, and for a number of one's own.
WHO = {
    "postgresql": "SELECT pg_backend_pid(), CAST(:n AS INTEGER)",
    "mysql": "SELECT connection_id(), CAST(:n AS SIGNED)",
}


def add_views(app: Trivet, db: SQLAlchemy, url: str) -> None:
    """Add views that say in which process and on which connection they run, by a plain and an asynchronous session."""
    who = sa.text(WHO[make_url(url).get_backend_name()])

    @app.get("/plain")
    def plain() -> list[Any]:
        number = os.getpid()
        return [number, *db.session.execute(who, {"n": number}).one()]

    @app.get("/async")
    async def asynchronous() -> list[Any]:
        number = os.getpid()
        return [number, *(await db.async_session.execute(who, {"n": number})).one()]


def load(server: WsgiServer, path: str, requests: int, threads: int) -> list[list[int]]:
    """Send requests from several threads; return what was answered."""

    def ask(_: int) -> list[list[int]]:
        return [server.ask(path).json for _ in range(requests)]

    with ThreadPoolExecutor(threads) as pool:
        return [answer for answers in pool.map(ask, range(threads)) for answer in answers]


class Child:
    """A forked process that does something, and says what came of it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._reader, writer = multiprocessing.Pipe(duplex=False)
        self._process = os.fork()
        if self._process == 0:
            try:
                writer.send((True, work()))
            except BaseException:
                writer.send((False, traceback.format_exc()))
            finally:
                os._exit(0)
        writer.close()  # so that the end of the process ends the waiting for it

    def result(self) -> Any:
        """Wait for it, and return what it has."""
        fine, result = self._reader.recv()
        self._reader.close()
        os.waitpid(self._process, 0)
        assert fine, result
        return result


def assert_nothing_shared(answers: list[list[int]]) -> None:
    """Say that every process got its own answers, on connections that no other process used."""
    users = defaultdict(set)
    for process, backend, number in answers:
        assert number == process  # the answer of somebody else's statement would hold their number
        users[backend].add(process)
    assert all(len(processes) == 1 for processes in users.values()), users


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("kind", "path"),
    [("postgresql", "/plain"), ("postgresql", "/async"), ("mariadb", "/plain"), ("mariadb", "/async")],
)
def test_forked_workers_under_load_share_no_connection(
    kind: str, path: str, make_app: Make, make_empty: Callable[[str], str]
) -> None:
    url = make_empty(kind)
    app = make_app(SQLALCHEMY_DATABASE_URI=url)
    add_views(app, SQLAlchemy(app), url)
    server = WsgiServer(app)
    before = load(server, path, 5, 3)  # the parent's pool holds several connections

    def work() -> list[list[int]]:
        answers = load(server, path, 40, 3)
        server.close()
        return answers

    children = [Child(work) for _ in range(WORKERS)]
    during = load(server, path, 100, 3)
    answers = [child.result() for child in children]
    after = load(server, path, 20, 3)
    everything = [*before, *during, *after, *(one for each in answers for one in each)]
    assert len({process for process, _, _ in everything}) == WORKERS + 1
    assert_nothing_shared(everything)
    assert {backend for _, backend, _ in before} & {backend for _, backend, _ in after}  # the parent's still work
    server.close()


@pytest.mark.timeout(120)
@servers
def test_an_open_session_of_the_parent_is_untouched_by_its_children(
    kind: str, make_app: Make, make_empty: Callable[[str], str]
) -> None:
    app = make_app(SQLALCHEMY_DATABASE_URI=make_empty(kind))
    db = SQLAlchemy(app)
    with app.app_context():
        db.session.execute(sa.text("CREATE TEMPORARY TABLE mine (x INTEGER)"))

        def look() -> bool:
            with app.app_context(), suppress(sa.exc.ProgrammingError):
                db.session.execute(sa.text("SELECT * FROM mine"))
                return True
            return False

        assert not Child(look).result()
        assert db.session.scalars(sa.text("SELECT x FROM mine")).all() == []


SHOP = """
import os
from sqlalchemy import text
from trivet import Trivet
from trivet_db import SQLAlchemy

app = Trivet(__name__, config_file=False)
app.config["DB_URL"] = os.environ["SHOP_URL"]
db = SQLAlchemy(app)
statement = text(os.environ["SHOP_STATEMENT"])

@app.get("/")
def index():
    number = os.getpid()
    return [number, *db.session.execute(statement, {"n": number}).one()]

with app.app_context():
    parent = db.session.execute(statement, {"n": 0}).one()  # the engine is used before the workers are forked
"""


@pytest.mark.timeout(120)
@servers
def test_gunicorn_with_preloading_shares_no_connection(
    kind: str, make_empty: Callable[[str], str], tmp_path: Path
) -> None:
    url = make_empty(kind)
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
            env={**os.environ, "SHOP_URL": url, "SHOP_STATEMENT": WHO[make_url(url).get_backend_name()]},
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


def listens(port: int) -> bool:
    """Tell whether anybody takes connections at a port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def wait_for(port: int) -> None:
    for _ in range(400):
        if listens(port):
            return
        time.sleep(0.05)
    raise AssertionError("the server does not come up")


# -- a server that is restarted


class OwnServer:
    """A server of one's own, in a folder of its own, that may be stopped at any time."""

    url: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        #: Whom its programs run as; None: who runs the tests.
        self.user: str | None = None

    def run(self, program: Path, *arguments: str) -> None:
        user: Any = {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}
        with open(self.folder / "output", "wb") as output:  # no pipe: a server that is started would keep it open
            done = subprocess.run(
                [program, *arguments], cwd=self.folder, stdout=output, stderr=output, timeout=60, check=False, **user
            )
        assert done.returncode == 0, (self.folder / "output").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start it, and wait until it listens."""
        raise NotImplementedError

    def stop(self, *, at_once: bool = False) -> None:
        """Stop it, and wait until it is gone.

        :param at_once: as a crash does: it says no farewell to its clients.
        """
        raise NotImplementedError


class OwnPostgresql(OwnServer):
    """A PostgreSQL server."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        program = str(found[-1]) if found else shutil.which("initdb")
        if program is None:
            missing("PostgreSQL's initdb is not installed")
        self._programs = Path(str(program)).parent
        self.url = f"postgresql+psycopg://tester@127.0.0.1:{self.port}/postgres"
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            self.user = "postgres"
            shutil.chown(folder, self.user, self.user)
        self.run(self._programs / "initdb", "-D", str(self.data), "-A", "trust", "-U", "tester", "--no-sync")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        log = str(self.folder / "log")
        self.run(self._programs / "pg_ctl", "-D", str(self.data), "-l", log, "-w", "-o", options, "start")

    def stop(self, *, at_once: bool = False) -> None:
        how = "immediate" if at_once else "fast"
        if (self.data / "postmaster.pid").exists():
            self.run(self._programs / "pg_ctl", "-D", str(self.data), "-m", how, "-w", "stop")


class OwnMariadb(OwnServer):
    """A MariaDB server."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"])
        server, install = (shutil.which(name, path=places) for name in ("mariadbd", "mariadb-install-db"))
        if server is None or install is None:
            missing("MariaDB's mariadbd or mariadb-install-db is not installed")
        self._server = str(server)
        self._process: subprocess.Popen[bytes] | None = None
        self._arguments = ["--no-defaults", f"--datadir={self.data}", "--innodb-log-file-size=8M"]
        if os.geteuid() == 0:  # root has to say that this is meant
            self._arguments += ["--user=root"]
        self.url = f"mysql+pymysql://root@127.0.0.1:{self.port}/mysql"
        self.run(Path(str(install)), *self._arguments, "--auth-root-authentication-method=normal", "--skip-test-db")

    def start(self) -> None:
        # The socket's name is relative, to the folder of the data: that of a whole path may be too long.
        own = [f"--port={self.port}", "--bind-address=127.0.0.1", "--socket=socket", "--pid-file=pid"]
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen([self._server, *self._arguments, *own], stdout=log, stderr=log)
        wait_for(self.port)

    def stop(self, *, at_once: bool = False) -> None:
        if self._process is not None:
            self._process.kill() if at_once else self._process.terminate()
            self._process.wait(60)


@pytest.fixture(scope="module")
def own_server() -> Iterator[Callable[[str], OwnServer]]:
    """Return servers by kind that run, each of them made when it is first asked for."""
    kinds: dict[str, type[OwnServer]] = {"postgresql": OwnPostgresql, "mysql": OwnMariadb}
    made: dict[str, OwnServer] = {}
    with ExitStack() as stack:

        def get(kind: str) -> OwnServer:
            if kind not in made:
                # not below pytest's folder, which every run closes to other users, and PostgreSQL's is another one
                folder = stack.enter_context(TemporaryDirectory(prefix="trivet-db-"))
                made[kind] = kinds[kind](Path(folder))
                stack.callback(made[kind].stop, at_once=True)
            if not listens(made[kind].port):
                made[kind].start()
            return made[kind]

        yield get


@pytest.mark.timeout(180)
@pytest.mark.parametrize("at_once", [False, True], ids=["stopped", "killed"])
@pytest.mark.parametrize(
    "driver",
    [
        pytest.param("postgresql+psycopg", id="psycopg"),
        pytest.param("postgresql+asyncpg", id="psycopg-asyncpg"),
        pytest.param("mysql+pymysql", id="pymysql-aiomysql"),
    ],
)
def test_a_server_that_is_restarted_between_two_requests_is_not_noticed(
    driver: str,
    at_once: bool,
    make_app: Make,
    own_server: Callable[[str], OwnServer],
    serve: Callable[[Trivet], Server],
) -> None:
    own = own_server(driver.partition("+")[0])
    app = make_app(SQLALCHEMY_DATABASE_URI=make_url(own.url).set(drivername=driver))
    db = SQLAlchemy(app)
    add_views(app, db, own.url)

    @app.get("/several")
    async def several() -> str:
        async with AsyncExitStack() as stack:
            for _ in range(3):
                stack.enter_context(db.engine.connect())
                await stack.enter_async_context(db.async_engine().connect())
        return "text"

    server = serve(app)
    paths = ["/plain", "/async"] * 2
    assert server.ask("/several").status == 200  # the pools hold several connections
    own.stop(at_once=at_once)
    assert [server.ask(path).status for path in paths] == [503] * 4  # it is away
    own.start()
    assert [server.ask(path).status for path in paths] == [200] * 4
    assert server.ask("/several").status == 200
    own.stop(at_once=at_once)
    own.start()
    assert [server.ask(path).status for path in paths] == [200] * 4


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
