"""``flask.testing``: what applications are tested with."""

from typing import Any

from trivet.builtin.runner import AppRunner
from trivet.builtin.testclient import AppEnvironBuilder, TestClient

__all__ = ["EnvironBuilder", "FlaskClient", "FlaskCliRunner"]


class EnvironBuilder(AppEnvironBuilder):
    """Builds the environ of a made-up request to an application."""


class FlaskClient(TestClient):
    """Sends requests to an application without a server."""


class FlaskCliRunner(AppRunner):
    """Runs click commands of an application."""

    def invoke(self, cli: Any = None, args: Any = None, **kwargs: Any) -> Any:
        """Run a command: the application's own group, unless ``cli`` is given."""
        from .cli import ScriptInfo

        if cli is None:
            cli = self.app.cli
        kwargs.setdefault("obj", ScriptInfo(create_app=lambda: self.app))
        return super().invoke(cli, args, **kwargs)
