"""``flask.blueprints``: parts of an application that are declared apart."""

from trivet import Blueprint, BlueprintSetupState

__all__ = ["Blueprint", "BlueprintSetupState"]
