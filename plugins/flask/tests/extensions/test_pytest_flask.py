"""pytest-flask: its fixtures, in a pytest of its own, a live server included."""

import os
import subprocess
import sys

TESTS = """
from urllib.request import urlopen

import pytest
from flask import Flask, request, url_for


@pytest.fixture
def app():
    app = Flask(__name__)
    app.config["TESTING"] = True
    app.get("/ping", endpoint="ping")(lambda: {"ping": "pong", "debug": app.debug})
    app.get("/page", endpoint="page")(lambda: "page")
    return app


def test_client(client):
    answer = client.get(url_for("ping"))
    assert answer == 200
    assert answer.json == {"ping": "pong", "debug": False}
    assert client.get("/nothing") == 404


def test_config(config):
    assert config["TESTING"] is True


def test_context(app):
    assert request.path == "/"


@pytest.mark.options(debug=True)
def test_options(client):
    assert client.get("/ping").json["debug"] is True


def test_accept(client, accept_json):
    assert dict(accept_json) == {"Accept": "application/json"}


@pytest.mark.usefixtures("client_class")
class TestClass:
    def test_page(self):
        assert self.client.get(url_for("page")).text == "page"
"""

LIVE = """
from urllib.request import urlopen

import pytest
from flask import Flask, url_for


@pytest.fixture(scope="session")
def app():
    app = Flask(__name__)
    app.config["SERVER_NAME"] = "localhost"
    app.get("/page", endpoint="page")(lambda: "page")
    return app


def test_live(live_server):
    url = url_for("page", _external=True)
    assert url.startswith("http://localhost")
    assert urlopen(url, timeout=10).read() == b"page"
"""


def run(folder, text, *options):
    (folder / "test_app.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    start = [] if os.environ.get("EXTENSIONS_ON") == "flask" else ["-m", "trivet_flask"]
    arguments = [sys.executable, *start, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    return subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_its_fixtures_work(tmp_path):
    done = run(tmp_path, TESTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


def test_its_live_server_answers(tmp_path):
    done = run(tmp_path, LIVE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
