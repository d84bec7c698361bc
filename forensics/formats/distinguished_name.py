"""An X.501 name that stands alone, worded as table certificate words subjects.

References:
    RFC 5280 section 4.1.2.4, RFC 4514.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from forensics.formats.certificate_der import expect, object_identifier, read_element
from forensics.formats.errors import FormatError
from forensics.language import sentence

if TYPE_CHECKING:
    from cryptography import x509

MAX_NAME_SIZE = 8_192
"""Format: bytes of an X.501 name."""

_SEQUENCE, _SET, _OID = 0x30, 0x31, 0x06
_ENCODINGS = {
    # NumericString, PrintableString, T61String, IA5String, VisibleString: one octet a character, as Windows takes them.
    **dict.fromkeys((0x12, 0x13, 0x14, 0x16, 0x1A), "latin-1"),
    0x0C: "utf-8",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}


def distinguished_name(der: bytes) -> str:
    """Return the RFC 4514 text of a DER-encoded Name.

    Raises:
        FormatError: It is no Name, or has values of a type that is no text.
    """
    return _name(der).rfc4514_string()


def common_name(der: bytes) -> str | None:
    """Return the first common name of a DER-encoded Name; raises as :func:`distinguished_name`."""
    from cryptography.x509.oid import NameOID

    names = _name(der).get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else None


def _name(der: bytes) -> x509.Name:
    from cryptography import x509

    if len(der) > MAX_NAME_SIZE:
        raise FormatError(
            "too_large",
            0,
            sentence(
                "{count} bytes; at most {max_name_size} are expected of a name",
                count=len(der),
                max_name_size=MAX_NAME_SIZE,
            ),
        )
    start, end = expect(der, 0, _SEQUENCE)
    relative = []
    while start < end:
        inner, start = expect(der, start, _SET)
        pairs = list(_attributes(der, inner, start))
        try:
            with warnings.catch_warnings():
                # The library warns of lengths that RFC 5280 forbids; that is no news for the user.
                warnings.simplefilter("ignore")
                parts = [x509.NameAttribute(x509.ObjectIdentifier(oid), text, _validate=False) for oid, text in pairs]
            relative.append(x509.RelativeDistinguishedName(parts))
        except (ValueError, TypeError):
            raise FormatError(
                "bad_name", inner, sentence("an attribute of the name is not what X.501 allows")
            ) from None
    return x509.Name(relative)


def _attributes(der: bytes, offset: int, end: int) -> Iterator[tuple[str, str]]:
    while offset < end:
        inner, offset = expect(der, offset, _SEQUENCE)
        oid = expect(der, inner, _OID)
        tag, start, stop = read_element(der, oid[1])
        encoding = _ENCODINGS.get(tag)
        if encoding is None:
            raise FormatError(
                "bad_name", oid[1], sentence("a value of the name has DER tag 0x{tag:02X}, which is no text", tag=tag)
            )
        yield object_identifier(der[slice(*oid)]), der[start:stop].decode(encoding, "replace")
