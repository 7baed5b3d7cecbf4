"""Printing for people and for programs: tables and JSON."""

import json
from collections.abc import Sequence
from typing import Any

import click


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under headings, each column as wide as its longest cell; columns without any content are left out."""
    used = [index for index in range(len(headings)) if any(row[index] for row in rows)]
    widths = [max(len(row[index]) for row in (headings, *rows)) for index in used]
    for row in (headings, ["-" * len(heading) for heading in headings], *rows):
        cells = [row[index].ljust(width) for index, width in zip(used, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
