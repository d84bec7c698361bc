"""The description of an exported virtual machine (.ovf), and the manifest (.mf) with the checksums of its files.

References:
    DMTF DSP0243, Open Virtualization Format 1.1 and 2.1 (References, DiskSection, Item of type 17; manifest)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from forensics.formats.bundles.named_disks import NamedDisk, NamedDisks
from forensics.formats.xml_text import at_path, named, parse_xml
from forensics.language import sentence
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_DISK_DRIVE = "17"
_SUM = re.compile(r"\s*(SHA1|SHA256|SHA384|SHA512)\s*\((.{1,1024}?)\)\s*=\s*([0-9A-Fa-f]{40,128})\s*", re.IGNORECASE)
_MAX_SUMS = 10_000
"""Format: files of one manifest."""
_NO_FILE = sentence("which file it is in is not said there: name that file")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a manifest says of a file.

    Attributes:
        name: The file.
        algorithm: As :mod:`hashlib` names it.
        digest: Lower hex.
    """

    name: str
    algorithm: str
    digest: str


def parse_ovf(data: bytes) -> NamedDisks:
    """Return the disks of each machine of an .ovf; raises FormatError."""
    root = parse_xml(data)
    files = {_attribute(file, "id"): file for each in at_path(root, "References") for file in at_path(each, "File")}
    disks: dict[str, NamedDisk] = {}
    for section in (*at_path(root, "DiskSection"), *at_path(root, "Section")):
        for disk in at_path(section, "Disk"):
            reference = _attribute(disk, "fileRef")
            file = files.get(reference)
            if file is not None:
                disks[_attribute(disk, "diskId")] = _of_file(file, builds_on=_attribute(disk, "parentRef"))
            elif reference:
                disks[_attribute(disk, "diskId")] = NamedDisk(reference, _NO_FILE)
    systems = list(named(root, "VirtualSystem"))
    attached: dict[str, str] = {}
    for number, system in enumerate(systems, 1):
        for reference in _drives(system):
            attached.setdefault(reference, _attribute(system, "id") or str(number))
    several = len(systems) > 1
    found = [_with_machine(disk, attached.get(key, "") if several else "") for key, disk in disks.items()]
    # A drive may name a file without a disk in between.
    lone = [_of_file(files[key]) for key in attached if key in files and key not in disks]
    by_path = {disk.path: disk for disk in (*found, *lone)}
    return NamedDisks(tuple(by_path.values()))


def parse_manifest(data: bytes) -> tuple[Checksum, ...]:
    """Return what a manifest says; lines that are none are left out."""
    found = []
    for line in data.decode("utf-8", "replace").splitlines()[:_MAX_SUMS]:
        match = _SUM.fullmatch(line)
        if match is not None:
            found.append(Checksum(match[2], match[1].lower(), match[3].lower()))
    return tuple(found)


def _drives(system: Element) -> Iterator[str]:
    """Yield what the disk drives of a machine are: ``ovf:/disk/ID`` or ``ovf:/file/ID``."""
    for hardware in (*at_path(system, "VirtualHardwareSection"), *at_path(system, "Section")):
        for item in (*at_path(hardware, "Item"), *at_path(hardware, "StorageItem")):
            kinds = [(kind.text or "").strip() for kind in at_path(item, "ResourceType")]
            if kinds != [_DISK_DRIVE]:
                continue
            for resource in at_path(item, "HostResource"):
                yield (resource.text or "").strip().rpartition("/")[2]


def _of_file(file: Element, builds_on: str = "") -> NamedDisk:
    path = _attribute(file, "href")
    lies_at = ""
    if builds_on:
        lies_at = sentence(
            "it holds only changes to the disk {builds_on} of the same export: export the machine again",
            builds_on=builds_on,
        )
    elif _URL.match(path):
        lies_at = sentence("it lies on a server: download it beside the .ovf, and correct the name there")
    return NamedDisk(path, lies_at, is_chunked=bool(_attribute(file, "chunkSize")))


def _with_machine(disk: NamedDisk, machine: str) -> NamedDisk:
    return replace(disk, machine=machine)


def _attribute(element: Element, name: str) -> str:
    """Return an attribute by its local name."""
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), "")
