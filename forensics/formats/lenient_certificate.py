"""A certificate that the X.509 library refuses, read part by part as Windows reads it.

The library refuses a certificate whole for one character. Windows does not, and has such certificates in its stores:
``*``, ``&`` or ``@`` in a PrintableString, a UTCTime without seconds or with an offset, a serial number with more zeros
than it needs, a field that says what its absence means.

References:
    RFC 5280 section 4.1, X.690 sections 8, 10 and 11.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from forensics.formats.certificate_der import CertificateParts, expect, object_identifier, read_element
from forensics.formats.distinguished_name import distinguished_name
from forensics.formats.errors import FormatError
from forensics.lack_of_memory import pass_on
from forensics.language import sentence
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from cryptography import x509

MAX_EXTENSIONS = 200
"""Format: extensions of one certificate that the X.509 library refuses."""
MAX_DEPTH = 32
"""Format: elements within elements of one extension."""

_BOOLEAN, _BIT_STRING, _OCTET_STRING, _OID = 0x01, 0x03, 0x04, 0x06
_UTC_TIME, _GENERALIZED_TIME, _SEQUENCE = 0x17, 0x18, 0x30
_VERSION, _EXTENSIONS, _CONSTRUCTED = 0xA0, 0xA3, 0x20
_TIME_PATTERNS = {
    _UTC_TIME: re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:Z|([+-])(\d\d)(\d\d))?"),
    _GENERALIZED_TIME: re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(?:(\d\d)(\d\d)?)?(?:[.,]\d+)?(?:Z|([+-])(\d\d)(\d\d))?"),
}
_NO_NAME = b"\x30\x00"
_ED25519 = bytes.fromhex("300506032b6570")


@dataclass(frozen=True, slots=True)
class LenientCertificate:
    """The parts of a certificate, each read when it is asked for; what cannot be read raises.

    Attributes:
        parts: Its fields as they stand.
    """

    parts: CertificateParts

    def subject(self) -> str:
        """RFC 4514."""
        return distinguished_name(self.parts.subject)

    def issuer(self) -> str:
        """RFC 4514."""
        return distinguished_name(self.parts.issuer)

    def validity(self) -> tuple[datetime, datetime]:
        """First and last moment, UTC."""
        times = [_moment(tag, content) for tag, content in _elements(_content(self.parts.validity, _SEQUENCE))]
        if len(times) != 2:
            raise FormatError("bad_time", 0, sentence("{count} times where a certificate has two", count=len(times)))
        return times[0], times[1]

    def signature_algorithm(self) -> str:
        """Object identifier of the algorithm that signed it."""
        return object_identifier(_content(_content(self.parts.signature, _SEQUENCE), _OID))

    def key_algorithm(self) -> str:
        """Object identifier of the public key's algorithm."""
        algorithm = _content(_content(self.parts.public_key_info, _SEQUENCE), _SEQUENCE)
        return object_identifier(_content(algorithm, _OID))

    def public_key(self) -> object:
        """The key as the X.509 library has it."""
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        return load_der_public_key(self.parts.public_key_info)

    def extensions(self) -> Iterator[x509.Extension[x509.ExtensionType]]:
        """Yield the extensions, each read by itself.

        Raises:
            Exception: What the library throws, for the first that it refuses, after all others were yielded.
        """
        from cryptography import x509

        fields = list(_elements(_content(self.parts.extensions, _SEQUENCE))) if self.parts.extensions else []
        if len(fields) > MAX_EXTENSIONS:
            raise FormatError(
                "too_many",
                0,
                sentence(
                    "{count} extensions; at most {max_extensions} are expected",
                    count=len(fields),
                    max_extensions=MAX_EXTENSIONS,
                ),
            )
        kinds = [_content(content, _OID) for _, content in fields]
        if len(set(kinds)) < len(kinds):
            raise FormatError(
                "bad_extension", 0, sentence("an extension is there twice, and which one counts is not said")
            )
        refused: Exception | None = None
        for _, content in fields:
            try:
                yield from x509.load_der_x509_certificate(_certificate_with(content)).extensions
            except Exception as error:
                pass_on(error)
                refused = refused or error
        if refused is not None:
            raise refused


def _certificate_with(extension: bytes) -> bytes:
    """Return a sound certificate whose only extension is the given one, written as DER wants it."""
    fields = [_extension_field(tag, content) for tag, content in _elements(extension)]
    day = _element(_UTC_TIME, b"000101000000Z")
    to_be_signed = _element(
        _SEQUENCE,
        # Version 3, serial number 1, and an Ed25519 key of zeros.
        _element(_VERSION, b"\x02\x01\x02"),
        b"\x02\x01\x01",
        _ED25519,
        _NO_NAME,
        _element(_SEQUENCE, day, day),
        _NO_NAME,
        _element(_SEQUENCE, _ED25519, _element(_BIT_STRING, bytes(33))),
        _element(_EXTENSIONS, _element(_SEQUENCE, _element(_SEQUENCE, *fields))),
    )
    return _element(_SEQUENCE, to_be_signed, _ED25519, _element(_BIT_STRING, b"\0"))


def _extension_field(tag: int, content: bytes) -> bytes:
    if tag == _BOOLEAN:
        # Not critical is what no field at all means.
        return _element(_BOOLEAN, b"\xff") if any(content) else b""
    return _element(tag, _again(content, MAX_DEPTH) if tag == _OCTET_STRING else content)


def _again(der: bytes, depth: int) -> bytes:
    """Write elements anew as DER wants them; what is no DER stays as it is."""
    try:
        return b"".join(_written(tag, content, depth) for tag, content in _elements(der))
    except FormatError:
        return der


def _written(tag: int, content: bytes, depth: int) -> bytes:
    if tag == _BOOLEAN:
        # False is the default of every BOOLEAN in the extensions of RFC 5280, and defaults are left out.
        return _element(tag, b"\xff") if any(content) else b""
    return _element(tag, _again(content, depth - 1) if tag & _CONSTRUCTED and depth else content)


def _element(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each element that stands in the content of another."""
    offset = 0
    while offset < len(data):
        tag, start, offset = read_element(data, offset)
        yield tag, data[start:offset]


def _content(data: bytes, tag: int) -> bytes:
    """Return the content of the first element, which must have ``tag``."""
    return data[slice(*expect(data, 0, tag))]


def _moment(tag: int, content: bytes) -> datetime:
    pattern = _TIME_PATTERNS.get(tag)
    found = pattern.fullmatch(content) if pattern else None
    if found is None:
        raise FormatError("bad_time", 0, sentence("a time of the certificate is not written as one"))
    sign, hours, minutes = found.groups()[6:]
    year, month, day, hour, minute, second = (int(text or 0) for text in found.groups()[:6])
    if tag == _UTC_TIME:
        year += 1900 if year >= 50 else 2000
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        if sign is None:
            return moment
        ahead = timedelta(hours=int(hours), minutes=int(minutes))
        return moment - ahead if sign == b"+" else moment + ahead
    except (ValueError, OverflowError):
        raise FormatError("bad_time", 0, sentence("a time of the certificate is no time")) from None
