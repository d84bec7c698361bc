"""Reads the disks in an export of XenServer or XCP-ng (XVA): a tar of blocks of a MiB, each with its checksum.

A block's number counts what was sent; it is no place on the disk. A number that is left out stands for a block of
zeros, a block without content for none: it kept the connection alive. The first and the last block of a disk are always
there, so that an export that was cut short is known.

References:
    - xapi-project, xen-api, ocaml/xapi/stream_vdi.ml and importexport.ml; XenServer VM import/export format
"""

from __future__ import annotations

import hashlib
import tarfile
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, cast
from xml.etree.ElementTree import Element

from dissect.util.stream import AlignedStream

from forensics.disk.checked_stream import NotInImageError
from forensics.disk.disk import Holder
from forensics.disk.errors import SourceError
from forensics.disk.image import Image
from forensics.disk.machine_backup import MAX_DISKS, BackupDisk, MachineBackup
from forensics.formats.errors import FormatError
from forensics.formats.xml_text import MAX_XML_SIZE, parse_xml
from forensics.language import sentence, sentence_n
from forensics.late_methods import dataclass

_BLOCK = 1 << 20
_DESCRIPTION = "ova.xml"
_MAX_BLOCKS = 8 << 20
"""Format: blocks, with their checksums, of all disks in one XVA."""
_MAX_CACHED = 16
"""Work: blocks of a disk that are kept, whose checksum fits."""
_MAX_SUM = 128
"""Format: bytes of the checksum of a block."""


@dataclass(frozen=True, slots=True)
class _Vdi:
    """What the description says of a disk.

    Attributes:
        size: Its bytes.
        why_not: Why it is not examined; empty where it is.
    """

    size: int
    why_not: str = ""


class _Blocks:
    """The blocks of one disk, in the order of the archive."""

    def __init__(self) -> None:
        self.starts: array[int] = array("Q")
        self.places: array[int] = array("Q")
        self.sizes: array[int] = array("I")
        self.sums: dict[int, tuple[str, int, int]] = {}
        self.end = 0
        self.fault = ""
        self._last = -1
        self._is_empty = True

    def add(self, number: int, place: int, size: int) -> None:
        """Take the next block."""
        if not self._last < number < _MAX_BLOCKS or size > _BLOCK or (self._last < 0 and number):
            self.fault = self.fault or sentence("block {number} does not belong where it stands", number=number)
        if self.fault:
            return
        self.end += (number - self._last - 1) * _BLOCK
        self._last, self._is_empty = number, not size
        if size:
            self.starts.append(self.end)
            self.places.append(place)
            self.sizes.append(size)
            self.end += size

    def add_sum(self, number: int, kind: str, place: int, size: int) -> None:
        """Take the checksum of the block before it."""
        if number == self._last and not self._is_empty and not self.fault and size <= _MAX_SUM:
            self.sums[len(self.places) - 1] = (kind, place, size)


def open_xva(image: Image, holder: Holder) -> MachineBackup:
    """Open an export, and find the disks in it; all headers of its members are read.

    Raises:
        SourceError: Its description is damaged, or it has no disks.
    """
    image.file.seek(0)
    try:
        tar = tarfile.open(fileobj=image.file, mode="r:")  # noqa: SIM115
        vdis = _described(tar, image)
        blocks, fault = _blocks(tar, vdis)
    except tarfile.TarError as error:
        raise SourceError(
            "damaged",
            sentence("{name} is no readable XVA: {error}; copy it again", name=image.name, error=error),
        ) from error
    if fault:
        holder.problem(image.name, "truncated", fault)
    disks: list[BackupDisk] = []
    left_out: list[tuple[str, str]] = []
    for name, vdi in vdis.items():
        held = blocks.get(name)
        if vdi.why_not:
            left_out.append((name, vdi.why_not))
        elif held is None:
            left_out.append(
                (name, sentence("a disk that the export describes and does not hold: it is truncated, or was left out"))
            )
        else:
            _tell(holder, image, name, vdi, held)
            disks.append(BackupDisk(name, vdi.size, partial(_open, image.file, held, vdi.size), _BLOCK))
    return MachineBackup(disks, left_out)


def _tell(holder: Holder, image: Image, name: str, vdi: _Vdi, held: _Blocks) -> None:
    if held.fault:
        message = sentence(
            "the blocks of {name} are out of order, and not read from there on: {fault}", name=name, fault=held.fault
        )
        holder.problem(image.name, "damaged", message)
    elif held.end != vdi.size:
        message = sentence(
            "the blocks of {name} end at byte {end} of {size}: the export is truncated",
            name=name,
            end=held.end,
            size=vdi.size,
        )
        holder.problem(image.name, "truncated", message)
    if len(held.sums) < len(held.places):
        count = len(held.places) - len(held.sums)
        holder.problem(
            image.name,
            "unchecked",
            sentence_n(
                "{count} of the {blocks} blocks of {name} has no checksum",
                "{count} of the {blocks} blocks of {name} have no checksum",
                count,
                blocks=len(held.places),
                name=name,
            ),
        )


def _open(file: BinaryIO, blocks: _Blocks, size: int) -> BinaryIO:
    return cast(BinaryIO, _DiskStream(file, blocks, size))


class _DiskStream(AlignedStream):
    size: int

    def __init__(self, file: BinaryIO, blocks: _Blocks, size: int) -> None:
        self._file = file
        self._blocks = blocks
        self._cached: OrderedDict[int, bytes] = OrderedDict()
        super().__init__(size, 4096)

    def _read(self, offset: int, length: int) -> bytes:
        parts, end = [], min(offset + length, self.size)
        starts = self._blocks.starts
        while offset < end:
            at = bisect_right(starts, offset) - 1
            into = offset - starts[at] if at >= 0 else 0
            if at >= 0 and into < self._blocks.sizes[at]:
                part = self._block(at)[into : into + end - offset]
            else:
                following = starts[at + 1] if at + 1 < len(starts) else self._blocks.end
                if following <= offset:
                    raise NotInImageError(sentence("the export ends before it: it is truncated or damaged"))
                part = bytes(min(following, end) - offset)
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def _block(self, at: int) -> bytes:
        if at not in self._cached:
            self._cached[at] = self._checked(at)
            if len(self._cached) > _MAX_CACHED:
                self._cached.popitem(last=False)
        self._cached.move_to_end(at)
        return self._cached[at]

    def _checked(self, at: int) -> bytes:
        data = self._read_at(self._blocks.places[at], self._blocks.sizes[at])
        told = self._blocks.sums.get(at)
        if told is None:
            return data
        kind, place, size = told
        expected = self._read_at(place, size).decode("ascii", "replace").strip().lower()
        if _sum(kind, data) != expected:
            raise NotInImageError(sentence("the checksum of its block does not fit"))
        return data

    def _read_at(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        data = self._file.read(length)
        if len(data) != length:
            raise NotInImageError(sentence("it lies beyond the end of the export, which is truncated"))
        return data


def _sum(kind: str, data: bytes) -> str:
    if kind == "checksum":
        return hashlib.sha1(data).hexdigest()
    import xxhash

    return xxhash.xxh64(data).hexdigest()


def _blocks(tar: tarfile.TarFile, vdis: dict[str, _Vdi]) -> tuple[dict[str, _Blocks], str]:
    """Return the blocks of each disk, and what is wrong with the archive."""
    found: dict[str, _Blocks] = {}
    for count, member in enumerate(_members(tar)):
        if count > _MAX_BLOCKS:
            raise SourceError(
                "too_large",
                sentence(
                    "the XVA has more than {max_blocks} members: export its disks one by one", max_blocks=_MAX_BLOCKS
                ),
            )
        folder, _, name = member.name.partition("/")
        number, _, kind = name.partition(".")
        if folder not in vdis or not (number.isascii() and number.isdecimal()) or not member.isreg():
            continue
        blocks = found.setdefault(folder, _Blocks())
        if not kind:
            blocks.add(int(number[:20]), member.offset_data, member.size)
        elif kind in ("checksum", "xxhash"):
            blocks.add_sum(int(number[:20]), kind, member.offset_data, member.size)
    return found, _fault(tar)


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := tar.next()) is not None:
        yield member
        # tarfile keeps every header; the blocks already do.
        tar.members = []  # type: ignore[attr-defined]


def _fault(tar: tarfile.TarFile) -> str:
    """Say that the archive does not end as a tar does: tarfile stops as silently at a damaged header."""
    file = cast(BinaryIO, tar.fileobj)
    file.seek(tar.offset)
    end = file.read(512)
    if end == bytes(512):
        return ""
    return sentence(
        "the export is cut short or damaged at byte {offset}: what stands before that is examined", offset=tar.offset
    )


def _described(tar: tarfile.TarFile, image: Image) -> dict[str, _Vdi]:
    """Read which disks there are.

    Raises:
        SourceError: The description is damaged, or names none.
    """
    first = tar.next()
    content = tar.extractfile(first) if first is not None and first.name == _DESCRIPTION else None
    if first is None or content is None or first.size > MAX_XML_SIZE:
        raise SourceError(
            "damaged", sentence("{name} is no readable XVA: its description is missing or too large", name=image.name)
        )
    try:
        root = parse_xml(content.read())
    except FormatError as error:
        raise SourceError(
            "damaged",
            sentence("{name} is no readable XVA: its description is damaged: {error}", name=image.name, error=error),
        ) from error
    vdis: dict[str, _Vdi] = {}
    for found in root.iter("struct"):
        fields = _fields(found)
        name = _text(fields.get("id"))
        record = fields.get("snapshot")
        struct = record.find("struct") if record is not None else None
        if _text(fields.get("class")) != "VDI" or struct is None or "/" in name or len(vdis) >= MAX_DISKS:
            continue
        values = _fields(struct)
        vdis[name] = _vdi(values, image)
    if not vdis:
        raise SourceError(
            "nothing_found",
            sentence("{name} is an XVA that describes no disks: export the machine again", name=image.name),
        )
    return vdis


def _vdi(values: dict[str, Element], image: Image) -> _Vdi:
    size = _text(values.get("virtual_size"))
    if not (size.isascii() and size.isdecimal()) or not 0 < int(size[:20]) < 1 << 48:
        raise SourceError(
            "bad_header",
            sentence("{name}: its description gives a disk {size!r} bytes", name=image.name, size=size[:40]),
        )
    if _text(values.get("is_a_snapshot")).lower() in ("1", "true"):
        return _Vdi(int(size), sentence("the disk of a snapshot, an older state of the machine"))
    kind = _text(values.get("type")).lower()
    if kind not in ("", "system", "user", "ephemeral"):
        what = sentence("memory and suspend") if kind == "suspend" else kind
        return _Vdi(int(size), sentence("no disk of the machine, but its {what} data", what=what))
    return _Vdi(int(size))


def _fields(struct: Element) -> dict[str, Element]:
    found: dict[str, Element] = {}
    for member in struct.findall("member"):
        name, value = member.find("name"), member.find("value")
        if name is not None and value is not None:
            found[name.text or ""] = value
    return found


def _text(value: Element | None) -> str:
    if value is None:
        return ""
    inner = value[0] if len(value) else value
    return (inner.text or "").strip()
