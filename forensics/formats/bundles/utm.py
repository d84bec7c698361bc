"""The configuration of a machine of UTM (``NAME.utm/config.plist``): a property list in XML.

References:
    UTM, Configuration/UTMQemuConfigurationDrive.swift (version 4: ``Drive``, ``ImageName``, files in ``Data``) and
    Configuration/Legacy/UTMLegacyQemuConfiguration+Drives.m (``Drives``, ``ImagePath``, files in ``Images``)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forensics.formats.bundles.named_disks import NamedDisk, NamedDisks
from forensics.formats.errors import FormatError
from forensics.formats.xml_text import at_path, parse_xml
from forensics.language import sentence

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_DRIVES, _IMAGES = ("Drive", "Drives"), ("ImageName", "ImagePath")


def parse_utm(data: bytes) -> NamedDisks:
    """Return the disks of a config.plist; raises FormatError."""
    if data.startswith(b"bplist"):
        raise FormatError(
            "bad_structure", 0, sentence("a property list in binary form: convert it (plutil -convert xml1)")
        )
    root = parse_xml(data, document_type="plist")
    found: list[NamedDisk] = []
    for top in at_path(root, "dict"):
        for key, value in _pairs(top):
            if key in _DRIVES and value.tag == "array":
                found += map(NamedDisk, _images(value))
    return NamedDisks(tuple(dict.fromkeys(found)))


def _images(drives: Element) -> Iterator[str]:
    for drive in drives:
        settings = {key: value.text or "" for key, value in _pairs(drive)}
        name = next((settings[key] for key in _IMAGES if settings.get(key)), "")
        if name and settings.get("ImageType", "Disk").lower() == "disk":
            yield name


def _pairs(element: Element) -> Iterator[tuple[str, Element]]:
    """Yield what a dictionary of a property list holds: a key, then its value."""
    key: str | None = None
    for child in element:
        if child.tag == "key":
            key = child.text or ""
        elif key is not None:
            yield key, child
            key = None
