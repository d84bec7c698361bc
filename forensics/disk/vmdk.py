"""Opens VMDK images that are whole: a descriptor with its extents, or one file with everything.

References:
    VMware, Virtual Disk Format 5.0
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO, cast

from dissect.util.stream import AlignedStream

from forensics.disk.checked_stream import CheckedStream
from forensics.disk.disk import Holder
from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import open_evidence
from forensics.disk.magic import VMDK_COWD, VMDK_DESCRIPTOR, VMDK_SESPARSE, VMDK_SPARSE
from forensics.disk.split_file import ConcatStream
from forensics.disk.vmdk_descriptor import Extent, VmdkDescriptor, read_descriptor

_EXTENT = re.compile(r"(.*?)-(?:flat|delta|sesparse|ctk|[sf]\d{3,})(\.vmdk)", re.IGNORECASE | re.DOTALL)
_SECTOR = 512
_SPARSE, _FLAT = ("SPARSE", "VMFSSPARSE", "SESPARSE"), ("FLAT", "VMFS")


def descriptor_of(path: Path) -> Path | None:
    """Return where the descriptor of an extent is, by the extent's name; None when the name is not that of one."""
    match = _EXTENT.fullmatch(path.name)
    return path.with_name(match[1] + match[2]) if match else None


def lone_extent(path: Path, head: bytes) -> str | None:
    """Say that a file is only one extent of a VMDK, and what to name instead; None when it can be read by itself.

    Args:
        path: The file.
        head: Its beginning, some KiB.
    """
    descriptor = descriptor_of(path)
    has_magic = head.startswith((VMDK_SPARSE, VMDK_COWD, VMDK_SESPARSE))
    if head.startswith(VMDK_SPARSE) and VMDK_DESCRIPTOR in head:
        return None
    if descriptor is not None and descriptor.is_file():
        return f"a part of a VMDK: name its descriptor, {descriptor.name}, instead"
    is_part = descriptor is not None and not path.name.lower().endswith("-flat.vmdk")
    if not has_magic and not is_part:
        return None
    name = descriptor.name if descriptor is not None else "the .vmdk of a few hundred bytes that names it"
    return (
        f"a part of a VMDK, and its descriptor is not beside it: put {name} and all parts into one folder, and name "
        "the descriptor"
    )


def open_vmdk(path: Path, file: BinaryIO, name: str, unpacked: bool, holder: Holder) -> CheckedStream:
    """Open a VMDK without parent.

    Args:
        path: Where it lies.
        file: It, opened.
        name: For messages.
        unpacked: ``file`` is temporary, so that no extent lies beside it.
        holder: Where problems go.

    Raises:
        SourceError: It is damaged, or its extents are not beside it.
    """
    descriptor = read_descriptor(file)
    if descriptor is not None and descriptor.offset == 0:
        pieces = [(_extent(path, extent, unpacked, holder), extent.sectors * _SECTOR) for extent in descriptor.extents]
        if not pieces:
            raise SourceError("bad_header", "the descriptor names no extent that holds the disk")
        disk: AlignedStream = ConcatStream(pieces)
    else:
        disk = _SparseExtent(file)
    stream = CheckedStream(cast(BinaryIO, disk), disk.size or 0, _SECTOR, name)
    holder.watch(name, lambda: stream.notes.problems)
    return stream


def absent_extents(path: Path, descriptor: VmdkDescriptor) -> list[str]:
    """Return the names of the extents that a descriptor file names and that do not lie beside it."""
    named = [extent.name for extent in descriptor.extents if extent.name] if descriptor.offset == 0 else []
    return [name for name in named if "/" in name or "\\" in name or not (path.parent / name).is_file()]


def _extent(path: Path, extent: Extent, unpacked: bool, holder: Holder) -> BinaryIO:
    """Open an extent, which must lie beside the descriptor: its name comes from the evidence."""
    name = extent.name
    if extent.kind not in (*_SPARSE, *_FLAT) or extent.offset:
        raise SourceError(
            "unsupported",
            f"its extent '{name}' is of type {extent.kind}, which is not read; qemu-img convert -O raw, or cloning the "
            "machine, makes a disk of it that can be examined",
        )
    if unpacked or "/" in name or "\\" in name or name in ("", ".", ".."):
        raise SourceError("missing_part", f"its extent '{name}' must lie beside the descriptor")
    place = path.parent / name
    if place.is_symlink() or not place.is_file():
        raise SourceError("missing_part", f"its extent '{name}' is not beside the descriptor: put it there")
    file: BinaryIO = holder.resources.enter_context(open_evidence(place))
    return cast(BinaryIO, _SparseExtent(file)) if extent.kind in _SPARSE else file


class _SparseExtent(AlignedStream):
    """The sectors of one sparse extent."""

    size: int

    def __init__(self, file: BinaryIO) -> None:
        from dissect.hypervisor.disk.vmdk import SparseDisk

        file.seek(0)
        self._disk = SparseDisk(file)
        super().__init__(self._disk.size)

    def _read(self, offset: int, length: int) -> bytes:
        length = min(length, self.size - offset)
        data = self._disk.read_sectors(offset // _SECTOR, -(-length // _SECTOR))
        # A grain that is cut short moves those behind it.
        if len(data) < length:
            raise EOFError
        return data
