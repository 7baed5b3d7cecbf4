"""``python -m trivet``: the ``trivet`` command."""

from .cli import main

if __name__ == "__main__":
    main()
