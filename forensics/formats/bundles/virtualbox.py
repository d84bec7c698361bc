"""The configuration of a VirtualBox machine (.vbox).

References:
    VirtualBox, src/VBox/Main/xml/VirtualBox-settings.xsd (MediaRegistry, StorageControllers)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forensics.formats.bundles.named_disks import NamedDisk, NamedDisks
from forensics.formats.xml_text import at_path, local_name, parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MAX_DEPTH = 128
"""Format: disks of a VirtualBox machine that build on each other."""


def parse_vbox(data: bytes) -> NamedDisks:
    """Return the disks of a .vbox, and those on which they build; raises FormatError."""
    root = parse_xml(data)
    chains: dict[str, tuple[str, ...]] = {}
    for registry in at_path(root, "Machine", "MediaRegistry", "HardDisks"):
        chains |= _chains(registry)
    attached = [image.get("uuid", "").lower() for device in _devices(root) for image in at_path(device, "Image")]
    known = [chains[uuid] for uuid in attached if chains.get(uuid, ("",))[-1]]
    current = dict.fromkeys(chain[-1] for chain in known)
    frozen = dict.fromkeys(path for chain in known for path in chain[:-1] if path and path not in current)
    return NamedDisks(tuple(map(NamedDisk, current)), tuple(frozen))


def _chains(registry: Element) -> dict[str, tuple[str, ...]]:
    """Return the path of each disk by its UUID, after those on which it builds: one stands within the other."""
    found: dict[str, tuple[str, ...]] = {}
    pending: list[tuple[Element, tuple[str, ...]]] = [(registry, ())]
    while pending:
        element, above = pending.pop()
        for disk in element:
            if isinstance(disk.tag, str) and local_name(disk) == "HardDisk" and len(above) < _MAX_DEPTH:
                chain = (*above, disk.get("location", ""))
                found.setdefault(disk.get("uuid", "").lower(), chain)
                pending.append((disk, chain))
    return found


def _devices(root: Element) -> Iterator[Element]:
    # Since version 1.20 of the format the controllers stand within the hardware.
    for above in (("Machine",), ("Machine", "Hardware")):
        for device in at_path(root, *above, "StorageControllers", "StorageController", "AttachedDevice"):
            if device.get("type") == "HardDisk":
                yield device
