"""``flask.testing``: what applications are tested with."""

from typing import Any

from trivet.builtin.runner import AppRunner
from trivet.builtin.testclient import AppEnvironBuilder, TestClient

from .cli import ScriptInfo

__all__ = ["EnvironBuilder", "FlaskCliRunner", "FlaskClient"]


class EnvironBuilder(AppEnvironBuilder):
    """Builds the environ of a made-up request to an application."""


class FlaskClient(TestClient):
    """Sends requests to an application without a server."""

    def _request_from_builder_args(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._request_from(args, kwargs)


class FlaskCliRunner(AppRunner):
    """Runs click commands of an application."""

    def invoke(self, cli: Any = None, args: Any = None, **kwargs: Any) -> Any:  # type: ignore[override]
        """Run a command: the application's own group, unless ``cli`` is given."""
        if cli is None:
            cli = self.app.cli
        kwargs.setdefault("obj", ScriptInfo(create_app=lambda: self.app))
        return super().invoke(cli, args, **kwargs)
