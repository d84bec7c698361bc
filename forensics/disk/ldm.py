"""Tells of a partition of a dynamic disk (LDM) whether the volume that begins in it can be read from it alone.

A simple volume lies in one piece, so the copy of its boot sector stands where that says the volume ends. Of a spanned,
striped or RAID-5 volume the first piece begins with the same boot sector, and the copy lies elsewhere.

References:
    - Linux, Documentation/admin-guide/ldm.rst and block/partitions/ldm.c
    - Microsoft, "Basic and Dynamic Disks"
"""

from __future__ import annotations

from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.volume import ntfs_size
from forensics.disk.tree import Unreadable
from forensics.language import sentence

LIKELY_SIMPLE = sentence(
    "the volume lies on a dynamic disk (LDM) and is read as a simple one, which by its own boot "
    "sectors it likely is; it may be one half of a mirror, of which the other may be newer"
)
_NTFS = b"NTFS    "
_LEAST_REST = 8 << 20
"""Format: bytes behind a volume in which another one may begin: less is what rounding to cylinders leaves."""
_IMAGE = sentence(
    "image the volume itself, on a Windows to which all disks of the group are attached, and examine that"
)


def not_simple(partition: VolumeReader, size: int) -> str | None:
    """Say why the volume that begins a partition of a dynamic disk is not read; None where it is likely a simple one.

    Args:
        partition: The partition.
        size: Its bytes.

    Raises:
        Unreadable: Its first sector cannot be read.
    """
    boot = partition.read_at(0, 512)
    if boot[3:11] != _NTFS:
        return sentence(
            "a dynamic disk (LDM): no NTFS volume begins where this partition does; --offset search "
            "looks for those further in, else {image}",
            image=_IMAGE,
        )
    end = ntfs_size(boot)
    if end and end + 512 > size:
        return sentence(
            "a spanned, striped or RAID-5 volume of a dynamic disk (LDM): it has {end} bytes, of which "
            "this partition holds {size} at the most; {image}",
            end=end,
            size=size,
            image=_IMAGE,
        )
    if not end or not _is_copy(partition, boot, end):
        return sentence(
            "a volume of a dynamic disk (LDM) whose end does not lie where a simple volume has it: a "
            "spanned, striped or RAID-5 volume, or a damaged one; {image}",
            image=_IMAGE,
        )
    return None


def rest_of(boot: bytes, size: int) -> str | None:
    """Say that further volumes may lie behind the first in a partition; None where there is no room for any.

    Args:
        boot: The boot sector of the first.
        size: Bytes of the partition.
    """
    rest = size - ntfs_size(boot) - 512
    if rest < _LEAST_REST:
        return None
    return sentence(
        "{rest} bytes behind the first volume of this partition of a dynamic disk (LDM), in which "
        "others may lie: --offset search looks for them",
        rest=rest,
    )


def _is_copy(partition: VolumeReader, boot: bytes, at: int) -> bool:
    try:
        # What Windows keeps beside the parameters of the volume, such as a flag for chkdsk, may differ.
        return partition.read_at(at, 512)[:84] == boot[:84]
    except Unreadable:
        return False
