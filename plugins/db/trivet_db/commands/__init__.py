"""The commands of ``trivet db``: each module has some of them, in ``COMMANDS``."""
