"""What a WIM tells of its images in XML: their names, and that it is encrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.formats.errors import FormatError
from forensics.formats.xml_text import at_path, local_name, parse_xml
from forensics.language import sentence

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_XML = 4 << 20
"""Format: bytes of the XML of a WIM; Microsoft writes some 4 KiB for each image."""
_LONGEST_NAME = 200
"""Display: characters of the name of an image."""
_NAMES = ("NAME", "DISPLAYNAME")


class EncryptedError(Exception):
    """The WIM is encrypted."""


def image_names(xml: bytes) -> dict[int, str]:
    """Return the names of the images by their number.

    Args:
        xml: The XML of the WIM.

    Raises:
        EncryptedError: It says that the WIM is encrypted, as ESDs of Windows Update are.
        FormatError: It is no XML that a WIM has.
    """
    root = parse_xml(xml)
    if local_name(root) != "WIM":
        raise FormatError("bad_xml", 0, sentence("the XML of the WIM is not about a WIM"))
    if any(True for _ in at_path(root, "ESD", "ENCRYPTED")):
        raise EncryptedError
    names: dict[int, str] = {}
    for image in at_path(root, "IMAGE"):
        number = image.get("INDEX", "")
        if number.isascii() and number.isdigit() and len(number) < 9:
            names.setdefault(int(number), _name(image))
    return names


def _name(image: Element) -> str:
    for name in _NAMES:
        for element in at_path(image, name):
            text = " ".join((element.text or "").split())[:_LONGEST_NAME]
            if text:
                return text
    return ""
