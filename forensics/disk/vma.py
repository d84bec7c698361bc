"""Reads the disks in a Proxmox backup (VMA): the checksums of its headers are checked, and what is missing is told.

An archive is a header and extents, each a header of 512 bytes and up to 59 clusters of 64 KiB, of which only blocks of
4 KiB that are not zero are stored. Clusters come as they were backed up: those that the running machine was about to
change come early. Every cluster of every disk is named once, zeros too, so that one that is not named was lost. The
format has no checksum of the content itself.

References:
    - Proxmox, pve-qemu, vma_spec.txt and vma-reader.c
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, cast

from dissect.util.stream import AlignedStream

from forensics.disk.checked_stream import NotInImageError
from forensics.disk.disk import Holder
from forensics.disk.errors import SourceError
from forensics.disk.image import Image
from forensics.disk.machine_backup import BackupDisk, MachineBackup
from forensics.language import sentence
from forensics.late_methods import dataclass

_HEADER = 12288
_MAX_HEADER = 16 << 20
"""Format: bytes of the header of a VMA, with the names and configurations in it."""
_DEVICES_AT, _DEVICES = 4096, 256
_EXTENT_HEADER = 512
_EXTENT_MAGIC = b"VMAE"
_BLOCK = 4096
_CLUSTER = 16 * _BLOCK
_MOST_IN_EXTENT = _EXTENT_HEADER + 59 * _CLUSTER
"""Format: bytes of one extent of a VMA."""
_TWICE = 0xFFFFFFFF
_MAX_DISK = 8 << 40
"""Format: bytes of a disk in a VMA: for each 64 KiB of it four bytes of memory are taken."""
_MAX_DAMAGED = 100
"""Evidence: damaged extents of one VMA behind which the next one is looked for."""
_MAX_CACHED = 64
"""Work: headers of extents that are kept."""
_NO_DISKS = {
    "vmstate": sentence("the memory of the running machine, which is not read"),
    "efidisk": sentence("the firmware's variables of the machine, which are not read"),
    "tpmstate": sentence("the state of the machine's TPM, which is not read"),
}


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Where 64 KiB of a disk lie.

    Attributes:
        device: Number of the disk.
        number: Which 64 KiB of it.
        mask: A bit for each block that is stored.
        at: Byte of the archive where the first of them lies.
    """

    device: int
    number: int
    mask: int
    at: int


def open_vma(image: Image, holder: Holder) -> MachineBackup:
    """Open a backup, and find the disks in it; all headers of extents are read.

    Raises:
        SourceError: Its header is damaged.
    """
    archive = _Archive(image.file, image.size)
    archive.index()
    for kind, message in archive.damage:
        holder.problem(image.name, kind, message)
    disks: list[BackupDisk] = []
    left_out: list[tuple[str, str]] = []
    for device, (name, size) in archive.devices.items():
        why = next((why for part, why in _NO_DISKS.items() if part in name), None)
        if why is not None:
            left_out.append((name, why))
            continue
        missing = -(-size // _CLUSTER) - archive.count(device)
        if missing > 0:
            message = sentence(
                "{missing} of the {value} clusters of {name} are not in the backup: it is truncated",
                missing=missing,
                value=-(-size // _CLUSTER),
                name=name,
            )
            holder.problem(image.name, "truncated", message)
        opener = partial(_open, archive, device, size)
        disks.append(BackupDisk(name, size, opener, _CLUSTER))
    return MachineBackup(disks, left_out)


def _open(archive: _Archive, device: int, size: int) -> BinaryIO:
    return cast(BinaryIO, _DiskStream(archive, device, size))


class _DiskStream(AlignedStream):
    def __init__(self, archive: _Archive, device: int, size: int) -> None:
        self._archive = archive
        self._device = device
        super().__init__(size, _CLUSTER)

    def _read(self, offset: int, length: int) -> bytes:
        first, last = offset // _CLUSTER, -(-(offset + length) // _CLUSTER)
        return b"".join(self._archive.cluster(self._device, number) for number in range(first, last))[:length]


class _Archive:
    """The archive.

    Args:
        file: It.
        size: Its bytes.

    Attributes:
        devices: Name and bytes of each device, by its number.
        damage: What is wrong with it, by kind.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self.damage: list[tuple[str, str]] = []
        header = self._at(0, _HEADER)
        if len(header) < _HEADER:
            raise SourceError("truncated", sentence("the header of the VMA is cut short"))
        version, self._uuid = struct.unpack_from(">I16s", header, 4)
        blob_at, blob_size, self._begins = struct.unpack_from(">III", header, 48)
        if version != 1:
            raise SourceError(
                "unsupported",
                sentence("a VMA of version {version}: extract it (vma extract) and examine its disks", version=version),
            )
        if not _HEADER <= self._begins <= _MAX_HEADER or blob_at + blob_size > self._begins:
            raise SourceError("bad_header", sentence("the header of the VMA gives itself a size that it cannot have"))
        header = self._at(0, self._begins)
        if hashlib.md5(header[:32] + bytes(16) + header[48:]).digest() != header[32:48]:
            raise SourceError("damaged", sentence("the checksum of the VMA's header does not fit"))
        self.devices = dict(_devices(header, header[blob_at : blob_at + blob_size]))
        self._where: dict[int, array[int]] = {number: array("I") for number in self.devices}
        self._held = dict.fromkeys(self.devices, 0)
        self._extents: array[int] = array("Q")
        self._cached: OrderedDict[int, list[_Cluster]] = OrderedDict()

    def index(self) -> None:
        """Read the headers of all extents."""
        at, damaged = self._begins, 0
        while at < self._size:
            try:
                clusters = self._extent(at)
            except NotInImageError as error:
                damaged += 1
                self.damage.append(
                    (
                        "damaged",
                        sentence("the extent at byte {at} of the backup is not read: {error}", at=at, error=error),
                    )
                )
                at = self._next_extent(at) if damaged < _MAX_DAMAGED else self._size
                continue
            number = len(self._extents)
            self._extents.append(at)
            for cluster in clusters:
                self._note(cluster, number)
            at += _EXTENT_HEADER + _BLOCK * sum(cluster.mask.bit_count() for cluster in clusters)
        if at > self._size:
            self.damage.append(
                ("truncated", sentence("the last extent of the backup lacks {at} bytes", at=at - self._size))
            )

    def _note(self, cluster: _Cluster, extent: int) -> None:
        """Note in which extent a cluster is; one that lies beyond its disk is nobody's."""
        where = self._where.get(cluster.device)
        if where is None or cluster.number * _CLUSTER >= self.devices[cluster.device][1]:
            return
        if cluster.number >= len(where):
            where.frombytes(bytes(where.itemsize * (cluster.number + 1 - len(where))))
        self._held[cluster.device] += not where[cluster.number]
        where[cluster.number] = _TWICE if where[cluster.number] else extent + 1

    def count(self, device: int) -> int:
        """Count the clusters of a device that are named."""
        return self._held[device]

    def cluster(self, device: int, number: int) -> bytes:
        """Return 64 KiB of a device; raises NotInImageError where they were lost."""
        where = self._where[device]
        place = where[number] if number < len(where) else 0
        if not place:
            raise NotInImageError(sentence("the backup does not hold it: it is truncated or damaged"))
        if place == _TWICE:
            raise NotInImageError(sentence("the backup holds it twice, and which is right cannot be told"))
        extent = self._extents[place - 1]
        found = next(c for c in self._kept(extent) if (c.device, c.number) == (device, number))
        count = found.mask.bit_count()
        data = self._at(found.at, count * _BLOCK)
        if len(data) != count * _BLOCK:
            raise NotInImageError(sentence("it lies beyond the end of the backup, which is truncated"))
        if found.mask == 0xFFFF:
            return data
        blocks = iter(range(0, len(data), _BLOCK))
        zeros = bytes(_BLOCK)
        return b"".join(
            data[(start := next(blocks)) : start + _BLOCK] if found.mask >> bit & 1 else zeros for bit in range(16)
        )

    def _kept(self, at: int) -> list[_Cluster]:
        if at not in self._cached:
            self._cached[at] = self._extent(at)
            if len(self._cached) > _MAX_CACHED:
                self._cached.popitem(last=False)
        self._cached.move_to_end(at)
        return self._cached[at]

    def _extent(self, at: int) -> list[_Cluster]:
        """Return the clusters of an extent; raises NotInImageError where its header is damaged."""
        header = self._at(at, _EXTENT_HEADER)
        if len(header) < _EXTENT_HEADER:
            raise NotInImageError(sentence("its header is cut short: the backup is truncated"))
        magic, blocks, owner, checksum = struct.unpack_from(">4sxxH16s16s", header)
        if magic != _EXTENT_MAGIC:
            raise NotInImageError(sentence("no extent begins there"))
        if hashlib.md5(header[:24] + bytes(16) + header[40:]).digest() != checksum:
            raise NotInImageError(sentence("the checksum of its header does not fit"))
        if owner != self._uuid:
            raise NotInImageError(sentence("it belongs to another backup"))
        clusters = []
        place = at + _EXTENT_HEADER
        for mask, device, number in struct.iter_unpack(">HxBI", header[40:]):
            if device:
                clusters.append(_Cluster(device, number, mask, place))
                place += mask.bit_count() * _BLOCK
        if sum(cluster.mask.bit_count() for cluster in clusters) != blocks:
            raise NotInImageError(sentence("it counts its blocks wrongly"))
        return clusters

    def _next_extent(self, at: int) -> int:
        """Return where an extent begins behind a damaged one; the end where none is found."""
        data = self._at(at, 2 * _MOST_IN_EXTENT)
        for place in range(_EXTENT_HEADER, len(data) - _EXTENT_HEADER + 1, _EXTENT_HEADER):
            if data[place : place + 4] == _EXTENT_MAGIC and data[place + 8 : place + 24] == self._uuid:
                return at + place
        return self._size

    def _at(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)


def _devices(header: bytes, blob: bytes) -> Iterator[tuple[int, tuple[str, int]]]:
    for number in range(1, _DEVICES):
        name_at, size = struct.unpack_from(">I4xQ", header, _DEVICES_AT + 32 * number)
        if not name_at:
            continue
        length = int.from_bytes(blob[name_at : name_at + 2], "little")
        name = blob[name_at + 2 : name_at + 2 + length].split(b"\0", 1)[0].decode("utf-8", "replace")
        name = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in name) or sentence(
            "device {number}", number=number
        )
        if not 0 < size <= _MAX_DISK:
            raise SourceError(
                "bad_header", sentence("the header of the VMA gives the disk {name} {size} bytes", name=name, size=size)
            )
        yield number, (name, size)
