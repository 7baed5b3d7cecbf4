"""``flask.sansio.app``: the base of applications, which here is the application itself."""

from ..app import Flask as App

__all__ = ["App"]
