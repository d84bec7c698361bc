"""Small configuration files of unknown encoding: INI texts, and XML of which the tree alone is wanted."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import TYPE_CHECKING

from forensics.formats.errors import FormatError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_XML_SIZE = 4 << 20

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def decode_text(data: bytes) -> str:
    """Decode by byte order mark, else as UTF-8; bytes that do not fit are replaced."""
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    return data.decode(encoding, "replace")


def parse_xml(data: bytes) -> Element:
    """Parse XML that may be hostile: no document type, no entities, nothing fetched.

    Raises:
        FormatError: ``too_large``, ``bad_xml``, or ``forbidden_xml`` for what only an attack would contain.
    """
    if len(data) > MAX_XML_SIZE:
        raise FormatError("too_large", 0, f"{len(data)} bytes of XML; at most {MAX_XML_SIZE} are read")
    # Imported here because most disks have none of these files.
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise FormatError(
            "forbidden_xml", 0, f"the XML declares what only an attack needs ({type(error).__name__})"
        ) from None
    except ParseError as error:
        line, column = error.position
        raise FormatError("bad_xml", 0, f"no well-formed XML: line {line}, column {column}") from None
    except (ValueError, LookupError) as error:
        raise FormatError("bad_xml", 0, f"the XML cannot be decoded ({type(error).__name__})") from None
    return root


def local_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def named(element: Element, name: str) -> Iterator[Element]:
    """Yield the element itself and everything below it that has a local name."""
    return (e for e in element.iter() if isinstance(e.tag, str) and local_name(e) == name)


def ini_sections(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each section with its values, names in lower case; the first of equal names counts."""
    section, values = "", dict[str, str]()
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            yield section, values
            section, values = stripped[1:-1], {}
        elif "=" in stripped:
            name, _, value = stripped.partition("=")
            values.setdefault(name.strip().lower(), value.strip())
    yield section, values
