"""JSON that keeps types JSON does not know, by tags: the form of session cookies."""

from ..builtin.tagged import JSONTag, TaggedJSONSerializer

__all__ = ["JSONTag", "TaggedJSONSerializer"]
