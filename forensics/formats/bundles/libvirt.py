"""The configuration of a machine of libvirt (domain XML): KVM, Xen.

References:
    libvirt, Domain XML format (hard drives, floppy disks, CDROMs)
"""

from __future__ import annotations

from forensics.formats.bundles.named_disks import NamedDisk, NamedDisks
from forensics.formats.xml_text import at_path, local_name, parse_xml
from forensics.language import sentence

_DISKS = ("disk", "lun")
_DEVICE = sentence("it is a device of its host: save it there as an image (dd, qemu-img convert) and examine that")
_NETWORK = sentence(
    "it lies in a storage of its host's network: save it as an image (qemu-img convert) and examine that"
)
_VOLUME = sentence("it is a volume of a storage pool of its host: download it (virsh vol-download) and examine that")


def parse_libvirt(data: bytes) -> NamedDisks:
    """Return the disks of a domain; of what is another document of libvirt none. Raises FormatError."""
    root = parse_xml(data)
    if local_name(root) not in ("domain", "domstatus"):
        return NamedDisks()
    domains = [root] if local_name(root) == "domain" else list(at_path(root, "domain"))
    found: list[NamedDisk] = []
    for domain in domains:
        for disk in at_path(domain, "devices", "disk"):
            if disk.get("device", "disk") not in _DISKS:
                continue
            for source in at_path(disk, "source"):
                if source.get("file"):
                    found.append(NamedDisk(source.get("file", "")))
                elif source.get("dev"):
                    found.append(NamedDisk(source.get("dev", ""), _DEVICE))
                elif source.get("volume"):
                    found.append(NamedDisk(source.get("volume", ""), _VOLUME))
                elif source.get("name"):
                    found.append(NamedDisk(source.get("name", ""), _NETWORK))
    return NamedDisks(tuple(dict.fromkeys(found)))
