"""The catalog of a volume's shadow copies: which there are, when they were made, and where each keeps its blocks.

A header in the boot area leads to the catalog, a chain of blocks of 16 KiB. Two entries in it make a copy: one says
what it is, one where its store lies; they stand in any order, with unused ones and empty ones between.

References:
    libvshadow, documentation/Volume Shadow Snapshot (VSS) format.asciidoc
    https://learn.microsoft.com/windows-server/storage/file-server/volume-shadow-copy-service (512 copies of a volume)
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from forensics.formats.errors import FormatError
from forensics.formats.filetime import filetime
from forensics.language import sentence
from forensics.late_methods import dataclass

HEADER_AT, HEADER_SIZE = 0x1E00, 128
BLOCK, HEAD = 0x4000, 128
ENTRY = 128
STORE_ID = UUID("3808876b-c176-4e48-b7ae-04046e6cc752")
"""Marks every structure, and ends the names of the files that hold them."""
MAX_COPIES = 512
"""Format: shadow copies of one volume."""
MAX_CATALOG_BLOCKS = 64
"""Format: blocks of one catalog; one with two entries for each of its copies takes nine."""
MAX_LIST_BLOCKS = 1 << 13
"""Work: blocks of one list of a copy, 128 MiB, which name 64 GiB of what it saved."""
_HEADER, _CATALOG, _SAVED_BLOCKS = 1, 2, 3
_COPY, _STORE = 2, 3
_UNUSED = (0, 1)
_MARK = struct.Struct("<16sII")
_SAVED = struct.Struct("<Q24x")
_READ = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class ShadowHeader:
    """What the boot area of a volume says of its shadow copies.

    Attributes:
        catalog: Byte of the volume at which the catalog begins; 0: there is none.
        volume: GUID of the volume.
        kept_on: GUID of the volume that keeps its copies.
    """

    catalog: int
    volume: UUID
    kept_on: UUID


@dataclass(frozen=True, slots=True)
class CatalogCopy:
    """A shadow copy as the catalog has it.

    Attributes:
        identifier: Its GUID, which is in the name of the file that keeps its blocks.
        is_described: The entry that says what it is is there; what it says is 0 where not.
        volume_size: Bytes of the volume then.
        sequence: Its number: later copies have higher ones.
        ticks: When it was made, as FILETIME.
        saved: Byte of the volume at which the list of what it saved begins; None where no entry says where its store
            lies.
        entries: Its entries as they are, the one about its store last.
    """

    identifier: UUID
    is_described: bool
    volume_size: int
    sequence: int
    ticks: int
    saved: int | None
    entries: tuple[bytes, ...]

    @property
    def created(self) -> datetime | None:
        """When it was made, UTC."""
        return filetime(self.ticks)


@dataclass(frozen=True, slots=True)
class ShadowCatalog:
    """All shadow copies of a volume.

    Attributes:
        copies: The newest first.
        heads: Header of each of its blocks, by the byte of the volume at which the block lies, in order.
    """

    copies: tuple[CatalogCopy, ...]
    heads: dict[int, bytes]

    @property
    def is_in_order(self) -> bool:
        """Times and numbers agree on which copies are the newer ones: what one holds depends on all that are."""
        return all(copy.is_described for copy in self.copies) and all(
            newer.ticks > older.ticks and newer.sequence >= older.sequence for newer, older in pairwise(self.copies)
        )


def parse_shadow_header(data: bytes) -> ShadowHeader | None:
    """Parse what stands at :data:`HEADER_AT` of a volume; None where no shadow copy was ever made.

    Raises:
        FormatError: ``truncated``, ``bad_version`` or ``bad_offset``.
    """
    if len(data) < HEADER_SIZE:
        raise FormatError(
            "truncated",
            HEADER_AT,
            sentence("the header has {header_size} bytes, {count} are left", header_size=HEADER_SIZE, count=len(data)),
        )
    mark, version, kind = _MARK.unpack_from(data)
    if mark != STORE_ID.bytes_le:
        return None
    if version not in (1, 2):
        raise FormatError(
            "bad_version", HEADER_AT + 16, sentence("a header of version {version} is not read", version=version)
        )
    at, catalog = struct.unpack_from("<Q16xQ", data, 24)
    if kind != _HEADER or at != HEADER_AT:
        raise FormatError("bad_offset", HEADER_AT + 20, sentence("the header is one of another place"))
    return ShadowHeader(catalog, UUID(bytes_le=data[64:80]), UUID(bytes_le=data[80:96]))


def parse_catalog(read: _READ, start: int, volume_size: int) -> ShadowCatalog:
    """Parse a catalog.

    Args:
        read: Returns a number of bytes at a byte of the volume, or raises what it likes.
        start: Byte of the volume at which it begins.
        volume_size: Bytes of the volume.

    Raises:
        FormatError: It is not whole, or leads in a circle or out of the volume.
    """
    heads: dict[int, bytes] = {}
    described: dict[UUID, bytes] = {}
    stored: dict[UUID, bytes] = {}
    for at, block in _blocks(read, start, volume_size, _CATALOG, MAX_CATALOG_BLOCKS):
        heads[at] = block[:HEAD]
        for offset in range(HEAD, BLOCK, ENTRY):
            entry = block[offset : offset + ENTRY]
            kind = int.from_bytes(entry[:8], "little")
            if kind in _UNUSED:
                continue
            if kind not in (_COPY, _STORE):
                raise FormatError("bad_entry", at + offset, sentence("an entry of kind {kind}", kind=kind))
            identifier, found = UUID(bytes_le=entry[16:32]), described if kind == _COPY else stored
            if identifier in found:
                raise FormatError(
                    "bad_entry",
                    at + offset,
                    sentence("shadow copy {identifier} has a second entry", identifier=identifier),
                )
            found[identifier] = entry
    identifiers = described | stored
    if len(identifiers) > MAX_COPIES:
        message = sentence(
            "{count} shadow copies, where a volume has at most {max_copies}",
            count=len(identifiers),
            max_copies=MAX_COPIES,
        )
        raise FormatError("too_many", start, message)
    copies = [_copy(each, described.get(each), stored.get(each)) for each in identifiers]
    copies.sort(key=lambda copy: (copy.ticks, copy.sequence), reverse=True)
    return ShadowCatalog(tuple(copies), heads)


def saved_blocks(read: _READ, copy: CatalogCopy, volume_size: int) -> Iterator[set[int]]:
    """Yield, list block by list block, where the blocks of the volume begin of which a copy says anything.

    Unused entries and what an unfilled block holds are among them. What a forwarder becomes when another entry meets it
    keeps the place that the forwarder has, so that a block in no list of a copy and of the newer ones is the present's.

    Raises:
        FormatError: The list is not whole, or leads in a circle or out of the volume.
    """
    if copy.saved is None:
        raise FormatError("no_store", 0, sentence("the catalog does not say where the copy keeps its blocks"))
    for _, block in _blocks(read, copy.saved, volume_size, _SAVED_BLOCKS, MAX_LIST_BLOCKS):
        yield {at & -BLOCK for (at,) in _SAVED.iter_unpack(block[HEAD:])}


def _blocks(read: _READ, start: int, volume_size: int, kind: int, most: int) -> Iterator[tuple[int, bytes]]:
    """Yield the blocks of a chain with the byte of the volume at which each lies."""
    at = start
    seen: set[int] = set()
    while at:
        if at + BLOCK > volume_size:
            raise FormatError("bad_offset", at, sentence("a block lies outside the volume"))
        if at in seen:
            raise FormatError("loop", at, sentence("its blocks lead in a circle"))
        if len(seen) == most:
            raise FormatError("too_many", at, sentence("more than {most} blocks", most=most))
        seen.add(at)
        block = read(at, BLOCK)
        mark, _, found = _MARK.unpack_from(block)
        if mark != STORE_ID.bytes_le or found != kind:
            raise FormatError("bad_magic", at, sentence("no block of it lies here"))
        here, after = struct.unpack_from("<QQ", block, 32)
        if here != at:
            raise FormatError("bad_offset", at + 32, sentence("a block of another place lies here"))
        yield at, block
        at = after


def _copy(identifier: UUID, described: bytes | None, stored: bytes | None) -> CatalogCopy:
    size, sequence, ticks = (0, 0, 0) if described is None else struct.unpack_from("<Q16xQ8xQ", described, 8)
    saved = None if stored is None else struct.unpack_from("<Q", stored, 8)[0]
    entries = tuple(entry for entry in (described, stored) if entry is not None)
    return CatalogCopy(identifier, described is not None, size, sequence, ticks, saved, entries)
