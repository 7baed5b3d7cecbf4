"""``python -m trivet_flask``: the ``flask`` command, or any module or script, with Trivet in Flask's place."""

import os
import runpy
import sys
from importlib import import_module

from .alias import install

USAGE = """\
usage: python -m trivet_flask COMMAND ...        the flask command: run, routes, shell, ...
       python -m trivet_flask -m MODULE ...      run a module, such as gunicorn or pytest
       python -m trivet_flask SCRIPT.py ...      run a script
"""


def main() -> None:
    """Run what the command line says."""
    install()
    arguments = sys.argv[1:]
    if not arguments or "--help" in arguments[:1]:
        sys.stdout.write(f"{USAGE}\n")
        arguments = arguments or ["--help"]
    if arguments[0] == "-m" and len(arguments) > 1:
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0].endswith(".py"):
        sys.argv = arguments
        sys.path.insert(0, os.path.dirname(os.path.abspath(arguments[0])))
        runpy.run_path(arguments[0], run_name="__main__")
    else:
        sys.argv = ["flask", *arguments]
        import_module("flask.cli").main()


if __name__ == "__main__":
    main()
