"""``flask.config``: the configuration mapping."""

from typing import Any

from trivet.config import Config as TrivetConfig
from trivet.config import ConfigAttribute

__all__ = ["Config", "ConfigAttribute"]


class Config(TrivetConfig):
    """A dictionary of settings that can be filled from files, objects and the environment."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {dict.__repr__(self)}>"

    def __init__(self, root_path: Any, defaults: Any = None) -> None:
        super().__init__(root_path, defaults)
