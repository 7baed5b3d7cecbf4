"""``flask.helpers``: what users call without a context at hand."""

import os
from functools import cache

from werkzeug.security import safe_join

from trivet.helpers import (
    abort,
    flash,
    get_flashed_messages,
    get_template_attribute,
    make_response,
    redirect,
    send_file,
    send_from_directory,
    stream_with_context,
    url_for,
)
from trivet.scaffold import find_root_path

__all__ = [
    "abort",
    "flash",
    "get_debug_flag",
    "get_flashed_messages",
    "get_load_dotenv",
    "get_root_path",
    "get_template_attribute",
    "make_response",
    "redirect",
    "safe_join",
    "send_file",
    "send_from_directory",
    "stream_with_context",
    "url_for",
]


def _is_on(value: str | None) -> bool:
    return bool(value) and str(value).lower() not in {"0", "false", "no"}


def get_debug_flag() -> bool:
    """Say whether ``FLASK_DEBUG`` turns debug mode on."""
    return _is_on(os.environ.get("FLASK_DEBUG"))


def get_load_dotenv(default: bool = True) -> bool:
    """Say whether dotenv files are loaded: unless ``FLASK_SKIP_DOTENV`` is set."""
    value = os.environ.get("FLASK_SKIP_DOTENV")
    return default if not value else not _is_on(value)


def get_root_path(import_name: str) -> str:
    """Return the folder of a module or package, or the current folder."""
    return find_root_path(import_name)


@cache
def _split_blueprint_path(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:size]) for size in range(len(parts), 0, -1)]
