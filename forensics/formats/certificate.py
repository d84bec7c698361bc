"""An X.509 certificate: what it says itself.

References:
    RFC 5280; Microsoft szOID_ENROLL_CERTTYPE_EXTENSION (1.3.6.1.4.1.311.20.2) and szOID_CERTIFICATE_TEMPLATE
    (1.3.6.1.4.1.311.21.7).
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from forensics.formats.certificate_der import (
    CertificateParts,
    certificate_parts,
    expect,
    lax_rsa_key,
    object_identifier,
    read_element,
)
from forensics.formats.errors import FormatError
from forensics.formats.oid_names import eku_name, signature_name
from forensics.formats.public_key import EcPublicKey, PublicKey, RsaPublicKey, public_key_from_certificate_key
from forensics.lack_of_memory import pass_on
from forensics.language import sentence
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from cryptography import x509

    from forensics.formats.lenient_certificate import LenientCertificate

MAX_ALTERNATIVE_NAMES = 2_000
"""Evidence: alternative names of one certificate."""
MAX_POLICIES = 200
"""Evidence: policies of one certificate."""

T = TypeVar("T")
Fields = dict[str, Any]
"""Fields of a :class:`Certificate` that were read so far."""

_EKU, _SAN, _CONSTRAINTS, _POLICIES = "2.5.29.37", "2.5.29.17", "2.5.29.19", "2.5.29.32"
_TEMPLATE_V1, _TEMPLATE_V2 = "1.3.6.1.4.1.311.20.2", "1.3.6.1.4.1.311.21.7"
_UPN = "1.3.6.1.4.1.311.20.2.3"
_BMP_STRING, _SEQUENCE, _OID = 0x1E, 0x30, 0x06


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate; what cannot be read of it is None or empty, and a problem says so.

    Attributes:
        subject: RFC 4514.
        issuer: RFC 4514.
        serial: Upper-case hex, as Windows shows it.
        self_signed: Subject equals issuer.
        not_before: Valid from, UTC.
        not_after: Valid until, UTC.
        signature_algorithm: Name, such as sha256WithRSAEncryption, or OID.
        key_algorithm: RSA, EC, DSA, Ed25519 ..., or OID.
        key_bits: Length of the key in bits.
        public_key: The key; None for algorithms that are not modelled.
        public_key_sha256: SHA-256 of the SubjectPublicKeyInfo, lower hex.
        is_ca: Basic constraints say so; None where the extensions cannot be read.
        eku: Extended key usages, names where known, else OIDs.
        san: Subject alternative names, as ``type:value``.
        template: Name or OID of the certificate template.
        policies: Certificate policies, OIDs.
        problems: One for each part that cannot be read.
    """

    subject: str | None = None
    issuer: str | None = None
    serial: str | None = None
    self_signed: bool | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    signature_algorithm: str | None = None
    key_algorithm: str | None = None
    key_bits: int | None = None
    public_key: PublicKey | None = None
    public_key_sha256: str | None = None
    is_ca: bool | None = None
    eku: tuple[str, ...] = ()
    san: tuple[str, ...] = ()
    template: str | None = None
    policies: tuple[str, ...] = ()
    problems: tuple[FormatError, ...] = ()


class CertificateParser:
    """Parses certificates; names that many of them share are decoded once."""

    def __init__(self) -> None:
        self._names: dict[bytes, str] = {}
        self._fills: tuple[tuple[str, Fill], ...] = (
            ("subject", self._fill_subject),
            ("issuer", self._fill_issuer),
            ("validity", _fill_dates),
            (sentence("signature algorithm"), _fill_signature),
            ("extensions", _fill_extensions),
            (sentence("public key"), _fill_key),
        )

    def parse(self, der: bytes) -> Certificate:
        """Parse a certificate as far as it can be read.

        Args:
            der: The certificate.
        """
        with warnings.catch_warnings():
            # Windows ships certificates that RFC 5280 forbids; that is no news for the user.
            warnings.simplefilter("ignore")
            try:
                parts = certificate_parts(der)
            except FormatError as error:
                return Certificate(
                    problems=(
                        _bad(sentence("it is not laid out like a certificate: {message}", message=error.message)),
                    )
                )
            return self._read(parts, _readers(der, parts))

    def _read(self, parts: CertificateParts, readers: Readers) -> Certificate:
        # As Windows shows it: the octets, without the zero that only keeps the number positive.
        serial = (parts.serial.lstrip(b"\0") or b"\0").hex().upper()
        found: Fields = {"serial": serial, "self_signed": parts.subject == parts.issuer}
        problems: list[FormatError] = []
        for part, fill in self._fills:
            problem = _problem_of(part, fill, readers, parts, found)
            if problem is not None:
                problems.append(problem)
        problems += _bounded("san", MAX_ALTERNATIVE_NAMES, found)
        problems += _bounded("policies", MAX_POLICIES, found)
        return Certificate(**found, problems=tuple(problems))

    def _fill_subject(self, read: Reader, parts: CertificateParts, found: Fields) -> None:
        found["subject"] = self._name(parts.subject, read.subject)

    def _fill_issuer(self, read: Reader, parts: CertificateParts, found: Fields) -> None:
        found["issuer"] = self._name(parts.issuer, read.issuer)

    def _name(self, der: bytes, decode: Callable[[], str]) -> str:
        text = self._names.get(der)
        if text is None:
            text = self._names[der] = decode()
        return text


class _LibraryCertificate:
    """A certificate that the X.509 library reads; its methods are those of :class:`LenientCertificate`."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self._certificate = certificate

    def subject(self) -> str:
        return self._certificate.subject.rfc4514_string()

    def issuer(self) -> str:
        return self._certificate.issuer.rfc4514_string()

    def validity(self) -> tuple[datetime, datetime]:
        return self._certificate.not_valid_before_utc, self._certificate.not_valid_after_utc

    def signature_algorithm(self) -> str:
        return self._certificate.signature_algorithm_oid.dotted_string

    def key_algorithm(self) -> str:
        return self._certificate.public_key_algorithm_oid.dotted_string

    def public_key(self) -> object:
        return self._certificate.public_key()

    def extensions(self) -> Iterator[x509.Extension[x509.ExtensionType]]:
        return iter(self._certificate.extensions)


if TYPE_CHECKING:
    Reader = _LibraryCertificate | LenientCertificate
    Fill = Callable[[Reader, CertificateParts, Fields], None]
    Readers = Sequence[Callable[[], Reader]]


def _readers(der: bytes, parts: CertificateParts) -> Readers:
    """Return who can read a certificate, the best first: the library reads it whole or not at all."""
    # Imported here because a disk without a single certificate should not pay for it.
    from cryptography import x509

    def lenient() -> Reader:
        # Imported here because most certificates do not need it.
        from forensics.formats.lenient_certificate import LenientCertificate

        return LenientCertificate(parts)

    try:
        library = _LibraryCertificate(x509.load_der_x509_certificate(der))
    except Exception as error:
        pass_on(error)
        return [lenient]
    return [lambda: library, lenient]


def _bad(message: str) -> FormatError:
    return FormatError("bad_certificate", 0, message)


def _bounded(field: str, most: int, found: Fields) -> Iterator[FormatError]:
    """Keep the first items of a list, and yield what says so where there are more."""
    if len(found.get(field, ())) > most:
        found[field] = found[field][:most]
        what = sentence("alternative names") if field == "san" else field
        yield FormatError("too_many", 0, sentence("only the first {most} {what} are kept", most=most, what=what))


def _problem_of(part: str, fill: Fill, readers: Readers, parts: CertificateParts, found: Fields) -> FormatError | None:
    """Read one part of a certificate; the library throws what it likes, and the other parts still count."""
    problem: FormatError | None = None
    for reader in readers:
        try:
            fill(reader(), parts, found)
        except Exception as error:
            pass_on(error)
            problem = _bad(
                sentence(
                    "the {part} of the certificate cannot be read ({error_type})",
                    part=part,
                    error_type=type(error).__name__,
                )
            )
        else:
            return None
    return problem


def _fill_dates(read: Reader, _parts: CertificateParts, found: Fields) -> None:
    found["not_before"], found["not_after"] = read.validity()


def _fill_signature(read: Reader, _parts: CertificateParts, found: Fields) -> None:
    found["signature_algorithm"] = signature_name(read.signature_algorithm())


def _fill_key(read: Reader, parts: CertificateParts, found: Fields) -> None:
    found["public_key_sha256"] = hashlib.sha256(parts.public_key_info).hexdigest()
    oid = read.key_algorithm()
    found["key_algorithm"] = _KEY_ALGORITHMS.get(oid, oid)
    try:
        key = read.public_key()
    except Exception as error:
        pass_on(error)
        public: PublicKey | None = lax_rsa_key(parts.public_key_info)
        if public is None:
            raise
    else:
        public = public_key_from_certificate_key(key)
        found["key_bits"] = getattr(key, "key_size", None) or _FIXED_BITS.get(found["key_algorithm"])
    if isinstance(public, RsaPublicKey | EcPublicKey):
        found["key_bits"] = public.bits
    found["public_key"] = public


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


def _fill_extensions(read: Reader, _parts: CertificateParts, found: Fields) -> None:
    # Where one cannot be read, it may be the one that says so.
    found["is_ca"] = None
    for extension in read.extensions():
        fill = _EXTENSIONS.get(extension.oid.dotted_string)
        if fill is not None:
            fill(extension.value, found)
    if found["is_ca"] is None:
        found["is_ca"] = False


def _fill_eku(value: x509.ExtendedKeyUsage, found: Fields) -> None:
    found["eku"] = tuple(eku_name(usage.dotted_string) for usage in value)


def _fill_san(value: x509.SubjectAlternativeName, found: Fields) -> None:
    found["san"] = tuple(islice(_alternative_names(value), MAX_ALTERNATIVE_NAMES + 1))


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


def _fill_constraints(value: x509.BasicConstraints, found: Fields) -> None:
    found["is_ca"] = value.ca


def _fill_policies(value: x509.CertificatePolicies, found: Fields) -> None:
    found["policies"] = tuple(policy.policy_identifier.dotted_string for policy in islice(value, MAX_POLICIES + 1))


def _fill_template_name(value: x509.UnrecognizedExtension, found: Fields) -> None:
    found["template"] = found.get("template") or _string(value.value)


def _fill_template_oid(value: x509.Extension[x509.ExtensionType], found: Fields) -> None:
    known = getattr(value, "template_id", None)
    if known is not None:
        found["template"] = str(known.dotted_string)
        return
    raw = getattr(value, "value", b"")
    if not isinstance(raw, bytes):
        raise FormatError("bad_template", 0, sentence("the certificate template extension has no content"))
    start, _ = expect(raw, 0, _SEQUENCE)
    found["template"] = object_identifier(raw[slice(*expect(raw, start, _OID))])


_EXTENSIONS: dict[str, Callable[..., None]] = {
    _EKU: _fill_eku,
    _SAN: _fill_san,
    _CONSTRAINTS: _fill_constraints,
    _POLICIES: _fill_policies,
    _TEMPLATE_V1: _fill_template_name,
    _TEMPLATE_V2: _fill_template_oid,
}
