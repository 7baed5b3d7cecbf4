"""Plugins: finding, checking, sorting, loading and describing them, over pluggy."""

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
    "lenient",
    "read_project",
]
