"""What type checkers make of the current user: the application's own class, without a plugin or an ignore."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = '''
"""A typed application with people."""

from datetime import timedelta
from typing import assert_type

from trivet import Blueprint, Request, Response, Trivet, redirect, request, safe_redirect_target
from trivet_auth import (
    AnonymousUserMixin,
    Identity,
    LoginManager,
    UserMixin,
    confirm_login,
    fresh_login_required,
    load_identity,
    login_fresh,
    login_remembered,
    login_required,
    login_url,
    login_user,
    logout_user,
    public,
    set_login_view,
    user_logged_in,
)
from trivet_auth.testing import FlaskLoginClient, sign_in


class User(UserMixin):
    def __init__(self, id: int, name: str) -> None:
        self.id = id
        self.name = name


class Staff(User):
    desk: int = 7


class Guest(AnonymousUserMixin):
    name = "guest"


PEOPLE = {"1": User(1, "ada")}
app = Trivet(__name__, plugins=["auth"], config_file=False)
app.config.update(SECRET_KEY="a key that only this test knows", AUTH_STORE="memory", SESSION_PROTECTION=None)
login_manager = LoginManager[User](app)
staff_manager: LoginManager[Staff] = LoginManager(realm="staff", blueprints=["admin"])
staff_manager.init_app(app)
login_manager.login_view = "login"
login_manager.blueprint_login_views["admin"] = "admin.login"
login_manager.anonymous_user = Guest
login_manager.session_protection = None
admin = Blueprint("admin", __name__)


@login_manager.user_loader
def load_user(id: str) -> User | None:
    return PEOPLE.get(id)


@login_manager.request_loader
async def load_by_request(request: Request) -> User | None:
    return PEOPLE.get(request.args.get("key", ""))


@login_manager.unauthorized_handler
def unauthorized() -> tuple[str, int]:
    return "no", 403


@staff_manager.user_loader
async def load_staff(id: str) -> Staff | None:
    return Staff(int(id), "eve")


@app.route("/login", methods=["GET", "POST"])
@public
def login() -> Response:
    user = PEOPLE["1"]
    done: bool = login_user(user, remember=True, duration=timedelta(days=7), fresh=True)
    target = safe_redirect_target(request.args.get("next")) if done else login_url("login", "/account")
    answer: Response = redirect(target)
    return answer


@app.get("/account")
@login_required
def account() -> str:
    user = login_manager.current_user
    assert_type(user, User)
    assert_type(user.name, str)
    if staff_manager.current_user.is_authenticated:
        assert_type(staff_manager.current_user.desk, int)
    return f"{user.name} {login_fresh()} {login_remembered()}"


@app.get("/secret")
@fresh_login_required
async def secret() -> str:
    identity: Identity = await load_identity()
    assert_type(identity.fresh, bool)
    return login_manager.current_user.name


@app.post("/logout")
def logout() -> str:
    confirm_login()
    return str(logout_user())


app.register_blueprint(admin)


def look() -> list[str]:
    heard: list[str] = []

    def note(sender: Trivet, user: User) -> None:
        heard.append(user.name)

    with user_logged_in.connected_to(note, app), app.app_context():
        set_login_view("login")
        client = app.test_client()
        client.get("/login")
    app.test_client_class = FlaskLoginClient
    other = app.test_client()
    sign_in(other, PEOPLE["1"])
    return [*heard, other.get("/account").text, other.get("/secret").text, client.get("/account").text]
'''

need_mypy = pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
need_pyright = pytest.mark.skipif(find_spec("basedpyright") is None, reason="pyright is not installed")

#: What is wrong with it, and what a type checker says of that.
WRONG = {
    "login_manager.current_user.nmae": ("nmae",),
    "staff_manager.current_user.desk.upper()": ("upper",),
    "login_user(PEOPLE['1'], remeber=True)": ("remeber",),
    "login_manager.login_view = 7": ("assignment",),
}


def check(folder: Path, *command: str) -> str:
    """Run a type checker in a folder, and return what it prints if it is not content."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, timeout=300)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a typed program in it."""
    (tmp_path / "example.py").write_text(EXAMPLE, encoding="utf-8")
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', encoding="utf-8")
    return tmp_path


@pytest.fixture
def mypy(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The command of mypy."""
    return "mypy", "--strict", "--cache-dir", str(tmp_path_factory.mktemp("cache")), "--config-file="


@pytest.mark.timeout(300)
@need_mypy
def test_mypy_has_nothing_to_say(folder: Path, mypy: tuple[str, ...]) -> None:
    assert check(folder, *mypy, "example.py") == ""


@pytest.mark.timeout(300)
@need_pyright
def test_pyright_has_nothing_to_say(folder: Path) -> None:
    assert check(folder, "basedpyright", "--pythonpath", sys.executable, "example.py") == ""


@pytest.mark.timeout(300)
@need_mypy
def test_mypy_finds_what_is_wrong(folder: Path, mypy: tuple[str, ...]) -> None:
    lines = "\n".join(WRONG)
    (folder / "wrong.py").write_text(
        f"from example import *\nfrom trivet_auth import login_user\n{lines}\n", encoding="utf-8"
    )
    said = check(folder, *mypy, "wrong.py").splitlines()
    for number, words in enumerate(WRONG.values(), 3):
        assert any(f"wrong.py:{number}:" in line and words[0] in line for line in said), (number, said)


def test_the_example_runs(folder: Path) -> None:
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(EXAMPLE, str(folder / "example.py"), "exec"), names)
    assert names["look"]() == ["ada", "ada True False", "ada", "ada True True"]
