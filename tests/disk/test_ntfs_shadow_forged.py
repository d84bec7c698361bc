"""Shadow copies on forged volumes: every shape of catalogs, lists and stores, against the states that were copied."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from forensics.disk.ntfs.names import NUMBER
from forensics.disk.ntfs.shadow_tree import ShadowTree
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.tree import NameMark, NotFound, Unreadable, WantedNames
from testdata.builder import acl
from testdata.builder.files import FileSpec
from testdata.builder.ntfs import build_ntfs, unavailable
from testdata.builder.ntfs_changes import change_ntfs
from testdata.builder.shadow_copies import ShadowedVolume
from testdata.builder.shadow_store import BLOCK, Shape
from tests.testdata.shadowed_volume import FIRST, LEFT, SAVED, SECOND, SIZE, STATES, Made, bit, block_of, make
from tests.testdata.test_shadow_builder import CASES

_reason = unavailable()
pytestmark = pytest.mark.skipif(_reason is not None, reason=f"needs mkntfs (Debian package ntfs-3g): {_reason}")
NAMES = ("changes twice", "shrinks", "gone in the first days", "new folder", "new", "stays", "of today")
FILES = WantedNames(
    re.compile("|".join(NAMES)),
    tuple(NameMark(re.compile(re.escape(name.encode("utf-16-le"))), 0, 2 * len(name)) for name in NAMES),
)

NUMBERED = WantedNames(re.compile(r"\d{3}"), (NameMark(re.compile(rb"(?:\d\0){3}"), 0, 6),))


def opened(path: Path) -> NtfsTree:
    file = path.open("rb")
    return NtfsTree(VolumeReader(file, 0, SIZE), file.read(512))


def copies_of(made: Made) -> tuple[NtfsTree, list[ShadowTree]]:
    """Return the volume, and what its copies show, the older first."""
    present = opened(made.path)
    listed = present.shadow_copies()
    assert [copy.created for copy in listed] == [SECOND, FIRST]
    assert [copy.identifier for copy in listed] == [str(copy.identifier) for copy in made.shadowed.stored[::-1]]
    trees = [copy.open() for copy in listed[::-1]]
    assert all(isinstance(tree, ShadowTree) for tree in trees)
    return present, trees  # type: ignore[return-value]


def _is_as_it_was(made: Made, number: int, tree: ShadowTree) -> None:
    read, were = tree.volume.reader.read_at(0, SIZE), made.states[number]
    differ = {block for block in range(SIZE // BLOCK) if block_of(read, block) != block_of(were, block)}
    free = made.shadowed.stored[number].free
    assert {block for block in differ - made.beneath() if not bit(free, block)} == set()


def _leaves_out_only_what_is_the_same(present: NtfsTree, tree: ShadowTree) -> None:
    parts = tree._changed()
    assert parts is not None
    size = tree.volume.record_size
    for number in range(tree.volume.mft_size // size):
        if not any(start <= number * size < end for start, end in parts):
            assert tree.volume.raw_record(number) in (present.volume.raw_record(number), bytes(size))
    whole = {path for path in tree.paths_named(FILES, ()) if path is not None}
    changed = {path for path in tree.changed_paths_named(FILES, ()) if path is not None}
    assert changed <= whole
    assert {path for path in whole - changed if not tree.is_unchanged(path)} == set()


@pytest.mark.parametrize("case", CASES)
def test_each_copy_is_the_volume_of_then(case: str, tmp_path: Path) -> None:
    made = make(tmp_path / "volume", **CASES[case][0])
    present, trees = copies_of(made)
    for number, tree in enumerate(trees):
        _is_as_it_was(made, number, tree)
        _leaves_out_only_what_is_the_same(present, tree)


def test_the_files_of_then(tmp_path: Path) -> None:
    present, trees = copies_of(make(tmp_path / "volume", LEFT, Shape(newest_first=True, entries_apart=True)))
    for tree, state in zip([*trees, present], STATES, strict=True):
        for spec in state:
            assert tree.open(spec.path).read() == spec.data
    older, newer = trees
    with pytest.raises(NotFound):
        older.open("new folder/new")
    with pytest.raises(NotFound):
        newer.open("gone in the first days")
    assert newer.is_unchanged("new folder/new")
    assert not newer.is_unchanged("keys/changes twice")
    assert not older.is_unchanged("keys/changes twice")
    assert [tree.shadow_copies() for tree in trees] == [(), ()]


def test_a_record_that_only_a_newer_copy_saved_is_searched_in_the_older_one(tmp_path: Path) -> None:
    # What the older one shows of most records, the newer one's store has: they changed after that was made.
    files = [FileSpec(f"f/{number:03d}", b"x") for number in range(300)]
    path = tmp_path / "volume"
    build_ntfs(files, path, SIZE, default_sd=acl.DEFAULT_SD)
    shadowed = ShadowedVolume(path, reserve=LEFT)
    shadowed.copy(FIRST)
    shadowed.copy(SECOND)
    change_ntfs(path, files, [spec for spec in files if spec.path != "f/150"], default_sd=acl.DEFAULT_SD)
    shadowed.finish()
    older, newer = shadowed.stored
    present = opened(path)
    for copy in present.shadow_copies():
        tree = copy.open()
        assert isinstance(tree, ShadowTree)
        handle = tree.entry("f/150").handle
        assert isinstance(handle, int)
        block = (tree.volume.place_of(handle & 0xFFFFFFFFFFFF) or 0) // BLOCK
        assert (block in older.saved, block in newer.saved) == (False, True)
        found = sorted(str(each) for each in tree.changed_paths_named(NUMBERED, ()))
        assert "f/150" in found
        assert len(found) < 100


def test_content_that_was_written_over_in_place_is_searched_too(tmp_path: Path) -> None:
    # Its record and those around it are as they were; what a copy saved is a cluster of the content.
    files = [FileSpec(f"f/{number:03d}", bytes([number]) * 5000) for number in range(200)]
    path = tmp_path / "volume"
    build_ntfs(files, path, SIZE, default_sd=acl.DEFAULT_SD)
    shadowed = ShadowedVolume(path, reserve=LEFT)
    for created in (FIRST, SECOND):
        shadowed.copy(created)
    place = path.read_bytes().index(files[150].data or b"")
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"n" * 5000)
    shadowed.finish()
    present = opened(path)
    for copy in present.shadow_copies():
        tree = copy.open()
        assert isinstance(tree, ShadowTree)
        handle = tree.entry("f/150").handle
        assert isinstance(handle, int)
        assert tree.volume.raw_record(handle & NUMBER) == present.volume.raw_record(handle & NUMBER)
        parts = tree._changed() or []
        assert not any(start <= (handle & NUMBER) * 1024 < end for start, end in parts)
        found = {str(each) for each in tree.changed_paths_named(NUMBERED, ())}
        # A block has the content of four files at most.
        assert {each for each in found if not tree.is_unchanged(each)} == {"f/150"}
        assert len(found) < 60
        assert tree.open("f/150").read() == files[150].data


def test_a_hostile_list_never_hangs_nor_passes(tmp_path: Path) -> None:
    made = make(tmp_path / "volume", SAVED)
    data = bytearray(made.path.read_bytes())
    for copy in made.shadowed.stored:
        # Every list of the store leads to itself.
        for at in copy.area.offsets:
            if data[at : at + 16] == data[0x1E00:0x1E10]:
                struct.pack_into("<Q", data, at + 40, at)
    made.path.write_bytes(data)
    for copy_ in opened(made.path).shadow_copies():
        with pytest.raises(Unreadable, match="what it keeps does not parse"):
            copy_.open()
