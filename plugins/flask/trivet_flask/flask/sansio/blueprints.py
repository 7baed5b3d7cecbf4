"""``flask.sansio.blueprints``: blueprints."""

from ..blueprints import Blueprint, BlueprintSetupState

__all__ = ["Blueprint", "BlueprintSetupState"]
