"""What authors of applications and plugins test with."""

from ..builtin.runner import AppRunner
from ..builtin.testclient import AppEnvironBuilder, TestClient
from .apps import make_app

__all__ = ["AppEnvironBuilder", "AppRunner", "TestClient", "make_app"]
