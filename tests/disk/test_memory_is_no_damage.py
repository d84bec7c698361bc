"""A lack of memory is never told as damage, nor as a wrong key: who catches every exception lets that one go by."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from forensics.disk import compressed
from forensics.examining.own_failure import where
from tests.paths import PROJECT

FOLDERS = ("disk", "formats")


def _catching_all() -> Iterator[tuple[Path, ast.Try]]:
    for folder in FOLDERS:
        for path in sorted((PROJECT / "forensics" / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Try) and any(_name(handler) == "Exception" for handler in node.handlers):
                    yield path, node


def _name(handler: ast.ExceptHandler) -> str:
    return ast.unparse(handler.type) if handler.type else ""


def test_who_catches_everything_lets_a_lack_of_memory_go_by() -> None:
    catching = [
        (f"{path.name}:{node.lineno}", [_name(handler) for handler in node.handlers]) for path, node in _catching_all()
    ]
    assert len(catching) > 10
    assert [place for place, names in catching if not any("MemoryError" in name for name in names)] == []


def test_unpacking_without_memory_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def chunks(*_: object) -> Iterator[bytes]:
        raise MemoryError
        yield b""

    monkeypatch.setattr(compressed, "_chunks", chunks)
    with pytest.raises(MemoryError):
        compressed.unpack(io.BytesIO(b""), "xz", "disk.vhdx.xz", 1, lambda said: None)


def test_what_is_said_of_it() -> None:
    assert where(MemoryError()) == (
        "more memory was needed than there is, or than one source may take: fewer --jobs leave more to each"
    )
