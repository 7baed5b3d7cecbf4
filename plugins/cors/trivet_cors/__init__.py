"""Cross-origin resource sharing for Trivet: ``[cors]`` in trivet.toml, ``CORS(app, ...)``, or ``@cors(...)``."""

from .attach import Options
from .code import CORS, cors, cross_origin
from .policy import Policy, PolicyError, PolicyOptions

__all__ = ["CORS", "Options", "Policy", "PolicyError", "PolicyOptions", "cors", "cross_origin"]
