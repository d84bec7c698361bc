"""No bound is added in silence: each says what it counts and what happens beyond, and stands in docs/limits.md."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.bounds import HEADING, PAGE, Bound, bounds, render
from tests.paths import PROJECT

# Where a cut of what was found would be one of evidence; elsewhere bytes are taken apart.
ROOMS = ("attestation", "chain", "collectors", "hyperv", "sources")


def test_the_page_lists_every_bound() -> None:
    _, heading, section = PAGE.read_text(encoding="utf-8").partition(HEADING)
    assert heading + section == render(), "run: make docs"


def test_every_bound_says_of_what_kind_it_is() -> None:
    silent = [f"{bound.module}: {bound.name}" for bound in bounds() if bound.kind is None or not bound.text]
    assert silent == [], "a docstring under it: 'Evidence: ...', 'Format: ...', 'Display: ...' or 'Work: ...'"


def test_a_bound_is_found_by_its_name_or_by_its_docstring(tmp_path: Path) -> None:
    package = tmp_path / "pretended"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "one.py").write_text(
        "_MAX_SILENT = 1 << 20\n"
        "MOST_A, MOST_B = 1, 2\n"
        '"""Evidence: two at once."""\n'
        "PORT = 80\n"
        "FEW = 3\n"
        '"""Work: things."""\n'
        "MAX_SIZE = 3 << 20\n"
        '"""Evidence: bytes of a\nfile."""\n'
    )
    import sys

    sys.path.insert(0, str(tmp_path))
    try:
        found = bounds(package)
    finally:
        sys.path.remove(str(tmp_path))
    assert found == [
        Bound("one.py", "_MAX_SILENT", 1 << 20, None, ""),
        Bound("one.py", "MOST_A", 1, None, ""),
        Bound("one.py", "MOST_B", 2, None, ""),
        Bound("one.py", "FEW", 3, "Work", "things."),
        Bound("one.py", "MAX_SIZE", 3 << 20, "Evidence", "bytes of a file."),
    ]
    assert [bound.shown for bound in found] == ["1,048,576", "1", "2", "3", "3 MiB"]


def test_nothing_is_cut_at_a_number_that_has_no_name() -> None:
    found = []
    for room in ROOMS:
        for path in sorted((PROJECT / "forensics" / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Slice) and node.lower is None and _number(node.upper) >= 20:
                    found.append(f"{path.relative_to(PROJECT)}:{node.lineno}")
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "islice" and _number(node.args[-1]):
                    found.append(f"{path.relative_to(PROJECT)}:{node.lineno}")
    assert found == []


def _number(node: ast.expr | None) -> int:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int) else 0
