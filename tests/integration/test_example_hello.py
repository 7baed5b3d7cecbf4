"""examples/hello, loaded with its real configuration: an installed plugin, and a local file."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trivet import Trivet

LISTED = "https://app.example.com"


@pytest.fixture
def app(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trivet]:
    """The example's application, imported anew from its folder as a server does it."""
    folder = root / "examples" / "hello"
    monkeypatch.syspath_prepend(str(folder))
    spec = importlib.util.spec_from_file_location("hello", folder / "hello.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "hello", module)
    spec.loader.exec_module(module)
    yield module.app
    sys.modules.pop("trivet_local_audit", None)


def test_the_program_greets(app: Trivet) -> None:
    client = app.test_client()
    assert client.get("/api/hello").get_json() == {"message": "Hello, World"}
    assert client.get("/api/hello?name=Ada").get_json() == {"message": "Hello, Ada"}


def test_the_configuration_beside_it_is_the_one_that_counts(app: Trivet, root: Path) -> None:
    assert app.plugins.project.path == root / "examples" / "hello" / "trivet.toml"
    assert app.plugins.project.app == "hello:app"
    assert not app.plugins.problems
    assert [(one.name, one.source) for one in app.plugins.enabled[:2]] == [
        ("cors", "installed"),
        ("audit", "file"),
    ]


def test_the_installed_plugin_shares_answers_with_the_listed_origin_only(app: Trivet) -> None:
    client = app.test_client()
    listed = client.get("/api/hello", headers={"Origin": LISTED})
    assert listed.headers["Access-Control-Allow-Origin"] == LISTED
    assert listed.headers["Vary"] == "Origin"
    stranger = client.get("/api/hello", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in stranger.headers
    assert stranger.headers["Vary"] == "Origin"


def test_the_installed_plugin_answers_preflights(app: Trivet) -> None:
    answer = app.test_client().options("/api/hello", headers={"Origin": LISTED, "Access-Control-Request-Method": "GET"})
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/api/hello", "/missing"])
def test_the_local_file_signs_every_answer(app: Trivet, path: str) -> None:
    assert app.test_client().get(path).headers["X-Handled-By"] == "hello"
