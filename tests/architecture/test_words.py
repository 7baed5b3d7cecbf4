"""What each file says of itself, and what no file says."""

import ast
import re
from pathlib import Path

CAPTION_LENGTH = 110

# In pieces, so that this file does not name what it forbids.
HOSTS = [r"py" r"pi\.(?:org|python)", r"python" r"hosted\.", r"npm" r"js\.(?:com|org)", r"proxy\.gol" r"ang"]
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.)>:-])/(?:tmp|work|home/[a-z][\w-]*|root/[\w.])(?:/|\b)",
    "the host of a package registry": "|".join(HOSTS),
}


def caption_fault(tree: ast.Module) -> str | None:
    """Return what is wrong with the first line of a module, None if nothing is."""
    text = ast.get_docstring(tree)
    if text is None:
        return "no caption"
    caption, *rest = text.splitlines()
    if rest and rest[0].strip():
        return "the caption is longer than one line"
    if len(caption) > CAPTION_LENGTH or not caption.endswith((".", "?", ":")):
        return f"the caption is no sentence of at most {CAPTION_LENGTH} characters"
    return None


def test_each_module_begins_with_its_caption(modules: dict[str, ast.Module]) -> None:
    faults = {name: caption_fault(tree) for name, tree in modules.items()}
    assert {name: fault for name, fault in faults.items() if fault} == {}


def test_no_file_names_a_machine_or_a_registry(root: Path, files: list[Path]) -> None:
    found = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for what, pattern in FORBIDDEN.items():
            for match in re.finditer(pattern, text):
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{path.relative_to(root)}:{line}: {what}: {match.group()}")
    assert found == []


def test_the_forbidden_words_are_recognised() -> None:
    path, host = FORBIDDEN.values()
    assert re.search(path, "open('/" + "tmp/x')")
    assert re.search(path, "see /" + "work/main")
    assert not re.search(path, "https://example.com/" + "tmp/x")
    assert not re.search(path, "@app.route('/workers')")
    assert re.search(host, "https://py" + "pi.org/simple")
