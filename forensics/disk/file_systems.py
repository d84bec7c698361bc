"""Names the file system of a volume, or what else takes up one, by its first bytes.

References:
    - file(1), magic/Magdir: filesystems, linux, windows
    - Linux, include/uapi/linux/magic.h, fs/ext4/ext4.h (superblock), include/uapi/linux/raid/md_p.h
    - OpenZFS, module/zfs/vdev_label.c (its nvlist begins with "version"); Linux, fs/jfs, fs/reiserfs
    - vmfs-tools, vmfs_volume.h (VMFS_VOLINFO_BASE)
    - Storage Spaces: the pool's header begins with SPACEDB (parsers of its metadata agree, Microsoft publishes none)
"""

from __future__ import annotations

from typing import BinaryIO

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
    (0, b"LUKS\xba\xbe", "LUKS"),
    (0, b"SPACEDB ", "Storage Spaces"),
    (0, b"XFSB", "XFS"),
    # A physical volume has its label in one of its first four sectors.
    *((sector * 512 + 24, b"LVM2 001", "LVM") for sector in range(4)),
    (1024, b"H+\0\4", "HFS+"),
    (1024, b"HX\0\5", "HFSX"),
    (1024, b"\x10\x20\xf5\xf2", "F2FS"),
    (32, b"NXSB", "APFS"),
    (4086, b"SWAPSPACE2", "Linux swap"),
    (4096, b"\xfc\x4e\x2b\xa9\1\0\0\0", "Linux RAID"),
)
_FURTHER_IN = (
    # The first pair of the list of names and values in a label of ZFS.
    (0x4014, b"\0\0\0\x07version\0", "ZFS"),
    (0x8000, b"JFS1", "JFS"),
    (0x10034, b"ReIsEr", "ReiserFS"),
    (0x10040, b"_BHRfS_M", "Btrfs"),
    (1 << 20, b"\x0d\xd0\x01\xc0", "VMFS"),
)
_BITLOCKER_TO_GO = bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")
_HEAD = 4608
_BOOT_SIGNATURE = b"\x55\xaa"
_EXT = 1024


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
            if name.startswith("FAT") and head[510:512] != _BOOT_SIGNATURE:
                continue
            # BitLocker To Go leaves a FAT boot sector in front; the GUID tells.
            return BITLOCKER if _BITLOCKER_TO_GO in head[:512] else name
    if _is_ext(head[_EXT:]):
        return "ext"
    return next((name for offset, magic, name in _FURTHER_IN if _has(volume, offset, magic)), None)


def file_system_of(file: BinaryIO, size: int) -> str | None:
    """Return the name of the file system that a file of this many bytes, or the first bytes of it, begins with."""
    try:
        return file_system(VolumeReader(file, 0, size))
    except Unreadable:
        return None


def _is_ext(superblock: bytes) -> bool:
    """Tell a superblock by more than its magic, whose two bytes may also stand in a boot loader behind an MBR."""
    block_size, revision = superblock[24:28], superblock[76:80]
    return (
        superblock[56:58] == b"\x53\xef"
        and int.from_bytes(block_size, "little") <= 6
        and int.from_bytes(revision, "little") <= 1
    )


def _has(volume: VolumeReader, offset: int, magic: bytes) -> bool:
    try:
        return volume.read_at(offset, len(magic)) == magic
    except Unreadable:
        return False
