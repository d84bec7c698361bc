"""VHDX structures: identifier, headers, region table, metadata, parent locator, block allocation table.

Sizes and offsets are bytes. Offsets of regions and blocks count from the start of the file, those of metadata items
from the start of the metadata region. Nothing here is believed because it is written down: what a lying field could
make a reader do is refused.

References:
    - [MS-VHDX] v8, sections 2.2 (headers, regions), 2.5 (BAT), 2.6 (metadata)
"""

from __future__ import annotations

from uuid import UUID

from forensics.disk.vhdx.crc32c import checksum_holds
from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

MIB = 1 << 20
SIGNATURE = b"vhdxfile"
HEADER_OFFSETS = (64 << 10, 128 << 10)
HEADER_SIZE = 4 << 10
REGION_TABLE_OFFSETS = (192 << 10, 256 << 10)
REGION_TABLE_SIZE = 64 << 10
METADATA_TABLE_SIZE = 64 << 10

NOT_PRESENT, UNDEFINED, ZERO, UNMAPPED = 0, 1, 2, 3
FULLY_PRESENT, PARTIALLY_PRESENT = 6, 7
BITMAP_PRESENT = 6

NO_GUID = UUID(int=0)
BAT_REGION = UUID("2dc27766-f623-4200-9d64-115e9bfd4a08")
METADATA_REGION = UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e")

FILE_PARAMETERS = UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
VIRTUAL_DISK_SIZE = UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
VIRTUAL_DISK_ID = UUID("beca12ab-b2e6-4523-93ef-c309e000c746")
LOGICAL_SECTOR_SIZE = UUID("8141bf1d-a96f-4709-ba47-f233a8faab5f")
PHYSICAL_SECTOR_SIZE = UUID("cda348c7-445d-4471-9cc9-e9885251c556")
PARENT_LOCATOR = UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c")
_KNOWN_ITEMS = {
    FILE_PARAMETERS,
    VIRTUAL_DISK_SIZE,
    VIRTUAL_DISK_ID,
    LOGICAL_SECTOR_SIZE,
    PHYSICAL_SECTOR_SIZE,
    PARENT_LOCATOR,
}

VHDX_PARENT_LOCATOR_TYPE = UUID("b04aefb7-d19e-4a81-b789-25b8e9445913")

LOG_SECTOR = 4 << 10
MAX_LOG = 16 << 20
"""Format: bytes of the ring that is searched; Windows makes it 1 MiB."""
_MAX_ENTRIES = 2047
"""Format: entries of a region or metadata table."""
_MAX_ITEM = MIB
"""Format: bytes of one metadata item."""
_MAX_DISK = 64 << 40
"""Format: bytes of the disk inside."""
_MIN_BLOCK = MIB
_MAX_BLOCK = 256 * MIB
"""Format: bytes of one block."""


@dataclass(frozen=True, slots=True)
class VhdxHeader:
    """One of the two headers.

    Attributes:
        sequence: The valid header with the higher number is the current one.
        file_write_guid: Changes whenever the file is opened for writing.
        data_write_guid: Changes whenever the virtual disk's content does; a child names it as its parent linkage.
        log_guid: Which log entries count; all zero when the log is empty.
        log_offset: Where the log ring starts.
        log_length: Size of the ring.
    """

    sequence: int
    file_write_guid: UUID
    data_write_guid: UUID
    log_guid: UUID
    log_offset: int
    log_length: int

    @property
    def is_dirty(self) -> bool:
        """Whether the log must be replayed before anything else is believed."""
        return self.log_guid != NO_GUID


@dataclass(frozen=True, slots=True)
class Region:
    """Where a region lies in the file."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class RegionTable:
    """The two regions every VHDX has."""

    bat: Region
    metadata: Region


@dataclass(frozen=True, slots=True)
class FileParameters:
    """Block size in bytes, and the two flags.

    Attributes:
        block_size: A power of two from 1 MiB to 256 MiB.
        leave_allocated: The disk is fixed: every block stays allocated.
        has_parent: The disk is differencing.
    """

    block_size: int
    leave_allocated: bool
    has_parent: bool


@dataclass(frozen=True, slots=True)
class ParentLocator:
    """What a differencing disk says of its parent.

    Attributes:
        linkage: The parent's DataWriteGuid.
        linkage2: Another DataWriteGuid the parent may have (while a merge is under way); None when not given.
        relative_path: From the child's folder, with backslashes.
        volume_path: With a volume GUID.
        absolute_win32_path: With a drive letter.
    """

    linkage: UUID
    linkage2: UUID | None
    relative_path: str | None
    volume_path: str | None
    absolute_win32_path: str | None


@dataclass(frozen=True, slots=True)
class BatEntry:
    """State of a block and its offset in the file; the offset means nothing in states without data."""

    state: int
    offset: int


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the entry of a block stands in the BAT.

    Attributes:
        disk_size: Size of the virtual disk.
        block_size: Size of a payload block.
        sector_size: Logical sector size, 512 or 4096.
    """

    disk_size: int
    block_size: int
    sector_size: int

    @property
    def chunk_ratio(self) -> int:
        """Payload blocks that share one sector bitmap block."""
        return (self.sector_size << 23) // self.block_size

    @property
    def blocks(self) -> int:
        """Payload blocks of the disk."""
        return -(-self.disk_size // self.block_size)

    def payload_index(self, block: int) -> int:
        """Return the BAT index of a payload block."""
        return block + block // self.chunk_ratio

    def bitmap_index(self, block: int) -> int:
        """Return the BAT index of the sector bitmap block that covers a payload block."""
        return (block // self.chunk_ratio + 1) * (self.chunk_ratio + 1) - 1

    def bat_entries(self, has_parent: bool) -> int:
        """Return how many entries the BAT must have."""
        last = self.blocks - 1
        return (self.bitmap_index(last) if has_parent else self.payload_index(last)) + 1


def parse_file_identifier(data: bytes) -> None:
    """Check the first eight bytes of a file; raises FormatError when it is not a VHDX file."""
    if data[:8] != SIGNATURE:
        raise FormatError("bad_magic", 0, sentence("a VHDX file starts with 'vhdxfile'"))


def parse_header(data: bytes) -> VhdxHeader:
    """Parse one header (4 KiB); raises FormatError when its checksum is wrong or its version is not 1."""
    cursor = Cursor(data)
    if cursor.take(4, "header signature") != b"head":
        raise FormatError("bad_magic", 0, sentence("a VHDX header starts with 'head'"))
    _require_length(data, HEADER_SIZE, "VHDX header")
    _require_checksum(data, "VHDX header")
    cursor.take(4, "checksum")
    sequence = cursor.u64("sequence number")
    file_write, data_write, log = cursor.guid(), cursor.guid(), cursor.guid()
    log_version, version = cursor.u16("log version"), cursor.u16("version")
    log_length, log_offset = cursor.u32("log length"), cursor.u64("log offset")
    if version != 1:
        raise FormatError(
            "unknown_version", 66, sentence("VHDX version {version} is not known, only 1 is", version=version)
        )
    if log_version != 0 and log != NO_GUID:
        raise FormatError(
            "unknown_version",
            64,
            sentence("VHDX log version {log_version} is not known, only 0 is", log_version=log_version),
        )
    return VhdxHeader(sequence, file_write, data_write, log, log_offset, log_length)


def parse_region_table(data: bytes) -> RegionTable:
    """Parse a region table (64 KiB); an unknown region that is required is a FormatError ``unknown_required``."""
    cursor = Cursor(data)
    if cursor.take(4, "region table signature") != b"regi":
        raise FormatError("bad_magic", 0, sentence("a VHDX region table starts with 'regi'"))
    _require_length(data, REGION_TABLE_SIZE, sentence("VHDX region table"))
    _require_checksum(data, sentence("VHDX region table"))
    cursor.take(4, "checksum")
    count = cursor.u32("entry count")
    if count > _MAX_ENTRIES:
        raise FormatError(
            "bad_count",
            8,
            sentence(
                "a region table holds at most {max_entries} entries, this one says {count}",
                max_entries=_MAX_ENTRIES,
                count=count,
            ),
        )
    cursor.take(4, "reserved")
    found: dict[UUID, Region] = {}
    for _ in range(count):
        at = cursor.offset
        guid, offset, length, flags = cursor.guid(), cursor.u64(), cursor.u32(), cursor.u32()
        if guid not in (BAT_REGION, METADATA_REGION):
            if flags & 1:
                raise FormatError(
                    "unknown_required", at, sentence("required region {{{guid}}} is not known", guid=guid)
                )
            continue
        if guid in found:
            raise FormatError("duplicate", at, sentence("region {{{guid}}} is listed twice", guid=guid))
        if offset < MIB or offset % MIB or offset >= 1 << 63 or length == 0 or length % MIB:
            raise FormatError(
                "bad_region",
                at,
                sentence("region at {offset} of {length} bytes is not aligned to 1 MiB", offset=offset, length=length),
            )
        found[guid] = Region(offset, length)
    if len(found) != 2:
        raise FormatError("missing_region", 8, sentence("the region table lacks the BAT or the metadata region"))
    return RegionTable(found[BAT_REGION], found[METADATA_REGION])


def parse_metadata_table(data: bytes, region_length: int) -> dict[UUID, Region]:
    """Parse the metadata table (64 KiB); offsets in the result count from the start of the metadata region."""
    cursor = Cursor(data)
    if cursor.take(8, "metadata signature") != b"metadata":
        raise FormatError("bad_magic", 0, sentence("a VHDX metadata table starts with 'metadata'"))
    cursor.take(2, "reserved")
    count = cursor.u16("entry count")
    if count > _MAX_ENTRIES:
        raise FormatError(
            "bad_count",
            10,
            sentence(
                "a metadata table holds at most {max_entries} entries, not {count}",
                max_entries=_MAX_ENTRIES,
                count=count,
            ),
        )
    cursor.take(20, "reserved")
    items: dict[UUID, Region] = {}
    for _ in range(count):
        at = cursor.offset
        guid, offset, length, flags = cursor.guid(), cursor.u32(), cursor.u32(), cursor.u32()
        cursor.take(4, "reserved")
        is_user, is_required = flags & 1, flags & 4
        if is_user or guid not in _KNOWN_ITEMS:
            if is_required:
                raise FormatError(
                    "unknown_required", at, sentence("required metadata item {{{guid}}} is not known", guid=guid)
                )
            continue
        if guid in items:
            raise FormatError("duplicate", at, sentence("metadata item {{{guid}}} is listed twice", guid=guid))
        if offset < METADATA_TABLE_SIZE or length > _MAX_ITEM or offset + length > region_length:
            raise FormatError("bad_length", at, sentence("metadata item {{{guid}}} lies outside its region", guid=guid))
        items[guid] = Region(offset, length)
    return items


def parse_file_parameters(data: bytes) -> FileParameters:
    """Parse the file parameters item (8 bytes)."""
    cursor = Cursor(data)
    block_size, flags = cursor.u32("block size"), cursor.u32("flags")
    if not _MIN_BLOCK <= block_size <= _MAX_BLOCK or block_size & block_size - 1:
        raise FormatError(
            "bad_block_size",
            0,
            sentence("block size {block_size} is not a power of two from 1 to 256 MiB", block_size=block_size),
        )
    return FileParameters(block_size, bool(flags & 1), bool(flags & 2))


def parse_disk_size(data: bytes, sector_size: int) -> int:
    """Parse the virtual disk size item (8 bytes)."""
    size = Cursor(data).u64("virtual disk size")
    if not 0 < size <= _MAX_DISK or size % sector_size:
        raise FormatError(
            "bad_disk_size", 0, sentence("virtual disk size {size} is not whole sectors up to 64 TiB", size=size)
        )
    return size


def parse_sector_size(data: bytes) -> int:
    """Parse a sector size item (4 bytes)."""
    size = Cursor(data).u32("sector size")
    if size not in (512, 4096):
        raise FormatError("bad_sector_size", 0, sentence("sector size {size} is neither 512 nor 4096", size=size))
    return size


def parse_parent_locator(data: bytes) -> ParentLocator:
    """Parse the parent locator item."""
    cursor = Cursor(data)
    kind = cursor.guid("locator type")
    if kind != VHDX_PARENT_LOCATOR_TYPE:
        raise FormatError(
            "unknown_locator", 0, sentence("parent locator type {{{kind}}} is not that of a VHDX parent", kind=kind)
        )
    cursor.take(2, "reserved")
    count = cursor.u16("key count")
    texts: dict[str, str] = {}
    budget = len(data)
    for _ in range(count):
        at = cursor.offset
        key_offset, value_offset = cursor.u32(), cursor.u32()
        key_length, value_length = cursor.u16(), cursor.u16()
        budget -= key_length + value_length
        if budget < 0:
            raise FormatError("bad_length", at, sentence("the texts of the parent locator are longer than the locator"))
        key = Cursor(data, key_offset).utf16(key_length, "parent locator key")
        texts[key] = Cursor(data, value_offset).utf16(value_length, f"parent locator value of {key!r}")
    if "parent_linkage" not in texts:
        raise FormatError("missing_item", 18, sentence("the parent locator has no parent_linkage"))
    linkage2 = _guid_of_text(texts["parent_linkage2"]) if "parent_linkage2" in texts else None
    return ParentLocator(
        linkage=_guid_of_text(texts["parent_linkage"]),
        linkage2=None if linkage2 == NO_GUID else linkage2,
        relative_path=texts.get("relative_path"),
        volume_path=texts.get("volume_path"),
        absolute_win32_path=texts.get("absolute_win32_path"),
    )


def decode_bat_entry(value: int) -> BatEntry:
    """Decode a BAT entry: state in bits 0 to 2, offset in MiB in bits 20 to 63."""
    return BatEntry(value & 7, value >> 20 << 20)


def _guid_of_text(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise FormatError(
            "bad_guid", 0, sentence("{text!r} in the parent locator is not a GUID", text=text[:64])
        ) from error


def _require_length(data: bytes, length: int, what: str) -> None:
    if len(data) != length:
        raise FormatError(
            "truncated",
            len(data),
            sentence("a {what} has {length} bytes, not {count}", what=what, length=length, count=len(data)),
        )


def _require_checksum(data: bytes, what: str) -> None:
    if not checksum_holds(data):
        raise FormatError("bad_checksum", 4, sentence("the checksum of the {what} is wrong", what=what))
