"""Every text that tells what to install names an extra that the project has."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.paths import PROJECT

EXTRAS = set(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
WAYS = re.compile(r"(?:keymortem|'\.|\"\.|install \.)\[([a-z0-9, -]+)\]|[Ee]xtras? `([a-z-]+)`|Of \[([a-z-]+)\]")
ROOMS = ("forensics", "docs", "rules", "notebooks", "testdata", "tests", ".ci", ".github")
KINDS = {".py", ".md", ".yaml", ".yml", ".ipynb", ".json", ".j2", ".toml", ""}


def named(text: str) -> list[str]:
    return [name.strip() for found in WAYS.findall(text) for one in found if one for name in one.split(",")]


def texts() -> dict[str, str]:
    below = [path for room in ROOMS for path in (PROJECT / room).rglob("*") if path.suffix in KINDS and path.is_file()]
    files = [*below, *(path for path in PROJECT.iterdir() if path.suffix in KINDS and path.is_file())]
    plain = [path for path in files if "__pycache__" not in path.parts and path.stat().st_size < 1 << 20]
    return {path.relative_to(PROJECT).as_posix(): path.read_text(encoding="utf-8", errors="replace") for path in plain}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pip install 'keymortem[fleet,remote]'", ["fleet", "remote"]),
        ("pip install '.[archives]'", ["archives"]),
        ("the extra `shadow`", ["shadow"]),
        ("# Of [remote], which", ["remote"]),
        ("names[index]", []),
    ],
)
def test_how_an_extra_is_named(text: str, expected: list[str]) -> None:
    assert named(text) == expected


def test_every_extra_that_is_named_exists() -> None:
    found = {file: wrong for file, text in texts().items() if (wrong := set(named(text)) - EXTRAS)}
    assert found == {}


def test_every_extra_of_users_is_in_the_manual() -> None:
    start = (PROJECT / "docs" / "start.md").read_text(encoding="utf-8")
    assert {extra for extra in EXTRAS - {"test"} if f"`{extra}`" not in start and f"[{extra}]" not in start} == set()
