"""Opens VMDK images: a descriptor with its extents, or one file with everything; snapshots with their parents.

The descriptor is parsed here alone, and dissect is given opened extents: it opens nothing by a name in the evidence.

References:
    VMware, Virtual Disk Format 5.0
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, cast

from dissect.util.stream import AlignedStream

from forensics.disk.disk import Disk, Holder
from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import open_evidence
from forensics.disk.image import Image, checked_disk
from forensics.disk.parents import ParentDisk, Wanted, open_parent
from forensics.disk.split_file import ConcatStream
from forensics.disk.vmdk_descriptor import Extent, VmdkDescriptor, read_descriptor
from forensics.disk.vmdk_extents import absent_extents
from forensics.language import sentence

if TYPE_CHECKING:
    from forensics.disk.vmdk_sparse import SparseExtent

_SECTOR = 512
_SPARSE, _FLAT = ("SPARSE", "VMFSSPARSE", "SESPARSE"), ("FLAT", "VMFS")
_RAW_DEVICES = ("VMFSRDM", "VMFSRAW")
_DATASTORES = ("vsan://", "vvol://")
_DEVICES = ("\\\\.\\", "/dev/")


def open_vmdk(image: Image, holder: Holder) -> Disk:
    """Open a VMDK, and its parents where it is a snapshot.

    Raises:
        SourceError: It is damaged, its extents are not beside it, or its parent is missing or not the parent.
    """
    descriptor = read_descriptor(image.file)
    if descriptor is not None and descriptor.misread:
        raise SourceError(
            "bad_header",
            sentence("the descriptor of the VMDK cannot be understood: {misread}", misread=descriptor.misread),
        )
    if descriptor is None or descriptor.offset:
        extents = [(cast(BinaryIO, _sparse(image.file, image, holder)), image.size)]
        disk = cast(AlignedStream, extents[0][0])
    else:
        extents = _extents(image, descriptor, holder)
        disk = ConcatStream(extents)
    parent = None if descriptor is None else _parent(image, descriptor, disk.size, holder)
    if parent is None:
        return checked_disk(image, disk, holder)
    from forensics.disk.vmdk_sparse import SparseExtent

    start = 0
    for extent, size in extents:
        if isinstance(extent, SparseExtent):
            extent.lay_on(parent, start)
        start += size
    return checked_disk(image, disk, holder, parent.files)


def _sparse(file: BinaryIO, image: Image, holder: Holder) -> SparseExtent:
    """Open a sparse extent, importing its reader only now: most disks have none."""
    from forensics.disk.vmdk_sparse import SparseExtent

    return SparseExtent(file, image.name, holder)


def _parent(image: Image, descriptor: VmdkDescriptor, size: int | None, holder: Holder) -> ParentDisk | None:
    needed = descriptor.parent_cid
    if needed is None:
        return None

    def misfit(parent: Image) -> str | None:
        if parent.kind != "vmdk":
            return sentence("it is no VMDK but {kind}", kind=parent.kind)
        said = read_descriptor(parent.file)
        if said is None:
            return sentence("it has no descriptor with a CID, the child needs CID {needed}", needed=needed)
        return (
            None
            if said.cid == needed
            else sentence("its CID is {cid}, the child needs CID {needed}", cid=said.cid or "missing", needed=needed)
        )

    return open_parent(image, Wanted("VMDK", misfit, size), holder)


def _extents(image: Image, descriptor: VmdkDescriptor, holder: Holder) -> list[tuple[BinaryIO, int]]:
    if not descriptor.extents:
        raise SourceError("bad_header", sentence("the descriptor names no extent that holds the disk"))
    absent = [] if image.unpacked else absent_extents(image.path, descriptor)
    if len(absent) > 1:
        names = ", ".join(f"'{name}'" for name in absent[:5])
        raise SourceError(
            "missing_part", sentence("its extents {names} are not beside the descriptor: put them there", names=names)
        )
    return [(_extent(image, extent, holder), extent.sectors * _SECTOR) for extent in descriptor.extents]


def _extent(image: Image, extent: Extent, holder: Holder) -> BinaryIO:
    """Open an extent, which must lie beside the descriptor: its name comes from the evidence."""
    name = extent.name
    if extent.kind in _RAW_DEVICES or name.startswith(_DEVICES):
        raise SourceError(
            "unsupported",
            sentence(
                "the disk is a device of its host ({name}) and not in files: copy it from there as a raw "
                "image, or clone the machine",
                name=name,
            ),
        )
    if name.startswith(_DATASTORES):
        raise SourceError(
            "unsupported",
            sentence(
                "its extent '{name}' lies in a datastore and not in a file: export the machine as OVF, and "
                "examine that",
                name=name,
            ),
        )
    if extent.kind not in (*_SPARSE, *_FLAT) or extent.offset:
        raise SourceError(
            "unsupported",
            sentence(
                "its extent '{name}' is of type {kind}, which is not read; qemu-img convert -O raw, or "
                "cloning the machine, makes a disk of it that can be examined",
                name=name,
                kind=extent.kind,
            ),
        )
    if image.unpacked or "/" in name or "\\" in name or name in ("", ".", ".."):
        raise SourceError("missing_part", sentence("its extent '{name}' must lie beside the descriptor", name=name))
    place = image.path.parent / name
    if place.is_symlink() or not place.is_file():
        raise SourceError(
            "missing_part", sentence("its extent '{name}' is not beside the descriptor: put it there", name=name)
        )
    file: BinaryIO = holder.resources.enter_context(open_evidence(place, follow_symlinks=False))
    return cast(BinaryIO, _sparse(file, image, holder)) if extent.kind in _SPARSE else file
