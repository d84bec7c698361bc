"""Names the file system of a volume by its first bytes."""

from __future__ import annotations

from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.tree import Unreadable

NTFS = "NTFS"
BITLOCKER = "BitLocker"

_MAGIC = (
    (3, b"NTFS    ", NTFS),
    (3, b"-FVE-FS-", BITLOCKER),
    (3, b"EXFAT   ", "exFAT"),
    (3, b"ReFS\0\0\0\0", "ReFS"),
    (82, b"FAT32   ", "FAT32"),
    (54, b"FAT", "FAT"),
    (0, b"LUKS\xba\xbe", "LUKS (encrypted)"),
    (0, b"XFSB", "XFS"),
    (536, b"LVM2 001", "LVM"),
    (1024, b"H+", "HFS+"),
    (1024, b"HX", "HFSX"),
    (32, b"NXSB", "APFS"),
    (1080, b"\x53\xef", "ext"),
    (4086, b"SWAPSPACE2", "Linux swap"),
)
_BITLOCKER_TO_GO = bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")
_HEAD = 4608


def file_system(volume: VolumeReader) -> str | None:
    """Return the file system's name; None when nothing known is there.

    Raises:
        Unreadable: The start of the volume cannot be read.
    """
    try:
        head = volume.read_at(0, _HEAD)
    except Unreadable:
        head = volume.read_at(0, 512)
    for offset, magic, name in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            # BitLocker To Go leaves a FAT boot sector in front; the GUID tells.
            return BITLOCKER if _BITLOCKER_TO_GO in head[:512] else name
    return None
