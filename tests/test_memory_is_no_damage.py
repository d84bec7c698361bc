"""A lack of memory is never told as damage, nor as a wrong key: who catches every exception tells the two apart."""

from __future__ import annotations

import ast
import errno
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from forensics.collectors.access_lists import read_access_list
from forensics.collectors.guard import guard
from forensics.disk import compressed
from forensics.disk.checked_stream import CheckedStream
from forensics.disk.tree import Entry
from forensics.examining import own_failure
from forensics.lack_of_memory import WHY, is_lack_of_memory, pass_on, suppressed
from forensics.registry.hives import open_hive
from forensics.sources.installation import Installation
from forensics.tables.outcome import Outcome
from tests.memory_tree import MemoryTree
from tests.paths import PROJECT

ROOMS = ("chain", "collectors", "disk", "dpapi", "examining", "formats", "history", "hyperv", "registry", "sources")
TELLING = {"pass_on", "how", "kind_of", "is_lack_of_memory", "what_failed", "where"}
"""What a handler of every exception calls, one of them at least."""
OF_ZLIB = zlib.error("Error -4 while decompressing data")


def _catching_all() -> Iterator[tuple[Path, ast.ExceptHandler]]:
    for room in ROOMS:
        for path in sorted((PROJECT / "forensics" / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ExceptHandler) and any(
                    name in ast.unparse(node.type or ast.Name("Exception")).replace("(", " ").replace(",", " ").split()
                    for name in ("Exception", "zlib.error")
                ):
                    yield path, node


def _calls(handler: ast.ExceptHandler) -> set[str]:
    return {
        call.func.id for call in ast.walk(handler) if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    }


def test_who_catches_everything_tells_a_lack_of_memory_apart() -> None:
    catching = list(_catching_all())
    assert len(catching) > 60
    assert [f"{path.name}:{node.lineno}" for path, node in catching if not _calls(node) & TELLING] == []


def test_nobody_suppresses_a_lack_of_memory() -> None:
    found = [
        f"{path.name}: {line.strip()}"
        for room in ROOMS
        for path in sorted((PROJECT / "forensics" / room).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if "suppress(Exception" in line or "suppress(BaseException" in line
    ]
    assert found == []


def _because(cause: BaseException) -> Exception:
    """Return what a library raises instead of it."""
    try:
        try:
            raise cause
        except Exception as error:
            raise ValueError("no sound archive") from error
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (MemoryError(), True),
        (OF_ZLIB, True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (_because(MemoryError()), True),
        (_because(OF_ZLIB), True),
        (zlib.error("Error -3 while decompressing data: invalid block type"), False),
        (ValueError("Error -4 while decompressing data"), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (_because(KeyError("x")), False),
    ],
)
def test_what_a_lack_of_memory_is(error: Exception, is_one: bool) -> None:
    assert is_lack_of_memory(error) is is_one
    if is_one:
        with pytest.raises(MemoryError):
            pass_on(error)
        with pytest.raises(MemoryError), suppressed():
            raise error
    else:
        pass_on(error)
        with suppressed():
            raise error


def test_causes_without_end_are_looked_at_up_to_a_bound() -> None:
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert is_lack_of_memory(first) is False


@pytest.mark.parametrize("error", [MemoryError(), OF_ZLIB], ids=["Python", "zlib"])
def test_unpacking_without_memory_is_no_damage(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def chunks(*_: object) -> Iterator[bytes]:
        raise error
        yield b""

    monkeypatch.setattr(compressed, "_chunks", chunks)
    with pytest.raises(MemoryError):
        compressed.unpack(io.BytesIO(b""), "xz", "disk.vhdx.xz", 1, lambda said: None)


class _NoMemory(io.BytesIO):
    """A stream of whose bytes none can be had for lack of memory."""

    def __init__(self, error: Exception) -> None:
        super().__init__(bytes(1 << 16))
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        raise self._error


@pytest.mark.parametrize("error", [MemoryError(), OF_ZLIB], ids=["Python", "zlib"])
def test_a_chunk_of_an_image_without_memory_is_no_damage(error: Exception) -> None:
    stream = CheckedStream(_NoMemory(error), 1 << 16, 512, "disk.qcow2")
    with pytest.raises(MemoryError):
        stream.read(512)


class _Tree(MemoryTree):
    """A tree whose files cannot be read for lack of memory."""

    def entries(self, folder: Entry | str) -> list[Entry]:
        raise OF_ZLIB

    def open(self, file: Entry | str) -> io.BytesIO:
        raise MemoryError

    def security_descriptor(self, item: Entry | str) -> bytes | None:
        raise MemoryError


def _installation() -> Installation:
    return Installation(1, "disk.dd", _Tree({"Windows/System32/config/SYSTEM": bytes(4096)}), "Windows", "", open_hive)


def test_a_collector_without_memory_says_that_and_never_unreadable() -> None:
    installation = _installation()
    with guard(installation, "a file") as guarded:
        raise MemoryError
    assert guarded.failure == Outcome("not_examined", f"reading failed for lack of memory: {WHY}")
    assert [(row.source_path, row.kind, row.message) for row in installation.problems] == [
        ("a file", "too_much_memory", f"reading failed for lack of memory: {WHY}")
    ]
    with guard(installation, "another") as guarded:
        raise KeyError
    assert guarded.failure == Outcome("unreadable", "reading failed with KeyError")
    assert installation.problems[-1].kind == "unexpected"


def test_places_of_an_installation_without_memory_are_not_examined() -> None:
    installation = _installation()
    path = "Windows/System32/config/SYSTEM"
    told = {
        "listing": installation.listing("Windows").outcome,
        "file": installation.read(path).outcome,
        "hive": installation.hive_outcome("SYSTEM"),
        "access list": Outcome("not_examined", read_access_list(installation, path)[1]),
    }
    assert told == {
        "listing": Outcome("not_examined", f"listing the folder failed for lack of memory: {WHY}"),
        "file": Outcome("not_examined", f"reading it failed for lack of memory: {WHY}"),
        "hive": Outcome("not_examined", f"opening the hive failed for lack of memory: {WHY}"),
        "access list": Outcome("not_examined", f"reading its access list failed for lack of memory: {WHY}"),
    }
    assert {row.kind for row in installation.problems} == {"too_much_memory"}


def test_what_is_said_of_a_source() -> None:
    assert own_failure.where(MemoryError()) == (
        "more memory was needed than there is, or than one source may take: fewer --jobs leave more to each"
    )
    assert own_failure.kind_of(MemoryError()) == own_failure.kind_of(OF_ZLIB) == "too_much_memory"
    assert own_failure.kind_of(KeyError()) == "internal_error"
