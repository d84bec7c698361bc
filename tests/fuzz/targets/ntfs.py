"""NTFS: its records and indexes one by one, and a whole small volume."""

from __future__ import annotations

import io
import lzma
import struct
from functools import cache
from typing import BinaryIO, cast

from forensics.disk.fat.boot import parse_fat_boot_sector, parse_fat_folder
from forensics.disk.fat.tree import FatTree
from forensics.disk.ntfs.index import parse_file_name, parse_index_node, parse_index_root
from forensics.disk.ntfs.journal import ChangeJournal
from forensics.disk.ntfs.record import (
    apply_fixups,
    parse_attribute_list,
    parse_file_record,
    parse_runs,
    parse_volume_flags,
)
from forensics.disk.ntfs.stream import CompressedStream, RunStream, VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.formats.errors import FormatError
from tests.fuzz.pieces import Pieces
from tests.fuzz.reseal import put_fixups
from tests.fuzz.target import Target, hold
from tests.fuzz.targets.formats import _journal_seeds, told_inside
from tests.paths import PROJECT

_VOLUME = PROJECT / "tests" / "disk" / "data" / "links.ntfs.xz"
_RECORD, _BOOT, _MFT_RECORDS, _NODE = 1024, 0x54, 80, 4096
_MOST = 400


@cache
def volume() -> Pieces:
    """Return a volume of 4 MiB whose boot sector, file records and nodes of indexes are the input."""
    image = lzma.decompress(_VOLUME.read_bytes())
    cluster = image[13] * 512
    (mft,) = struct.unpack_from("<Q", image, 48)
    places = [(0, _BOOT)]
    for number in range(_MFT_RECORDS):
        at = mft * cluster + number * _RECORD
        record = image[at : at + _RECORD]
        if record[:4] == b"FILE" and record[22] & 1:
            places.append((at, _RECORD))
    places += [(at, _NODE) for at in range(0, len(image), _NODE) if image[at : at + 4] == b"INDX"]
    return Pieces(image, places)


def _sealed_volume(data: bytes) -> bytes:
    """Write the update sequences of all records and nodes."""
    made = bytearray(data)
    at = _BOOT
    while at + _RECORD <= len(made):
        size = _NODE if made[at : at + 4] == b"INDX" else _RECORD
        piece = made[at : at + size]
        put_fixups(piece)
        made[at : at + size] = piece
        at += size
    return bytes(made)


def _unsealed_volume() -> list[bytes]:
    return [volume().seed()]


def _tree(data: bytes) -> None:
    stream = volume().stream(data)
    reader = VolumeReader(cast(BinaryIO, stream), 0, len(volume().image))
    told: list[tuple[str, str]] = []
    tree = NtfsTree(reader, reader.read_at(0, 512), lambda path, kind, message, offset: told.append((kind, message)))
    _walk(tree)
    for look in (
        lambda: tree.label,
        lambda: tree.is_dirty,
        lambda: tree.change_journal(),
        lambda: list(tree.shadow_copies()),
        lambda: tree.entry("symlinks/file.txt/below"),
        lambda: tree.traces().deleted,
        lambda: list(tree.deleted_files().entries("")),
    ):
        try:
            look()
        except (Unreadable, NotFound):
            continue
    assert all(kind and message for kind, message in told)


def _walk(tree: NtfsTree | FatTree) -> None:
    """List all folders, and read the beginning of each file and its access list."""
    waiting, seen = [""], 0
    while waiting and seen < _MOST:
        try:
            entries = list(tree.entries(waiting.pop()))
        except (Unreadable, NotFound):
            continue
        for entry in entries[:_MOST]:
            seen += 1
            if entry.is_dir and entry.path.count("/") < 12:
                waiting.append(entry.path)
            _look(tree, entry)


def _look(tree: NtfsTree | FatTree, entry: Entry) -> None:
    assert "/" not in entry.name
    try:
        tree.security_descriptor(entry)
        if not entry.is_dir:
            tree.open(entry).read(70_000)
    # Streams are files, and tell what they do not get as files do.
    except (Unreadable, NotFound, OSError):
        return


def _record(data: bytes) -> None:
    told_inside(lambda part: apply_fixups(part, b"FILE"))(data)
    try:
        record = parse_file_record(data)
    except FormatError as error:
        hold(0 <= error.offset <= len(data), f"refused at byte {error.offset} of {len(data)}")
        return
    reader = VolumeReader(cast(BinaryIO, volume().stream(b"")), 0, 1 << 20)
    for attribute in record.attributes:
        if attribute.type == 0x30 and attribute.value is not None:
            told_inside(parse_file_name)(attribute.value)
        elif attribute.type == 0x70 and attribute.value is not None:
            told_inside(parse_volume_flags)(attribute.value)
        elif attribute.value is None and attribute.lowest_vcn == 0:
            unit = attribute.compression_unit
            try:
                made = (
                    CompressedStream(reader, attribute.runs, 4096, attribute.size, attribute.initialized, unit)
                    if unit
                    else RunStream(reader, attribute.runs, 4096, attribute.size, attribute.initialized)
                )
                made.read(10_000)
            except (Unreadable, OSError):
                continue


def _records() -> list[bytes]:
    image, places = volume().image, volume()._places
    kept = [image[at : at + size] for at, size in places if size == _RECORD]
    # The longest of each shape say more than hundreds that differ by their names.
    return kept[:12] + kept[24:30]


def _sealed(data: bytes) -> bytes:
    made = bytearray(data)
    put_fixups(made)
    return bytes(made)


def _node(data: bytes) -> None:
    (number,) = struct.unpack_from("<Q", data.ljust(24, b"\0"), 16)
    for is_of_names in (True, False):
        told_inside(lambda part, names=is_of_names: parse_index_node(part, number, names))(data)  # type: ignore[misc]
    told_inside(parse_index_root)(data)


def _nodes() -> list[bytes]:
    image, places = volume().image, volume()._places
    found = [image[at : at + size] for at, size in places if size == _NODE][:3]
    for raw in _records():
        for attribute in parse_file_record(raw).attributes:
            if attribute.type == 0x90 and attribute.value is not None:
                found.append(attribute.value)
    return found


def _attributes(data: bytes) -> None:
    told_inside(parse_attribute_list)(data)
    told_inside(lambda part: parse_runs(part, 0))(data)
    told_inside(parse_file_name)(data)


def _attribute_seeds() -> list[bytes]:
    found = [bytes.fromhex("2118345631210a00001108fc00")]
    for raw in _records():
        for attribute in parse_file_record(raw).attributes:
            if attribute.type == 0x30 and attribute.value is not None:
                found.append(attribute.value)
    entries = [struct.pack("<IHBBQQH", 0x80, 32, 0, 26, vcn, 5 << 48 | 30, vcn).ljust(32, b"\0") for vcn in (0, 4)]
    return [
        *found[:4],
        struct.pack("<IHBBQQH", 0x10, 32, 0, 26, 0, 5 << 48 | 29, 0).ljust(32, b"\0") + b"".join(entries),
    ]


@cache
def fat_volume() -> Pieces:
    """Return a FAT volume whose boot sector, table and folders are the input."""
    image = _fat_image()
    layout = parse_fat_boot_sector(image[:512])
    assert layout is not None
    used = [at for at in range(0, len(image), 512) if any(image[at : at + 512])]
    return Pieces(image, [(at, 512) for at in used[:24]])


def _fat_image() -> bytes:
    from testdata.builder.fat import build_fat

    files = {"EFI/Microsoft/Boot/bootmgfw.efi": b"MZ" * 400, "EFI/Boot/a long name of a file.efi": b"x"}
    return bytes(build_fat(files, 4 << 20, bits=16))


def _fat(data: bytes) -> None:
    told_inside(parse_fat_boot_sector)(data)
    told_inside(parse_fat_folder)(data[:4096])
    reader = VolumeReader(cast(BinaryIO, fat_volume().stream(data)), 0, len(fat_volume().image))
    try:
        tree = FatTree(reader)
    except Unreadable:
        return
    _walk(tree)
    for path in ("EFI/Microsoft/Boot/bootmgfw.efi", "EFI/Boot/nothing"):
        try:
            tree.open(tree.entry(path)).read()
        except (Unreadable, NotFound):
            continue


def _journal(data: bytes) -> None:
    journal = ChangeJournal(io.BytesIO(data), [(0, len(data))], is_whole=len(data) % 2 == 0)
    for look in (journal.first, lambda: list(journal.deletions([5 << 48 | 42, 42 | 3 << 48]))):
        try:
            look()
        except Unreadable:
            continue


TARGETS = (
    Target("change-journal", _journal, _journal_seeds),
    Target("ntfs-record", _record, _records, _sealed),
    Target("ntfs-index", _node, _nodes, _sealed),
    Target("ntfs-attributes", _attributes, _attribute_seeds),
    Target("ntfs-volume", _tree, _unsealed_volume, _sealed_volume, errors=(Unreadable,), seconds=4, is_slow=True),
    Target("fat-volume", _fat, lambda: [fat_volume().seed()], seconds=2),
)
