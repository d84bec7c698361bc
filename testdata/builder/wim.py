"""Writes WIM images, not compressed: several images, access lists, reparse points, short names, files of a split one.

References:
    - Microsoft, Windows Imaging File Format (WIM) white paper, 2007
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from xml.sax.saxutils import escape

from testdata.builder.acl import DEFAULT_SD
from testdata.builder.files import FileSpec
from testdata.builder.filetime import filetime

GUID = bytes(range(16))
NO_HASH = bytes(20)
_DIRECTORY, _ARCHIVE, _REPARSE = 0x10, 0x20, 0x400
_METADATA = 0x02


@dataclass(frozen=True)
class WimImageSpec:
    """One image.

    Attributes:
        name: Its name in the XML.
        files: What it holds.
        reparse: Reparse points by path: the tag, and the data without its header.
        short_names: DOS names by path.
        attributes: FILE_ATTRIBUTE flags by path, added to the usual ones.
    """

    name: str
    files: Sequence[FileSpec]
    reparse: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)
    short_names: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, int] = field(default_factory=dict)


@dataclass
class WimParts:
    """A WIM before it is written, for those who want it to lie.

    Attributes:
        blobs: Contents by their SHA-1.
        metadata: Of each image.
        xml: What is told of them.
        images: How many the header tells of.
    """

    blobs: dict[bytes, bytes]
    metadata: list[bytes]
    xml: bytes
    images: int


def build_wim(images: Sequence[WimImageSpec], *, xml: str | None = None) -> bytes:
    """Return a WIM with these images.

    Args:
        images: They.
        xml: What is told of them; as a capture writes it, if not given.
    """
    return write_wim(parts_of(images, xml=xml))


def parts_of(images: Sequence[WimImageSpec], *, xml: str | None = None) -> WimParts:
    """Return what a WIM with these images consists of."""
    blobs: dict[bytes, bytes] = {}
    metadata = [_metadata(image, blobs) for image in images]
    told = "".join(f'<IMAGE INDEX="{n}"><NAME>{escape(i.name)}</NAME></IMAGE>' for n, i in enumerate(images, 1))
    text = xml if xml is not None else f"<WIM>{told}</WIM>"
    return WimParts(blobs, metadata, b"\xff\xfe" + text.encode("utf-16-le"), len(images))


def write_wim(
    parts: WimParts, *, part: int = 1, total: int = 1, flags: int = 0, chunk_size: int = 0, version: int = 0x10D00
) -> bytes:
    """Return the bytes of a WIM, or of one file of a split one.

    Args:
        parts: What this file holds.
        part: Its number.
        total: How many files there are.
        flags: Of the header.
        chunk_size: As the header has it.
        version: Likewise.
    """
    body = bytearray(bytes(208))
    table = bytearray()
    for digest, data in parts.blobs.items():
        table += _row(len(body), data, digest, 0, part)
        body += data
    for data in parts.metadata:
        body += bytes(-len(body) % 8)
        table += _row(len(body), data, hashlib.sha1(data).digest(), _METADATA, part)
        body += data
    table_at = _resource(len(body), len(table), _METADATA)
    body += table
    xml_at = _resource(len(body), len(parts.xml), _METADATA)
    body += parts.xml
    header = struct.pack(
        "<8sIIII16sHHI", b"MSWIM\0\0\0", 208, version, flags, chunk_size, GUID, part, total, parts.images
    )
    body[: len(header)] = header
    body[48:96] = table_at + xml_at
    return bytes(body)


def split(parts: WimParts, count: int) -> list[bytes]:
    """Return the files of a split WIM: the first has the metadata, the contents are dealt out to all."""
    dealt: list[dict[bytes, bytes]] = [{} for _ in range(count)]
    for number, (digest, data) in enumerate(parts.blobs.items()):
        dealt[number % count][digest] = data
    return [
        write_wim(replace(parts, blobs=blobs, metadata=[] if n else parts.metadata), part=n + 1, total=count, flags=0x8)
        for n, blobs in enumerate(dealt)
    ]


def _resource(offset: int, size: int, flags: int) -> bytes:
    return struct.pack("<QQQ", size | flags << 56, offset, size)


def _row(offset: int, data: bytes, digest: bytes, flags: int, part: int) -> bytes:
    return _resource(offset, len(data), flags) + struct.pack("<HI20s", part, 1, digest)


def _metadata(image: WimImageSpec, blobs: dict[bytes, bytes]) -> bytes:
    specs = {spec.path: spec for spec in image.files}
    for path in list(specs):
        while path := path.rpartition("/")[0]:
            specs.setdefault(path, FileSpec(path, None))
    specs[""] = FileSpec("", None)
    children: dict[str, list[str]] = {}
    for path in sorted(specs):
        if path:
            children.setdefault(path.rpartition("/")[0], []).append(path)
    descriptors: dict[bytes, int] = {}
    for spec in specs.values():
        descriptors.setdefault(spec.sd or DEFAULT_SD, len(descriptors))
    security = struct.pack(f"<{len(descriptors)}Q", *(len(sd) for sd in descriptors)) + b"".join(descriptors)
    security = struct.pack("<II", 8 + len(security), len(descriptors)) + security
    security += bytes(-len(security) % 8)
    # Each folder's entries follow the root and those of the folders before it, and end with eight zeros.
    entries = {path: _entry(image, spec, descriptors[spec.sd or DEFAULT_SD], blobs) for path, spec in specs.items()}
    at = len(security) + len(entries[""]) + 8
    places: dict[str, int] = {}
    for folder, below in children.items():
        places[folder] = at
        at += sum(len(entries[path]) for path in below) + 8
    data = bytearray(security + _placed(entries[""], places.get("", 0)) + bytes(8))
    for below in children.values():
        data += b"".join(_placed(entries[path], places.get(path, 0)) for path in below) + bytes(8)
    return bytes(data)


def _placed(entry: bytes, at: int) -> bytes:
    return entry[:16] + struct.pack("<Q", at) + entry[24:]


def _entry(image: WimImageSpec, spec: FileSpec, security: int, blobs: dict[bytes, bytes]) -> bytes:
    tag, reparse = image.reparse.get(spec.path, (0, b""))
    attributes = (_DIRECTORY if spec.is_dir else _ARCHIVE) | image.attributes.get(spec.path, 0)
    attributes |= _REPARSE if tag else 0
    own = _blob(reparse if tag else spec.data or b"", blobs)
    streams = [("", _blob(spec.data, blobs))] if tag and spec.data else []
    streams += [(name, _blob(data, blobs)) for name, data in spec.streams.items()]
    name = spec.path.rpartition("/")[2].encode("utf-16-le")
    short = image.short_names.get(spec.path, "").encode("utf-16-le")
    fixed = struct.pack(
        "<IiQ16xQQQ20sIIIHHH",
        attributes,
        security,
        0,
        filetime(spec.created),
        filetime(spec.modified),
        filetime(spec.modified),
        own,
        0,
        tag,
        0,
        len(streams),
        len(short),
        len(name),
    )
    entry = fixed + (name + b"\0\0" if name else b"") + (short + b"\0\0" if short else b"")
    length = 8 + len(entry) + -len(entry) % 8
    entry = struct.pack("<Q", length) + entry.ljust(length - 8, b"\0")
    for stream, digest in streams:
        raw = stream.encode("utf-16-le")
        fixed = struct.pack("<8x20sH", digest, len(raw)) + (raw + b"\0\0" if raw else b"")
        size = 8 + len(fixed) + -len(fixed) % 8
        entry += struct.pack("<Q", size) + fixed.ljust(size - 8, b"\0")
    return entry


def _blob(data: bytes | None, blobs: dict[bytes, bytes]) -> bytes:
    if not data:
        return NO_HASH
    digest = hashlib.sha1(data).digest()
    blobs[digest] = data
    return digest
