"""Running the commands of an application in a test. Imported when somebody does so."""

from typing import Any

from click.testing import CliRunner, Result

from .testclient import ScriptInfo


class AppRunner(CliRunner):
    """Runs click commands of an application in isolation."""

    def __init__(self, app: Any, **kwargs: Any) -> None:
        self.app = app
        super().__init__(**kwargs)

    def invoke(self, cli: Any = None, args: Any = None, **kwargs: Any) -> Result:  # type: ignore[override]
        """Run a command: the application's own group, unless ``cli`` is given."""
        if cli is None:
            cli = self.app.cli
        kwargs.setdefault("obj", ScriptInfo(create_app=lambda: self.app))
        return super().invoke(cli, args, **kwargs)
