"""Shadow copies that the builder writes show each state of the volume again, in libvshadow and in dissect.volume.

Where only one of the two is asked, the other goes wrong (libvshadow 20260714, dissect.volume 3.18):

- libvshadow reads no copy whose two entries of the catalog stand apart;
- dissect takes the bitmaps the other way round and reads zeros of what is in use and was not changed, of the copies of
  Windows too; it agrees where the bitmaps decide nothing (``free_blocks="saved"`` after ``older_removed``);
- dissect ends a list of blocks, and the catalog, at the first empty entry, in whichever block of the chain that is;
- dissect finds no block that moved, and was copied after all when the other place was overwritten.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from testdata.builder import acl
from testdata.builder.files import FileSpec
from testdata.builder.ntfs import build_ntfs, unavailable
from testdata.builder.ntfs_changes import change_ntfs
from testdata.builder.shadow_copies import FOLDER, Reserve, ShadowedVolume
from testdata.builder.shadow_store import BLOCK, IDENTIFIER, Shape, StoreError
from tests.oracles import other_reader

pyfsntfs = other_reader("pyfsntfs", "libfsntfs-python")
pyvshadow = other_reader("pyvshadow", "libvshadow-python")
from dissect.volume.vss import VSS  # noqa: E402

_reason = unavailable()
pytestmark = pytest.mark.skipif(_reason is not None, reason=f"needs mkntfs (Debian package ntfs-3g): {_reason}")

SIZE = 16 << 20
FIRST = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)
SECOND = FIRST + timedelta(days=3, microseconds=7)
# 155534 and 155537 days since 1601 and two hours, in 100 ns.
FILETIMES = [134_381_448_000_000_000, 134_384_040_000_000_070]
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
BOTH = "libvshadow", "dissect"
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
        blocks = [block for block in range(SIZE // BLOCK) if _block(read, block) != _block(were, block)]
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
    before, between, after = (*changes, *(_nothing,) * 3)[:3]
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


def _nothing(path: Path) -> None:
    del path


def _with(state: bytes, writes: Any) -> bytes:
    changed = bytearray(state)
    for at, data in writes.items():
        changed[at : at + len(data)] = data
    return bytes(changed)


def _block(data: bytes, block: int) -> bytes:
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

WRITES = {970 * BLOCK + 512: b"o" * 512, 970 * BLOCK + 2048: b"p" * 1024, 972 * BLOCK - 512: b"q" * 1024}
CASES: dict[str, tuple[dict[str, Any], Sequence[str]]] = {
    "plain": ({}, BOTH),
    "newest first": ({"shape": Shape(newest_first=True)}, BOTH),
    "unused entries between": ({"shape": Shape(unused_entries=2)}, BOTH),
    "entries apart": ({"shape": Shape(entries_apart=True, newest_first=True)}, ["dissect"]),
    "a catalog of partly filled blocks": ({"shape": Shape(entries_a_block=1)}, ["libvshadow"]),
    "a list of partly filled blocks": ({"shape": Shape(descriptors_a_block=3)}, ["libvshadow"]),
    "unused descriptors between": ({"shape": Shape(unused_descriptors=True)}, BOTH),
    "before Windows 8": ({"shape": Shape(since_windows_8=False)}, BOTH),
    "stores in pieces": ({"reserve": replace(SAVED, pieces=3)}, BOTH),
    "stores made last": ({"reserve": replace(SAVED, when="last")}, BOTH),
    "block 0 changed": ({"changes": [_nothing, poke(0, b"boot code", 0x100)]}, BOTH),
    "blocks saved unchanged": ({"first": {"also": (0, 2)}, "second": {"also": (2, 3)}}, BOTH),
    "own writes, older": ({"first": {"own_writes": WRITES}}, BOTH),
    "own writes, newer": ({"second": {"own_writes": WRITES}}, BOTH),
    "own writes on changed blocks": (
        {"first": {"own_writes": {BLOCK + 512: b"o" * 512}}, "second": {"own_writes": {BLOCK: b"z" * 512}}},
        BOTH,
    ),
    "moved, older": ({"first": {"moved": {FROM: TO}}, "changes": [FILL, move]}, BOTH),
    "moved, newer": ({"second": {"moved": {FROM: TO}}, "changes": [FILL, _nothing, move]}, BOTH),
    "moved, then saved by the newer copy": (
        {"first": {"moved": {FROM: TO}}, "changes": [FILL, move, poke(TO, b"X" * BLOCK)]},
        BOTH,
    ),
    "moved and overwritten, older": (
        {"first": {"moved_on": {FROM: TO}}, "changes": [FILL, poke(FROM, b"n" * BLOCK)]},
        ["libvshadow"],
    ),
    "moved and overwritten, newer": (
        {"second": {"moved_on": {FROM: TO}}, "changes": [FILL, _nothing, poke(FROM, b"n" * BLOCK)]},
        ["libvshadow"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_copy_is_the_volume_of_then(case: str, tmp_path: Path) -> None:
    options, readers = CASES[case]
    made = make(tmp_path / "volume", **options)
    assert [(reader, number, made.differing(reader, number)) for reader in readers for number in (0, 1)] == [
        (reader, number, []) for reader in readers for number in (0, 1)
    ]


@pytest.mark.parametrize("when", ["before", "last"])
def test_what_files_had_in_use_is_kept_without_what_was_free(when: Any, tmp_path: Path) -> None:
    made = make(tmp_path / "volume", replace(LEFT, when=when))
    older, newer = made.shadowed.stored
    assert older.free_before is None
    assert newer.free_before is not None
    for number, copy in enumerate((older, newer)):
        lost = made.differing("libvshadow", number)
        assert [block for block in lost if not _bit(copy.free, block)] == []
    needless = {block for block in range(SIZE // BLOCK) if _bit(newer.free, block) and _bit(newer.free_before, block)}
    shown = libvshadow(made.path, 1)
    assert not any(any(_block(shown, block)) for block in needless - newer.saved.keys() - made.beneath())
    assert set(older.saved) & set(newer.saved), "both saved some block, each as it was"


def test_a_block_that_was_free_in_the_newer_copy_is_saved_there_for_the_older_one(tmp_path: Path) -> None:
    gone = FileSpec("gone between", bytes(range(256)) * 256)
    path = tmp_path / "volume"
    build_ntfs([gone], path, SIZE)
    block = path.read_bytes().index(bytes(range(256)) * 64) // BLOCK + 1
    shadowed = ShadowedVolume(path, reserve=LEFT)
    shadowed.copy(FIRST)
    change_ntfs(path, [gone], [])
    shadowed.copy(SECOND)
    poke(block, b"the place of what is gone")(path)
    shadowed.finish()
    older, newer = shadowed.stored
    assert [_bit(copy.free, block) for copy in (older, newer)] == [False, True]
    assert [block in copy.saved for copy in (older, newer)] == [False, True]
    assert _files(path, 0)["gone between"] == gone.data
    assert "gone between" not in _files(path, 1)


@pytest.mark.parametrize("reserve", [SAVED, LEFT], ids=["saved", "left"])
def test_libfsntfs_lists_the_files_of_each_state(reserve: Reserve, tmp_path: Path) -> None:
    made = make(tmp_path / "volume", reserve)
    found = [_files(made.path, number) for number in (0, 1, None)]
    stores = [f"{FOLDER}/{{{copy.identifier}}}{{{IDENTIFIER}}}" for copy in made.shadowed.stored]
    catalog = f"{FOLDER}/{{{IDENTIFIER}}}"
    for number, files in enumerate(found):
        beneath = {path for path in files if path.startswith(FOLDER)}
        assert beneath == {catalog, *stores[: number + 1]}, "a copy shows its own store and those before it"
        assert {path: files[path] for path in files.keys() - beneath} == {
            spec.path: spec.data for spec in STATES[number]
        }


def test_no_copy_shows_stores_that_were_made_last(tmp_path: Path) -> None:
    made = make(tmp_path / "volume", replace(LEFT, when="last"))
    assert [sum(path.startswith(FOLDER) for path in _files(made.path, number)) for number in (0, 1, None)] == [0, 0, 3]
    assert IDENTIFIER.bytes_le in libvshadow_sector(made.path, None)
    assert libvshadow_sector(made.path, 0) == libvshadow_sector(made.path, 1) == bytes(512)


def libvshadow_sector(path: Path, number: int | None) -> bytes:
    data = path.read_bytes() if number is None else libvshadow(path, number)
    return data[0x1E00:0x2000]


def test_what_libvshadow_tells_of_the_copies(tmp_path: Path) -> None:
    made = make(tmp_path / "volume")
    volume = pyvshadow.volume()
    volume.open(str(made.path))
    stores = [volume.get_store(number) for number in range(volume.number_of_stores)]
    assert [store.get_creation_time_as_integer() for store in stores] == FILETIMES
    assert [store.volume_size for store in stores] == [SIZE, SIZE]
    stored = made.shadowed.stored
    assert [store.identifier for store in stores] == [str(copy.identifier) for copy in stored]
    assert [store.copy_identifier for store in stores] == [str(copy.copy) for copy in stored]
    assert [store.copy_set_identifier for store in stores] == [str(copy.copy_set) for copy in stored]
    assert [copy.identifier.version for copy in stored] == [1, 1]


def test_the_files_of_the_present_are_where_the_catalog_says(tmp_path: Path) -> None:
    made = make(tmp_path / "volume", replace(SAVED, pieces=2))
    data = made.path.read_bytes()
    volume = pyfsntfs.volume()
    volume.open(str(made.path))
    folder = volume.get_file_entry_by_path(f"\\{FOLDER}")
    entries = [folder.get_sub_file_entry(index) for index in range(folder.number_of_sub_file_entries)]
    assert [entry.file_attribute_flags & 0x26 for entry in entries] == [0x26] * 3
    assert [entry.number_of_extents for entry in entries] == [1, 2, 2]
    for entry, area in zip(entries, made.shadowed.areas, strict=True):
        assert entry.file_reference == area.reference
        content = entry.read_buffer(entry.size)
        assert content == b"".join(_block(data, offset // BLOCK) for offset in area.offsets)
        assert content.startswith(IDENTIFIER.bytes_le)
    assert bytes(data[0x1E00 + 48 : 0x1E00 + 56]) == made.shadowed.areas[0].offsets[0].to_bytes(8, "little")


def test_the_same_calls_write_the_same_bytes(tmp_path: Path) -> None:
    first, second = (make(tmp_path / name) for name in ("first", "second"))
    assert first.path.read_bytes() == second.path.read_bytes()


def test_states_are_kept_only_on_demand(tmp_path: Path) -> None:
    build_ntfs(STATES[0], tmp_path / "volume", SIZE)
    shadowed = ShadowedVolume(tmp_path / "volume", reserve=LEFT)
    shadowed.copy(FIRST)
    shadowed.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["volume"]
    assert _files(tmp_path / "volume", 0).keys() - {spec.path for spec in STATES[0]} != set()


def test_bitmaps_of_more_than_one_block(tmp_path: Path) -> None:
    path, size = tmp_path / "large", 5 << 30
    build_ntfs(STATES[0], path, size, default_sd=acl.DEFAULT_SD)
    shadowed = ShadowedVolume(path)
    shadowed.copy(FIRST)
    change_ntfs(path, STATES[0], STATES[1], default_sd=acl.DEFAULT_SD)
    shadowed.finish()
    assert len(shadowed.stored[0].free) > 2 * (BLOCK - 128)
    assert {spec.path: spec.data for spec in STATES[0]}.items() <= _files(path, 0, size).items()
    far = size // BLOCK - 10
    assert _bit(shadowed.stored[0].free, far)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reserve": replace(SAVED, store_size=8 * BLOCK)}, "8 blocks are too few"),
        ({"first": {"moved": {FROM: TO}}, "changes": [FILL, FILL]}, "did not move"),
        ({"first": {"own_writes": {100: b"x" * 512}}}, "no whole sectors"),
        ({"shape": Shape(entries_a_block=1, unused_entries=2)}, "do not go into 4 blocks"),
        ({"reserve": replace(SAVED, store_size=8 << 20)}, "no room for 512 blocks"),
    ],
    ids=["too small", "not moved", "part of a sector", "catalog too small", "no room"],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=message):
        make(tmp_path / "volume", **options)


def test_nothing_else_may_write_into_a_store(tmp_path: Path) -> None:
    build_ntfs(STATES[0], tmp_path / "volume", SIZE)
    shadowed = ShadowedVolume(tmp_path / "volume", reserve=LEFT)
    shadowed.copy(FIRST)
    poke(shadowed.areas[1].offsets[5] // BLOCK, b"x")(tmp_path / "volume")
    with pytest.raises(StoreError, match="into the store of a copy"):
        shadowed.finish()


def test_copies_are_made_in_the_order_of_their_times(tmp_path: Path) -> None:
    build_ntfs(STATES[0], tmp_path / "volume", SIZE)
    shadowed = ShadowedVolume(tmp_path / "volume", reserve=LEFT)
    shadowed.copy(SECOND)
    with pytest.raises(StoreError, match="one after the other"):
        shadowed.copy(FIRST)


def _bit(bits: bytes, block: int) -> bool:
    return bool(bits[block // 8] >> block % 8 & 1)


class _Sized:
    """A copy as the file object that libfsntfs wants."""

    def __init__(self, store: Any, size: int) -> None:
        self.read, self.seek, self.tell = store.read, store.seek, store.tell
        self._size = size

    def get_size(self) -> int:
        return self._size


def _files(path: Path, number: int | None, size: int = SIZE) -> dict[str, bytes]:
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
