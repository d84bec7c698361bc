"""Authenticode: who signed a PE file, and whether the signature is of this file.

The PE headers are read with pefile, the PKCS #7 structure with asn1crypto, certificates and signatures with
cryptography. What is not decided here is trust: the names in a certificate are those its maker wrote, and the firmware
alone decides whom it believes.

References:
    Microsoft, Windows Authenticode Portable Executable Signature Format (2008); RFC 2315; UEFI Specification 2.10,
    section 32.2.2 (images with more than one signature).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from forensics.formats.errors import FormatError
from forensics.lack_of_memory import pass_on
from forensics.language import sentence
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from cryptography import x509

MAX_TABLE = 1 << 20
"""Format: bytes of a certificate table."""
MAX_SIGNATURE = 256 << 10
"""Format: bytes of one signature."""
MAX_SIGNATURES = 8
"""Format: signatures of one file."""
MAX_CERTIFICATES = 32
"""Format: certificates in one signature."""

Check = Literal["verified", "mismatch", "not_verified"]
"""``mismatch``: the file was changed, or the signature is not by that certificate."""

_HEADERS = 64 << 10  # pefile counts every byte it is given: the headers are enough, and lie within this
_SECURITY = 4
_CHECKSUM = 64  # offset in the optional header
_PKCS_SIGNED_DATA = 2
_INDIRECT_DATA = "1.3.6.1.4.1.311.2.1.4"
_XMLDSIG = "http://www.w3.org/2001/04/xmldsig-more#"
_ALGORITHMS = {
    **{("rsassa_pkcs1v15", f"sha{bits}"): f"{_XMLDSIG}rsa-sha{bits}" for bits in (256, 384, 512)},
    ("rsassa_pkcs1v15", "sha1"): "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
    **{("ecdsa", f"sha{bits}"): f"{_XMLDSIG}ecdsa-sha{bits}" for bits in (256, 384, 512)},
}


@dataclass(frozen=True, slots=True)
class PeSignature:
    """One signature of a PE file.

    Attributes:
        signer: Common name of the signer's certificate; None when it is not embedded.
        issuer: Common name of the authority that issued it, as the signature names it.
        check: Whether digest and signature are right for this file and that certificate.
        issuer_thumbprint: SHA-1, upper hex, of the authority's certificate, when it is embedded and really signed the
            signer's.
    """

    signer: str | None
    issuer: str | None
    check: Check
    issuer_thumbprint: str | None = None


def parse_authenticode(data: bytes) -> tuple[PeSignature, ...]:
    """Read the signatures of a PE file; none for one that is not signed.

    Args:
        data: The whole file.

    Raises:
        FormatError: It is no PE file, or its certificate table or a signature in it is damaged.
    """
    checksum, directory, start, size = _certificate_table(data)
    if len(data) < directory + 8:
        raise FormatError("bad_pe", len(data), sentence("the file ends within its headers"))
    if size == 0:
        return ()
    # The table's place is an offset in the file, and its own entry and the checksum are not part of what is signed.
    if size > MAX_TABLE or start < directory + 8 or start + size > len(data):
        raise FormatError(
            "bad_length",
            directory,
            sentence("a certificate table of {size} bytes at byte {start}", size=size, start=start),
        )
    signed = (data[:checksum], data[checksum + 4 : directory], data[directory + 8 : start], data[start + size :])
    found: list[PeSignature] = []
    for blob in _blobs(data[start : start + size], start):
        try:
            found.append(_signature(blob, signed))
        except (FormatError, ImportError):
            raise
        # asn1crypto lets through whatever Python raises over bytes that are not what they say.
        except Exception as error:
            pass_on(error)
            raise FormatError(
                "bad_signature",
                start,
                sentence("the signature is damaged ({error_type})", error_type=type(error).__name__),
            ) from None
    return tuple(found)


def _certificate_table(data: bytes) -> tuple[int, int, int, int]:
    """Return the offsets of the checksum and of the table's directory entry, then the table's start and size."""
    import pefile

    try:
        pe = pefile.PE(data=data[:_HEADERS], fast_load=True)
        entry = pe.OPTIONAL_HEADER.DATA_DIRECTORY[_SECURITY]
        checksum = pe.OPTIONAL_HEADER.get_file_offset() + _CHECKSUM
        return checksum, entry.get_file_offset(), entry.VirtualAddress, entry.Size
    except IndexError:
        raise FormatError("bad_pe", 0, sentence("the headers have no room for a certificate table")) from None
    except Exception as error:
        pass_on(error)
        # Mostly PEFormatError, but not only: pefile, too, meets bytes nobody thought of.
        reason = str(error)[:100] if isinstance(error, pefile.PEFormatError) else type(error).__name__
        raise FormatError("bad_pe", 0, sentence("no readable PE file: {reason}", reason=reason)) from None


def _blobs(table: bytes, start: int) -> Iterator[bytes]:
    """Yield the PKCS #7 signatures of a certificate table."""
    offset = 0
    for _ in range(MAX_SIGNATURES):
        if offset + 8 > len(table):
            return
        length = int.from_bytes(table[offset : offset + 4], "little")
        kind = int.from_bytes(table[offset + 6 : offset + 8], "little")
        if not 8 <= length <= min(len(table) - offset, MAX_SIGNATURE):
            raise FormatError("bad_length", start + offset, sentence("a signature of {length} bytes", length=length))
        if kind == _PKCS_SIGNED_DATA:
            yield table[offset + 8 : offset + length]
        offset += -(-length // 8) * 8
    if offset + 8 <= len(table):
        raise FormatError(
            "too_many",
            start + offset,
            sentence("a file is not signed more than {max_signatures} times", max_signatures=MAX_SIGNATURES),
        )


def _signature(blob: bytes, signed: tuple[bytes, ...]) -> PeSignature:
    from asn1crypto import cms

    content = cms.ContentInfo.load(blob)
    if content["content_type"].native != "signed_data":
        raise FormatError("bad_signature", 0, sentence("the certificate table holds no PKCS #7 signed data"))
    data = content["content"]
    infos = data["signer_infos"]
    if len(infos) != 1 or len(data["certificates"]) > MAX_CERTIFICATES:
        raise FormatError(
            "bad_signature",
            0,
            sentence(
                "{count} signers, {count_of_data} certificates",
                count=len(infos),
                count_of_data=len(data["certificates"]),
            ),
        )
    info = infos[0]
    certificates = [c.chosen.dump() for c in data["certificates"] if c.name == "certificate"]
    certificate = _certificate_of(info["sid"], certificates)
    issuer = info["sid"].chosen["issuer"] if info["sid"].name == "issuer_and_serial_number" else None
    named = issuer.native.get("common_name") if issuer is not None else None
    if certificate is None:
        return PeSignature(None, _line(named), "not_verified")
    return PeSignature(
        signer=_common_name(certificate.subject),
        issuer=_common_name(certificate.issuer),
        check=_check(data, info, certificate, signed),
        issuer_thumbprint=_issuer_thumbprint(certificate, certificates),
    )


def _certificate_of(sid: Any, certificates: list[bytes]) -> x509.Certificate | None:
    """Return the certificate that a signer identifier names."""
    from asn1crypto import x509 as asn1_x509
    from cryptography import x509

    for der in certificates:
        candidate = asn1_x509.Certificate.load(der)
        if sid.name == "issuer_and_serial_number":
            is_it = (
                candidate.serial_number == sid.chosen["serial_number"].native
                and candidate.issuer.dump() == sid.chosen["issuer"].dump()
            )
        else:
            is_it = candidate.key_identifier is not None and candidate.key_identifier == sid.chosen.native
        if is_it:
            return x509.load_der_x509_certificate(der)
    return None


def _check(data: Any, info: Any, certificate: x509.Certificate, signed: tuple[bytes, ...]) -> Check:
    """Follow the digests from the file to the signature."""
    from forensics.formats.public_key import public_key_from_certificate_key
    from forensics.formats.signature import check_signature

    inner = data["encap_content_info"]
    attributes = info["signed_attrs"]
    digest_name = info["digest_algorithm"]["algorithm"].native
    uri = _ALGORITHMS.get((_scheme(info["signature_algorithm"]["algorithm"].native), digest_name))
    file_digest = _indirect_digest(inner)
    if uri is None or file_digest is None or not attributes:
        return "not_verified"
    algorithm, expected = file_digest
    if algorithm not in ("sha1", "sha256", "sha384", "sha512"):
        return "not_verified"
    digest = hashlib.new(algorithm)
    for part in signed:
        digest.update(part)
    # The digest of the content leaves out its own tag and length.
    content = hashlib.new(digest_name, _content(inner)[1]).digest()
    attested = [v.native for a in attributes if a["type"].native == "message_digest" for v in a["values"]]
    if digest.digest() != expected or attested != [content]:
        return "mismatch"
    key = public_key_from_certificate_key(certificate.public_key())
    # Signed is the SET OF, whose tag the structure replaces.
    text = b"\x31" + attributes.dump()[1:]
    outcome = check_signature(uri, info["signature"].native, key, [text])
    return "verified" if outcome == "valid" else "not_verified" if outcome == "not_checked" else "mismatch"


def _scheme(algorithm: str) -> str:
    # Most signers name the algorithm of the key alone.
    if algorithm in ("rsassa_pkcs1v15", "sha1_rsa", "sha256_rsa", "sha384_rsa", "sha512_rsa"):
        return "rsassa_pkcs1v15"
    return "ecdsa" if algorithm.endswith("ecdsa") else algorithm


def _content(inner: Any) -> tuple[bytes, bytes]:
    """Return the DER of what was signed, with and without its tag and length."""
    from asn1crypto import parser

    _, _, _, _, whole, _ = parser.parse(inner["content"].dump())  # out of its explicit tag
    _, _, _, _, octets, _ = parser.parse(whole)
    return whole, octets


def _indirect_digest(inner: Any) -> tuple[str, bytes] | None:
    """Return algorithm and value of the file's digest in an SpcIndirectDataContent; None for other contents."""
    from asn1crypto import algos, core

    if inner["content_type"].dotted != _INDIRECT_DATA:
        return None
    # SEQUENCE of what the digest is of, and the digest; the former names no fact that is needed.
    content = core.SequenceOf.load(_content(inner)[0], spec=core.Any)
    info = algos.DigestInfo.load(content[1].dump())
    return info["digest_algorithm"]["algorithm"].native, info["digest"].native


def _issuer_thumbprint(certificate: x509.Certificate, certificates: list[bytes]) -> str | None:
    from cryptography import x509

    for der in certificates:
        try:
            authority = x509.load_der_x509_certificate(der)
            if authority.subject != certificate.issuer or not _is_sane(authority):
                continue
            certificate.verify_directly_issued_by(authority)
        # Not the one, or not readable: either way it proves nothing.
        except Exception as error:
            pass_on(error)
            continue
        return hashlib.sha1(der).hexdigest().upper()
    return None


def _is_sane(certificate: x509.Certificate) -> bool:
    from forensics.formats.public_key import RsaPublicKey, public_key_from_certificate_key
    from forensics.formats.signature import MAX_EXPONENT_BITS, MAX_RSA_BITS

    key = public_key_from_certificate_key(certificate.public_key())
    return not isinstance(key, RsaPublicKey) or (key.bits <= MAX_RSA_BITS and key.e.bit_length() <= MAX_EXPONENT_BITS)


def _common_name(name: x509.Name) -> str | None:
    from cryptography.x509.oid import NameOID

    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return _line(found[0].value) if found else _line(name.rfc4514_string())


def _line(text: object) -> str | None:
    return str(text)[:256] if text else None
