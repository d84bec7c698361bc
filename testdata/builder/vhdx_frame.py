"""The parts of a VHDX file that describe it: headers, region tables, metadata with the parent locator.

References:
    - [MS-VHDX] v8, sections 2.2 and 2.6
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from testdata.builder.crc32c import stamp
from testdata.builder.seeded import Seeded

MIB = 1 << 20
LOG_AT, LOG_LENGTH = 1 * MIB, 1 * MIB
METADATA_AT, METADATA_LENGTH = 2 * MIB, 1 * MIB
BAT_AT = 3 * MIB

BAT_REGION = UUID("2dc27766-f623-4200-9d64-115e9bfd4a08")
METADATA_REGION = UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e")
FILE_PARAMETERS = UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
VIRTUAL_DISK_SIZE = UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
VIRTUAL_DISK_ID = UUID("beca12ab-b2e6-4523-93ef-c309e000c746")
LOGICAL_SECTOR_SIZE = UUID("8141bf1d-a96f-4709-ba47-f233a8faab5f")
PHYSICAL_SECTOR_SIZE = UUID("cda348c7-445d-4471-9cc9-e9885251c556")
PARENT_LOCATOR = UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c")
LOCATOR_TYPE = UUID("b04aefb7-d19e-4a81-b789-25b8e9445913")


@dataclass(frozen=True, slots=True)
class Frame:
    """What headers, region tables and metadata say.

    Attributes:
        size: Size of the virtual disk in bytes.
        block_size: Size of a payload block in bytes.
        sector_size: Logical sector size in bytes.
        bat_length: Size of the BAT region in bytes.
        seed: From which the GUIDs follow.
        fixed: Sets "leave blocks allocated".
        locator: Key and value texts of the parent locator; None for a disk without parent.
        log_guid: Not zero when the log must be replayed.
    """

    size: int
    block_size: int
    sector_size: int
    bat_length: int
    seed: str
    fixed: bool
    locator: dict[str, str] | None
    log_guid: UUID


def write_frame(fh: BinaryIO, frame: Frame) -> None:
    """Write everything that is neither BAT nor log nor block."""
    seeded = Seeded(frame.seed)
    file_write, data_write, disk_id = (UUID(seeded.guid()) for _ in range(3))
    fh.seek(0)
    fh.write(b"vhdxfile" + "keymortem test data".encode("utf-16-le"))
    for at, sequence in ((64 << 10, 7), (128 << 10, 8)):
        fh.seek(at)
        fh.write(_header(sequence, file_write, data_write, frame.log_guid))
    regions = b"".join(
        struct.pack("<16sQII", guid.bytes_le, offset, length, 1)
        for guid, offset, length in (
            (BAT_REGION, BAT_AT, frame.bat_length),
            (METADATA_REGION, METADATA_AT, METADATA_LENGTH),
        )
    )
    table = stamp((struct.pack("<4sIII", b"regi", 0, 2, 0) + regions).ljust(64 << 10, b"\0"))
    for at in (192 << 10, 256 << 10):
        fh.seek(at)
        fh.write(table)
    fh.seek(METADATA_AT)
    fh.write(_metadata(frame, disk_id))


def _header(sequence: int, file_write: UUID, data_write: UUID, log: UUID) -> bytes:
    body = struct.pack(
        "<4sIQ16s16s16sHHIQ",
        b"head",
        0,
        sequence,
        file_write.bytes_le,
        data_write.bytes_le,
        log.bytes_le,
        0,
        1,
        LOG_LENGTH,
        LOG_AT,
    )
    return stamp(body.ljust(4096, b"\0"))


def _metadata(frame: Frame, disk_id: UUID) -> bytes:
    flags = (1 if frame.fixed else 0) | (2 if frame.locator is not None else 0)
    # Item flags: 2 = of the virtual disk, 4 = required.
    items = [
        (FILE_PARAMETERS, 4, struct.pack("<II", frame.block_size, flags)),
        (VIRTUAL_DISK_SIZE, 6, struct.pack("<Q", frame.size)),
        (LOGICAL_SECTOR_SIZE, 6, struct.pack("<I", frame.sector_size)),
        (PHYSICAL_SECTOR_SIZE, 6, struct.pack("<I", 4096)),
        (VIRTUAL_DISK_ID, 6, disk_id.bytes_le),
    ]
    if frame.locator is not None:
        items.append((PARENT_LOCATOR, 4, _parent_locator(frame.locator)))
    table = struct.pack("<8sHH20x", b"metadata", 0, len(items))
    data = b""
    for guid, item_flags, content in items:
        table += struct.pack("<16sIII4x", guid.bytes_le, (64 << 10) + len(data), len(content), item_flags)
        data += content.ljust(-(-len(content) // 8) * 8, b"\0")
    return table.ljust(64 << 10, b"\0") + data


def _parent_locator(texts: dict[str, str]) -> bytes:
    head = struct.pack("<16sHH", LOCATOR_TYPE.bytes_le, 0, len(texts))
    start = len(head) + 12 * len(texts)
    entries = content = b""
    for key, value in texts.items():
        key_bytes, value_bytes = key.encode("utf-16-le"), value.encode("utf-16-le")
        at = start + len(content)
        entries += struct.pack("<IIHH", at, at + len(key_bytes), len(key_bytes), len(value_bytes))
        content += key_bytes + value_bytes
    return head + entries + content


def describe(path: Path) -> tuple[int, int, UUID]:
    """Return disk size, sector size and DataWriteGuid of a file of this module, which knows where they stand."""
    with path.open("rb") as fh:
        fh.seek((128 << 10) + 32)
        guid = UUID(bytes_le=fh.read(16))
        fh.seek(METADATA_AT + (64 << 10) + 8)
        size, sector_size = struct.unpack("<QI", fh.read(12))
    return size, sector_size, guid
