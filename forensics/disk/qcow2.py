"""Opens qcow2 images, and refuses by their feature bits those that would be read wrongly or not at all.

A qcow2 knows its backing file by a name and nothing else: that another file now bears that name cannot be told.
dissect is given the opened parent; it opens nothing by a name in the evidence, and guesses the form of none.

References:
    - QEMU, docs/interop/qcow2: header, incompatible features, compression type
"""

from __future__ import annotations

import io
import re
import struct
from typing import TYPE_CHECKING, BinaryIO, cast

from forensics.disk.disk import Disk, Holder
from forensics.disk.errors import SourceError
from forensics.disk.image import Image, checked_disk
from forensics.disk.lineage import parent_name
from forensics.language import sentence
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from forensics.disk.parents import ParentDisk

HEADER = 112
LEAST_HEADER = 72
"""Format: bytes of the header of a qcow2."""
_DIRTY, _CORRUPT, _DATA_FILE, _COMPRESSION, _EXTENDED_L2 = (1 << bit for bit in range(5))
_ZSTD = 1
_MAX_L1 = 32 << 20
"""Format: bytes of the first table of a qcow2."""
_MAX_EXTENSIONS = 64 << 10
"""Format: bytes of the header extensions of a qcow2 that are searched for what they say of other files."""
_MAX_NAME = 1023
"""Format: bytes of the name of another file in a qcow2."""
_BACKING_FORMAT, _DATA_FILE_NAME = 0xE2792ACA, 0x44415441
_FORMS = {"raw": "raw", "qcow2": "qcow2", "vmdk": "vmdk", "vdi": "vdi", "vpc": "vhd", "vhdx": "vhdx"}
_PROTOCOL = re.compile(r"(?!file:|json:)[A-Za-z][\w+.-]+:")
_FLATTEN = sentence("qemu-img convert -O raw makes a disk of it that can be examined")


@dataclass(frozen=True, slots=True)
class Qcow2Header:
    """What decides whether an image can be read.

    Attributes:
        version: 2 or 3; 1 is the older qcow.
        backing: Where the name of the file is to which it holds only changes, and its length; (0, 0) for none.
        encryption: 0 for none.
        features: Incompatible features; none before version 3.
        compression: 0 for deflate, 1 for zstd.
        first_table: Bytes of the first table.
        length: Bytes of the header.
        data_file: The name of the file in which the data lies, as far as what was parsed holds it.
    """

    version: int
    backing: tuple[int, int]
    encryption: int
    features: int
    compression: int
    first_table: int
    length: int
    data_file: str = ""


def read_header(head: bytes) -> Qcow2Header:
    """Parse the first :data:`HEADER` bytes, or more; raises SourceError when they are cut short."""
    if len(head) < LEAST_HEADER:
        raise SourceError("truncated", sentence("the qcow2 header is cut short"))
    version, backing, name_length = struct.unpack_from(">IQI", head, 4)
    encryption, entries = struct.unpack_from(">II", head, 32)
    features, length, compression = 0, 72, 0
    if version >= 3 and len(head) >= 104:
        features, length = struct.unpack_from(">Q", head, 72)[0], struct.unpack_from(">I", head, 100)[0]
    if length > 104 and len(head) > 104:
        compression = head[104]
    backing_name = (backing, name_length) if backing else (0, 0)
    data_file = _extension(head[length:_MAX_EXTENSIONS], _DATA_FILE_NAME) if features & _DATA_FILE else ""
    return Qcow2Header(version, backing_name, encryption, features, compression, 8 * entries, length, data_file)


def unsupported(header: Qcow2Header) -> str | None:
    """Say why an image of this kind is not read, and what to do; None when it can be."""
    if header.version not in (2, 3):
        return sentence("a qcow image of version {version}: {flatten}", version=header.version, flatten=_FLATTEN)
    if header.encryption:
        return sentence("an encrypted qcow2: {flatten} where its secret is known", flatten=_FLATTEN)
    if header.features & _DATA_FILE:
        named = f" ('{header.data_file}')" if header.data_file else ""
        return sentence(
            "a qcow2 whose data lies in an external data file{named}: {flatten}, with that file in its place",
            named=named,
            flatten=_FLATTEN,
        )
    if header.features & _EXTENDED_L2:
        return sentence(
            "a qcow2 with extended L2 entries (subclusters), which are not read: {flatten}", flatten=_FLATTEN
        )
    if header.compression > _ZSTD:
        return sentence(
            "a qcow2 compressed with method {compression}, which is not read: {flatten}",
            compression=header.compression,
            flatten=_FLATTEN,
        )
    if (header.compression == _ZSTD) != bool(header.features & _COMPRESSION):
        return sentence(
            "a qcow2 whose header contradicts itself about how it is compressed: {flatten}", flatten=_FLATTEN
        )
    unknown = header.features & ~(_DIRTY | _CORRUPT | _COMPRESSION)
    if unknown:
        bits = ", ".join(str(bit) for bit in range(64) if unknown >> bit & 1)
        return sentence(
            "a qcow2 with features that are not known (incompatible feature bits {bits}): {flatten}",
            bits=bits,
            flatten=_FLATTEN,
        )
    return None


def open_qcow2(image: Image, holder: Holder) -> Disk:
    """Open an image, and what it builds on; of its internal snapshots the present state is read.

    Raises:
        SourceError: It cannot be read, or its backing file is not there.
    """
    file, name = image.file, image.name
    file.seek(0)
    header = read_header(file.read(HEADER))
    reason = unsupported(header)
    if reason is not None:
        raise SourceError("unsupported", sentence("{name} is {reason}", name=name, reason=reason))
    if header.first_table > _MAX_L1:
        raise SourceError(
            "bad_header", sentence("a qcow2 whose first table has {first_table} bytes", first_table=header.first_table)
        )
    parent = _parent(image, header, holder) if header.backing[0] else None
    if header.features & _CORRUPT:
        message = sentence("the qcow2 is marked corrupt by whatever wrote it: what is read of it may contradict itself")
        holder.problem(name, "marked_corrupt", message)
    if header.features & _DIRTY:
        message = sentence("the qcow2 is marked dirty: it was not closed, and may lack the last changes")
        holder.problem(name, "marked_dirty", message)
    from dissect.hypervisor.disk.qcow2 import QCow2

    opened = QCow2(cast(BinaryIO, _AsVersion3(file)) if header.version == 2 else file, allow_no_backing_file=True)
    if parent is not None:
        opened.backing_file = cast(BinaryIO, _Backing(parent))
    return checked_disk(image, opened.open(), holder, parent.files if parent is not None else ())


def _parent(image: Image, header: Qcow2Header, holder: Holder) -> ParentDisk:
    from forensics.disk.parents import Wanted, open_parent

    file, (offset, length) = image.file, header.backing
    file.seek(min(offset, 1 << 62))
    written = file.read(min(length, _MAX_NAME)).decode("utf-8", "replace")
    if _PROTOCOL.match(written) or (written.startswith("json:") and not parent_name(file)):
        raise SourceError(
            "needs_parent",
            sentence(
                "this qcow2 holds only changes to a disk that is reached over a network: there {flatten}",
                flatten=_FLATTEN,
            ),
        )
    form = _backing_form(file, header)
    kind = _FORMS.get(form)
    if form and kind is None:
        raise SourceError(
            "needs_parent",
            sentence("this qcow2 holds only changes to a disk of a form that is not read: {flatten}", flatten=_FLATTEN),
        )

    def misfit(parent: Image) -> str | None:
        return (
            None
            if kind in (None, parent.kind)
            else sentence("it is {kind}, the child needs one of form {form}", kind=parent.kind, form=form)
        )

    return open_parent(image, Wanted("qcow2", misfit, is_raw=kind == "raw"), holder)


def _backing_form(file: BinaryIO, header: Qcow2Header) -> str:
    """Return QEMU's name for the form of the backing file; empty where the image does not say."""
    file.seek(header.length)
    return _extension(file.read(_MAX_EXTENSIONS), _BACKING_FORMAT).lower()


def _extension(data: bytes, wanted: int) -> str:
    """Return the text of a header extension; empty where there is none."""
    at = 0
    while at + 8 <= len(data):
        kind, length = struct.unpack_from(">II", data, at)
        if kind == wanted:
            return data[at + 8 : at + 8 + min(length, _MAX_NAME)].decode("utf-8", "replace")
        if not kind:
            break
        at += 8 + -(-length // 8) * 8
    return ""


class _AsVersion3:
    """An image of version 2, with a header as long as dissect takes that of every version to be."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        self._head = file.read(LEAST_HEADER) + bytes(28) + struct.pack(">I", 104) + bytes(HEADER - 104)
        self._file = file

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        at = self.tell()
        data = self._file.read(size)
        return self._head[at : at + len(data)] + data[max(0, HEADER - at) :] if at < HEADER else data


class _Backing:
    """What dissect asks of a backing file; behind its end there are zeros."""

    def __init__(self, parent: ParentDisk) -> None:
        self._parent = parent
        self._at = 0

    def seek(self, offset: int) -> None:
        self._at = offset

    def read(self, length: int) -> bytes:
        return self._parent.read_at(self._at, length)
