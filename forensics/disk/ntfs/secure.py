"""$Secure: the access lists of a volume, each stored once under a number."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

from forensics.disk.ntfs.btree import NtfsIndex
from forensics.disk.ntfs.damage import BrokenStructure
from forensics.disk.ntfs.record import DATA
from forensics.disk.tree import Unreadable
from forensics.language import sentence

if TYPE_CHECKING:
    from forensics.disk.ntfs.volume import NtfsVolume

_SECURE = 9
PATH = "$Secure"
_MAX_DESCRIPTOR = 0x40000
"""Format: bytes of one access list."""
_MIRROR = 0x40000
_HEADER = struct.Struct("<IIQI")
_WORDS = 1 << 32


class NoSuchDescriptor(BrokenStructure):
    """A file names an access list that $Secure does not hold."""


class SecurityDescriptors:
    """Looks access lists up by the number that file records name.

    Args:
        volume: Where $Secure lies.
    """

    def __init__(self, volume: NtfsVolume) -> None:
        self._volume = volume
        self._opened: tuple[NtfsIndex, BinaryIO] | None = None
        self._known: dict[int, bytes | Unreadable] = {}

    def find(self, security_id: int) -> bytes:
        """Return a self-relative security descriptor.

        Raises:
            Unreadable: $Secure holds none under this number, or holds it damaged.
        """
        if security_id not in self._known:
            try:
                self._known[security_id] = self._find(security_id)
            except Unreadable as reason:
                self._known[security_id] = reason
        found = self._known[security_id]
        if isinstance(found, Unreadable):
            raise found
        return found

    def _find(self, security_id: int) -> bytes:
        index, stream = self._open()
        found = index.search(security_id, _number).entry
        if found is None or len(found.data) != _HEADER.size:
            raise NoSuchDescriptor(
                sentence(
                    "its access list has number {security_id}, which $Secure does not hold", security_id=security_id
                )
            )
        hashed, _, offset, size = _HEADER.unpack(found.data)
        lost: Unreadable | None = None
        # Every 256 KiB of $SDS are followed by a copy of them.
        for start in (offset, offset + _MIRROR):
            try:
                stream.seek(start)
                head = stream.read(_HEADER.size)
                if head == found.data and _HEADER.size < size <= _MAX_DESCRIPTOR:
                    data = stream.read(size - _HEADER.size)
                    if len(data) == size - _HEADER.size and hash_of(data) == hashed:
                        return data
            except Unreadable as error:
                lost = error
        if lost is not None:
            raise lost
        place = self._volume.place_in(stream, offset)
        raise BrokenStructure(
            sentence("access list {security_id} in $Secure is damaged, and its copy too", security_id=security_id),
            place,
        )

    def _open(self) -> tuple[NtfsIndex, BinaryIO]:
        if self._opened is None:
            record = self._volume.record(_SECURE)
            stream = self._volume.stream(record, DATA, "$SDS")
            if stream is None:
                raise BrokenStructure(sentence("$Secure has no $SDS"), self._volume.place_of(_SECURE))
            self._opened = self._volume.index(record, "$SII"), stream
        return self._opened


def hash_of(descriptor: bytes) -> int:
    """Return the hash by which $SDH finds a descriptor: words added, the sum turned by three bits before each.

    References:
        Linux kernel fs/ntfs/layout.h (SECURITY_DESCRIPTOR_HEADER).
    """
    total = 0
    for (word,) in struct.iter_unpack("<I", descriptor[: len(descriptor) & ~3]):
        total = ((total << 3 | total >> 29) + word) % _WORDS
    return total


def _number(key: bytes) -> int:
    return int.from_bytes(key, "little")
