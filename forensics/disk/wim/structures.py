"""Header, resources and blob table of a WIM.

References:
    - Microsoft, Windows Imaging File Format (WIM) white paper, 2007
    - wimlib, include/wimlib/header.h, blob_table.h, resource.h (version 0xE00, solid resources)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from forensics.disk.errors import SourceError
from forensics.disk.tree import NotObtained
from forensics.language import sentence
from forensics.late_methods import dataclass

HEADER_SIZE = 208
_HEADER = struct.Struct("<8sIIII16sHHI24s24s24sI24s60x")
_RESOURCE = struct.Struct("<QQQ")
_BLOB = struct.Struct("<QQQHI20s")
_VERSIONS = (0x10D00, 0xE00)
_SPANNED, _RESOURCES_ONLY, _BEING_WRITTEN = 0x8, 0x10, 0x40
NONE, XPRESS, LZX, LZMS = range(4)
_METHODS = {0x20000: XPRESS, 0x40000: LZX, 0x80000: LZMS, 0x200000: XPRESS}
"""Flags of the header for each method; the second of XPRESS is that of images for WIMBoot."""
METHODS = (sentence("no compression"), "XPRESS", "LZX", "LZMS")
"""Names of the methods by their number, that of libwim and of the header of solid resources."""
METADATA, COMPRESSED, SOLID = 0x02, 0x04, 0x10
_SOLID_RESOURCE = 1 << 32
"""Stands for the size of what is no blob but a solid resource that holds many."""
MAX_IMAGES = 1000
"""Format: images of one WIM."""
MAX_BLOBS = 500_000
"""Format: different contents of files in one WIM; Microsoft's media have some 150,000."""
MAX_SOLID = 1000
"""Format: solid resources that follow each other; an ESD has a few."""
MAX_PARTS = 999
"""Format: files into which a WIM is split."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Where bytes lie in a WIM.

    Attributes:
        offset: Where they begin in their file.
        stored: Bytes that they take there.
        size: Bytes that they unpack to.
        flags: Whether they are compressed, and the like.
        part: Number of the file of a split WIM.
    """

    offset: int
    stored: int
    size: int
    flags: int = 0
    part: int = 1


@dataclass(frozen=True, slots=True)
class Blob:
    """The content of one or more files.

    Attributes:
        resource: What holds it; of a solid one those that follow each other, as if they were one.
        size: Its bytes.
        at: Where it begins in a solid resource; None where the resource is it alone.
    """

    resource: Resource | tuple[Resource, ...]
    size: int
    at: int | None = None


@dataclass(frozen=True, slots=True)
class WimHeader:
    """The header of a WIM.

    Attributes:
        method: How its resources are compressed, but for solid ones.
        chunk_size: Bytes that are compressed together.
        guid: The same in all parts of a split WIM.
        part: Number of this part.
        parts: How many there are.
        images: Number of images.
        table: The blob table.
        xml: What is told of the images.
        resources_only: It has no images of its own.
    """

    method: int
    chunk_size: int
    guid: bytes
    part: int
    parts: int
    images: int
    table: Resource
    xml: Resource
    resources_only: bool


def parse_header(data: bytes, name: str) -> WimHeader:
    """Parse the header of a WIM.

    Args:
        data: The first bytes of the file.
        name: For messages.

    Raises:
        SourceError: It is cut short, damaged, or of a kind that is not read.
    """
    if len(data) < HEADER_SIZE:
        raise SourceError(
            "truncated", sentence("{name} is a WIM image that ends within its header: copy it again", name=name)
        )
    (_, length, version, flags, chunk_size, guid, part, parts, images, table, xml, _, _, _) = _HEADER.unpack_from(data)
    if length != HEADER_SIZE:
        raise SourceError(
            "bad_header", sentence("the header of {name}, a WIM image, is damaged: copy it again", name=name)
        )
    if version not in _VERSIONS:
        message = sentence(
            "{name} is a WIM image of version 0x{version:X}, which is not read: export its images to a "
            "new one (dism /Export-Image, wimexport) and examine that",
            name=name,
            version=version,
        )
        raise SourceError("unsupported", message)
    if flags & _BEING_WRITTEN and not xml.strip(b"\0"):
        raise SourceError(
            "truncated",
            sentence("{name} is a WIM image whose capture did not end: capture or copy it again", name=name),
        )
    methods = {method for flag, method in _METHODS.items() if flags & flag}
    if len(methods) > 1 or (flags & 0x2 and not methods):
        message = sentence(
            "{name} is a WIM image compressed in a way that is not known (flags 0x{flags:X}): export it anew",
            name=name,
            flags=flags,
        )
        raise SourceError("unsupported", sentence("{message} (wimexport, dism /Export-Image)", message=message))
    if not 1 <= part <= parts <= MAX_PARTS or images > MAX_IMAGES:
        message = sentence(
            "part {part} of {parts}, {images} images: no WIM image says so", part=part, parts=parts, images=images
        )
        raise SourceError(
            "bad_header",
            sentence("the header of {name} is damaged ({message}); copy it again", name=name, message=message),
        )
    return WimHeader(
        methods.pop() if methods else NONE,
        chunk_size,
        guid,
        part,
        parts,
        images,
        _resource(table, part),
        _resource(xml, part),
        bool(flags & _RESOURCES_ONLY),
    )


def _resource(data: bytes, part: int) -> Resource:
    stored, offset, size = _RESOURCE.unpack(data)
    return _of_words(stored, offset, size, part)


def _of_words(stored: int, offset: int, size: int, part: int) -> Resource:
    return Resource(offset, stored & (1 << 56) - 1, size, stored >> 56, part)


def parse_blobs(table: bytes, part: int, blobs: dict[bytes, Blob]) -> Iterator[tuple[bytes, Resource]]:
    """Parse the blob table of one file.

    Args:
        table: Its bytes.
        part: Number of the file in a split WIM.
        blobs: Takes the blobs, by their SHA-1.

    Yields:
        SHA-1 and place of the metadata of each image, in the order of the images.

    Raises:
        NotObtained: No WIM has such a table.
    """
    run: list[Resource] = []
    waiting: list[tuple[bytes, int, int]] = []
    for stored, offset, size, _part, _references, digest in _BLOB.iter_unpack(table[: len(table) // 50 * 50]):
        resource = _of_words(stored, offset, size, part)
        if resource.flags & SOLID:
            if size == _SOLID_RESOURCE and len(run) < MAX_SOLID:
                run.append(resource)
            elif size == _SOLID_RESOURCE:
                raise NotObtained(
                    sentence(
                        "more than {max_solid} solid resources follow each other in its table", max_solid=MAX_SOLID
                    )
                )
            else:
                waiting.append((digest, offset, resource.stored))
            continue
        _place(run, waiting, blobs)
        if resource.flags & METADATA:
            yield digest, resource
        else:
            blobs.setdefault(digest, Blob(resource, size))
    _place(run, waiting, blobs)


def _place(run: list[Resource], waiting: list[tuple[bytes, int, int]], blobs: dict[bytes, Blob]) -> None:
    """Give the blobs of solid resources that follow each other their places in these."""
    if waiting:
        solid = tuple(run)
        for digest, offset, size in waiting:
            blobs.setdefault(digest, Blob(solid, size, offset))
    run.clear()
    waiting.clear()
