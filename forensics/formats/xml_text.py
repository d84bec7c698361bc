"""XML of configuration files, of which the tree alone is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forensics.formats.errors import FormatError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_XML_SIZE = 4 << 20
"""Format: bytes of one XML file of settings."""


def parse_xml(data: bytes, *, doctype: bool = False) -> Element:
    """Parse XML that may be hostile: no entities, nothing fetched.

    Args:
        data: The document.
        doctype: It may name a document type, which is not read.

    Raises:
        FormatError: ``too_large``, ``bad_xml``, or ``forbidden_xml`` for what only an attack would contain.
    """
    if len(data) > MAX_XML_SIZE:
        raise FormatError("too_large", 0, f"{len(data)} bytes of XML; at most {MAX_XML_SIZE} are read")
    # Imported here because most disks have none of these files.
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root: Element = fromstring(data, forbid_dtd=not doctype)
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


def at_path(parent: Element, *names: str) -> Iterator[Element]:
    """Yield what lies at exactly that path of local names; a search of nested elements would take forever."""
    for child in parent:
        if isinstance(child.tag, str) and local_name(child) == names[0]:
            if len(names) == 1:
                yield child
            else:
                yield from at_path(child, *names[1:])
