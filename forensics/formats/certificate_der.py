"""Cuts the parts of a certificate out of its DER, for what the X.509 library is slow at or refuses.

Old certificates that Windows ships have RSA moduli without their leading zero, which the library takes for negative.

References:
    RFC 5280 section 4.1, RFC 8017 appendix A.1.1, RFC 7468.
"""

from __future__ import annotations

import base64
import re

from forensics.formats.errors import FormatError
from forensics.formats.public_key import RsaPublicKey
from forensics.language import sentence
from forensics.late_methods import dataclass

_SEQUENCE, _INTEGER, _BIT_STRING, _OID, _VERSION = 0x30, 0x02, 0x03, 0x06, 0xA0
_EXTENSIONS = 0xA3
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_RSA_ENCRYPTION = bytes.fromhex("2a864886f70d010101")


@dataclass(frozen=True, slots=True)
class CertificateParts:
    """The fields of a certificate, each as it stands.

    Attributes:
        serial: Content octets of the serial number.
        signature: AlgorithmIdentifier, DER with tag and length, as the next four.
        extensions: The SEQUENCE of extensions, DER; None where there are none.
    """

    serial: bytes
    signature: bytes
    issuer: bytes
    validity: bytes
    subject: bytes
    public_key_info: bytes
    extensions: bytes | None


def der_of(data: bytes) -> bytes:
    """Return the DER of a certificate's file, which may be PEM: of several, the first.

    Raises:
        FormatError: ``bad_base64``.
    """
    pem = _PEM.search(data)
    try:
        return base64.b64decode(pem[1]) if pem else data
    except ValueError:
        raise FormatError("bad_base64", 0, sentence("the certificate is no base64")) from None


def read_element(data: bytes, offset: int) -> tuple[int, int, int]:
    """Return tag, start and end of the content of the element at ``offset``.

    Raises:
        FormatError: The element leaves the data, or has an indefinite or oversized length.
    """
    if offset + 2 > len(data):
        raise FormatError("truncated", offset, sentence("no room for a DER element"))
    length, start = data[offset + 1], offset + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or start + count > len(data):
            raise FormatError("bad_length", offset, sentence("the length of a DER element is not sane"))
        length, start = int.from_bytes(data[start : start + count], "big"), start + count
    if start + length > len(data):
        raise FormatError(
            "truncated",
            offset,
            sentence("a DER element needs {length} bytes, {count} are left", length=length, count=len(data) - start),
        )
    return data[offset], start, start + length


def expect(data: bytes, offset: int, tag: int) -> tuple[int, int]:
    """Return start and end of the content of the element at ``offset``, which must have ``tag``."""
    found, start, end = read_element(data, offset)
    if found != tag:
        raise FormatError(
            "bad_tag", offset, sentence("DER tag 0x{found:02X} where 0x{tag:02X} belongs", found=found, tag=tag)
        )
    return start, end


def certificate_parts(der: bytes) -> CertificateParts:
    """Cut a certificate into its fields.

    Raises:
        FormatError: It is not laid out like a certificate.
    """
    offset, whole = expect(der, expect(der, 0, _SEQUENCE)[0], _SEQUENCE)
    tag, _, end = read_element(der, offset)
    if tag == _VERSION:
        offset = end
    start, end = expect(der, offset, _INTEGER)
    serial, offset = der[start:end], end
    fields = []
    for _ in range(5):
        _, _, end = read_element(der, offset)
        fields.append(der[offset:end])
        offset = end
    signature, issuer, validity, subject, public_key_info = fields
    extensions = _extensions(der, offset, whole)
    return CertificateParts(serial, signature, issuer, validity, subject, public_key_info, extensions)


def _extensions(der: bytes, offset: int, end: int) -> bytes | None:
    """Return the extensions that stand, after two unique identifiers at most, at the end of a certificate."""
    while offset < end:
        tag, start, offset = read_element(der, offset)
        if tag == _EXTENSIONS:
            return der[start:offset]
    return None


def lax_rsa_key(public_key_info: bytes) -> RsaPublicKey | None:
    """Read an RSA SubjectPublicKeyInfo, its integers taken as unsigned; None for other algorithms.

    Raises:
        FormatError: It is not laid out like one.
    """
    start, _ = expect(public_key_info, 0, _SEQUENCE)
    algorithm, after = expect(public_key_info, start, _SEQUENCE)
    oid = expect(public_key_info, algorithm, _OID)
    if public_key_info[slice(*oid)] != _RSA_ENCRYPTION:
        return None
    bits, _ = expect(public_key_info, after, _BIT_STRING)
    numbers, _ = expect(public_key_info, bits + 1, _SEQUENCE)
    modulus = expect(public_key_info, numbers, _INTEGER)
    exponent = expect(public_key_info, modulus[1], _INTEGER)
    return RsaPublicKey(*(int.from_bytes(public_key_info[slice(*part)], "big") for part in (modulus, exponent)))


def object_identifier(content: bytes) -> str:
    """Return the dotted text of an OBJECT IDENTIFIER's content octets.

    Raises:
        FormatError: It is empty, ends inside an arc, or has an arc beyond 128 bits.
    """
    arcs: list[int] = []
    arc = 0
    for offset, octet in enumerate(content):
        arc = arc << 7 | octet & 0x7F
        if arc >> 128:
            raise FormatError("bad_oid", offset, sentence("an arc of an object identifier is too large"))
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    if not arcs or content[-1] & 0x80:
        raise FormatError("bad_oid", len(content), sentence("the object identifier is cut off"))
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))
