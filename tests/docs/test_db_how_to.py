"""What the how-to guides about databases promise beyond code that runs."""

from __future__ import annotations

import importlib
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from trivet import Trivet
from trivet_db import SQLAlchemy

from .pages import DOCS, Block, blocks, commands, pattern
from .servers import environment, free_port

HOW_TO = DOCS / "how-to"
Load = Callable[..., ModuleType]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Write the files of a page into a folder, and import one of them, or the block that contains some text."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def load(page: str, name: str | None = None, containing: str = "", toml: str | None = None) -> ModuleType:
        found = put(page, tmp_path, toml)
        if name is None:
            [block] = [one for one in found if one.language in ("python", "py") and containing in one.text]
            name = Path(block.file).stem if block.file else f"block_{block.line}"
            (tmp_path / f"{name}.py").write_text(block.text, encoding="utf-8")
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield load
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            app = getattr(sys.modules.pop(name), "app", None)
            if isinstance(app, Trivet):
                close(app)


def put(page: str, folder: Path, toml: str | None = None) -> list[Block]:
    """Write the named files of a page into a folder; a configuration replaces that of the page."""
    found = blocks(HOW_TO / page)
    (folder / ".git").mkdir(exist_ok=True)
    for block in found:
        if block.file is not None and (toml is None or block.language != "toml"):
            (folder / block.file).write_text(block.text, encoding="utf-8")
    if toml is not None:
        (folder / "trivet.toml").write_text(toml, encoding="utf-8")
    return found


def close(app: Trivet) -> None:
    """Close what an application has opened."""
    app.lifespan.stop()
    if "trivet_db" in app.extensions:
        app.extensions["trivet_db"].engines.dispose()


def type_in(command: str, folder: Path) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.stdout.strip()


def stored(app: Trivet, db: SQLAlchemy, *rows: Any) -> None:
    """Make the tables, and store rows."""
    with app.app_context():
        db.create_all()
        db.session.add_all(rows)
        db.session.commit()


# -- db.md


def test_the_first_program_answers_its_tasks(load: Load) -> None:
    module = load("db.md", containing="SQLALCHEMY_DATABASE_URI")
    stored(module.app, module.db, module.Task(title="Buy bread"))
    answer = module.app.test_client().get("/api/tasks")
    assert answer.json == [{"id": 1, "title": "Buy bread", "done": False}]
    assert Path(module.app.instance_path, "app.db").is_file()


def test_the_configured_shop_finds_its_database(load: Load) -> None:
    [configuration] = [one.text for one in blocks(HOW_TO / "db.md", "toml") if "models" in one.text]
    module = load("db.md", "shop", toml=configuration)
    module.app.seal()
    stored(module.app, module.db, module.Product(name="Bread", price=3))
    client = module.app.test_client()
    assert client.get("/products").json == [{"id": 1, "name": "Bread"}]
    assert client.get("/products/1").json["price"] == 3
    assert client.get("/products/2").status_code == 404


def test_a_taken_name_is_a_409_and_the_next_request_is_healthy(load: Load) -> None:
    module = load("db.md", containing="IntegrityError")
    stored(module.app, module.db)
    client = module.app.test_client()
    assert [client.post("/users", data={"name": name}).status_code for name in ("ada", "ada", "bob")] == [201, 409, 201]


@pytest.fixture
def unit(load: Load) -> Iterator[Any]:
    """An application in which every request is a unit of work."""
    [configuration] = [one.text for one in blocks(HOW_TO / "db.md", "toml") if "on-success" in one.text]
    module = load("db.md", "models", toml=f'plugins = ["db"]\n{configuration}models = "models"\n')
    app = Trivet("models")

    @app.post("/<int:status>")
    def add(status: int) -> tuple[str, int]:
        module.db.session.add(module.Product(name="Bread", price=3))
        return "", status

    app.seal()
    stored(app, module.db)
    yield SimpleNamespace(app=app, db=module.db, Product=module.Product)
    close(app)


@pytest.mark.parametrize(("status", "count"), [(201, 1), (303, 1), (400, 0), (500, 0)])
def test_a_unit_of_work_is_committed_if_the_answer_is_below_400(unit: Any, status: int, count: int) -> None:
    unit.app.test_client().post(f"/{status}")
    with unit.app.app_context():
        assert unit.db.session.query(unit.Product).count() == count


def test_a_database_that_is_not_there_is_a_503_with_the_seconds_to_wait(
    load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    [row] = [line for line in (HOW_TO / "db.md").read_text(encoding="utf-8").splitlines() if "| 503" in line]
    db, app = SQLAlchemy(), Trivet("docs", config_file=False)
    app.config["DB_URL"] = f"postgresql://shop:sesame@127.0.0.1:{free_port()}/shop"
    db.init_app(app)
    app.add_url_rule("/", "index", lambda: str(db.session.scalar(db.select(1))))
    with caplog.at_level(logging.ERROR):
        answer = app.test_client().get("/")
    assert answer.status_code == 503
    assert f"`Retry-After: {answer.headers['Retry-After']}`" in row
    assert "sesame" not in caplog.text + answer.text
    close(app)


# -- db-pages.md


@pytest.fixture
def articles(load: Load) -> Any:
    """The application of the page with 25 articles."""
    module = load("db-pages.md", "articles")
    stored(module.app, module.db, *(module.Article(title=f"Article {number}") for number in range(1, 26)))
    return module.app


def test_pages_by_number_say_how_many_there_are(articles: Trivet) -> None:
    client = articles.test_client()
    page = client.get("/articles?page=2").get_json()
    assert (page["articles"][0], len(page["articles"]), page["pages"], page["total"]) == ("Article 21", 5, 2, 25)
    assert len(client.get("/articles?per_page=1000").get_json()["articles"]) == 25
    assert [client.get(f"/articles?page={page}").status_code for page in ("3", "seven", "0")] == [404, 404, 404]


def test_pages_by_key_go_on_by_the_cursor(articles: Trivet) -> None:
    client = articles.test_client()
    first = client.get("/latest").get_json()
    assert first["articles"][0] == "Article 25"
    second = client.get(f"/latest?cursor={first['next']}").get_json()
    assert second == {"articles": [f"Article {number}" for number in (5, 4, 3, 2, 1)], "next": None}
    assert client.get("/latest?cursor=WzAsN10").get_json()["articles"][0] == "Article 6"
    assert client.get("/latest?cursor=nonsense").status_code == 400


def test_the_template_of_the_page_links_to_every_page(articles: Trivet) -> None:
    [template] = [one.text for one in blocks(HOW_TO / "db-pages.md", "html")]
    db = articles.extensions["sqlalchemy"]
    with articles.test_request_context():
        page = db.paginate(db.select(sys.modules["articles"].Article).order_by("id"), per_page=10)
        text = articles.jinja_env.from_string(template).render(page=page)
    links = [f'<a href="/articles?page={number}">{number}</a>' for number in (1, 2, 3)]
    assert " ".join(text.split()) == " ".join(links)


# -- db-sql.md


def test_sql_by_hand_runs_where_the_page_says(load: Load) -> None:
    module = load("db-sql.md", "report")
    client = module.app.test_client()
    assert client.get("/total?a=3").json == {"total": 5}
    assert client.get("/archived").json == {"tables": 0}
    with module.app.app_context(), module.db.engines["archive"].begin() as connection:
        connection.execute(module.text("CREATE TABLE old (id INTEGER)"))
    assert client.get("/archived").json == {"tables": 1}
    assert module.app.test_cli_runner().invoke(args=["vacuum"]).exit_code == 0


# -- db-several.md


def test_models_live_in_the_databases_that_they_name(load: Load) -> None:
    module = load("db-several.md", "shop")
    audit = importlib.import_module("audit")
    stored(module.app, module.db, module.Order(item="Bread"), audit.Event(what="The shop opens."))
    assert module.app.test_client().post("/orders/1/archive").status_code == 204
    tables = {}
    with module.app.app_context():
        assert module.db.session.query(module.Order).count() == 0
        assert module.db.session.query(module.OldOrder).one().item == "Bread"
        for key, engine in module.db.engines.items():
            tables[key] = sorted(module.db.inspect(engine).get_table_names())
            assert engine.pool.timeout() == 5
    assert tables == {None: ["order"], "archive": ["old_order", "reasons"], "audit": ["event"]}


# -- db-replicas.md


def test_what_only_reads_goes_to_one_replica_for_the_whole_request(load: Load, tmp_path: Path) -> None:
    [configuration] = [one.text for one in blocks(HOW_TO / "db-replicas.md", "toml")]
    for place in ("primary", "replica-1", "replica-2"):
        configuration = configuration.replace(f"postgresql://shop@{place}.example.com/shop", f"sqlite:///{place}.db")
    put("db-replicas.md", tmp_path, configuration)
    (tmp_path / "shop.py").write_text("from trivet import Trivet\n\napp = Trivet(__name__)\n", encoding="utf-8")
    module = load("db-replicas.md", "shop", toml=configuration)
    db, app = SQLAlchemy(), module.app
    clauses = {"select": db.select(db.text("1")), "delete": db.text("DELETE FROM one")}

    def where(statement: str) -> list[str]:
        engines: list[Any] = [db.session.get_bind(clause=clauses[statement]) for _ in range(20)]
        return [Path(engine.url.database).name for engine in engines]

    app.add_url_rule("/<statement>", "where", where, methods=["GET", "POST"])
    db.init_app(app)
    client = app.test_client()
    chosen = [set(client.get("/select").json) for _ in range(20)]
    assert {len(one) for one in chosen} == {1}
    assert set.union(*chosen) == {"replica-1.db", "replica-2.db"}
    assert set(client.post("/select").json) == set(client.post("/delete").json) == {"primary.db"}


# -- db-tenants.md


def test_each_tenant_sees_the_orders_of_its_own(load: Load) -> None:
    module = load("db-tenants.md", "shop")
    module.app.seal()
    report = importlib.import_module("report")
    for tenant in ("ada", "bob"):
        with module.app.app_context() as ctx:
            ctx.g.tenant = tenant
            module.db.create_all()
            module.db.session.add(module.Order(item=f"Bread for {tenant}"))
            module.db.session.commit()
        assert report.count_orders(tenant) == 1
    client = module.app.test_client()
    hosts = [f"http://{name}.example.com" for name in ("ada", "bob", "eve")]
    answers = [client.get("/orders", base_url=host) for host in hosts]
    assert [answer.json for answer in answers[:2]] == [["Bread for ada"], ["Bread for bob"]]
    assert answers[2].status_code == 404


# -- db-async.md


def test_asynchronous_sessions_store_and_read(load: Load) -> None:
    module = load("db-async.md", "todo")
    client = module.app.test_client()
    assert [client.post("/tasks", data={"title": title}).json for title in ("Bread", "Cake")] == [{"id": 1}, {"id": 2}]
    assert client.get("/tasks").json == {"tasks": ["Bread", "Cake"], "total": 2}
    assert client.get("/tasks?page=seven").status_code == 404


# -- db-from-flask-sqlalchemy.md


def test_a_program_for_flask_sqlalchemy_runs(load: Load) -> None:
    module = load("db-from-flask-sqlalchemy.md", "app")
    app = module.create_app()
    user = module.User(name="ada")
    stored(app, module.db, user, *(module.Post(title=f"Post {number}", author=user) for number in range(12)))
    page = app.test_client().get("/users/1/posts?page=2").json
    assert page == {"posts": ["Post 1", "Post 0"], "pages": 2}
    assert app.test_client().get("/users/2/posts").status_code == 404
    close(app)


# -- db-other-stores.md


class Collection:
    """Stands for a collection of MongoDB's."""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []

    def insert_one(self, document: dict[str, Any]) -> SimpleNamespace:
        self.documents.append({"_id": len(self.documents), **document})
        return SimpleNamespace(inserted_id=self.documents[-1]["_id"])

    def find(self) -> SimpleNamespace:
        return SimpleNamespace(limit=lambda count: iter(self.documents[:count]))


class MongoClient(dict[str, Any]):
    """Stands for the driver's client."""

    def __init__(self, url: str) -> None:
        super().__init__(app={"notes": Collection()})
        self.url, self.closed = url, False

    def close(self) -> None:
        self.closed = True


def test_another_store_is_opened_and_closed_with_the_process(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymongo", ModuleType("pymongo"))
    vars(sys.modules["pymongo"])["MongoClient"] = MongoClient
    module = load("db-other-stores.md", containing="MongoClient", toml="")
    http = module.app.test_client()
    assert http.post("/notes", json={"text": {"$ne": ""}}).json == {"id": "0"}
    assert http.get("/notes").json == [{"id": "0", "text": "{'$ne': ''}"}]
    client = module.app.extensions["mongo"]
    module.app.lifespan.stop()
    assert client.closed


def test_a_store_as_a_plugin_gets_its_url_and_is_closed(load: Load, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("from trivet import Trivet\n\napp = Trivet(__name__)\n", encoding="utf-8")
    app = load("db-other-stores.md", "shop").app
    assert app.test_client().get("/").status_code == 404
    client = app.extensions["store"]
    assert (client.url, client.open) == ("memory://notes", True)
    app.lifespan.stop()
    assert not client.open


# -- db-test.md


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    put("db-test.md", tmp_path)
    assert "3 passed" in type_in(f"python -m pytest -q -p no:cacheprovider --rootdir {tmp_path} {tmp_path}", tmp_path)


# -- db-migrate.md

CONFIGURATION = 'app = "todo:app"\nplugins = ["db", "./seed.py"]\n[db]\nurl = "sqlite:///todo.db"\nmodels = "models"\n'
FIRST = 'trivet db migrate --rev-id 4f1c2a7d9b30 -m "Create the table of tasks"'


@pytest.fixture
def todo(tmp_path: Path) -> Path:
    """A folder with the models of the page and a first migration that no database has."""
    put("db-migrate.md", tmp_path, CONFIGURATION)
    (tmp_path / "todo.py").write_text("from trivet import Trivet\n\napp = Trivet(__name__)\n", encoding="utf-8")
    assert "written" in type_in(FIRST, tmp_path)
    return tmp_path


CONSOLE = blocks(HOW_TO / "db-migrate.md", "console")


@pytest.mark.parametrize("block", CONSOLE, ids=[one.title for one in CONSOLE])
def test_the_commands_print_what_the_page_shows(block: Block, todo: Path) -> None:
    for command, expected in commands(block):
        assert pattern(expected).fullmatch(type_in(command, todo))


def test_two_heads_are_an_error_that_says_what_to_type(todo: Path) -> None:
    for name in ("one", "two"):
        type_in(f"trivet db revision --head 4f1c2a7d9b30 --splice -m {name}", todo)
    said = type_in("trivet db upgrade", todo)
    text = (HOW_TO / "db-migrate.md").read_text(encoding="utf-8")
    first, last = [one.strip() for one in text.splitlines() if one.startswith(("    There is more", "    Merge them"))]
    assert first.removesuffix(" ...") in said
    assert last in said
    assert "written" in type_in(last.partition(": ")[2], todo)
    assert "upgrade" in type_in("trivet db upgrade", todo)


def test_rows_to_begin_with_come_once(todo: Path) -> None:
    type_in("trivet db upgrade", todo)
    assert [type_in("trivet db seed", todo) for _ in range(2)] == ["seed: done", "seed: done"]


def test_a_database_that_has_its_tables_is_taken_over(todo: Path) -> None:
    [compare, stamp] = [
        line.strip()
        for line in (HOW_TO / "db-migrate.md").read_text(encoding="utf-8").splitlines()
        if line.startswith(("    TRIVET_DB_URL=", "    trivet db stamp"))
    ]
    for file in (todo / "migrations").iterdir():
        if file.is_file():
            file.unlink()
    assert "task made" in type_in("trivet db create", todo)
    assert "written" in type_in(compare, todo)
    assert "default: at " in type_in(stamp, todo)
    assert "agree" in type_in("trivet db check", todo)


def test_tenants_are_migrated_from_one_folder(tmp_path: Path) -> None:
    put("db-tenants.md", tmp_path)
    [block] = blocks(HOW_TO / "db-tenants.md", "console")
    for command, expected in commands(block):
        assert pattern(expected).fullmatch(type_in(command, tmp_path))
    assert "agree" in type_in("trivet db check --branch tenant", tmp_path)
