"""MountedDevices: by what Windows knows the volume that has a drive letter.

Values of the key ``MountedDevices`` of SYSTEM are called ``\\DosDevices\\D:``. Of a partition of a GPT disk they hold
its unique GUID behind eight characters, of an MBR disk its signature and where the partition begins, of a removable
disk the name of its device. A volume without a letter has a value called ``\\??\\Volume{GUID}`` alone.

References:
    Microsoft Learn, MountedDevices registry entries; plaso, Windows mounted devices plug-in.
"""

from __future__ import annotations

import struct

KEY = "MountedDevices"

_GPT = b"DMIO:ID:"


def value_name(letter: str) -> str:
    """Return the name of the value that tells the volume of a drive.

    Args:
        letter: The drive, such as ``D:``.
    """
    return f"\\DosDevices\\{letter}"


def value_name_of_volume(name: str) -> str:
    """Return the name of the value that tells which volume has a name.

    Args:
        name: That of the volume, such as ``Volume{f0a2e1c4-0000-0000-0000-100000000000}``.
    """
    return f"\\??\\{name}"


def of_gpt_partition(guid: bytes) -> bytes:
    """Return what such a value holds of a partition with a unique GUID, 16 bytes as the table has it."""
    return _GPT + guid


def of_mbr_partition(signature: bytes, offset: int) -> bytes:
    """Return what such a value holds of a partition of a disk with a signature, four bytes as the MBR has it.

    Args:
        signature: Of the disk.
        offset: Where the partition begins, in bytes from the start of the disk.
    """
    return signature + struct.pack("<Q", offset)
