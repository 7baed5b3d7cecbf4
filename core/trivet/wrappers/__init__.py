"""What users handle in a request: request and response, Werkzeug's but lazily built, and the namespace ``g``."""

from .namespace import Namespace
from .request import Request
from .response import Response

__all__ = ["Namespace", "Request", "Response"]
