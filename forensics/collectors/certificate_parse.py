"""X.509: what table certificate says of a certificate's own content.

References:
    RFC 5280; Microsoft szOID_ENROLL_CERTTYPE_EXTENSION (1.3.6.1.4.1.311.20.2) and szOID_CERTIFICATE_TEMPLATE
    (1.3.6.1.4.1.311.21.7).
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from forensics.collectors.certificate_der import (
    CertificateParts,
    certificate_parts,
    expect,
    lax_rsa_key,
    object_identifier,
    read_element,
)
from forensics.collectors.oid_names import eku_name, signature_name
from forensics.formats.errors import FormatError
from forensics.formats.public_key import EcPublicKey, PublicKey, RsaPublicKey, public_key_from_certificate_key
from forensics.tables.certificate import CertificateRow

if TYPE_CHECKING:
    from cryptography import x509

MAX_ALTERNATIVE_NAMES = 2_000
MAX_POLICIES = 200

T = TypeVar("T")
Report = Callable[[str, str], None]
"""Records a problem: kind, message."""

_EKU, _SAN, _CONSTRAINTS, _POLICIES = "2.5.29.37", "2.5.29.17", "2.5.29.19", "2.5.29.32"
_TEMPLATE_V1, _TEMPLATE_V2 = "1.3.6.1.4.1.311.20.2", "1.3.6.1.4.1.311.21.7"
_UPN = "1.3.6.1.4.1.311.20.2.3"
_BMP_STRING, _SEQUENCE, _OID = 0x1E, 0x30, 0x06


def attempt(report: Report, part: str, read: Callable[[], T]) -> T | None:
    """Read one part of a certificate; the library throws what it likes, and the other parts still count."""
    try:
        return read()
    except Exception as error:
        report("bad_certificate", f"the {part} of the certificate cannot be read ({type(error).__name__})")
        return None


class CertificateParser:
    """Parses the certificates of one installation; names that many of them share are decoded once."""

    def __init__(self) -> None:
        self._names: dict[bytes, str] = {}

    def parse(self, der: bytes, row: CertificateRow, report: Report) -> PublicKey | None:
        """Fill ``row`` from a certificate.

        Args:
            der: The certificate.
            row: Row to fill; what cannot be read stays as it is.
            report: Called for each part that cannot be read.

        Returns:
            The certificate's public key, None for algorithms that are not modelled or keys that cannot be read.
        """
        # Imported here because a disk without a single certificate should not pay for it.
        from cryptography import x509

        with warnings.catch_warnings():
            # Windows ships certificates that RFC 5280 forbids; that is no news for the user.
            warnings.simplefilter("ignore")
            try:
                certificate = x509.load_der_x509_certificate(der)
                parts = certificate_parts(der)
            except Exception as error:
                report("bad_certificate", f"the X.509 parser refuses the certificate ({type(error).__name__})")
                return None
            attempt(report, "names", lambda: self._fill_names(certificate, parts, row))
            attempt(report, "validity", lambda: _fill_dates(certificate, row))
            attempt(report, "signature algorithm", lambda: _fill_signature(certificate, row))
            attempt(report, "extensions", lambda: _fill_extensions(certificate, row))
            if len(row.san or ()) == MAX_ALTERNATIVE_NAMES:
                report("too_many", f"only the first {MAX_ALTERNATIVE_NAMES} alternative names are kept")
            return attempt(report, "public key", lambda: _fill_key(certificate, parts, row))

    def _fill_names(self, certificate: x509.Certificate, parts: CertificateParts, row: CertificateRow) -> None:
        # As Windows shows it: the octets, without the zero that only keeps the number positive.
        row.serial = (parts.serial.lstrip(b"\0") or b"\0").hex().upper()
        row.self_signed = parts.subject == parts.issuer
        row.subject = self._name(parts.subject, lambda: certificate.subject)
        row.issuer = self._name(parts.issuer, lambda: certificate.issuer)

    def _name(self, der: bytes, decode: Callable[[], x509.Name]) -> str:
        text = self._names.get(der)
        if text is None:
            text = self._names[der] = decode().rfc4514_string()
        return text


def _fill_dates(certificate: x509.Certificate, row: CertificateRow) -> None:
    row.not_before = certificate.not_valid_before_utc
    row.not_after = certificate.not_valid_after_utc


def _fill_signature(certificate: x509.Certificate, row: CertificateRow) -> None:
    oid = certificate.signature_algorithm_oid
    row.signature_algorithm = signature_name(oid.dotted_string)


def _fill_key(certificate: x509.Certificate, parts: CertificateParts, row: CertificateRow) -> PublicKey | None:
    row.public_key_sha256 = hashlib.sha256(parts.public_key_info).hexdigest()
    oid = certificate.public_key_algorithm_oid
    row.key_algorithm = _KEY_ALGORITHMS.get(oid.dotted_string, oid.dotted_string)
    try:
        key = certificate.public_key()
    except Exception:
        public: PublicKey | None = lax_rsa_key(parts.public_key_info)
        if public is None:
            raise
    else:
        public = public_key_from_certificate_key(key)
        row.key_bits = getattr(key, "key_size", None) or _FIXED_BITS.get(row.key_algorithm)
    if isinstance(public, RsaPublicKey | EcPublicKey):
        row.key_bits = public.bits
    return public


_KEY_ALGORITHMS = {
    "1.2.840.113549.1.1.1": "RSA",
    "1.2.840.113549.1.1.10": "RSA",
    "1.2.840.10045.2.1": "EC",
    "1.2.840.10040.4.1": "DSA",
    "1.2.840.10046.2.1": "DH",
    "1.3.101.110": "X25519",
    "1.3.101.111": "X448",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
}
_FIXED_BITS = {"X25519": 256, "Ed25519": 256, "X448": 448, "Ed448": 456}


def _fill_extensions(certificate: x509.Certificate, row: CertificateRow) -> None:
    extensions = certificate.extensions
    row.is_ca = False
    for extension in extensions:
        fill = _EXTENSIONS.get(extension.oid.dotted_string)
        if fill is not None:
            fill(extension.value, row)


def _fill_eku(value: x509.ExtendedKeyUsage, row: CertificateRow) -> None:
    row.eku = [eku_name(usage.dotted_string) for usage in value]


def _fill_san(value: x509.SubjectAlternativeName, row: CertificateRow) -> None:
    row.san = list(islice(_alternative_names(value), MAX_ALTERNATIVE_NAMES))


def _alternative_names(value: x509.SubjectAlternativeName) -> Iterator[str]:
    from cryptography import x509

    labels = ((x509.DNSName, "DNS"), (x509.RFC822Name, "email"), (x509.UniformResourceIdentifier, "URI"))
    for name in value:
        label = next((text for kind, text in labels if isinstance(name, kind)), None)
        if label is not None:
            yield f"{label}:{name.value}"
        elif isinstance(name, x509.IPAddress):
            yield f"IP:{name.value}"
        elif isinstance(name, x509.DirectoryName):
            yield f"DirName:{name.value.rfc4514_string()}"
        elif isinstance(name, x509.OtherName) and name.type_id.dotted_string == _UPN:
            yield f"UPN:{_string(name.value)}"
        elif isinstance(name, x509.OtherName):
            yield f"otherName:{name.type_id.dotted_string}"
        elif isinstance(name, x509.RegisteredID):
            yield f"RID:{name.value.dotted_string}"


def _string(der: bytes) -> str:
    tag, start, end = read_element(der, 0)
    return der[start:end].decode("utf-16-be" if tag == _BMP_STRING else "utf-8", "replace").rstrip("\0")


def _fill_constraints(value: x509.BasicConstraints, row: CertificateRow) -> None:
    row.is_ca = value.ca


def _fill_policies(value: x509.CertificatePolicies, row: CertificateRow) -> None:
    row.policies = [policy.policy_identifier.dotted_string for policy in islice(value, MAX_POLICIES)]


def _fill_template_name(value: x509.UnrecognizedExtension, row: CertificateRow) -> None:
    row.template = row.template or _string(value.value)


def _fill_template_oid(value: x509.Extension[x509.ExtensionType], row: CertificateRow) -> None:
    known = getattr(value, "template_id", None)
    if known is not None:
        row.template = str(known.dotted_string)
        return
    raw = getattr(value, "value", b"")
    if not isinstance(raw, bytes):
        raise FormatError("bad_template", 0, "the certificate template extension has no content")
    start, _ = expect(raw, 0, _SEQUENCE)
    row.template = object_identifier(raw[slice(*expect(raw, start, _OID))])


_EXTENSIONS: dict[str, Callable[..., None]] = {
    _EKU: _fill_eku,
    _SAN: _fill_san,
    _CONSTRAINTS: _fill_constraints,
    _POLICIES: _fill_policies,
    _TEMPLATE_V1: _fill_template_name,
    _TEMPLATE_V2: _fill_template_oid,
}
