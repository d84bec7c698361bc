"""What is unpacked leaves room for everybody else, also where a hole takes as much room as any other bytes."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from forensics.disk import temporary
from forensics.disk.temporary import Room, keeps_holes
from forensics.sources.archive_tree import fill

MIB = 1 << 20
RESERVE = 512 * MIB


def have(monkeypatch: pytest.MonkeyPatch, free: int, holes: bool) -> None:
    """Have so many bytes free, all of which are taken when it is asked for again."""
    left = iter([free])
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=next(left, RESERVE)))
    monkeypatch.setattr(temporary, "keeps_holes", lambda folder: holes)


@pytest.mark.parametrize("take", [Room.take, Room.skip], ids=["bytes", "holes"])
@pytest.mark.parametrize("size", [MIB, 300 * MIB], ids=["small", "larger than what is asked for at once"])
def test_half_a_gibibyte_stays_free(
    take: Callable[[Room, int], None], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    have(monkeypatch, RESERVE + size, holes=False)
    take(Room(), size)
    have(monkeypatch, RESERVE + size - 1, holes=False)
    with pytest.raises(OSError, match="no room") as raised:
        take(Room(), size)
    assert raised.value.errno == errno.ENOSPC


def test_a_hole_takes_no_room_where_holes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    have(monkeypatch, RESERVE, holes=True)
    room = Room()
    room.skip(MIB)
    with pytest.raises(OSError, match="no room"):
        room.take(1)


@pytest.mark.parametrize(
    "extents",
    [None, [(2 * MIB, MIB)], [(0, MIB), (3 * MIB, MIB)], []],
    ids=["zeros", "before", "between", "nothing but a hole"],
)
def test_a_member_with_holes_takes_its_whole_size_where_none_are_kept(
    extents: list[tuple[int, int]] | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    size = 4 * MIB
    content = bytearray(size)
    for start, length in extents or [(MIB, 5)]:
        content[start : start + length] = b"x" * length

    def unpack() -> bytes:
        with (tmp_path / "member").open("w+b") as target:
            fill(io.BytesIO(content), target, size, extents, lambda done: None)
            target.seek(0)
            return target.read()

    have(monkeypatch, RESERVE + size, holes=False)
    assert unpack() == (bytes(content) if extents != [] else bytes(size))
    have(monkeypatch, RESERVE + size - 1, holes=False)
    with pytest.raises(OSError, match="no room"):
        unpack()


def test_a_file_system_without_blocks_keeps_no_holes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So it is on Windows, where a file has to be declared sparse, and nothing tells how many blocks it has."""
    monkeypatch.setattr(temporary, "os", SimpleNamespace(fstat=lambda number: object()))
    assert not keeps_holes(str(tmp_path))


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no holes in temporary files")
def test_holes_are_found_by_trying(tmp_path: Path) -> None:
    with tempfile.TemporaryFile(dir=tmp_path) as file:
        file.truncate(64 * MIB)
        is_sparse = os.fstat(file.fileno()).st_blocks == 0
    assert keeps_holes(str(tmp_path)) == is_sparse
