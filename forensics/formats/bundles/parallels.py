"""The configuration of a Parallels machine (``config.pvs``) and the description of one of its disks.

A disk is a folder, ``NAME.hdd``: ``DiskDescriptor.xml`` names the files of each stretch of it, one for each snapshot,
and which of them is that of today.

References:
    QEMU, docs/interop/prl-xml; libphdi, Parallels Hard Disk image format
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from forensics.formats.bundles.named_disks import NamedDisk, NamedDisks
from forensics.formats.errors import FormatError
from forensics.formats.xml_text import at_path, local_name, parse_xml
from forensics.language import sentence
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DESCRIPTOR = "DiskDescriptor.xml"
_TOP = UUID("5fbaabe3-6958-40ff-92a7-860e329aab41")
_NONE = UUID(int=0)
_HARD_DISK = "1"
_MAX_STORAGES = 4096
"""Format: stretches of one Parallels disk that lie in files of their own."""
_MAX_IMAGES = 1024
"""Format: files of one stretch of a Parallels disk, one for each snapshot."""
_MAX_CHAIN = 64
"""Format: snapshots of a Parallels disk that build on each other."""


@dataclass(frozen=True, slots=True)
class HddImage:
    """A file of a stretch.

    Attributes:
        path: As written.
        is_plain: It is raw; else it is an expanding image, in which what it does not hold is that of its parent.
    """

    path: str
    is_plain: bool


@dataclass(frozen=True, slots=True)
class HddStorage:
    """A stretch of a disk.

    Attributes:
        start: Its first sector of 512 bytes.
        end: The sector behind it.
        chain: The files that show it as it is today: that of today first, each on the next.
        other: Paths of files of snapshots that are not below that of today.
    """

    start: int
    end: int
    chain: tuple[HddImage, ...]
    other: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HddDescriptor:
    """What DiskDescriptor.xml says.

    Attributes:
        storages: The stretches, in their order on the disk and without a gap.
        unread: Why the disk is not read, and what to do; empty where it is.
    """

    storages: tuple[HddStorage, ...]
    unread: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of all files, as written."""
        paths = [path for each in self.storages for path in (*(image.path for image in each.chain), *each.other)]
        return tuple(dict.fromkeys(paths))


def parse_pvs(data: bytes) -> NamedDisks:
    """Return the disks of a config.pvs, which are folders; raises FormatError."""
    root = parse_xml(data)
    found = []
    for disk in at_path(root, "Hardware", "Hdd"):
        path = _text(disk, "SystemName") or _text(disk, "UserFriendlyName")
        # Another kind is a partition or a whole disk of the Mac.
        kind = _text(disk, "EmulatedType") or _HARD_DISK
        if path and _text(disk, "Enabled") != "0":
            lies_at = (
                "" if kind == _HARD_DISK else sentence("it is a disk of its Mac, not a file: save that as an image")
            )
            found.append(NamedDisk(path, lies_at))
    return NamedDisks(tuple(dict.fromkeys(found)))


def parse_disk_descriptor(data: bytes) -> HddDescriptor:
    """Return what a DiskDescriptor.xml says; raises FormatError."""
    root = parse_xml(data)
    if local_name(root) != "Parallels_disk_image":
        raise FormatError("bad_structure", 0, sentence("no description of a Parallels disk"))
    unread = ""
    for engine in at_path(root, "Disk_Parameters", "Encryption", "Engine"):
        if (engine.text or "").strip() and _guid(engine) != _NONE:
            unread = sentence(
                "it is encrypted by Parallels: remove the encryption there (Configure, Security) and copy it again"
            )
    if any((each.text or "").strip() not in ("", "0") for each in at_path(root, "Disk_Parameters", "Padding")):
        unread = unread or sentence(
            "it is padded, which is not read: convert it to raw in Parallels, or clone the machine"
        )
    chain = _chain(root)
    storages = [_storage(each, chain) for each in at_path(root, "StorageData", "Storage")]
    if not 0 < len(storages) <= _MAX_STORAGES:
        raise FormatError("bad_structure", 0, sentence("a Parallels disk of {count} stretches", count=len(storages)))
    storages.sort(key=lambda storage: storage.start)
    at = 0
    for storage in storages:
        if storage.start != at or storage.end <= at:
            raise FormatError(
                "bad_structure", 0, sentence("no stretch of the Parallels disk begins at sector {at}", at=at)
            )
        at = storage.end
    return HddDescriptor(tuple(storages), unread)


def _chain(root: Element) -> list[UUID]:
    """Return the snapshots that lead from the state of today down to the first."""
    below = {_guid_of(shot, "GUID"): _guid_of(shot, "ParentGUID") for shot in at_path(root, "Snapshots", "Shot")}
    top = next((_guid(each) for each in at_path(root, "Snapshots", "TopGUID") if (each.text or "").strip()), _TOP)
    if len(below) == 1 and top not in below:
        top = next(iter(below))  # of a disk that never had a snapshot some programs write one of their own
    chain: list[UUID] = []
    while top != _NONE:
        if top not in below:
            raise FormatError(
                "bad_structure", 0, sentence("the snapshots of the Parallels disk lack {{{top}}}", top=top)
            )
        if top in chain or len(chain) == _MAX_CHAIN:
            raise FormatError(
                "bad_structure", 0, sentence("the snapshots of the Parallels disk build on each other in a circle")
            )
        chain.append(top)
        top = below[top]
    if not chain:
        raise FormatError("bad_structure", 0, sentence("no snapshot of the Parallels disk is that of today"))
    return chain


def _storage(element: Element, chain: list[UUID]) -> HddStorage:
    images: dict[UUID, HddImage] = {}
    for image in at_path(element, "Image"):
        kind, path = _text(image, "Type"), _text(image, "File")
        if kind not in ("Plain", "Compressed") or not path:
            raise FormatError("bad_structure", 0, sentence("a file of type {kind!r} in a Parallels disk", kind=kind))
        images[_guid_of(image, "GUID")] = HddImage(path, kind == "Plain")
        if len(images) > _MAX_IMAGES:
            raise FormatError(
                "bad_structure",
                0,
                sentence("more than {max_images} files of one stretch of a Parallels disk", max_images=_MAX_IMAGES),
            )
    lacking = next((guid for guid in chain if guid not in images), None)
    if lacking is not None:
        raise FormatError(
            "bad_structure",
            0,
            sentence("a stretch of the Parallels disk names no file for {{{lacking}}}", lacking=lacking),
        )
    shown = tuple(images.pop(guid) for guid in chain)
    # Nothing shows through a raw file.
    whole = next((at for at, image in enumerate(shown) if image.is_plain), len(shown) - 1)
    other = [image.path for image in (*shown[whole + 1 :], *images.values())]
    return HddStorage(_number(element, "Start"), _number(element, "End"), shown[: whole + 1], tuple(other))


def _text(element: Element, name: str) -> str:
    return next(((child.text or "").strip() for child in at_path(element, name)), "")


def _number(element: Element, name: str) -> int:
    text = _text(element, name)
    if not text.isdecimal() or len(text) > 15:
        raise FormatError(
            "bad_structure", 0, sentence("{name} of a stretch of the Parallels disk is {text!r}", name=name, text=text)
        )
    return int(text)


def _guid_of(element: Element, name: str) -> UUID:
    found = next(at_path(element, name), None)
    if found is None:
        raise FormatError(
            "bad_structure", 0, sentence("{name} is missing in the description of the Parallels disk", name=name)
        )
    return _guid(found)


def _guid(element: Element) -> UUID:
    try:
        return UUID((element.text or "").strip())
    except ValueError:
        raise FormatError("bad_structure", 0, sentence("a GUID of the Parallels disk is none")) from None
