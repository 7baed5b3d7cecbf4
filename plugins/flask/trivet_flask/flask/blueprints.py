"""``flask.blueprints``: parts of an application that are declared apart."""

from typing import Any

from trivet import Blueprint as TrivetBlueprint
from trivet import BlueprintSetupState

from .cli import AppGroup

__all__ = ["Blueprint", "BlueprintSetupState"]


class Blueprint(TrivetBlueprint):
    """A part of an application that is declared apart and registered later."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cli = AppGroup()
