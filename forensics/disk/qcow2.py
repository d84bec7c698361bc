"""Opens qcow2 images, and refuses by their feature bits those that would be read wrongly or not at all.

References:
    - QEMU, docs/interop/qcow2: header, incompatible features, compression type
"""

from __future__ import annotations

import struct
from typing import BinaryIO, cast

from forensics.disk.checked_stream import CheckedStream
from forensics.disk.disk import Holder
from forensics.disk.errors import SourceError
from forensics.late_methods import dataclass

HEADER = 112
LEAST_HEADER = 72
"""Format: bytes of the header of a qcow2."""
_DIRTY, _CORRUPT, _DATA_FILE, _COMPRESSION, _EXTENDED_L2 = (1 << bit for bit in range(5))
_MAX_L1 = 32 << 20
"""Format: bytes of the first table of a qcow2."""
_FLATTEN = "qemu-img convert -O raw makes a disk of it that can be examined"


@dataclass(frozen=True, slots=True)
class Qcow2Header:
    """What decides whether an image can be read.

    Attributes:
        version: 2 or 3; 1 is the older qcow.
        has_backing: It holds only changes to another file.
        encryption: 0 for none.
        features: Incompatible features; none before version 3.
        compression: 0 for deflate, 1 for zstd.
        first_table: Bytes of the first table.
    """

    version: int
    has_backing: bool
    encryption: int
    features: int
    compression: int
    first_table: int


def read_header(head: bytes) -> Qcow2Header:
    """Parse the first :data:`HEADER` bytes; raises SourceError when they are cut short."""
    if len(head) < LEAST_HEADER:
        raise SourceError("truncated", "the qcow2 header is cut short")
    version, backing = struct.unpack_from(">IQ", head, 4)
    encryption, entries = struct.unpack_from(">II", head, 32)
    features, length, compression = 0, 72, 0
    if version >= 3 and len(head) >= 104:
        features, length = struct.unpack_from(">Q", head, 72)[0], struct.unpack_from(">I", head, 100)[0]
    if length > 104 and features & _COMPRESSION and len(head) > 104:
        compression = head[104]
    return Qcow2Header(version, bool(backing), encryption, features, compression, 8 * entries)


def unsupported(header: Qcow2Header) -> str | None:
    """Say why an image of this kind is not read, and what to do; None when it can be."""
    if header.version not in (2, 3):
        return f"a qcow image of version {header.version}: {_FLATTEN}"
    if header.encryption:
        return f"an encrypted qcow2: {_FLATTEN} where its secret is known"
    if header.features & _DATA_FILE:
        return f"a qcow2 whose data lies in an external data file: {_FLATTEN}, with that file in its place"
    if header.features & _EXTENDED_L2:
        return f"a qcow2 with extended L2 entries (subclusters), which are not read: {_FLATTEN}"
    if header.compression:
        how = "zstd" if header.compression == 1 else f"method {header.compression}"
        return f"a qcow2 compressed with {how}, which is not read: {_FLATTEN}"
    unknown = header.features & ~(_DIRTY | _CORRUPT | _COMPRESSION)
    if unknown:
        bits = ", ".join(str(bit) for bit in range(64) if unknown >> bit & 1)
        return f"a qcow2 with features that are not known (incompatible feature bits {bits}): {_FLATTEN}"
    return None


def open_qcow2(file: BinaryIO, name: str, holder: Holder) -> CheckedStream:
    """Open an image without backing file; of its internal snapshots the present state is read.

    Raises:
        SourceError: It cannot be read.
    """
    file.seek(0)
    header = read_header(file.read(HEADER))
    reason = unsupported(header)
    if reason is not None:
        raise SourceError("unsupported", f"{name} is {reason}")
    if header.first_table > _MAX_L1:
        raise SourceError("bad_header", f"a qcow2 whose first table has {header.first_table} bytes")
    if header.features & _CORRUPT:
        message = "the qcow2 is marked corrupt by whatever wrote it: what is read of it may contradict itself"
        holder.problem(name, "marked_corrupt", message)
    if header.features & _DIRTY:
        message = "the qcow2 is marked dirty: it was not closed, and may lack the last changes"
        holder.problem(name, "marked_dirty", message)
    from dissect.hypervisor.disk.qcow2 import QCow2

    file.seek(0)
    image = QCow2(file)
    stream = CheckedStream(cast(BinaryIO, image.open()), image.size, image.cluster_size, name)
    holder.watch(name, lambda: stream.notes.problems)
    return stream
