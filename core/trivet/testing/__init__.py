"""What authors of applications and plugins test with."""

from ..builtin.runner import AppRunner
from ..builtin.testclient import AppEnvironBuilder, TestClient
from .apps import make_app
from .clients import AsgiClient

__all__ = ["AppEnvironBuilder", "AppRunner", "AsgiClient", "TestClient", "make_app"]
