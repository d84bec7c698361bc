"""Reads AD1, the logical images of AccessData's FTK Imager: segments, folders, and files in compressed chunks.

References:
    - pyad1, documentation/AccessData Format (AD1).asciidoc
    - dissect.evidence, ad1/c_ad1.py
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import field
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from forensics.disk.disk import Holder
from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import open_evidence
from forensics.disk.image import Image
from forensics.disk.magic import AD1_MAGIC
from forensics.disk.tree import NotObtained
from forensics.lack_of_memory import pass_on
from forensics.language import sentence
from forensics.late_methods import dataclass

_SEGMENT_HEADER = 512
_IMAGE_HEADER = 92
_ENTRY, _META = 48, 20
_VERSION = 4
_FOLDER = 5
DELETED = 2
_FILES = (0, 1)
_SIZE, _CREATED, _MODIFIED, _MD5, _CLASS = 3, 8, 9, 0x5001, 2
_LINK = b"11"
_MAX_SEGMENTS = 1000
"""Format: files of one AD1 image."""
_MAX_NAME = 4096
"""Format: bytes of the name of a file in an AD1 image."""
_MAX_META = 4096
"""Format: properties of one file in an AD1 image, most of them of its access list, and bytes of one that is read."""
_MAX_CHUNK = 16 << 20
"""Format: bytes of a chunk of a file in an AD1 image."""
# What compression may add to a chunk that does not shrink.
_SLACK = 4096
_AGAIN = sentence("copy all its files again, or export the files in it into a folder (FTK Imager)")


@dataclass(frozen=True, slots=True)
class Ad1Entry:
    """One file or folder.

    Attributes:
        name: As stored.
        kind: As stored: 0 and 1 for files, 5 for folders, 2 for what was deleted.
        child: Where the first entry in it is; 0 for none.
        meta: Where its first property is.
        chunks: Where the list of its chunks is; 0 for none.
        size: Bytes.
    """

    name: str
    kind: int
    child: int
    meta: int
    chunks: int
    size: int

    @property
    def is_dir(self) -> bool:
        """It is a folder."""
        return self.kind == _FOLDER

    @property
    def is_file(self) -> bool:
        """It is a file that was not deleted."""
        return self.kind in _FILES


@dataclass(slots=True)
class Properties:
    """What an image says of a file.

    Attributes:
        created: Birth time.
        modified: Modification time.
        md5: Lower hex, of its content; empty where it is not told.
        is_link: It leads elsewhere.
        size: Its bytes on the machine; None where that is not told.
    """

    created: datetime | None = None
    modified: datetime | None = None
    md5: str = ""
    is_link: bool = False
    size: int | None = field(default=None)


class Ad1:
    """An image.

    Args:
        files: Its segments, in order, with the bytes that each has.

    Attributes:
        name: What it was made of, such as ``C:\\Users``.
        first: Where its first entry is.

    Raises:
        SourceError: It is damaged, or of a kind that is not read.
    """

    def __init__(self, files: list[tuple[BinaryIO, int]]) -> None:
        self._files = [file for file, _ in files]
        self._ends = [*accumulate(size - _SEGMENT_HEADER for _, size in files)]
        self._chunk = 0
        place = struct.unpack_from("<I", _head(self._files[0]), 40)[0] - _SEGMENT_HEADER
        header = self.read_at(max(0, place), _IMAGE_HEADER)
        if header[:14] != b"ADLOGICALIMAGE":
            raise SourceError("damaged", sentence("the header of the AD1 image is damaged: {again}", again=_AGAIN))
        version, _, self._chunk, _, self.first, length = struct.unpack_from("<IIIQQI", header, 16)
        if version != _VERSION:
            raise SourceError(
                "unsupported",
                sentence(
                    "an AD1 image of version {version}: export the files in it into a folder (FTK Imager)",
                    version=version,
                ),
            )
        if not 0 < self._chunk <= _MAX_CHUNK or length > _MAX_NAME:
            raise SourceError("damaged", sentence("the header of the AD1 image is damaged: {again}", again=_AGAIN))
        self.name = self.read_at(max(0, place) + _IMAGE_HEADER, length).decode("utf-8", "replace")

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly these bytes of the joined segments, or raise NotObtained."""
        parts = []
        end = offset + length
        if offset < 0 or end > self._ends[-1]:
            raise NotObtained(
                sentence(
                    "bytes {offset} to {end} lie outside the image: it is truncated or damaged", offset=offset, end=end
                )
            )
        while offset < end:
            number = bisect_right(self._ends, offset)
            begins = self._ends[number - 1] if number else 0
            file = self._files[number]
            file.seek(_SEGMENT_HEADER + offset - begins)
            data = file.read(min(end, self._ends[number]) - offset)
            if not data:
                raise NotObtained(
                    sentence("segment {number} of the image ends too early: it is truncated", number=number + 1)
                )
            parts.append(data)
            offset += len(data)
        return b"".join(parts)

    def entries(self, first: int, seen: set[int]) -> Iterator[Ad1Entry]:
        """Yield the entries of a folder.

        Args:
            first: Where the first one is.
            seen: Where entries were already, to which these are added: none may be there again.

        Raises:
            NotObtained: An entry is damaged; those behind it are not known.
        """
        at = first
        while at:
            if at in seen:
                raise NotObtained(sentence("its entries lead in a circle: the image is damaged"))
            seen.add(at)
            following, child, meta, chunks, size, kind, length = struct.unpack("<5Q2I", self.read_at(at, _ENTRY))
            if length > _MAX_NAME:
                raise NotObtained(sentence("the name of an entry has a length that none has: the image is damaged"))
            name = self.read_at(at + _ENTRY, length).decode("utf-8", "replace")
            yield Ad1Entry(name, kind, child, meta, chunks, size)
            at = following

    def properties(self, entry: Ad1Entry) -> Properties:
        """Read what is told of a file; raises NotObtained where that is damaged."""
        found = Properties()
        at, count = entry.meta, 0
        while at:
            count += 1
            following, _, kind, length = struct.unpack("<QIII", self.read_at(at, _META))
            if count > _MAX_META or following == at:
                raise NotObtained(sentence("its properties do not end: the image is damaged"))
            if kind in (_SIZE, _CREATED, _MODIFIED, _MD5, _CLASS) and length <= _MAX_META:
                _take(found, kind, self.read_at(at + _META, length))
            at = following
        return found

    def content(self, entry: Ad1Entry, md5: str) -> Iterator[bytes]:
        """Yield the content of a file, chunk by chunk.

        Args:
            entry: The file.
            md5: What is told of its content; empty for nothing.

        Raises:
            NotObtained: It is damaged in the image.
        """
        if not entry.size:
            return
        count = struct.unpack("<Q", self.read_at(entry.chunks, 8))[0]
        if count != -(-entry.size // self._chunk):
            raise NotObtained(
                sentence(
                    "{count} chunks are told of a file of {size} bytes: the image is damaged",
                    count=count,
                    size=entry.size,
                )
            )
        digest = hashlib.md5(usedforsecurity=False)
        for number in range(count):
            place = struct.unpack("<Q", self.read_at(entry.chunks + 8 + 8 * number, 8))[0]
            data = self._unpacked(place, min(self._chunk, entry.size - number * self._chunk))
            digest.update(data)
            yield data
        if md5 and digest.hexdigest() != md5:
            raise NotObtained(sentence("its MD5 does not fit what the image tells: the image is damaged there"))

    def _unpacked(self, place: int, size: int) -> bytes:
        stored = self.read_at(place, min(size + size // 16 + _SLACK, max(0, self._ends[-1] - place)))
        packed = zlib.decompressobj()
        try:
            data = packed.decompress(stored, size) + packed.decompress(packed.unconsumed_tail, 1)
        except zlib.error as error:
            pass_on(error)
            raise NotObtained(sentence("its compressed data is damaged in the image")) from error
        if len(data) != size or not packed.eof:
            raise NotObtained(sentence("a chunk of it has another size than it should have: the image is damaged"))
        return data


def open_ad1(image: Image, holder: Holder) -> Ad1:
    """Open an image with all its segments, which lie beside the first as ``.ad2`` and so on.

    Raises:
        SourceError: A segment is missing, or the image is damaged.
    """
    head = _head(image.file)
    number, count = struct.unpack_from("<II", head, 24)
    if number != 1:
        raise SourceError(
            "missing_part",
            sentence(
                "segment {number} of an AD1 image: put all its files into one folder, and name the .ad1", number=number
            ),
        )
    if not 1 <= count <= _MAX_SEGMENTS:
        raise SourceError(
            "damaged", sentence("the header of the AD1 image counts {count} files: {again}", count=count, again=_AGAIN)
        )
    files = [(image.file, image.size)]
    whole = struct.unpack_from("<Q", head, 32)[0]
    for following in range(2, count + 1):
        path = image.path.with_suffix(f"{image.path.suffix[:-1]}{following}")
        if image.unpacked or path.is_symlink() or not path.is_file():
            raise SourceError(
                "missing_part",
                sentence("{name} is missing: an AD1 image needs all its {count} files", name=path.name, count=count),
            )
        file = holder.resources.enter_context(open_evidence(path, follow_symlinks=False))
        size = file.seek(0, 2)
        head = _head(file)
        if struct.unpack_from("<II", head, 24) != (following, count):
            raise SourceError(
                "damaged",
                sentence(
                    "{name} is no file {following} of this AD1 image: {again}",
                    name=path.name,
                    following=following,
                    again=_AGAIN,
                ),
            )
        files.append((file, size))
    for part, (_, size) in enumerate(files[:-1], 1):
        if not _SEGMENT_HEADER < whole <= size:
            raise SourceError(
                "truncated",
                sentence(
                    "file {part} of the AD1 image has {size} bytes and should have {whole}",
                    part=part,
                    size=size,
                    whole=whole,
                ),
            )
    return Ad1([*((file, whole) for file, _ in files[:-1]), files[-1]])


_SEGMENT = re.compile(r"(.*\.ad)(\d+)", re.IGNORECASE | re.DOTALL)


def first_segment(path: Path) -> str | None:
    """Return the name of the first segment of an image, for a path that is that of a later one."""
    match = _SEGMENT.fullmatch(path.name)
    return f"{match[1]}1" if match is not None and int(match[2][:9]) > 1 else None


def _head(file: BinaryIO) -> bytes:
    file.seek(0)
    head = file.read(_SEGMENT_HEADER)
    if len(head) < _SEGMENT_HEADER or not head.startswith(AD1_MAGIC):
        raise SourceError("truncated", sentence("the header of the AD1 image is cut short: {again}", again=_AGAIN))
    return head


def _take(found: Properties, kind: int, value: bytes) -> None:
    text = value.decode("ascii", "replace")
    if kind == _MD5:
        found.md5 = text.lower()
    elif kind == _CLASS:
        found.is_link = value == _LINK
    elif kind == _SIZE:
        found.size = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None
    elif kind == _CREATED:
        found.created = _time(text)
    else:
        found.modified = _time(text)


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, f"%Y%m%dT%H%M%S{'.%f' if '.' in text else ''}").replace(tzinfo=UTC)
    except ValueError:
        return None
