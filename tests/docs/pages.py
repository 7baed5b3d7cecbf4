"""The pages of the documentation, taken apart: headings, tables and code blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(
    r"^(?P<ticks>`{3,})(?P<language>[\w-]*)[^\n]*\n(?P<text>.*?)^(?P=ticks)[ ]*$", re.MULTILINE | re.DOTALL
)
_FILE = re.compile(r"# (?P<name>[\w./-]+\.(?:py|toml|html))\b")
_HEADING = re.compile(r"^(?P<marks>#+) (?P<title>.+)$", re.MULTILINE)
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page.

    ``file`` is the name in a first line such as ``# hello.py``; ``raises`` is the text block that follows a
    Python block and begins with the name of an exception, which the Python block is to end with.
    """

    page: Path
    line: int
    language: str
    text: str
    raises: str | None = None

    @property
    def file(self) -> str | None:
        """The name of the file that the block shows, if it says so."""
        found = _FILE.match(self.text)
        return found["name"] if found else None

    @property
    def title(self) -> str:
        """Where the block stands, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Return every page: the documentation and the README files."""
    built = DOCS / "_build"
    found = [path for path in sorted(DOCS.rglob("*.md")) if built not in path.parents]
    return [ROOT / "README.md", *found, *sorted(ROOT.glob("plugins/*/README.md"))]


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """Return the fenced blocks of a page, those of one language if it is given."""
    text = page.read_text(encoding="utf-8")
    matches = list(_FENCE.finditer(text))
    found = []
    for match, following in zip_longest(matches, matches[1:]):
        raises = None
        if match["language"] == "python" and following is not None and following["language"] == "text":
            between = text[match.end() : following.start()]
            if not between.strip() and re.match(r"[A-Z]\w+: ", following["text"]):
                raises = following["text"].strip()
        line = text.count("\n", 0, match.start()) + 2
        found.append(Block(page, line, match["language"], match["text"], raises))
    return [block for block in found if language is None or block.language == language]


def sections(page: Path, level: int = 2) -> dict[str, str]:
    """Return the sections of one level of a page by their titles."""
    text = page.read_text(encoding="utf-8")
    plain = _FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)  # a comment in a block is no heading
    headings = [match for match in _HEADING.finditer(plain) if len(match["marks"]) <= level]
    ends = [*(match.start() for match in headings[1:]), len(text)]
    return {
        match["title"].strip(): text[match.end() : end]
        for match, end in zip(headings, ends, strict=True)
        if len(match["marks"]) == level
    }


def table(text: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the tables in a text, without the headings."""
    body = False
    for line in text.splitlines():
        if not line.startswith("|"):
            body = False
        elif set(line) <= set("|- :"):
            body = True
        elif body:
            yield [cell.strip() for cell in _CELL.split(line.strip().strip("|"))]


def code_in(cell: str) -> str:
    """Return the first code span of a table cell."""
    found = re.search(r"`([^`]+)`", cell)
    assert found is not None, f"no code in the cell {cell!r}"
    return found[1]


def pattern(expected: str) -> re.Pattern[str]:
    """Return a pattern for an expected text: ``...`` stands for anything, and columns may be of any width."""
    parts = [re.sub(r"(?:\\ )+", " +", re.escape(part)) for part in re.split(r"\s*\.\.\.\s*", expected)]
    return re.compile(r".*?".join(parts), re.DOTALL)


def commands(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with what it is to print."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        else:
            assert found, f"{block.title}: the block begins with no command"
            found[-1][1].append(line)
    return [(command, "\n".join(lines).strip()) for command, lines in found]
