"""Plugins: finding, checking, sorting, loading and describing them, over pluggy."""

from .discovery import import_enabled
from .manager import PluginManager, lenient
from .manifest import Found, Plugin, PluginError, Secret
from .options import Option
from .project import Project, find_project, read_project

__all__ = [
    "Found",
    "Option",
    "Plugin",
    "PluginError",
    "PluginManager",
    "Project",
    "Secret",
    "find_project",
    "import_enabled",
    "lenient",
    "read_project",
]
