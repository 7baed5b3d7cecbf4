"""The configuration mapping."""

import os
from collections.abc import Mapping
from typing import Any


class Settings(dict[str, Any]):
    """A dictionary of settings that knows where each value comes from.

    :param root_path: the folder that relative file names start from.
    :param defaults: the first values.
    """

    def __init__(self, root_path: str | os.PathLike[str], defaults: Mapping[str, Any] | None = None) -> None:
        super().__init__(defaults or {})
        self.root_path = root_path
        #: Where each key got its value: ``file:line``, a file or a variable, as far as it is known.
        self.places: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} keys>"  # the values may be secret
