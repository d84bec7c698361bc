"""Parallels disks: one expanding image (.hds), or the files that DiskDescriptor.xml puts together, snapshots included.

dissect.hypervisor's reader is not used: docs/decisions, 0016.

References:
    - QEMU, docs/interop/parallels (header, block allocation table); checked against qemu-img
    - QEMU, docs/interop/prl-xml (DiskDescriptor.xml)
"""

from __future__ import annotations

import re
import struct
from array import array
from pathlib import Path
from sys import byteorder
from typing import BinaryIO, cast

from dissect.util.stream import AlignedStream

from forensics.disk.beside import below
from forensics.disk.disk import Disk, Holder
from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import note_evidence, open_evidence
from forensics.disk.image import Image, checked_disk
from forensics.disk.magic import PARALLELS, PARALLELS_EXT
from forensics.disk.places import place_of
from forensics.disk.split_file import ConcatStream
from forensics.formats.bundles.parallels import DESCRIPTOR, HddDescriptor, HddImage, HddStorage, parse_disk_descriptor
from forensics.formats.errors import FormatError
from forensics.formats.xml_text import MAX_XML_SIZE
from forensics.language import sentence

_SECTOR = 512
_HEADER = 64
_IN_USE = 0x746F6E59
_MAX_CLUSTER = 1 << 17
"""Format: sectors of a cluster of a Parallels disk."""
_MAX_CLUSTERS = 1 << 26
"""Format: clusters of a Parallels disk, those of its snapshots counted too."""
_ONE_OF_SEVERAL = re.compile(r".*\.\d+\.\{[0-9a-f-]{36}\}\.hds", re.IGNORECASE | re.DOTALL)


def open_parallels(image: Image, holder: Holder) -> Disk:
    """Open a Parallels disk as it is today: by its description, by one of its files, or an image that stands alone.

    Raises:
        SourceError: It is damaged or encrypted, or a file of it is missing.
    """
    is_description = image.path.name.lower() == DESCRIPTOR.lower()
    beside = _parsed(image.file) if is_description else None if image.unpacked else descriptor_of(image.path)
    if beside is not None:
        return _whole(image, image.path.parent, beside, holder)
    if _ONE_OF_SEVERAL.fullmatch(image.path.name):
        # Alone it cannot be told from one that holds only changes.
        raise SourceError(
            "missing_part",
            sentence(
                "it is one file of a Parallels disk, and {descriptor}, which says how they belong together, "
                "is not beside it: put all files of the folder NAME.hdd into one folder, and name "
                "{descriptor}",
                descriptor=DESCRIPTOR,
            ),
        )
    return checked_disk(image, ExpandingImage(image.file, image.name, holder), holder)


def descriptor_of(path: Path) -> HddDescriptor | None:
    """Return the description beside a file of a Parallels disk; None where there is none that names it.

    Raises:
        SourceError: It is there and cannot be read.
    """
    place = path.parent / DESCRIPTOR
    if place.is_symlink() or not place.is_file():
        return None
    with open_evidence(place, follow_symlinks=False) as file:
        found = _parsed(file)
    return found if path.name.lower() in (_name(each).lower() for each in found.names) else None


def _parsed(file: BinaryIO) -> HddDescriptor:
    file.seek(0)
    try:
        return parse_disk_descriptor(file.read(MAX_XML_SIZE + 1))
    except FormatError as error:
        raise SourceError(
            "bad_header",
            sentence("{descriptor} cannot be read: {message}", descriptor=DESCRIPTOR, message=error.message),
        ) from error


def _name(written: str) -> str:
    return written.replace("\\", "/").rpartition("/")[2]


def _whole(image: Image, folder: Path, descriptor: HddDescriptor, holder: Holder) -> Disk:
    for name in descriptor.names:
        note_evidence(folder / _name(name))  # it is evidence, though the disk may not open
    if descriptor.unread:
        raise SourceError("unsupported", descriptor.unread)
    absent = [_name(each.path) for s in descriptor.storages for each in s.chain if _place(folder, each) is None]
    if absent:
        names = ", ".join(f"'{name}'" for name in absent[:5])
        raise SourceError(
            "missing_part",
            sentence(
                "{descriptor} names {names}, which is not beside it: put it there", descriptor=DESCRIPTOR, names=names
            ),
        )
    opener = _Opener(image, folder, holder)
    streams = [(opener.storage(each), each) for each in descriptor.storages]
    parents = opener.files
    joined = [(cast(BinaryIO, stream), (each.end - each.start) * _SECTOR) for stream, each in streams]
    disk = joined[0][0] if len(joined) == 1 else ConcatStream(joined)
    return checked_disk(image, cast(AlignedStream, disk), holder, tuple(parents))


def _place(folder: Path, image: HddImage) -> Path | None:
    """Return where a file lies: where the description says, seen from its folder, or beside it."""
    return below(folder, image.path) or below(folder, _name(image.path))


class _Opener:
    """Opens the files of a disk.

    Attributes:
        files: Those that were opened.
    """

    def __init__(self, image: Image, folder: Path, holder: Holder) -> None:
        self._image = image
        self._folder = folder
        self._holder = holder
        self._left = _MAX_CLUSTERS
        self.files: list[Path] = []

    def storage(self, storage: HddStorage) -> ExpandingImage | _PlainImage:
        """Return what a stretch shows today."""
        size = (storage.end - storage.start) * _SECTOR
        below: ExpandingImage | _PlainImage | None = None
        for each in reversed(storage.chain):
            place = _place(self._folder, each)
            assert place is not None
            self.files.append(place)
            file: BinaryIO = self._holder.resources.enter_context(open_evidence(place, follow_symlinks=False))
            if each.is_plain:
                below = _PlainImage(file, size)
                continue
            shown = str(place_of(self._image.name).with_name(place.name))
            upper = ExpandingImage(file, shown, self._holder, self._left)
            self._left -= upper.clusters
            upper.parent, below = below, upper
        assert below is not None
        if below.size < size:
            raise SourceError(
                "bad_header",
                sentence("a file of it shows {size} bytes of a stretch of {size2}", size=below.size, size2=size),
            )
        return below


class _PlainImage(AlignedStream):
    """A raw file of at least the size of its stretch."""

    size: int

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        super().__init__(size, _SECTOR)

    def _read(self, offset: int, length: int) -> bytes:
        return _exactly(self._file, offset, min(length, self.size - offset))


class ExpandingImage(AlignedStream):
    """The disk of an expanding image.

    Args:
        file: It.
        name: How it is named in messages.
        holder: Where problems go.
        most: Clusters that it may have.

    Attributes:
        clusters: Its clusters.
        parent: What shows where it holds nothing; None for zeros.
    """

    size: int

    def __init__(self, file: BinaryIO, name: str, holder: Holder, most: int = _MAX_CLUSTERS) -> None:
        self._file = file
        self.parent: ExpandingImage | _PlainImage | None = None
        file.seek(0)
        header = file.read(_HEADER)
        if len(header) != _HEADER or not header.startswith((PARALLELS, PARALLELS_EXT)):
            raise SourceError("bad_header", sentence("{name} is no expanding image of Parallels", name=name))
        version, _heads, _cylinders, tracks, count = struct.unpack_from("<IIIII", header, 16)
        is_ext = header.startswith(PARALLELS_EXT)
        sectors = struct.unpack_from("<Q", header, 36)[0] if is_ext else struct.unpack_from("<I", header, 36)[0]
        if struct.unpack_from("<I", header, 44)[0] == _IN_USE:
            message = sentence("the disk was in use when it was copied: its last changes may be missing")
            holder.problem(name, "marked_dirty", message)
        if version != 2 or not 0 < tracks <= _MAX_CLUSTER or not sectors:
            raise SourceError(
                "bad_header", sentence("{name} has a header that no expanding image of Parallels has", name=name)
            )
        if count > most:
            message = sentence(
                "the files of the disk have more than {max_clusters} clusters: convert it to raw, if it is no trap",
                max_clusters=_MAX_CLUSTERS,
            )
            raise SourceError("too_large", message)
        if count * tracks < sectors:
            raise SourceError(
                "bad_header",
                sentence(
                    "{name} has {count} clusters of {tracks} sectors for {sectors} sectors",
                    name=name,
                    count=count,
                    tracks=tracks,
                    sectors=sectors,
                ),
            )
        self.clusters = count
        self._cluster = tracks * _SECTOR
        self._unit = self._cluster if is_ext else _SECTOR
        self._table = array("I", _exactly(file, _HEADER, 4 * count))
        if byteorder == "big":
            self._table.byteswap()
        super().__init__(sectors * _SECTOR, _SECTOR)

    def _read(self, offset: int, length: int) -> bytes:
        parts = []
        end = min(offset + length, self.size)
        while offset < end:
            number, within = divmod(offset, self._cluster)
            count = min(end - offset, self._cluster - within)
            at = self._table[number] * self._unit
            parts.append(_exactly(self._file, at + within, count) if at else self._below(offset, count))
            offset += count
        return b"".join(parts)

    def _below(self, offset: int, count: int) -> bytes:
        parent = self.parent
        there = 0 if parent is None else max(0, min(count, parent.size - offset))
        return (_exactly(cast(BinaryIO, parent), offset, there) if there else b"") + bytes(count - there)


def _exactly(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    data = file.read(count)
    if len(data) != count:
        raise EOFError
    return data
