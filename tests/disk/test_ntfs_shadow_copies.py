"""Shadow copies of a volume that Windows made, against what is known of them and other readers; and damaged ones."""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, BinaryIO, cast

import pytest

from forensics.disk.ntfs import shadow_volume
from forensics.disk.ntfs.shadow_tree import ShadowTree
from forensics.disk.ntfs.stream import Piece, VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.ntfs.volume import NtfsVolume
from forensics.disk.shadow_copy import KnowsPresent, ShadowCopy
from forensics.disk.tree import Entry, KeepsShadowCopies, NameMark, NotFound, NotObtained, Tree, Unreadable, WantedNames
from forensics.formats.shadow_catalog import parse_catalog
from forensics.sources.open import open_source
from tests.oracles import needs_shared, other_reader
from tests.paths import REALDATA

REAL = REALDATA / "shadow-copies" / "vsstest.qcow2"
TRUTH = REAL.with_name("truth.json")
pytestmark = needs_shared(REAL)
OLDER, NEWER = "600f0b69-5bdf-11e3-9d6c-005056c00008", "600f0b6d-5bdf-11e3-9d6c-005056c00008"
HEADER, CATALOG = 0x1E00, 0x6E30000
OLDER_STORE, NEWER_STORE = 0x31560000, 0x6E40000
OLDER_LIST, NEWER_LIST = 0x31564000, 0x6E44000
ENTRIES = {"older": CATALOG + 128, "older store": CATALOG + 256, "newer": CATALOG + 384, "newer store": CATALOG + 512}
STORE = "{3808876b-c176-4e48-b7ae-04046e6cc752}"
SYSTEM = "System Volume Information"


class Patched(io.RawIOBase):
    """The volume of the image, with some of its bytes changed.

    Attributes:
        lost: First byte and end of what the image does not give.
    """

    def __init__(self, volume: VolumeReader, patches: dict[int, bytes], lost: tuple[int, int] = (0, 0)) -> None:
        self.volume, self.patches, self.lost, self.at = volume, patches, lost, 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = offset if whence == io.SEEK_SET else self.at + offset
        return self.at

    def read(self, size: int = -1) -> bytes:
        if self.at < self.lost[1] and self.at + size > self.lost[0]:
            raise OSError("a bad sector")
        data = bytearray(self.volume.read_at(self.at, size))
        for place, patch in self.patches.items():
            for offset, byte in enumerate(patch, place - self.at):
                if 0 <= offset < size:
                    data[offset] = byte
        self.at += size
        return bytes(data)


@pytest.fixture(scope="module")
def present() -> Iterator[NtfsTree]:
    with open_source(REAL) as source:
        tree = source.searched[0].tree
        assert isinstance(tree, NtfsTree)
        yield tree


def changed(
    present: NtfsTree,
    patches: dict[int, bytes],
    lost: tuple[int, int] = (0, 0),
    told: list[tuple[object, ...]] | None = None,
) -> NtfsTree:
    reader = present.volume.reader
    stream = cast(BinaryIO, Patched(reader, patches, lost))
    boot = present.volume.boot
    return NtfsTree(VolumeReader(stream, 0, reader.size), boot, None if told is None else lambda *row: told.append(row))


def names(tree: Tree, folder: str = "") -> list[str]:
    return [entry.name for entry in tree.entries(folder)]


def by_id(tree: NtfsTree) -> dict[str, ShadowCopy]:
    return {copy.identifier: copy for copy in tree.shadow_copies()}


def test_the_catalog_says_which_copies_there_are(present: NtfsTree) -> None:
    truth = json.loads(TRUTH.read_text())["vsstest.qcow2"]["shadow_copies"]
    assert isinstance(present, KeepsShadowCopies)
    copies = present.shadow_copies()
    assert [copy.identifier for copy in copies] == [NEWER, OLDER]
    assert [copy.created for copy in copies] == [
        datetime(2013, 12, 3, 6, 37, 48, 919058, tzinfo=UTC),
        datetime(2013, 12, 3, 6, 35, 9, 736378, tzinfo=UTC),
    ]
    # To microseconds, which is what a datetime carries of the seventh digit.
    told = {f"{copy.created:%Y-%m-%dT%H:%M:%S.%f}": copy.identifier for copy in copies}
    assert told == {row["created"][:-2]: row["identifier"] for row in truth}
    for row in truth:
        assert [name for name in names(by_id(present)[row["identifier"]].open()) if name != SYSTEM] == row["root"]


def test_the_copies_are_listed_as_other_readers_list_them(present: NtfsTree) -> None:
    vss = other_reader("dissect.volume.vss", "dissect.volume")
    found = vss.VSS(Patched(present.volume.reader, {}))
    assert [str(store.desc2.creation_time) for store in found.catalog.stores] == [
        "130305261097363787",
        "130305262689190583",
    ]
    pyvshadow = other_reader("pyvshadow", "libvshadow-python")
    volume = pyvshadow.volume()
    volume.open_file_object(OracleFile(present.volume.reader))
    assert [store.identifier for store in volume.stores] == [copy.identifier for copy in present.shadow_copies()][::-1]


class OracleFile:
    """A volume as libvshadow and libfsntfs read it, without anything of ours between."""

    def __init__(self, reader: Any, size: int = 1 << 30) -> None:
        self.reader, self.size, self.at = reader, size, 0

    def read(self, size: int) -> bytes:
        data: bytes = self.reader.read_at(self.at, size)
        self.at += size
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def tell(self) -> int:
        return self.at

    def get_size(self) -> int:
        return self.size


class StoreReader:
    def __init__(self, store: Any) -> None:
        self.store = store

    def read_at(self, at: int, size: int) -> bytes:
        data: bytes = self.store.read_buffer_at_offset(size, at)
        return data


def content(tree: Tree) -> dict[str, str]:
    found = {}
    waiting: list[Entry | str] = [""]
    while waiting:
        for entry in tree.entries(waiting.pop()):
            if entry.is_dir:
                waiting.append(entry)
            else:
                found[entry.path] = hashlib.sha256(tree.open(entry).read(1 << 20)).hexdigest()
    return found


def content_of_oracle(directory: Any, path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in directory.sub_file_entries:
        if entry.name.startswith("$"):
            continue
        here = f"{path}/{entry.name}" if path else entry.name
        if entry.is_directory() if hasattr(entry, "is_directory") else entry.number_of_sub_file_entries:
            found |= content_of_oracle(entry, here)
        elif entry.has_default_data_stream():
            found[here] = hashlib.sha256(entry.read_buffer_at_offset(1 << 20, 0) if entry.size else b"").hexdigest()
    return found


@pytest.mark.parametrize(("number", "identifier"), [(0, OLDER), (1, NEWER)])
def test_the_files_of_a_copy_are_those_that_other_readers_find(present: NtfsTree, number: int, identifier: str) -> None:
    pyvshadow = other_reader("pyvshadow", "libvshadow-python")
    pyfsntfs = other_reader("pyfsntfs", "libfsntfs-python")
    shadow = pyvshadow.volume()
    shadow.open_file_object(OracleFile(present.volume.reader))
    volume = pyfsntfs.volume()
    volume.open_file_object(OracleFile(StoreReader(shadow.get_store(number))))
    ours = content(by_id(present)[identifier].open())
    assert ours == content_of_oracle(volume.get_root_directory())
    assert len(ours) >= 3


@pytest.mark.parametrize(("number", "identifier"), [(0, OLDER), (1, NEWER)])
def test_every_saved_block_is_what_dissect_reads(present: NtfsTree, number: int, identifier: str) -> None:
    vss = other_reader("dissect.volume.vss", "dissect.volume")
    store = vss.VSS(Patched(present.volume.reader, {})).catalog.stores[number]
    tree = by_id(present)[identifier].open()
    assert isinstance(tree, ShadowTree)
    # It takes no notice of what a forwarder becomes: those blocks are left out.
    plain = [
        place
        for place, saved in store.block_list.map.map.items()
        if not saved.is_forwarder and not saved.is_overlay and saved.overlay is None
    ]
    assert len(plain) > 50
    differ = [at for at in plain if tree.volume.reader.read_at(at << 14, 1 << 14) != store.read_block(at)]
    assert differ == []


def test_a_copy_has_no_copies_of_its_own(present: NtfsTree) -> None:
    tree = by_id(present)[NEWER].open()
    # The file of the older one lies in it, and so does a header that leads to a catalog.
    assert f"{{{OLDER}}}{STORE}" in names(tree, SYSTEM)
    assert isinstance(tree, ShadowTree)
    assert tree.volume.reader.read_at(HEADER, 16) == present.volume.reader.read_at(HEADER, 16) != bytes(16)
    assert tree.shadow_copies() == ()


def test_a_file_that_the_present_still_has_is_known(present: NtfsTree) -> None:
    newer, older = (by_id(present)[each].open() for each in (NEWER, OLDER))
    assert isinstance(newer, KnowsPresent)
    assert isinstance(older, KnowsPresent)
    assert newer.is_unchanged("syslog.gz")
    assert newer.is_unchanged(newer.entry("syslog.gz"))
    # Its record was written again since.
    assert not newer.is_unchanged("another_file")
    assert not older.is_unchanged("syslog")
    with pytest.raises(NotFound):
        older.is_unchanged("no such file")
    assert not newer.is_unchanged(SYSTEM)
    assert newer.open("syslog.gz").read() == present.open("syslog.gz").read()


def test_content_that_was_written_over_in_place_is_no_more_the_same(present: NtfsTree) -> None:
    # The record is as it was, a cluster of the content is not.
    upper_case = Entry("$UpCase", "$UpCase", False, handle=10)
    stream = present.volume.stream(present.volume.record(10))
    assert stream is not None
    place = present.volume.place_in(stream, 70_000)
    assert place is not None
    other = changed(present, {place: b"\xff"})
    tree = by_id(other)[NEWER].open()
    assert isinstance(tree, ShadowTree)
    # Nobody saved that cluster, so the copy has it from the present, and the two agree.
    assert tree.is_unchanged(upper_case)
    tree._present = replace(tree._present, volume=present.volume)
    assert not tree.is_unchanged(upper_case)


ALL = WantedNames(
    re.compile("syslog|another_file|password"),
    tuple(
        NameMark(re.compile(re.escape(name.encode("utf-16-le"))), 0, 2 * len(name))
        for name in ("syslog", "another_file", "password")
    ),
)


def test_files_are_found_by_name_in_the_records_that_differ(present: NtfsTree) -> None:
    newer, older = (by_id(present)[each].open() for each in (NEWER, OLDER))
    assert isinstance(newer, ShadowTree)
    assert isinstance(older, ShadowTree)
    assert list(newer.paths_named(ALL, ())) == ["syslog.gz", "another_file"]
    assert list(newer.changed_paths_named(ALL, ())) == ["syslog.gz", "another_file"]
    assert list(older.changed_paths_named(ALL, ())) == ["syslog"]
    assert newer._changed() == [(0, 12288), (28672, 45056)]


@pytest.mark.parametrize("identifier", [OLDER, NEWER])
def test_what_is_left_out_of_the_search_is_byte_for_byte_the_present(present: NtfsTree, identifier: str) -> None:
    tree = by_id(present)[identifier].open()
    assert isinstance(tree, ShadowTree)
    parts = tree._changed()
    assert parts is not None
    differ = []
    for number in range(tree.volume.mft_size // 1024):
        inside = any(start <= number * 1024 < end for start, end in parts)
        if not inside and tree.volume.raw_record(number) not in (present.volume.raw_record(number), bytes(1024)):
            differ.append(number)
    assert differ == []
    assert sum(end - start for start, end in parts) < tree.volume.mft_size


def test_records_that_lie_elsewhere_today_are_all_searched(present: NtfsTree) -> None:
    tree = by_id(present)[NEWER].open()
    assert isinstance(tree, ShadowTree)
    (piece,) = tree.volume.mft_pieces()
    assert (piece.start, piece.end) == (0, 262144)
    at = piece.place
    # The same; in two pieces; from some byte on elsewhere; with a hole; shorter; its records are others.
    for pieces, record_size, expected in (
        ([(0, 262144, at)], 1024, [(0, 12288), (28672, 45056)]),
        ([(0, 40000, at), (40000, 262144, at + 40000)], 1024, [(0, 12288), (28672, 45056)]),
        ([(0, 32768, at), (32768, 262144, at + 36864)], 1024, [(0, 12288), (28672, 262144)]),
        ([(0, 69632, at), (86016, 262144, at + 86016)], 1024, [(0, 12288), (28672, 45056), (69632, 86016)]),
        ([(0, 65536, at)], 1024, [(0, 12288), (28672, 45056), (65536, 262144)]),
        ([(0, 262144, at)], 4096, None),
    ):
        now = SimpleNamespace(record_size=record_size, mft_pieces=lambda of=pieces: (Piece(*each) for each in of))
        tree._present = replace(tree._present, volume=cast(NtfsVolume, now))
        assert tree._changed() == expected


def test_records_are_searched_whole(present: NtfsTree) -> None:
    tree = by_id(present)[NEWER].open()
    assert isinstance(tree, ShadowTree)
    parts: list[tuple[int, int]] = []
    for start, end in ((512, 512), (1536, 2560), (2600, 2700), (5000, 5120)):
        tree._add_records(parts, start, end)
    assert parts == [(1024, 3072), (4096, 5120)]


def test_where_the_lists_cannot_be_followed_all_records_are_searched(
    present: NtfsTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = by_id(present)[NEWER].open()
    assert isinstance(tree, ShadowTree)

    def damaged() -> Iterator[set[int]]:
        yield {0}
        raise NotObtained("a bad sector")

    tree._present = replace(tree._present, saved=damaged)
    assert list(tree.changed_paths_named(ALL, ())) == ["syslog.gz", "another_file"]


def test_a_store_that_is_damaged_takes_no_newer_copy_with_it(present: NtfsTree) -> None:
    for place in (OLDER_STORE, OLDER_LIST):
        copies = by_id(changed(present, {place: bytes(16)}))
        with pytest.raises(Unreadable, match="what it keeps does not parse") as raised:
            copies[OLDER].open()
        assert not isinstance(raised.value, NotObtained)
        assert names(copies[NEWER].open()) == ["another_file", "syslog.gz", SYSTEM]
        # In the other order too: the library was opened for the newer one alone.
        copies = by_id(changed(present, {place: bytes(16)}))
        assert names(copies[NEWER].open()) == ["another_file", "syslog.gz", SYSTEM]
        with pytest.raises(Unreadable, match="what it keeps does not parse"):
            copies[OLDER].open()


def test_the_library_is_shown_another_catalog_only_while_it_is_opened(present: NtfsTree) -> None:
    volume = changed(present, {OLDER_STORE: bytes(16)}).volume
    catalog = parse_catalog(volume.reader.read_at, CATALOG, 1 << 30)
    library = shadow_volume.ShadowVolume(volume, catalog)
    file = shadow_volume._VolumeFile(volume, catalog, catalog.copies[:1])
    assert [(copy, read(file, CATALOG)[at : at + 8]) for copy, at in (("newer", 128), ("older", 384))] == [
        ("newer", struct.pack("<Q", 2)),
        ("older", bytes(8)),
    ]
    library.stream(catalog.copies[0])
    assert library._opened is not None
    for place in (0, CATALOG):
        assert read(library._opened._file, place) == volume.reader.read_at(place, 1 << 14)


def read(file: shadow_volume._VolumeFile, place: int) -> bytes:
    file.seek(place)
    return file.read(1 << 14)


def test_what_a_newer_copy_keeps_is_needed_for_an_older_one(present: NtfsTree) -> None:
    copies = by_id(changed(present, {NEWER_LIST: bytes(16)}))
    for identifier in (NEWER, OLDER):
        with pytest.raises(Unreadable, match="what it keeps does not parse"):
            copies[identifier].open()


def test_bytes_that_the_image_does_not_give_are_no_damage(present: NtfsTree) -> None:
    copies = by_id(changed(present, {}, lost=(OLDER_LIST, OLDER_LIST + 512)))
    with pytest.raises(NotObtained, match="a bad sector"):
        copies[OLDER].open()
    assert names(copies[NEWER].open()) == ["another_file", "syslog.gz", SYSTEM]
    for place in (HEADER, CATALOG):
        with pytest.raises(NotObtained, match="a bad sector"):
            changed(present, {}, lost=(place, place + 512)).shadow_copies()


def test_a_file_in_a_bad_sector_of_a_store_is_not_got(present: NtfsTree) -> None:
    tree = by_id(present)[OLDER].open()
    assert isinstance(tree, ShadowTree)
    place = tree.volume.place_in(tree.open("syslog"), 0)
    assert place is not None
    bad = by_id(changed(present, {}, lost=(OLDER_STORE + 0x10000, OLDER_STORE + 0x1000000)))
    with pytest.raises(NotObtained, match="a bad sector"):
        bad[OLDER].open().open("syslog").read()


def test_an_image_without_its_end_still_gives_its_copies(present: NtfsTree) -> None:
    # libvshadow itself asks for the backup of the boot sector there.
    end = 1 << 30
    copies = by_id(changed(present, {}, lost=(end - 512, end)))
    assert names(copies[OLDER].open()) == ["syslog", SYSTEM]


def test_a_boot_sector_that_was_damaged_before_the_copy_is_the_volumes_backup(present: NtfsTree) -> None:
    assert names(by_id(changed(present, {0: bytes(512)}))[NEWER].open()) == ["another_file", "syslog.gz", SYSTEM]


@pytest.mark.parametrize(
    "patches",
    [
        {HEADER + 16: b"\x09"},
        {CATALOG: bytes(16)},
        {CATALOG + 40: struct.pack("<Q", CATALOG)},
        {ENTRIES["newer"]: b"\x05"},
        {HEADER + 48: struct.pack("<Q", (1 << 30) - 512)},
    ],
)
def test_a_catalog_that_cannot_be_read_whole_lists_nothing(present: NtfsTree, patches: dict[int, bytes]) -> None:
    with pytest.raises(Unreadable, match="of its shadow copies is damaged") as raised:
        changed(present, patches).shadow_copies()
    assert not isinstance(raised.value, NotObtained)


def test_copies_that_are_kept_on_another_volume(present: NtfsTree) -> None:
    with pytest.raises(NotObtained, match="kept on another volume, 11111111-"):
        changed(present, {HEADER + 80: b"\x11" * 16, HEADER + 48: struct.pack("<Q", 0x4000000)}).shadow_copies()


def test_a_volume_that_never_had_a_copy(present: NtfsTree) -> None:
    assert changed(present, {HEADER: bytes(512)}).shadow_copies() == ()
    assert changed(present, {HEADER + 48: bytes(8)}).shadow_copies() == ()


def test_copies_of_which_the_order_is_not_certain_are_not_opened(present: NtfsTree) -> None:
    # The clock went back between them: what libvshadow takes for the newer one may be the older.
    copies = by_id(changed(present, {ENTRIES["newer"] + 48: struct.pack("<Q", 130305261000000000)}))
    assert [copies[each].created for each in copies] == [
        datetime(2013, 12, 3, 6, 35, 9, 736378, tzinfo=UTC),
        datetime(2013, 12, 3, 6, 35, 0, tzinfo=UTC),
    ]
    for copy in copies.values():
        with pytest.raises(NotObtained, match="does not say for certain which of them are newer"):
            copy.open()


def test_a_copy_whose_store_is_not_named_and_those_that_depend_on_it(present: NtfsTree) -> None:
    copies = by_id(changed(present, {ENTRIES["newer store"]: b"\x01"}))
    with pytest.raises(NotObtained, match="does not say where it keeps its blocks"):
        copies[NEWER].open()
    with pytest.raises(NotObtained, match="where a newer one keeps its blocks"):
        copies[OLDER].open()
    copies = by_id(changed(present, {ENTRIES["older store"]: b"\x01"}))
    assert names(copies[NEWER].open()) == ["another_file", "syslog.gz", SYSTEM]


def test_a_copy_of_no_bytes(present: NtfsTree) -> None:
    copies = by_id(changed(present, {ENTRIES["older"] + 8: bytes(8)}))
    with pytest.raises(Unreadable, match="gives it 0 bytes"):
        copies[OLDER].open()
    assert names(copies[NEWER].open()) == ["another_file", "syslog.gz", SYSTEM]


def test_a_store_that_stands_before_its_copy_in_the_catalog(present: NtfsTree) -> None:
    # libvshadow itself takes such a copy for one without a store.
    catalog = present.volume.reader.read_at(CATALOG, 1024)
    swapped = b"".join(catalog[at : at + 128] for at in (512, 384, 256, 128))
    copies = by_id(changed(present, {CATALOG + 128: swapped}))
    assert list(copies) == [NEWER, OLDER]
    assert names(copies[OLDER].open()) == ["syslog", SYSTEM]


def test_lists_of_more_than_is_kept_in_memory(present: NtfsTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow_volume, "MAX_LISTS", 20 << 10)
    with pytest.raises(NotObtained, match="have more than 20480 bytes"):
        by_id(changed(present, {}))[NEWER].open()


def test_damage_in_a_copy_is_told_with_its_name(present: NtfsTree) -> None:
    told: list[tuple[object, ...]] = []
    other = changed(present, {}, told=told)
    copy = by_id(other)[OLDER].open()
    assert isinstance(copy, ShadowTree)
    copy._broken(copy.entry(""), "something is broken", 5)
    copy._log.tell("", "nothing holds", None)
    copy._log.tell("Windows/System32", "a bit is wrong", 7)
    name = f"(shadow copy {OLDER} of 2013-12-03T06:35:09Z)"
    assert told == [
        (f"$Volume {name}", "ntfs_damaged", "something is broken", 5),
        (f"$Volume {name}", "ntfs_damaged", "nothing holds", None),
        (f"Windows/System32 {name}", "ntfs_damaged", "a bit is wrong", 7),
    ]


def test_without_the_library_it_is_said_how_to_get_it(present: NtfsTree, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyvshadow", None)
    copies = by_id(changed(present, {}))
    assert len(copies) == 2
    with pytest.raises(NotObtained) as raised:
        copies[NEWER].open()
    assert str(raised.value) == (
        "its blocks are put together by libvshadow, which is missing: pip install 'keymortem[shadow]'"
    )
