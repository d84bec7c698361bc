"""Reads the disks in a full backup of Veeam (.vbk): dissect.archive finds them, each block is held against its digest.

What dissect gives is not believed without the MD5 that the backup keeps of each block: where its own reader would take
a wrong stride or a wrong page, the digest does not fit, and the bytes count as not obtained. Encrypted backups and
increments (.vib) are refused: an increment holds only what changed.

References:
    - dissect.archive, vbk.py
    - VeeamPhaser, docs/veeam_file_format.md (block descriptors, digests, kinds of compression)
"""

from __future__ import annotations

import hashlib
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from dissect.util.stream import AlignedStream

from forensics.disk.checked_stream import NotInImageError
from forensics.disk.disk import Holder
from forensics.disk.errors import SourceError
from forensics.disk.image import Image
from forensics.disk.machine_backup import MAX_DISKS, BackupDisk, MachineBackup
from forensics.language import sentence

if TYPE_CHECKING:
    from dissect.archive.vbk import VBK

_NORMAL, _SPARSE = 0, 1
_ENCRYPTED = 2
_PLAIN, _ZLIB, _LZ4, _ZSTD = (-1,), (3, 4), (7,), (8, 9)
_LZ4_HEADER = 12
_LEAST_DISK = 1 << 20
"""Format: bytes of a file in a VBK that may be a disk: summaries, logs and lists are smaller."""
_MAX_PAGES = 200_000
"""Format: pages of one table in a VBK."""
_MAX_ITEMS = 10_000
"""Format: files and folders in a VBK."""
_MAX_DEPTH = 8
"""Format: folders within folders of a VBK."""
_MAX_CACHED = 8
"""Work: blocks of a disk that are kept, whose digest fits."""
_OLDEST = 9
"""The oldest version of the format whose tables dissect reads with the right stride."""
_RESTORE = sentence("restore its disks with Veeam, and examine those")
_DIGESTS = "digest_"
_NO_DISK = (".xml", ".log", ".vmx", ".vmxf", ".vmsd", ".nvram", ".vmcx", ".vmrs", ".vmgs", ".bin")


def open_vbk(image: Image, holder: Holder) -> MachineBackup:
    """Open a backup, and find the disks in it.

    Raises:
        SourceError: It is damaged, encrypted, an increment, or older than what is read.
    """
    image.file.seek(0)
    version = int.from_bytes(image.file.read(4), "little")
    if version < _OLDEST or version == 0x10008:
        raise SourceError(
            "unsupported",
            sentence(
                "{name} is a Veeam backup of format {version}: {restore}",
                name=image.name,
                version=version,
                restore=_RESTORE,
            ),
        )
    vbk = _bounded(image.file)
    if any(bank.header.Flags & _ENCRYPTED for bank in vbk.active_slot.banks):
        raise SourceError(
            "encrypted", sentence("{name} is an encrypted Veeam backup: {restore}", name=image.name, restore=_RESTORE)
        )
    disks: list[BackupDisk] = []
    left_out: list[tuple[str, str]] = []
    for path, item in _files(vbk):
        kind = int(item.entry.Type)
        if kind in (4, 5):
            raise SourceError(
                "needs_parent",
                sentence(
                    "{name} is an increment of a Veeam backup, which holds only what changed: {restore}",
                    name=image.name,
                    restore=_RESTORE,
                ),
            )
        name = PurePosixPath(path)
        if name.suffix.lower() in _NO_DISK or name.name.startswith(_DIGESTS) or item.size < _LEAST_DISK:
            continue
        if not item.is_internal_file():
            left_out.append((path, sentence("it lies outside the backup: {restore}", restore=_RESTORE)))
        elif len(disks) < MAX_DISKS:
            disks.append(BackupDisk(path, item.size, partial(_open, vbk, item), 4096))
    return MachineBackup(disks, left_out, reader="dissect.archive")


def _bounded(file: BinaryIO) -> VBK:
    """Open a container; a chain of pages that leads in a circle is refused, where dissect would follow it for ever."""
    from dissect.archive.vbk import VBK, MetaBlob

    class Blob(MetaBlob):
        def _read(self) -> Iterator[tuple[int, memoryview]]:  # type: ignore[override, unused-ignore]
            seen: set[int] = set()
            for page, data in super()._read():
                if page in seen or len(seen) > _MAX_PAGES:
                    raise SourceError("damaged", sentence("a table of the backup does not end"))
                seen.add(page)
                yield page, data

    class Container(VBK):
        def get_meta_blob(self, page: int) -> MetaBlob:
            return Blob(self.active_slot, page)

    return Container(file)


def _files(vbk: VBK) -> Iterator[tuple[str, Any]]:
    pending: list[tuple[str, Any, int]] = [("", vbk.root, 0)]
    seen = 0
    while pending:
        folder, item, depth = pending.pop(0)
        if item.count > _MAX_ITEMS:
            raise SourceError("bad_header", sentence("a folder of the backup counts more files than a backup has"))
        for child in item.iterdir():
            seen += 1
            if seen > _MAX_ITEMS:
                raise SourceError(
                    "too_large",
                    sentence(
                        "the backup holds more than {max_items} files: {restore}",
                        max_items=_MAX_ITEMS,
                        restore=_RESTORE,
                    ),
                )
            name = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in child.name)
            path = f"{folder}/{name}" if folder else name
            if child.is_dir() and depth < _MAX_DEPTH:
                pending.append((path, child, depth + 1))
            elif not child.is_dir() and int(child.entry.Type) in (2, 3, 4, 5):
                yield path, child


def _open(vbk: VBK, item: Any) -> BinaryIO:
    return cast(BinaryIO, _DiskStream(vbk, item))


class _DiskStream(AlignedStream):
    size: int

    def __init__(self, vbk: VBK, item: Any) -> None:
        from dissect.archive.vbk import FibMetaSparseTable

        vector = item.entry.IntFib.BlocksVector
        self._vbk = vbk
        self._block_size: int = vbk.block_size
        if vector.Count < -(-item.size // self._block_size):
            raise SourceError("bad_header", sentence("the backup counts fewer blocks of a disk than it has"))
        self._table = FibMetaSparseTable(vbk, vector.RootPage, vector.Count)
        self._cached: OrderedDict[int, bytes] = OrderedDict()
        super().__init__(item.size, 4096)

    def _read(self, offset: int, length: int) -> bytes:
        parts, end = [], min(offset + length, self.size)
        while offset < end:
            number, into = divmod(offset, self._block_size)
            part = self._block(number)[into : into + end - offset]
            if not part:
                raise NotInImageError(sentence("its block in the backup is shorter than it should be"))
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def _block(self, number: int) -> bytes:
        if number not in self._cached:
            self._cached[number] = self._checked(number)
            if len(self._cached) > _MAX_CACHED:
                self._cached.popitem(last=False)
        self._cached.move_to_end(number)
        return self._cached[number]

    def _checked(self, number: int) -> bytes:
        told: Any = self._table.get(number)
        kind = int(told.entry.Type)
        if kind == _SPARSE:
            return bytes(self._block_size)
        if kind != _NORMAL:
            raise NotInImageError(
                sentence(
                    "its block is stored in a way that is not read (kind {kind}): {restore}",
                    kind=kind,
                    restore=_RESTORE,
                )
            )
        block: Any = self._vbk.block_store.get(told.block_id)
        data = self._stored(block.entry)
        if hashlib.md5(data).digest() != told.digest:
            raise NotInImageError(sentence("the digest of its block does not fit"))
        return data

    def _stored(self, block: Any) -> bytes:
        size, stored, kind = int(block.SourceSize), int(block.CompressedSize), int(block.CompressionType)
        if not 0 < size <= self._block_size or stored > 2 * self._block_size:
            raise NotInImageError(sentence("its block has a size that none has"))
        if any(block.KeySetId):
            raise NotInImageError(sentence("its block is encrypted"))
        self._vbk.fh.seek(block.Offset)
        data = self._vbk.fh.read(stored)
        if len(data) != stored:
            raise NotInImageError(sentence("it lies beyond the end of the backup, which is truncated"))
        return _unpacked(data, kind, size)


def _unpacked(data: bytes, kind: int, size: int) -> bytes:
    if kind in _PLAIN:
        return data[:size]
    if kind in _LZ4:
        from dissect.util.compression import lz4

        return cast(bytes, lz4.decompress(data[_LZ4_HEADER:], size))
    if kind in _ZLIB:
        return zlib.decompressobj().decompress(data, size)
    if kind in _ZSTD:
        from forensics.formats.zstandard import zstd

        return zstd.ZstdDecompressor().decompress(data, size)
    raise NotInImageError(
        sentence(
            "its block is compressed in a way that is not read (kind {kind}): {restore}", kind=kind, restore=_RESTORE
        )
    )
