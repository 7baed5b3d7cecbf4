"""Twenty rows as JSON: by trivet-db, by plain SQLAlchemy in Trivet, by Flask with Flask-SQLAlchemy.

Every contender serves the same statement over the same SQLite file, in this process, over WSGI. The clock is the CPU
time of the process. The exit status is 1 if a goal is missed.
"""

import argparse
import gc
import importlib.metadata
import importlib.util
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

ROWS = 20
#: How often as long as another contender trivet-db may take.
GOALS = {"plain": 1.15, "flask": 0.8}


class Base(DeclarativeBase):
    """The base of the models of Trivet's two contenders; Flask-SQLAlchemy wants one of its own."""


class Task(Base):
    __tablename__ = "task"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    done: Mapped[bool]


def fill(url: str) -> None:
    """Make the table, with some rows more than are asked for."""
    engine = sa.create_engine(url)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(Task), [{"title": f"Task {n}", "done": n % 3 == 0} for n in range(ROWS * 5)])
    engine.dispose()


def plugin(url: str) -> Any:
    """Make the application with trivet-db."""
    from trivet import Trivet, jsonify
    from trivet_db import SQLAlchemy

    db = SQLAlchemy(model_class=Base)
    app = Trivet("plugin", config_file=False)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    db.init_app(app)

    @app.route("/tasks")
    def tasks() -> Any:
        found = db.session.scalars(sa.select(Task).order_by(Task.id).limit(ROWS))
        return jsonify([{"id": task.id, "title": task.title, "done": task.done} for task in found])

    return app


def plain(url: str) -> Any:
    """Make the application with SQLAlchemy alone."""
    from trivet import Trivet, jsonify

    make_session = sessionmaker(sa.create_engine(url))
    app = Trivet("plain", config_file=False)

    @app.route("/tasks")
    def tasks() -> Any:
        with make_session() as session:
            found = session.scalars(sa.select(Task).order_by(Task.id).limit(ROWS))
            return jsonify([{"id": task.id, "title": task.title, "done": task.done} for task in found])

    return app


def flask(url: str) -> Any:
    """Make the application with Flask and Flask-SQLAlchemy."""
    from flask import Flask, jsonify
    from flask_sqlalchemy import SQLAlchemy

    db = SQLAlchemy()

    class Task(db.Model):  # type: ignore[misc, name-defined]
        id = db.Column(db.Integer, primary_key=True)
        title = db.Column(db.String, nullable=False)
        done = db.Column(db.Boolean, nullable=False)

    app = Flask("flask_app")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    db.init_app(app)

    @app.route("/tasks")
    def tasks() -> Any:
        found = db.session.scalars(sa.select(Task).order_by(Task.id).limit(ROWS))
        return jsonify([{"id": task.id, "title": task.title, "done": task.done} for task in found])

    return app


CONTENDERS: Mapping[str, Callable[[str], Any]] = {"plugin": plugin, "plain": plain, "flask": flask}
TITLES = {
    "plugin": ("trivet-db", ("trivet", "trivet-db", "sqlalchemy")),
    "plain": ("plain SQLAlchemy in Trivet", ("trivet", "sqlalchemy")),
    "flask": ("Flask-SQLAlchemy in Flask", ("flask", "flask-sqlalchemy", "sqlalchemy")),
}


def environ() -> dict[str, Any]:
    """Make what a server makes of a request."""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/tasks",
        "QUERY_STRING": "",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost:8000",
        "HTTP_ACCEPT": "application/json",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def ask(app: Any, request: dict[str, Any]) -> tuple[str, bytes]:
    """Send a request; return status and body."""
    seen: list[str] = []
    chunks = app(request, lambda status, headers, info=None: seen.append(status))
    body = b"".join(chunks)
    close = getattr(chunks, "close", None)
    if close is not None:
        close()
    return seen[0], body


def check(name: str, app: Any) -> None:
    """See to it that a contender answers rightly."""
    status, body = ask(app, environ())
    found = json.loads(body)
    expected = [{"id": n + 1, "title": f"Task {n}", "done": n % 3 == 0} for n in range(ROWS)]
    if not status.startswith("200") or found != expected:
        sys.exit(f"{name} answers {status}: {body[:200]!r}")


def measure(app: Any, requests: int) -> float:
    """Return the microseconds of CPU time that one request takes."""
    environs = [environ() for _ in range(requests)]
    gc.collect()
    begin = time.process_time()
    for request in environs:
        ask(app, request)
    return (time.process_time() - begin) / requests * 1e6


def compare(rounds: int, requests: int) -> dict[str, list[float]]:
    """Time every contender once in each round, another one first each time."""
    names = [name for name in CONTENDERS if name != "flask" or importlib.util.find_spec("flask_sqlalchemy") is not None]
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'tasks.db'}"
        fill(url)
        apps = {name: CONTENDERS[name](url) for name in names}
        for name, app in apps.items():
            check(name, app)
            measure(app, requests)
        taken: dict[str, list[float]] = {name: [] for name in names}
        for number in range(rounds):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                taken[name].append(measure(apps[name], requests))
    return taken


def report(taken: Mapping[str, list[float]]) -> bool:
    """Print medians, best rounds and ratios; return whether the goals are met."""
    print(f"{'':28} {'median':>8} {'best':>8}   µs of CPU for each request")
    for name, values in taken.items():
        title, distributions = TITLES[name]
        versions = ", ".join(f"{one} {importlib.metadata.version(one)}" for one in distributions)
        print(f"{title:28} {statistics.median(values):8.1f} {min(values):8.1f}   {versions}")
    met = True
    for name, goal in GOALS.items():
        if name not in taken:
            print(f"{TITLES[name][0]}: not installed")
            continue
        # Round by round: what disturbs one contender in a round mostly disturbs its neighbours too.
        ratio = statistics.median(ours / theirs for ours, theirs in zip(taken["plugin"], taken[name], strict=True))
        met = met and ratio <= goal
        word = "met" if ratio <= goal else "MISSED"
        print(f"trivet-db takes {ratio:.2f} × {TITLES[name][0]}; the goal is at most {goal}: {word}")
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=500, help="requests a round")
    options = parser.parse_args()
    return 0 if report(compare(options.rounds, options.requests)) else 1


if __name__ == "__main__":
    sys.exit(main())
