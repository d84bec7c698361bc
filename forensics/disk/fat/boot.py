"""FAT12, FAT16 and FAT32: the boot sector and folders, without their times.

References:
    Microsoft, FAT32 File System Specification 1.03; UEFI Specification 2.10, section 13.3.
"""

from __future__ import annotations

import struct

from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

ENTRY_SIZE = 32
DIRECTORY = 0x10

_VOLUME_ID = 0x08
_LONG_NAME = 0x0F
_LAST_LONG = 0x40
_MAX_LONG = 20
"""Format: entries that make up one long file name."""
_LOWER_BASE, _LOWER_EXTENSION = 0x08, 0x10
_END, _DELETED, _KANJI_E5 = 0x00, 0xE5, 0x05
_MOST_FAT12 = 4085
"""Format: clusters of FAT12, below which a volume is one; no bound of ours."""
_MOST_FAT16 = 65525
"""Format: clusters of FAT16, below which a volume is one; no bound of ours."""


@dataclass(frozen=True, slots=True)
class FatLayout:
    """Where things lie on a volume; bytes unless said otherwise.

    Attributes:
        bits: 12, 16 or 32: width of an entry of the allocation table.
        cluster: Size of a cluster.
        table: Offset of the first allocation table.
        table_size: Its size.
        root: Offset of the root folder of FAT12 and FAT16; 0 for FAT32.
        root_size: Its size.
        root_cluster: First cluster of FAT32's root folder.
        data: Offset of cluster 2.
        clusters: Number of clusters; the last has number ``clusters + 1``.
    """

    bits: int
    cluster: int
    table: int
    table_size: int
    root: int
    root_size: int
    root_cluster: int
    data: int
    clusters: int


@dataclass(frozen=True, slots=True)
class FatEntry:
    """One file or folder: its long name where it has one, its size in bytes and first cluster (0: no content)."""

    name: str
    attributes: int
    cluster: int
    size: int

    @property
    def is_dir(self) -> bool:
        return bool(self.attributes & DIRECTORY)


def parse_fat_boot_sector(data: bytes) -> FatLayout:
    """Read the BIOS parameter block.

    Raises:
        FormatError: It is shorter than 512 bytes, or describes no volume.
    """
    if len(data) < 512:
        raise FormatError("truncated", len(data), sentence("a boot sector has 512 bytes"))
    sector, per_cluster, reserved, tables, root_entries, small_total = struct.unpack_from("<HBHBHH", data, 11)
    small_table = struct.unpack_from("<H", data, 22)[0]
    large_total, large_table = struct.unpack_from("<II", data, 32)
    if sector not in (512, 1024, 2048, 4096):
        raise FormatError("bad_boot_sector", 11, sentence("sectors of {sector} bytes", sector=sector))
    if per_cluster == 0 or per_cluster & (per_cluster - 1):
        raise FormatError("bad_boot_sector", 13, sentence("clusters of {per_cluster} sectors", per_cluster=per_cluster))
    if reserved == 0 or not 1 <= tables <= 4:
        raise FormatError(
            "bad_boot_sector",
            14,
            sentence("{reserved} reserved sectors, {tables} allocation tables", reserved=reserved, tables=tables),
        )
    total, table = small_total or large_total, small_table or large_table
    root_sectors = -(-root_entries * ENTRY_SIZE // sector)
    first_data = reserved + tables * table + root_sectors
    if table == 0 or first_data >= total:
        raise FormatError(
            "bad_boot_sector", 32, sentence("{total} sectors leave no room behind the allocation tables", total=total)
        )
    clusters = (total - first_data) // per_cluster
    # As Windows decides, not by the number of clusters: small volumes are formatted as FAT32 too.
    bits = 32 if small_table == 0 else 12 if clusters < _MOST_FAT12 else 16
    if bits == 16 and clusters >= _MOST_FAT16:
        raise FormatError(
            "bad_boot_sector", 22, sentence("{clusters} clusters are too many for FAT16", clusters=clusters)
        )
    table_size = table * sector
    return FatLayout(
        bits=bits,
        cluster=per_cluster * sector,
        table=reserved * sector,
        table_size=table_size,
        root=0 if bits == 32 else (reserved + tables * table) * sector,
        root_size=root_entries * ENTRY_SIZE,
        root_cluster=struct.unpack_from("<I", data, 44)[0] & 0x0FFFFFFF if bits == 32 else 0,
        data=first_data * sector,
        clusters=min(clusters, max(table_size * 8 // bits - 2, 0)),
    )


def parse_fat_folder(data: bytes) -> list[FatEntry]:
    """Read the entries of a folder without ``.``, ``..``, deleted ones and the volume's name.

    A long name whose parts do not belong together is passed over, and the short one counts.
    """
    found: list[FatEntry] = []
    parts: list[bytes] = []
    for offset in range(0, len(data) - ENTRY_SIZE + 1, ENTRY_SIZE):
        entry = data[offset : offset + ENTRY_SIZE]
        if entry[0] == _END:
            break
        if entry[0] == _DELETED:
            parts = []
        elif entry[11] & 0x3F == _LONG_NAME:
            parts = [entry] if entry[0] & _LAST_LONG else [*parts, entry][-_MAX_LONG - 1 :]
        else:
            # "." and ".." are the only names that may begin with a full stop here.
            if not entry[11] & _VOLUME_ID and entry[0] != 0x2E:
                found.append(_entry(entry, _long_name(parts, entry[:11])))
            parts = []
    return found


def _entry(entry: bytes, long_name: str | None) -> FatEntry:
    high, low, size = struct.unpack_from("<H4xHI", entry, 20)
    attributes = entry[11]
    is_dir = bool(attributes & DIRECTORY)
    return FatEntry(long_name or _short_name(entry), attributes, high << 16 | low, 0 if is_dir else size)


def _short_name(entry: bytes) -> str:
    raw = b"\xe5" + entry[1:11] if entry[0] == _KANJI_E5 else entry[:11]
    base, extension = raw[:8].decode("cp437").rstrip(" "), raw[8:].decode("cp437").rstrip(" ")
    base = base.lower() if entry[12] & _LOWER_BASE else base
    extension = extension.lower() if entry[12] & _LOWER_EXTENSION else extension
    name = f"{base}.{extension}" if extension else base
    # Neither can be in a name; shown escaped, they cannot break paths.
    return name.replace("/", "\\x2f").replace("\0", "\\x00")


def _long_name(parts: list[bytes], short: bytes) -> str | None:
    """Put the parts of a long name together: the last part comes first, each numbered and with the short one's sum."""
    if not 1 <= len(parts) <= _MAX_LONG:
        return None
    total = 0
    for octet in short:
        total = ((total & 1) << 7) + (total >> 1) + octet & 0xFF
    text = b""
    for number, part in zip(range(len(parts), 0, -1), parts, strict=True):
        if part[0] & 0x3F != number or part[13] != total:
            return None
        text = part[1:11] + part[14:26] + part[28:32] + text
    name = text.decode("utf-16-le", "replace").split("\0", 1)[0]
    return name if name.strip(". ") and "/" not in name else None
