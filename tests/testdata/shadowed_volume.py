"""A small volume with two shadow copies, and what other readers show of each."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from testdata.builder import acl
from testdata.builder.files import FileSpec
from testdata.builder.ntfs import build_ntfs
from testdata.builder.ntfs_changes import change_ntfs
from testdata.builder.shadow_copies import Reserve, ShadowedVolume
from testdata.builder.shadow_store import BLOCK, Shape
from tests.oracles import other_reader

pyfsntfs = other_reader("pyfsntfs", "libfsntfs-python")
pyvshadow = other_reader("pyvshadow", "libvshadow-python")
from dissect.volume.vss import VSS  # noqa: E402

SIZE = 16 << 20
FIRST = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)
SECOND = FIRST + timedelta(days=3, microseconds=7)
STATES = (
    [
        FileSpec("keys/changes twice", b"1" * 100),
        FileSpec("keys/shrinks", bytes(range(250)) * 360),
        FileSpec("gone in the first days", b"3" * 500),
        FileSpec("stays", b"s" * 5000),
    ],
    [
        FileSpec("keys/changes twice", b"7" * 50_000),
        FileSpec("keys/shrinks", b"5" * 5),
        FileSpec("new folder/new", b"4" * 600),
        FileSpec("stays", b"s" * 5000),
    ],
    [
        FileSpec("keys/changes twice", b"8" * 50_000),
        FileSpec("new folder/new", b"4" * 600),
        FileSpec("stays", b"s" * 9000),
        FileSpec("of today", b"n" * 40_000),
    ],
)
SAVED = Reserve(store_size=1 << 20, free_blocks="saved", older_removed=True)
"""Every block of each state is kept, and the bitmaps decide nothing."""
LEFT = Reserve(store_size=1 << 20)
"""As Windows does: what was free is not kept."""
FROM, TO = 900, 950
"""Blocks that no file has."""


@dataclass
class Made:
    """A volume with two copies.

    Attributes:
        path: Its image.
        shadowed: What wrote the copies.
        states: What they show.
    """

    path: Path
    shadowed: ShadowedVolume
    states: list[bytes]

    def beneath(self) -> set[int]:
        """Blocks of catalog and stores, of which a copy shows what the present has."""
        return {offset // BLOCK for area in self.shadowed.areas for offset in area.offsets}

    def differing(self, reader: str, number: int) -> list[int]:
        """Return the blocks of a copy that are not what they were, those of the stores aside."""
        read, were = READERS[reader](self.path, number), self.states[number]
        assert len(read) == len(were)
        blocks = [block for block in range(SIZE // BLOCK) if block_of(read, block) != block_of(were, block)]
        return [block for block in blocks if block not in self.beneath()]


def make(
    path: Path,
    reserve: Reserve = SAVED,
    shape: Shape | None = None,
    first: dict[str, Any] | None = None,
    second: dict[str, Any] | None = None,
    changes: Sequence[Callable[[Path], None]] = (),
) -> Made:
    """Make the volume; ``changes`` come before the first copy, after it, and after the second."""
    build_ntfs(STATES[0], path, SIZE, label="System", default_sd=acl.DEFAULT_SD)
    shadowed = ShadowedVolume(path, reserve=reserve, shape=shape, keep_states=True)
    before, between, after = (*changes, *(nothing,) * 3)[:3]
    before(path)
    kept = [shadowed.copy(FIRST, **(first or {}))]
    change_ntfs(path, STATES[0], STATES[1], default_sd=acl.DEFAULT_SD)
    between(path)
    kept.append(shadowed.copy(SECOND, **(second or {})))
    change_ntfs(path, STATES[1], STATES[2], default_sd=acl.DEFAULT_SD)
    after(path)
    shadowed.finish()
    states = [_with(state.read_bytes(), copy.own_writes) for state, copy in zip(kept, shadowed.stored, strict=True)]
    return Made(path, shadowed, states)


def poke(block: int, content: bytes, within: int = 0) -> Callable[[Path], None]:
    """Return what overwrites a block."""

    def change(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(block * BLOCK + within)
            file.write(content)

    return change


def move(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(FROM * BLOCK)
        content = file.read(BLOCK)
    poke(TO, content)(path)
    poke(FROM, b"n" * BLOCK)(path)


FILL = poke(FROM, b"moves".ljust(BLOCK, b"M"))


def nothing(path: Path) -> None:
    del path


def _with(state: bytes, writes: Any) -> bytes:
    changed = bytearray(state)
    for at, data in writes.items():
        changed[at : at + len(data)] = data
    return bytes(changed)


def block_of(data: bytes, block: int) -> bytes:
    return data[block * BLOCK : (block + 1) * BLOCK]


def libvshadow(path: Path, number: int) -> bytes:
    volume = pyvshadow.volume()
    volume.open(str(path))
    return bytes(volume.get_store(number).read(SIZE + 1))


def dissect(path: Path, number: int) -> bytes:
    with path.open("rb") as file, redirect_stdout(io.StringIO()):  # it prints where it comes to a moved block
        stream = VSS(file).catalog.stores[number].open()
        return bytes(stream.read(SIZE))


READERS = {"libvshadow": libvshadow, "dissect": dissect}


def bit(bits: bytes, block: int) -> bool:
    return bool(bits[block // 8] >> block % 8 & 1)


class _Sized:
    """A copy as the file object that libfsntfs wants."""

    def __init__(self, store: Any, size: int) -> None:
        self.read, self.seek, self.tell = store.read, store.seek, store.tell
        self._size = size

    def get_size(self) -> int:
        return self._size


def files_of(path: Path, number: int | None, size: int = SIZE) -> dict[str, bytes]:
    """Files of a copy, or of the present, as libfsntfs reads them."""
    ntfs = pyfsntfs.volume()
    if number is None:
        ntfs.open(str(path))
    else:
        volume = pyvshadow.volume()
        volume.open(str(path))
        store = _Sized(volume.get_store(number), size)
        ntfs.open_file_object(store)
    found: dict[str, bytes] = {}
    _collect(ntfs.get_root_directory(), "", found)
    return found


def _collect(folder: Any, above: str, found: dict[str, bytes]) -> None:
    for index in range(folder.number_of_sub_file_entries):
        entry = folder.get_sub_file_entry(index)
        if entry.name.startswith("$"):
            continue
        if entry.has_directory_entries_index():
            _collect(entry, f"{above}{entry.name}/", found)
        else:
            found[above + entry.name] = entry.read_buffer(entry.size) if entry.size else b""
