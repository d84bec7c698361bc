"""Volumes with a file system that is not read, and members of what spans several disks: each by its signature."""

from __future__ import annotations

from dataclasses import dataclass, field

MIB = 1 << 20
_COPY = "copy what it holds into a folder and examine that"
_MOUNT = "mount it read-only and examine the folder"
_BOOT = (510, b"\x55\xaa")
_LVM = "an LVM physical volume, of a Linux machine"
_ACTIVATE = "activate it with vgchange -ay and examine its logical volumes"


@dataclass(frozen=True, slots=True)
class OtherVolume:
    """A volume that is not read.

    Attributes:
        data: Its beginning, with the signature.
        what: What is said that it is.
        step: What to do with it.
    """

    data: bytes = field(repr=False)
    what: str
    step: str


def _volume(what: str, step: str, *marks: tuple[int, bytes]) -> OtherVolume:
    data = bytearray(2 * MIB)
    for offset, mark in marks:
        data[offset : offset + len(mark)] = mark
    return OtherVolume(bytes(data), what, step)


VOLUMES = {
    "ReFS": _volume("ReFS file system", f"on a Windows that mounts it, {_COPY}", (3, b"ReFS\0\0\0\0"), (16, b"FSRS")),
    "exFAT": _volume("exFAT file system", _COPY, (3, b"EXFAT   "), _BOOT),
    "FAT32": _volume("FAT32 file system", _COPY, (82, b"FAT32   "), _BOOT),
    "LUKS": _volume(
        "a LUKS-encrypted volume, of a Linux machine",
        "open it with cryptsetup and examine what that gives",
        (0, b"LUKS\xba\xbe\0\2"),
    ),
    "LVM": _volume(_LVM, _ACTIVATE, (512, b"LABELONE\1"), (536, b"LVM2 001")),
    "LVM, label in sector 3": _volume(_LVM, _ACTIVATE, (1536, b"LABELONE\3"), (1560, b"LVM2 001")),
    "Storage Spaces": _volume(
        "a member of a Storage Spaces pool",
        "attach the whole pool, and image its virtual disk",
        (0, b"SPACEDB "),
    ),
    "ZFS": _volume(
        "a member of a ZFS pool",
        "import the pool read-only with zpool import -o readonly=on, and examine its volumes or folders",
        (0x4000, bytes.fromhex("0101000000000000 00000001 00000024 00000020 00000007") + b"version\0"),
    ),
    "ext2, ext3, ext4": _volume("ext file system, of a Linux machine", _MOUNT, (1080, b"\x53\xef")),
    "Btrfs": _volume("Btrfs file system, of a Linux machine", _MOUNT, (0x10040, b"_BHRfS_M")),
    "XFS": _volume("XFS file system, of a Linux machine", _MOUNT, (0, b"XFSB")),
    "F2FS": _volume("F2FS file system, of a Linux machine", _MOUNT, (1024, b"\x10\x20\xf5\xf2")),
    "JFS": _volume("JFS file system, of a Linux machine", _MOUNT, (0x8000, b"JFS1")),
    "ReiserFS": _volume("ReiserFS file system, of a Linux machine", _MOUNT, (0x10034, b"ReIsEr2Fs")),
    "Linux RAID": _volume(
        "a member of a Linux RAID, of a Linux machine",
        "assemble it with mdadm -o and examine that",
        (4096, b"\xfc\x4e\x2b\xa9\1\0\0\0"),
    ),
    "VMFS": _volume(
        "VMFS file system",
        "copy the folder of the machine out of it and examine that",
        (MIB, b"\x0d\xd0\x01\xc0"),
    ),
    "HFS+": _volume("HFS+ file system, of a Mac", _MOUNT, (1024, b"H+\0\4")),
    "APFS": _volume("APFS file system, of a Mac", _MOUNT, (32, b"NXSB")),
}
