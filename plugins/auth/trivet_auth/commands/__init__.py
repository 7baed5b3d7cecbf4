"""The commands of ``trivet auth``: each module has some of them, in ``COMMANDS``."""
