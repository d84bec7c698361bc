"""Serialised certificate store elements: the ``Blob`` value of a store, and the files of a user's ``My`` store."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

PROPERTY_KEY_PROV_INFO = 2
PROPERTY_SHA1 = 3
PROPERTY_FRIENDLY_NAME = 11
PROPERTY_KEY_IDENTIFIER = 20

ElementKind = Literal["certificate", "crl", "ctl", "keyid"]

_MAX_PROPERTIES = 256
"""Format: properties of one stored certificate."""
_ELEMENTS: dict[int, ElementKind] = {32: "certificate", 33: "crl", 34: "ctl", 35: "keyid"}


@dataclass(frozen=True, slots=True)
class CertElement:
    """One element of a certificate store.

    Attributes:
        properties: Raw value by property id; of a property stored twice the first counts.
        certificate: DER of the certificate, None for the other kinds.
        kind: What the element is; None when no element record is there.
    """

    properties: dict[int, bytes] = field(repr=False)
    certificate: bytes | None = field(repr=False)
    kind: ElementKind | None


def parse_cert_element(data: bytes) -> CertElement:
    """Parse a store element.

    Raises:
        FormatError: ``empty``, ``truncated`` or ``too_many``.
    """
    if not data:
        raise FormatError("empty", 0, sentence("the store element is empty"))
    cursor = Cursor(data)
    properties: dict[int, bytes] = {}
    kind: ElementKind | None = None
    for _ in range(_MAX_PROPERTIES):
        if not cursor.remaining:
            return CertElement(properties, properties.get(32), kind)
        number, _encoding, size = cursor.u32s("property id", "encoding", "property size")
        properties.setdefault(number, cursor.take(size, f"property {number}"))
        kind = kind or _ELEMENTS.get(number)
    raise FormatError(
        "too_many",
        cursor.offset,
        sentence("an element does not have more than {max_properties} properties", max_properties=_MAX_PROPERTIES),
    )
