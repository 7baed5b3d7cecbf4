"""The features that ship with Trivet, each a plugin."""
