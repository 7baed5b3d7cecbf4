"""A task list with accounts: JSON for programs, a page for people, and a database by configuration."""

from trivet import Trivet

from .api import api
from .commands import give_command
from .models import people
from .pages import pages


def create_app() -> Trivet:
    """Make the application; ``trivet.toml`` says which database it has, ``TASKS_SECRET_KEY`` what signs its cookies."""
    app = Trivet(__name__)
    app.config.from_prefixed_env("TASKS")
    people.init_app(app)
    people.blueprint_login_views["api"] = None  # programs are told 401, and not sent to a page
    app.register_blueprint(api)
    app.register_blueprint(pages)
    app.cli.add_command(give_command)
    return app
