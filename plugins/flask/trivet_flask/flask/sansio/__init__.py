"""``flask.sansio``: where Flask keeps what does no input and output."""

from . import app, blueprints, scaffold

__all__ = ["app", "blueprints", "scaffold"]
