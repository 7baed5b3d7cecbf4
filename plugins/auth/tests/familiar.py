"""What programs for Flask-Login begin with, and how they are run with it and with trivet-auth."""

import re
import warnings
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from trivet.testing import AsgiClient

#: Code that every program begins with. A program has a function ``run(folder)``, which returns what it has seen.
HEAD = '''
import datetime

from flask import Blueprint, Flask, abort, flash, get_flashed_messages, redirect, render_template_string, request
from flask import session, url_for
from flask.views import MethodView
from flask_login import AnonymousUserMixin, FlaskLoginClient, LoginManager, UserMixin, confirm_login, current_user
from flask_login import fresh_login_required, login_fresh, login_remembered, login_required, login_url, login_user
from flask_login import logout_user, make_next_param, session_protected, set_login_view, user_accessed
from flask_login import user_loaded_from_cookie, user_loaded_from_request, user_logged_in, user_logged_out
from flask_login import user_login_confirmed, user_needs_refresh, user_unauthorized


class User(UserMixin):
    def __init__(self, id, name, active=True):
        self.id = id
        self.name = name
        self.active = active

    @property
    def is_active(self):
        return self.active


PEOPLE = {"1": User(1, "ada"), "2": User(2, "bob"), "3": User(3, "eve", active=False)}


def make_app(folder, **config):
    app = Flask("program", instance_path=folder)
    app.config.update(SECRET_KEY="a key that only this program knows", **config)
    return app


def make_manager(app):
    manager = LoginManager(app)
    manager.user_loader(PEOPLE.get)
    return manager


def add_pages(app):
    """Add pages that every program needs."""

    @app.route("/in/<id>")
    def sign_in(id):
        args = request.args
        options = {name: args[name] == "yes" for name in ("remember", "fresh", "force") if name in args}
        return str(login_user(PEOPLE[id], **options))

    @app.route("/out")
    def sign_out():
        return str(logout_user())

    @app.route("/confirm")
    def confirm():
        who = who_is(current_user)
        confirm_login()
        return f"{who} confirmed"

    @app.route("/who")
    def who():
        return f"{who_is(current_user)} fresh={login_fresh()} remembered={login_remembered()}"

    @app.route("/inside")
    @login_required
    def inside():
        return "inside"

    @app.route("/deep")
    @fresh_login_required
    def deep():
        return "deep"

    @app.route("/messages")
    def messages():
        return repr(get_flashed_messages(with_categories=True))


def who_is(user):
    return user.name if user.is_authenticated else "nobody"


SIGNALS = (
    user_logged_in, user_logged_out, user_loaded_from_cookie, user_loaded_from_request, user_login_confirmed,
    user_unauthorized, user_needs_refresh, user_accessed, session_protected,
)


def listen(app):
    """Return the list that gets the signals of an application, in their order."""
    heard = []
    for signal in SIGNALS:
        def receive(sender, signal=signal, **values):
            told = {name: who_is(value) for name, value in values.items()}
            heard.append((signal.name, sender is app, told))
        signal.connect(receive, sender=app, weak=False)
    return heard


def seen(response, *names):
    """Return what came back; of the cookies that are set or deleted, those of some names."""
    cookies = []
    for line in response.headers.getlist("Set-Cookie"):
        name = line.partition("=")[0]
        if not names or name in names:
            cookies.append(name + (" deleted" if "Max-Age=0" in line else ""))
    return response.status_code, response.get_data(as_text=True), response.headers.get("Location"), sorted(cookies)


def visit(client, *paths, cookies=(), **options):
    """Go to pages in turn, and return what came back."""
    return [(path, *seen(client.get(path, **options), *cookies)) for path in paths]


def close_browser(client):
    """Forget the session, as a browser does when it is closed."""
    client.delete_cookie("session")
'''


def changed(text: str) -> str:
    """Change the import lines of a program, and nothing else."""
    text = text.replace("from flask import Blueprint, Flask,", "from trivet import Blueprint, Trivet as Flask,")
    text = re.sub(r"^from flask_login\b", "from trivet_auth", text, flags=re.MULTILINE)
    return re.sub(r"^from flask\b", "from trivet", text, flags=re.MULTILINE)


def run(program: str, folder: Path, clients: Callable[[Any], Any]) -> Any:
    """Run a program in an empty folder.

    :param clients: makes a client for an application; the program calls it as ``browser(app)``, or
        ``browser(app, use_cookies=False)`` for one that sends the cookies of a header.
    """
    folder.mkdir()
    names: dict[str, Any] = {"__name__": "program", "browser": clients}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Flask-Login's own, of Python's and Flask's names
        exec(compile(program, "program.py", "exec"), names)
        return names["run"](str(folder))


def run_theirs(program: str, folder: Path) -> Any:
    """Run a program as it is."""
    return run(HEAD + program, folder, lambda app, **options: app.test_client(**options))


def run_ours(program: str, folder: Path, protocol: str) -> Any:
    """Run a program with its import lines changed, by WSGI or by ASGI."""
    with ExitStack() as stack:

        def clients(app: Any, **options: Any) -> Any:
            stack.callback(app.loops.stop)
            stack.callback(app.workers.stop)
            if protocol == "wsgi":
                return app.test_client(**options)
            return stack.enter_context(closing(AsgiClient(app, **options)))

        return run(changed(HEAD + program), folder, clients)
