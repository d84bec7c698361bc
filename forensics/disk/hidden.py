"""Searches an image for the bytes at which a disk or a volume begins, where no partition table leads to it.

Every sector of the first :data:`MOST_SEARCHED` bytes is looked at, and behind them, up to :data:`MOST_PROBED`, each
MiB, on which partitions are aligned. What lies in a disk or volume that was found is not looked at again.

References:
    - UEFI Specification 2.10, 5.3.2 (MyLBA: a header knows where it lies)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress

from forensics.disk.disk import Progress
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.volume import ntfs_size
from forensics.disk.partitions import Partition, read_partition_table
from forensics.disk.tree import Unreadable
from forensics.language import sentence, sentence_n
from forensics.late_methods import dataclass

MOST_SEARCHED = 64 << 30
"""Evidence: bytes of an image of which every sector is looked at for a hidden disk; behind them each MiB."""
MOST_PROBED = 16 << 40
"""Evidence: bytes of an image that are searched for a hidden disk at all."""
MAX_FOUND = 16
"""Evidence: disks and volumes in one image that are searched out and examined."""
_MAX_SUSPECTS = 10_000
"""Evidence: sectors that look like a boot sector and are looked at as such."""
_SECTOR = 512
_PIECE = 1 << 20
_MARKS = ((3, b"NTFS    "), (3, b"-FVE-FS-"), (0, b"EFI PART"))


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a disk or a volume begins.

    Attributes:
        offset: Byte of the image.
        end: Byte behind what is known to belong to it.
        what: What begins there.
        further: Ranges in it that are searched too: a dynamic disk (LDM) has volumes to which no table leads.
    """

    offset: int
    end: int
    what: str
    further: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class Search:
    """What a search came to.

    Attributes:
        found: In the order of their bytes.
        cut: Why not all of the image was looked at; None where it was.
    """

    found: list[Beginning]
    cut: str | None = None


def search_beginnings(image: VolumeReader, size: int, progress: Progress) -> Search:
    """Search an image for disks and volumes.

    Args:
        image: All of its content.
        size: Its bytes.
        progress: Told of every twentieth part.
    """
    result = Search([])
    end, suspects, lost, told = 0, 0, 0, 0
    further: tuple[tuple[int, int], ...] = ()
    for start, piece in _pieces(image, size):
        part = 20 * start // max(1, size)
        if part > told:
            told = part
            progress(f"searching for disks: {5 * part} %")
        if piece is None:
            lost += 1
            continue
        for offset in _suspects(piece):
            is_further = start + offset < end
            if is_further and not any(first <= start + offset < last for first, last in further):
                continue
            suspects += 1
            if suspects > _MAX_SUSPECTS:
                result.cut = sentence(
                    "only the first {max_suspects} sectors that look like the start of a disk were looked at",
                    max_suspects=_MAX_SUSPECTS,
                )
                return result
            beginning = _beginning(image, size, start + offset, is_further)
            if beginning is None or (beginning.offset < end and not is_further):
                continue
            if len(result.found) == MAX_FOUND:
                result.cut = sentence(
                    "only the first {max_found} disks and volumes in it are examined", max_found=MAX_FOUND
                )
                return result
            result.found.append(beginning)
            if is_further:
                further = tuple((max(first, beginning.end), last) for first, last in further)
            else:
                end, further = beginning.end, beginning.further
    if lost:
        result.cut = sentence_n(
            "{count} part of it of a MiB could not be read", "{count} parts of it of a MiB could not be read", lost
        )
    elif size > MOST_PROBED:
        result.cut = sentence("nothing behind byte {most_probed} of it was looked at", most_probed=MOST_PROBED)
    elif size > MOST_SEARCHED:
        result.cut = sentence(
            "behind byte {most_searched} only each MiB of it was looked at", most_searched=MOST_SEARCHED
        )
    return result


def _pieces(image: VolumeReader, size: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield what is looked at: where it lies, and its bytes, none where they cannot be read."""
    for start in range(0, min(size, MOST_PROBED) - _SECTOR + 1, _PIECE):
        length = min(_PIECE, size - start) if start < MOST_SEARCHED else _SECTOR
        try:
            yield start, image.read_at(start, length)
        except Unreadable:
            yield start, None


def _suspects(piece: bytes) -> list[int]:
    """Return the sectors with a mark, or a boot signature, by their offsets."""
    found = set()
    for at, mark in _MARKS:
        place = piece.find(mark)
        while place >= 0:
            if (place - at) % _SECTOR == 0:
                found.add(place - at)
            place = piece.find(mark, place + 1)
    lows, highs = piece[510::_SECTOR], piece[511::_SECTOR]
    sector = lows.find(0x55)
    while sector >= 0:
        if highs[sector : sector + 1] == b"\xaa":
            found.add(sector * _SECTOR)
        sector = lows.find(0x55, sector + 1)
    return sorted(found)


def _beginning(image: VolumeReader, size: int, at: int, in_dynamic: bool) -> Beginning | None:
    try:
        sector = image.read_at(at, _SECTOR)
        if sector[:8] == b"EFI PART":
            return None if in_dynamic else _gpt(image, size, at)
        if sector[3:11] == b"NTFS    ":
            return _ntfs(image, size, at, sector, in_dynamic)
        if in_dynamic:
            return None
        if sector[3:11] == b"-FVE-FS-":
            # What it encrypts has the size that its metadata tells; here none is claimed beyond its first sector.
            return Beginning(at, at + _SECTOR, "a BitLocker volume")
        return _disk(image, size, at)
    except Unreadable:
        return None


def _gpt(image: VolumeReader, size: int, at: int) -> Beginning | None:
    """Return the disk to which a GPT belongs, its first or its last: MBR and first one may be gone."""
    header = image.read_at(at, _SECTOR)
    length, found = struct.unpack_from("<II", header, 12)
    own, other = struct.unpack_from("<QQ", header, 24)
    if not 92 <= length <= _SECTOR or zlib.crc32(header[:16] + bytes(4) + header[20:length]) != found:
        return None
    for sector in (512, 4096):
        start, end = at - own * sector, at + (max(own, other) - own + 1) * sector
        if start >= 0 and (own == 1 or start + sector <= at):
            disk = VolumeReader(image.stream, image.offset + start, end - start)
            table = read_partition_table(disk, end - start, sector)
            if table is not None and table.scheme == "gpt" and table.partitions:
                further = tuple(_further(disk, start, table.partitions))
                return Beginning(start, min(end, size), "a GPT disk", further)
    return None


def _further(disk: VolumeReader, start: int, partitions: Iterable[Partition]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of partitions of a dynamic disk in which volumes may lie beside the first."""
    for partition in partitions:
        if partition.is_dynamic:
            begins = start + partition.offset
            own = 0
            with suppress(Unreadable):
                boot = disk.read_at(partition.offset, _SECTOR)
                own = ntfs_size(boot) + _SECTOR if boot[3:11] == b"NTFS    " else 0
            yield begins + min(own, partition.size), begins + partition.size


def _ntfs(image: VolumeReader, size: int, at: int, boot: bytes, in_dynamic: bool) -> Beginning | None:
    """Return an NTFS volume, if its first file record and its last sector lie where the boot sector says.

    That sector may lie behind the end of the image, which is then truncated. Not so on a dynamic disk: there the first
    piece of a spanned or striped volume begins as the whole one does.
    """
    per_sector, per_cluster = struct.unpack_from("<HB", boot, 11)
    length = ntfs_size(boot)
    first_record = struct.unpack_from("<Q", boot, 0x30)[0] * per_sector * per_cluster
    if not length or first_record >= length or image.read_at(at + first_record, 4) not in (b"FILE", b"BAAD"):
        return None
    is_cut = at + length + per_sector > size
    if (in_dynamic and is_cut) or (not is_cut and image.read_at(at + length, _SECTOR)[:84] != boot[:84]):
        return None
    return Beginning(at, min(at + length + per_sector, size), sentence("an NTFS volume"))


def _disk(image: VolumeReader, size: int, at: int) -> Beginning | None:
    """Return a disk with an MBR or GPT, of which a partition begins as a Windows volume does."""
    rest = VolumeReader(image.stream, image.offset + at, size - at)
    table = read_partition_table(rest, size - at)
    if table is None:
        return None
    for partition in table.partitions:
        try:
            mark = rest.read_at(partition.offset + 3, 8)
        except Unreadable:
            continue
        if partition.offset and (partition.is_dynamic or mark in (b"NTFS    ", b"-FVE-FS-")):
            end = max(each.offset + each.size for each in table.partitions)
            what = sentence("a disk with a table of partitions ({upper})", upper=table.scheme.upper())
            return Beginning(at, min(at + end, size), what, tuple(_further(rest, at, table.partitions)))
    return None
