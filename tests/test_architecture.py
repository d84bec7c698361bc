"""The page for newcomers is true: every path and module that it names exists, and defines what it names there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.each import each
from tests.paths import PROJECT

PAGE = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGE = PROJECT / "forensics"
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())
# A page may say that there is no utils.py.
NAMED = re.findall(r"`((?!utils)[\w/]+\.py)`\s*(?:\(((?:`\w+`(?:,\s+)?)+)\))?", PAGE)


def _file(path: str) -> Path:
    return PROJECT / path if path.startswith("forensics/") else PACKAGE / path


def _defined(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}


def test_the_page_names_modules() -> None:
    assert len({path for path, _ in NAMED}) >= 50
    assert sum(bool(names) for _, names in NAMED) >= 50


@each("named", sorted(set(NAMED)))
def test_modules_exist_and_define_what_is_said(named: tuple[str, str]) -> None:
    path, names = named
    file = _file(path)
    assert file.is_file()
    assert set(re.findall(r"\w+", names)) - _defined(file) == set()


def test_every_room_is_drawn() -> None:
    drawing = PAGE.split("```")[1]
    assert {room for room in ROOMS if f"{room}/" not in drawing} == set()


def test_folders_named_exist() -> None:
    folders = set(re.findall(r"`((?:[\w]+/)+)`", PAGE))
    assert {folder for folder in folders if not ((PACKAGE / folder).is_dir() or (PROJECT / folder).is_dir())} == set()
    drawn = set(re.findall(r"\b([a-z]\w+)/", PAGE.split("```")[1]))
    assert drawn <= set(ROOMS)


def test_contracts_named_exist() -> None:
    contracts = re.findall(r'^name = "(.*)"$', (PROJECT / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    for name in ("One direction", "Commands call the public API"):
        assert f'"{name}"' in PAGE
        assert name in contracts
