"""One changed bit in an NTFS structure changes nothing, or is told."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from forensics.disk.ntfs.record import parse_file_record
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.tree import NotFound, NotObtained, Unreadable
from forensics.formats.errors import FormatError
from tests.disk import ntfs_fixture as fixture
from tests.disk.test_ntfs_tree import RECORD, record_of

STEP = 3
"""Every third bit, so that each byte has its turn; all of them, with 1, take half a minute."""

Told = list[tuple[str, str, str, int | None]]


class Changing(io.RawIOBase):
    """A volume in memory that is changed between reads, and not copied."""

    def __init__(self, data: bytes | bytearray) -> None:
        self.data, self.at = data, 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        assert whence == io.SEEK_SET
        self.at = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        assert size >= 0
        piece = bytes(self.data[self.at : self.at + size])
        self.at += len(piece)
        return piece


def opened(data: bytes | bytearray, told: Told | None = None) -> NtfsTree:
    def report(path: str, kind: str, message: str, offset: int | None) -> None:
        if told is not None:
            told.append((path, kind, message, offset))

    return NtfsTree(VolumeReader(cast(BinaryIO, Changing(data)), 0, len(data)), bytes(data[:512]), report)


@pytest.fixture(scope="module")
def whole(ntfs_image: Path) -> bytes:
    return ntfs_image.read_bytes()


def of_folder(tree: NtfsTree, path: str) -> list[tuple[str, bool, bytes, bytes | None]]:
    """Return what is seen of a folder of small files: names, content and access lists."""
    return [
        (e.name, e.is_dir, b"" if e.is_dir else tree.open(e).read(), tree.security_descriptor(e))
        for e in tree.entries(path)
    ]


def bits(start: int, stop: int) -> Iterator[tuple[int, int]]:
    return ((at, bit) for at in range(start, stop) for bit in range(8) if not (at * 8 + bit) % STEP)


def untold(whole: bytes, folder: str, places: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """Flip each bit and return those after which a folder is seen differently without a word."""
    data = bytearray(whole)
    right = of_folder(opened(whole), folder)
    found = []
    for at, bit in places:
        told: Told = []
        data[at] ^= 1 << bit
        try:
            seen = of_folder(opened(data, told), folder)
        except (Unreadable, NotFound):
            seen = right
        if seen != right and not told:
            found.append((at, bit))
        data[at] ^= 1 << bit
    return found


def content_of(whole: bytes, record: int) -> tuple[int, int]:
    """Return where the resident content of a record's $DATA attribute begins, and the attribute itself."""
    at = record + struct.unpack_from("<H", whole, record + 20)[0]
    while struct.unpack_from("<I", whole, at)[0] != 0x80:
        at += struct.unpack_from("<I", whole, at + 4)[0]
    assert whole[at + 8] == 0, "the content is not resident"
    return at + struct.unpack_from("<H", whole, at + 20)[0], at


def test_every_bit_of_a_file_record_is_held_to_its_place(whole: bytes) -> None:
    record = record_of(whole, "Größe.txt")
    content, attribute = content_of(whole, record)
    size = struct.unpack_from("<I", whole, attribute + 16)[0]
    # What cannot be noticed: other rights that the volume has too, and a length that fills the same word.
    security = record + struct.unpack_from("<H", whole, record + 20)[0] + 24 + 52
    unnoticed = {at for at, _ in untold(whole, "names", bits(record, content))}
    assert unnoticed <= {security, attribute + 16}
    tail = content + size
    assert untold(whole, "names", bits(tail, record + struct.unpack_from("<I", whole, record + 24)[0])) == []


def test_every_bit_of_a_small_folder_is_held_to_its_place(whole: bytes) -> None:
    record = record_of(whole, "names")
    used = struct.unpack_from("<I", whole, record + 24)[0]
    assert untold(whole, "names", bits(record, record + used)) == []


def flipped(whole: bytes, at: int, by: int = 1) -> bytearray:
    data = bytearray(whole)
    data[at] ^= by
    return data


def places(data: bytes, name: str, *, inner: bool = False) -> list[int]:
    """Return where entries of a name begin: in nodes that are in use, and in freed ones, which change nothing."""
    wanted, found = name.encode("utf-16-le"), []
    for node in range(0, len(data), 4096):
        if data[node : node + 4] == b"INDX" and bool(data[node + 36] & 1) is inner:
            at = data.find(wanted, node, node + 4096)
            found += [at - 82] if at > 0 else []
    assert found, f"no node holds {name}"
    return found


def changed(whole: bytes, at: list[int], by: int) -> bytearray:
    """Flip bits in all entries of one name."""
    data = bytearray(whole)
    for place in at:
        data[place] ^= by
    return data


MANY = "Component-00700-with-a-rather-long-name.manifest"


def test_a_name_that_is_searched_and_not_there_is_absent_without_a_listing(whole: bytes) -> None:
    told: Told = []
    tree = opened(whole, told)
    with pytest.raises(NotFound):
        tree.entry("many/Sysprep")
    assert isinstance(handle := tree.entry("many").handle, int)
    assert tree._folders[handle & 0xFFFFFFFFFFFF].names is None
    assert (tree.damage("many"), told) == (None, [])


@pytest.mark.parametrize("letter", range(0, len(MANY), 5))
def test_a_name_that_one_bit_made_another_is_not_absent(whole: bytes, letter: int) -> None:
    """Whether or not the new name keeps the order, a search for the old one ends beside it."""
    told: Told = []
    tree = opened(changed(whole, [at + 82 + 2 * letter for at in places(whole, MANY)], 2), told)
    with pytest.raises(NotObtained, match="its folder is damaged, so it cannot be told whether it is there"):
        tree.entry(f"many/{MANY}")
    assert {(path, kind) for path, kind, _, _ in told} == {("many", "ntfs_damaged")}


@pytest.mark.parametrize("bit", range(0, 16, 3))
def test_an_inner_name_that_one_bit_made_another_hides_nothing(whole: bytes, bit: int) -> None:
    names = [fixture.key_name(number) for number in range(200)]
    inner = [at for at in range(0, len(whole), 4096) if whole[at : at + 4] == b"INDX" and whole[at + 36] & 1]
    number = next(
        n for n in range(1, 199) if any(names[n].encode("utf-16-le") in whole[at : at + 4096] for at in inner)
    )
    places_of_letter = [at + 82 + 2 * 31 + bit // 8 for at in places(whole, names[number], inner=True)]
    tree = opened(changed(whole, places_of_letter, 1 << bit % 8))
    with pytest.raises(NotObtained):
        tree.entry(f"{fixture.KEYS}/{names[number]}")
    for neighbour in (names[number - 1], names[number + 1]):
        try:
            assert tree.entry(f"{fixture.KEYS}/{neighbour}").name == neighbour
        except NotObtained:
            continue


def test_an_entry_that_names_another_file_is_not_opened(whole: bytes) -> None:
    """Both records are in use for the first time, so that their sequence numbers agree."""
    name, other = fixture.key_name(20), fixture.key_name(21)
    data = bytearray(whole)
    number = record_of(whole, other)
    to = places(whole, other)[-1]
    for at in places(whole, name):
        data[at : at + 8] = whole[to : to + 8]
    told: Told = []
    tree = opened(data, told)
    entries = {entry.name: entry for entry in tree.entries(fixture.KEYS)}
    record = int.from_bytes(whole[to : to + 6], "little")
    reason = f"file record {record} does not bear the name that its folder gives it"
    assert told == [(fixture.KEYS, "ntfs_damaged", f"{name}: {reason}", number)]
    assert tree.damage(fixture.KEYS) == f"{name}: {reason}"
    with pytest.raises(NotObtained, match="does not bear the name"):
        tree.open(entries[name])
    assert tree.open(entries[other]).read() == bytes([21]) * 520


def test_a_short_name_without_its_long_one_is_told(whole: bytes) -> None:
    name = fixture.key_name(5)
    told: Told = []
    at = [place + 81 for place in places(whole, name)]
    assert {whole[place] for place in at} == {0}, "the fixture's names are POSIX names"
    tree = opened(changed(whole, at, 2), told)
    assert name in [entry.name for entry in tree.entries(fixture.KEYS)]
    assert [path for path, *_ in told] == [fixture.KEYS]


def test_a_small_file_that_was_never_written_whole_is_told(whole: bytes) -> None:
    record = record_of(whole, fixture.key_name(100))
    at = record + struct.unpack_from("<H", whole, record + 20)[0]
    while struct.unpack_from("<I", whole, at)[0] != 0x80:
        at += struct.unpack_from("<I", whole, at + 4)[0]
    assert struct.unpack_from("<QQ", whole, at + 48) == (2100, 2100)
    told: Told = []
    path = f"{fixture.KEYS}/{fixture.key_name(100)}"
    assert opened(flipped(whole, at + 57, 8), told).open(path).read() == bytes([100]) * 52 + bytes(2048)
    message = "only 52 of its 2100 bytes were ever written: the rest reads as zeros"
    assert told == [(path, "unwritten", message, None)]


def test_a_cluster_of_two_files_is_believed_of_neither(whole: bytes) -> None:
    one, other = record_of(whole, fixture.key_name(100)), record_of(whole, fixture.key_name(101))
    runs = []
    for record in (one, other):
        at = record + struct.unpack_from("<H", whole, record + 20)[0]
        while struct.unpack_from("<I", whole, at)[0] != 0x80:
            at += struct.unpack_from("<I", whole, at + 4)[0]
        assert whole[at + 8] == 1, "the content is resident"
        runs.append(at + struct.unpack_from("<H", whole, at + 32)[0])
    assert whole[runs[0]] == whole[runs[1]] == 0x21
    data = bytearray(whole)
    data[runs[0] : runs[0] + 4] = whole[runs[1] : runs[1] + 4]
    told: Told = []
    tree = opened(data, told)
    entries = {entry.name: entry for entry in tree.entries(fixture.KEYS)}
    assert [path for path, *_ in told] == [f"{fixture.KEYS}/{fixture.key_name(number)}" for number in (100, 101)]
    for number in (100, 101):
        with pytest.raises(NotObtained, match="belongs to file record"):
            tree.open(entries[fixture.key_name(number)])
    assert tree.open(entries[fixture.key_name(102)]).read() == bytes([102]) * 2140


def test_an_access_list_is_read_from_its_copy_or_not_at_all(whole: bytes) -> None:
    path = f"{fixture.KEYS}/{fixture.key_name(3)}"
    first, second = whole.index(fixture.KEY_SD), whole.rindex(fixture.KEY_SD)
    assert second - first == 0x40000
    told: Told = []
    once = flipped(whole, first + 30)
    assert opened(once, told).security_descriptor(path) == fixture.KEY_SD
    assert told == []
    once[second + 30] ^= 1
    with pytest.raises(NotObtained, match="in \\$Secure is damaged, and its copy too"):
        opened(once, told).security_descriptor(path)
    (row,) = told
    assert row[:2] == ("$Secure", "ntfs_damaged")
    assert row[2].endswith("in $Secure is damaged, and its copy too")
    assert row[3] == first - 20


@pytest.mark.parametrize(("copies", "is_read"), [(1, True), (2, False)])
def test_an_access_list_in_a_part_of_the_image_that_cannot_be_read(whole: bytes, copies: int, is_read: bool) -> None:
    """Such as a chunk of an E01 with a wrong checksum: the copy lies in another chunk."""
    chunk = 0x8000
    lost = [place // chunk for place in (whole.index(fixture.KEY_SD), whole.rindex(fixture.KEY_SD))][:copies]

    class Chunks(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            start = self.tell()
            stop = start + (size or 0)
            if any(start < (number + 1) * chunk and number * chunk < stop for number in lost):
                raise OSError("its checksum is wrong")
            return super().read(size)

    tree = NtfsTree(VolumeReader(Chunks(whole), 0, len(whole)), whole[:512])
    path = f"{fixture.KEYS}/{fixture.key_name(3)}"
    if is_read:
        assert tree.security_descriptor(path) == fixture.KEY_SD
    else:
        with pytest.raises(NotObtained, match="its checksum is wrong"):
            tree.security_descriptor(path)


def test_an_access_list_that_does_not_exist_is_told_of_its_file(whole: bytes) -> None:
    record = record_of(whole, fixture.key_name(3))
    standard = record + struct.unpack_from("<H", whole, record + 20)[0] + 24
    told: Told = []
    path = f"{fixture.KEYS}/{fixture.key_name(3)}"
    with pytest.raises(NotObtained, match="which \\$Secure does not hold"):
        opened(flipped(whole, standard + 54), told).security_descriptor(path)
    ((at, kind, message, _),) = told
    assert (at, kind) == (path, "ntfs_damaged")
    assert message.endswith("which $Secure does not hold")


def test_the_first_records_have_a_copy(whole: bytes) -> None:
    mft = struct.unpack_from("<Q", whole, 0x30)[0] * 4096
    for number in (0, 3):
        told: Told = []
        tree = opened(flipped(whole, mft + number * RECORD + 510), told)
        assert tree.label == fixture.LABEL
        assert len(tree.entries(fixture.KEYS)) == 200
        ((path, kind, message, offset),) = told
        assert (path, kind, offset) == ("", "ntfs_damaged", mft + number * RECORD + (510 if number else 0))
        assert message.startswith(f"file record {number} is damaged: ")
        assert message.endswith("its copy in $MFTMirr is used")


@pytest.mark.parametrize(("field", "is_of_attribute", "told"), [(20, False, 20), (32, True, 32)])
def test_a_place_outside_of_its_record_is_told_inside_of_it(field: int, is_of_attribute: bool, told: int) -> None:
    """Where its attributes begin, and where the runs of one do: the place that is told is that of the lie."""
    record = bytearray(1024)
    struct.pack_into("<4sHHQHHHHII", record, 0, b"FILE", 48, 3, 0, 1, 1, 56, 0, 56 + 72 + 8, 1024)
    struct.pack_into("<IIBBHHH", record, 56, 0x80, 72, 1, 0, 64, 0, 0)
    struct.pack_into("<QQH", record, 56 + 16, 0, 0, 64)
    struct.pack_into("<I", record, 128, 0xFFFFFFFF)
    start = 56 if is_of_attribute else 0
    struct.pack_into("<H", record, start + field, 0xF000)
    with pytest.raises(FormatError) as raised:
        parse_file_record(bytes(record))
    assert (raised.value.kind, raised.value.offset) == (
        "bad_attribute" if is_of_attribute else "bad_record",
        start + told,
    )


def test_thousand_broken_records_are_told_and_then_no_more(whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.disk.ntfs.damage._MAX_TOLD", 3)
    data = bytearray(whole)
    for number in range(8):
        data[record_of(whole, fixture.key_name(number)) + 510] ^= 1
    told: Told = []
    assert len(opened(data, told).entries(fixture.KEYS)) == 200
    assert [(path, kind) for path, kind, _, _ in told] == [
        *((f"{fixture.KEYS}/{fixture.key_name(number)}", "ntfs_damaged") for number in range(3)),
        ("", "too_many"),
    ]
