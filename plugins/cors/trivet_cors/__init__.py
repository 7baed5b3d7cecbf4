"""Cross-origin resource sharing for Trivet: ``[cors]`` in trivet.toml, or ``CORS(app, origins=[...])``."""

from .code import CORS
from .policy import Options, Policy, PolicyError

__all__ = ["CORS", "Options", "Policy", "PolicyError"]
