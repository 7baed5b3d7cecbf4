"""Migrations and models agree, and every migration can be taken back."""

from trivet import Trivet
from trivet.cli import cli


def trivet(app: Trivet, *args: str) -> str:
    done = app.test_cli_runner().invoke(cli, list(args))
    assert done.exit_code == 0, done.output
    return str(done.output)


def test_no_model_was_changed_without_a_migration(app: Trivet) -> None:
    assert "models, migrations and tables agree" in trivet(app, "db", "check")


def test_every_migration_can_be_taken_back(app: Trivet) -> None:
    trivet(app, "db", "downgrade", "base")
    assert trivet(app, "db", "current").startswith("default: no revision")
    trivet(app, "db", "upgrade")
