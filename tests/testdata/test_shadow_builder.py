"""Shadow copies that the builder writes show each state of the volume again, in libvshadow and in dissect.volume.

Where only one of the two is asked, the other goes wrong (libvshadow 20260714, dissect.volume 3.18):

- libvshadow reads no copy whose two entries of the catalog stand apart;
- dissect takes the bitmaps the other way round and reads zeros of what is in use and was not changed, of the copies of
  Windows too; it agrees where the bitmaps decide nothing (``free_blocks="saved"`` after ``older_removed``);
- dissect ends a list of blocks, and the catalog, at the first empty entry, in whichever block of the chain that is;
- dissect finds no block that moved, and was copied after all when the other place was overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dissect.hypervisor.disk.qcow2 import QCow2

from testdata.builder import acl
from testdata.builder.files import FileSpec
from testdata.builder.ntfs import build_ntfs, unavailable
from testdata.builder.ntfs_changes import change_ntfs
from testdata.builder.shadow_copies import FOLDER, Reserve, ShadowedVolume
from testdata.builder.shadow_store import BLOCK, IDENTIFIER, Shape, StoreError
from tests.benchmarks.shadow_copies import make_copies
from tests.oracles import needs_shared
from tests.paths import REALDATA
from tests.testdata.shadowed_volume import (
    FILL,
    FIRST,
    FROM,
    LEFT,
    SAVED,
    SECOND,
    SIZE,
    STATES,
    TO,
    bit,
    block_of,
    files_of,
    libvshadow,
    make,
    move,
    nothing,
    poke,
    pyfsntfs,
    pyvshadow,
)

_reason = unavailable()
pytestmark = pytest.mark.skipif(_reason is not None, reason=f"needs mkntfs (Debian package ntfs-3g): {_reason}")

# 155534 and 155537 days since 1601 and two hours, in 100 ns.
FILETIMES = [134_381_448_000_000_000, 134_384_040_000_000_070]
BOTH = "libvshadow", "dissect"
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
    "block 0 changed": ({"changes": [nothing, poke(0, b"boot code", 0x100)]}, BOTH),
    "blocks saved unchanged": ({"first": {"also": (0, 2)}, "second": {"also": (2, 3)}}, BOTH),
    "own writes, older": ({"first": {"own_writes": WRITES}}, BOTH),
    "own writes, newer": ({"second": {"own_writes": WRITES}}, BOTH),
    "own writes on changed blocks": (
        {"first": {"own_writes": {BLOCK + 512: b"o" * 512}}, "second": {"own_writes": {BLOCK: b"z" * 512}}},
        BOTH,
    ),
    "moved, older": ({"first": {"moved": {FROM: TO}}, "changes": [FILL, move]}, BOTH),
    "moved, newer": ({"second": {"moved": {FROM: TO}}, "changes": [FILL, nothing, move]}, BOTH),
    "moved, then saved by the newer copy": (
        {"first": {"moved": {FROM: TO}}, "changes": [FILL, move, poke(TO, b"X" * BLOCK)]},
        BOTH,
    ),
    "moved and overwritten, older": (
        {"first": {"moved_on": {FROM: TO}}, "changes": [FILL, poke(FROM, b"n" * BLOCK)]},
        ["libvshadow"],
    ),
    "moved and overwritten, newer": (
        {"second": {"moved_on": {FROM: TO}}, "changes": [FILL, nothing, poke(FROM, b"n" * BLOCK)]},
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
        assert [block for block in lost if not bit(copy.free, block)] == []
    needless = {block for block in range(SIZE // BLOCK) if bit(newer.free, block) and bit(newer.free_before, block)}
    shown = libvshadow(made.path, 1)
    assert not any(any(block_of(shown, block)) for block in needless - newer.saved.keys() - made.beneath())
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
    assert [bit(copy.free, block) for copy in (older, newer)] == [False, True]
    assert [block in copy.saved for copy in (older, newer)] == [False, True]
    assert files_of(path, 0)["gone between"] == gone.data
    assert "gone between" not in files_of(path, 1)


@pytest.mark.parametrize("reserve", [SAVED, LEFT], ids=["saved", "left"])
def test_libfsntfs_lists_the_files_of_each_state(reserve: Reserve, tmp_path: Path) -> None:
    made = make(tmp_path / "volume", reserve)
    found = [files_of(made.path, number) for number in (0, 1, None)]
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
    found = [files_of(made.path, number) for number in (0, 1, None)]
    assert [sum(path.startswith(FOLDER) for path in files) for files in found] == [0, 0, 3]
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


@needs_shared(REALDATA / "shadow-copies")
def test_the_structures_have_the_form_that_windows_7_gave_them(tmp_path: Path) -> None:
    with QCow2(REALDATA / "shadow-copies" / "vsstest.qcow2").open() as file:
        windows = _constants(lambda at, size: (file.seek(at), file.read(size))[1])
    made = make(tmp_path / "volume", LEFT, Shape(since_windows_8=False, machine="infinity"))
    data = made.path.read_bytes()
    assert _constants(lambda at, size: data[at : at + size]) == windows


def _constants(read: Callable[[int, int], bytes]) -> list[Any]:
    """Of header, catalog and both stores, what depends on no place, size, time or identifier."""
    header = read(0x1E00, 512)
    catalog = read(int.from_bytes(header[48:56], "little"), BLOCK)
    entries = [catalog[at : at + 128] for at in range(128, 5 * 128, 128)]
    found = [header[:48], header[56:64], header[64:80] == header[80:96], header[96:]]
    found += [catalog[:32], catalog[48:128], catalog[5 * 128 :]]
    for entry in entries:
        kind = entry[0]
        found += [kind, entry[32:48], entry[56:]] if kind == 2 else [kind, entry[64:72], any(entry[72:80])]
        if kind == 3:
            places = [int.from_bytes(entry[at : at + 8], "little") for at in (32, 8, 40)]
            for place in places:
                head = read(place, BLOCK)
                found += [head[:32], head[40:128]]
            store = read(places[0], BLOCK)
            found += [store[128:144], store[176:512]]
    return found


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
        assert content == b"".join(block_of(data, offset // BLOCK) for offset in area.offsets)
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
    assert files_of(tmp_path / "volume", 0).keys() - {spec.path for spec in STATES[0]} != set()


def test_bitmaps_of_more_than_one_block(tmp_path: Path) -> None:
    path, size = tmp_path / "large", 5 << 30
    build_ntfs(STATES[0], path, size, default_sd=acl.DEFAULT_SD)
    shadowed = ShadowedVolume(path)
    shadowed.copy(FIRST)
    change_ntfs(path, STATES[0], STATES[1], default_sd=acl.DEFAULT_SD)
    shadowed.finish()
    assert len(shadowed.stored[0].free) > 2 * (BLOCK - 128)
    assert {spec.path: spec.data for spec in STATES[0]}.items() <= files_of(path, 0, size).items()
    far = size // BLOCK - 10
    assert bit(shadowed.stored[0].free, far)


def test_the_copies_of_a_benchmark(tmp_path: Path) -> None:
    filler = [FileSpec(f"filler/{number:03}", b"number %03d" % number) for number in range(90)]
    keys = [FileSpec(f"keys/{number}", b"key %d" % number) for number in range(4)]
    path = tmp_path / "volume"
    build_ntfs([*filler, *keys], path, SIZE, default_sd=acl.DEFAULT_SD)
    busy, gone = [filler[number : number + 30] for number in (0, 30, 60)], [[key] for key in keys[:3]]
    copies = make_copies(path, busy, gone, log_size=1 << 16, store_size=1 << 20)
    assert [copy.created.day for copy in copies] == [1, 8, 15]
    found = [files_of(path, number) for number in (0, 1, 2, None)]
    assert [sorted(name for name in files if name.startswith("keys/")) for files in found] == [
        [f"keys/{number}" for number in range(first, 4)] for first in range(4)
    ]
    assert [files["filler/040"] for files in found] == [b"number 040", b"number 040", b"040 rebmun", b"040 rebmun"]
    assert [len(files.get("Windows/Temp/service.log", b"")) > 60_000 for files in found] == [False, True, True, True]


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
