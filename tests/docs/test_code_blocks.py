"""Every block of code in the documentation and the README files does what the page says."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from trivet.plugins import read_project

from .pages import ROOT, Block, blocks, pages, pattern
from .servers import environment

WITH_PYTHON = [page for page in pages() if blocks(page, "python")]
TOML = [block for page in pages() for block in blocks(page, "toml")]


def as_data(block: Block) -> dict[str, object]:
    """Return what the process that runs a block has to know of it."""
    raises = pattern(block.raises).pattern if block.raises is not None else None
    data = {"title": block.title, "line": block.line, "text": block.text, "file": block.file, "raises": raises}
    return dict(data)


@pytest.mark.parametrize("page", WITH_PYTHON, ids=[str(page.relative_to(ROOT)) for page in WITH_PYTHON])
def test_the_python_blocks_of_a_page_run_in_a_fresh_process(page: Path, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()  # here the search for a configuration file ends
    for block in blocks(page):
        if block.file is not None:
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(Path(__file__).with_name("run_blocks.py"))],
        input=json.dumps([as_data(block) for block in blocks(page, "python")]),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


@pytest.mark.parametrize("block", TOML, ids=[block.title for block in TOML])
def test_a_toml_block_is_a_configuration_that_trivet_reads(block: Block, tmp_path: Path) -> None:
    data = tomllib.loads(block.text)
    name = "pyproject.toml" if "tool" in data or "project" in data else "trivet.toml"
    path = tmp_path / name
    path.write_text(block.text, encoding="utf-8")
    project = read_project(path)
    table = data.get("tool", {}).get("trivet", {}) if name == "pyproject.toml" else data
    assert project.app == table.get("app")
    assert set(project.tables) == set(table) - {"app", "plugins", "disable", "config"}
