"""The plugin: enabling it makes ``import flask`` give Trivet."""

from trivet import Plugin

from .alias import install

plugin = Plugin(name="flask", summary="Existing Flask applications and extensions, unchanged.")

install()
