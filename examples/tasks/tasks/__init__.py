"""A task list: JSON for programs, a page for people, and a database by configuration."""

from trivet import Trivet

from .api import api
from .pages import pages


def create_app() -> Trivet:
    """Make the application; ``trivet.toml`` says which database it has."""
    app = Trivet(__name__)
    app.register_blueprint(api)
    app.register_blueprint(pages)
    return app
