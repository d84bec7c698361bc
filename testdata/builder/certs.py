"""X.509 certificates that are the same in every build, and the store elements that hold them.

Everything is signed with RSA, whose signatures do not depend on chance.

References: format notes, "Certificate store elements".
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from testdata.builder.keys import PrivateKey, rsa_key
from testdata.builder.seeded import Seeded

SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
EFS = ObjectIdentifier("1.3.6.1.4.1.311.10.3.4")
CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING
EMAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
IPSEC_IKE = ObjectIdentifier("1.3.6.1.5.5.7.3.17")
REMOTE_DESKTOP = ObjectIdentifier("1.3.6.1.4.1.311.54.1.2")
TEMPLATE_NAME = ObjectIdentifier("1.3.6.1.4.1.311.20.2")

KEY_PROV_INFO, SHA1_HASH, MD5_HASH, FRIENDLY_NAME, SIGNATURE_HASH, ARCHIVED = 2, 3, 4, 11, 15, 19
KEY_IDENTIFIER, SUBJECT_KEY_MD5, CERTIFICATE, CRL, CTL, KEYID = 20, 25, 32, 33, 34, 35
RENEWAL, REQUEST_ORIGINATOR, ENROLLMENT_SERVER, PUBLIC_KEY_BITS = 64, 71, 87, 92

MACHINE_KEYSET = 0x20
AT_KEYEXCHANGE, AT_SIGNATURE = 1, 2
CERT_NCRYPT_KEY_SPEC = 0xFFFFFFFF

CAPI_ENHANCED = "Microsoft Enhanced Cryptographic Provider v1.0"
CAPI_STRONG = "Microsoft Strong Cryptographic Provider"
CAPI_SCHANNEL = "Microsoft RSA SChannel Cryptographic Provider"
CAPI_AES = "Microsoft Enhanced RSA and AES Cryptographic Provider"
CAPI_SMART_CARD = "Microsoft Base Smart Card Crypto Provider"
CNG_SOFTWARE = "Microsoft Software Key Storage Provider"
CNG_SMART_CARD = "Microsoft Smart Card Key Storage Provider"
CNG_TPM = "Microsoft Platform Crypto Provider"

CA_NAME = "Contoso Test Issuing CA"

_SHA256_WITH_RSA = bytes.fromhex("300d06092a864886f70d01010b0500")
_SHA1_WITH_RSA = bytes.fromhex("300d06092a864886f70d0101050500")
_SHA1_DIGEST_INFO = bytes.fromhex("3021300906052b0e03021a05000414")


def name(common: str) -> x509.Name:
    """Return the name ``CN=common``."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and the key it was made for."""

    x509: x509.Certificate = field(repr=False)
    key: PrivateKey = field(repr=False)

    @property
    def der(self) -> bytes:
        return self.x509.public_bytes(serialization.Encoding.DER)

    @property
    def thumbprint(self) -> str:
        return hashlib.sha1(self.der).hexdigest().upper()

    @property
    def subject(self) -> str:
        return self.x509.subject.rfc4514_string()

    @property
    def spki(self) -> bytes:
        return self.x509.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def spki_sha256(self) -> str:
        return hashlib.sha256(self.spki).hexdigest()


def make_certificate(
    common_name: str,
    key: PrivateKey,
    *,
    not_before: datetime = datetime(2024, 3, 4, 9, 0, tzinfo=UTC),
    not_after: datetime = datetime(2027, 3, 4, 9, 0, tzinfo=UTC),
    dns: Sequence[str] = (),
    eku: Sequence[ObjectIdentifier] = (SERVER_AUTH,),
    self_signed: bool = False,
    is_ca: bool = False,
    issuer: str = CA_NAME,
    template: str | None = None,
    policies: Sequence[str] = (),
    signer: rsa.RSAPrivateKey | None = None,
) -> Certificate:
    """Issue a certificate from the test authority, or a self-signed one.

    Args:
        common_name: Subject; serial number follows from it and from the dates.
        key: The subject's key.
        not_before: Valid from, UTC.
        not_after: Valid until, UTC.
        dns: Subject alternative names; the common name when it is a host name and none is given.
        eku: Extended key usages.
        self_signed: Signed with its own key (RSA only).
        is_ca: Basic constraints say so.
        issuer: Another name under which the test authority signs.
        template: Name of the certificate template.
        policies: Certificate policies, OIDs.
        signer: Key that signs it instead.
    """
    serial = Seeded(f"{common_name}/{not_before:%Y%m%d}/{not_after:%Y%m%d}/serial").bytes(16)
    signing = signer or (key if self_signed else rsa_key("ca"))
    assert isinstance(signing, rsa.RSAPrivateKey), "ECDSA signatures would differ from build to build"
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(name(common_name if self_signed else issuer))
        .public_key(key.public_key())
        .serial_number(int.from_bytes(serial, "big") >> 1 | 1 << 120)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if is_ca:
        builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    if eku:
        builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=False)
    if template:
        text = template.encode("utf-16-be")
        builder = builder.add_extension(
            x509.UnrecognizedExtension(TEMPLATE_NAME, bytes([0x1E, len(text)]) + text), critical=False
        )
    if policies:
        information = [x509.PolicyInformation(ObjectIdentifier(oid), None) for oid in policies]
        builder = builder.add_extension(x509.CertificatePolicies(information), critical=False)
    hosts = list(dns) or ([common_name] if "." in common_name and " " not in common_name else [])
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(h) for h in hosts]), critical=False)
    return Certificate(builder.sign(signing, hashes.SHA256()), key)


def signed_with_sha1(certificate: Certificate) -> Certificate:
    """Return a certificate of the test authority signed again with SHA-1, which today's libraries refuse to do."""
    body = certificate.x509.tbs_certificate_bytes.replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
    numbers = rsa_key("ca").private_numbers()
    size = (numbers.public_numbers.n.bit_length() + 7) // 8
    digest = _SHA1_DIGEST_INFO + hashlib.sha1(body).digest()
    padded = b"\x00\x01" + b"\xff" * (size - 3 - len(digest)) + b"\x00" + digest
    signature = pow(int.from_bytes(padded, "big"), numbers.d, numbers.public_numbers.n).to_bytes(size, "big")
    content = body + _SHA1_WITH_RSA + b"\x03\x82" + struct.pack(">H", size + 1) + b"\x00" + signature
    der = b"\x30\x82" + struct.pack(">H", len(content)) + content
    return Certificate(x509.load_der_x509_certificate(der), certificate.key)


def ca_certificate() -> Certificate:
    """Return the test authority's own certificate."""
    return make_certificate(
        CA_NAME,
        rsa_key("ca"),
        not_before=datetime(2020, 1, 1, tzinfo=UTC),
        not_after=datetime(2040, 1, 1, tzinfo=UTC),
        eku=(),
        self_signed=True,
        is_ca=True,
    )


def key_prov_info(container: str, provider: str, *, type_: int, flags: int, key_spec: int) -> bytes:
    """Return the property KEY_PROV_INFO as it is stored."""
    names = [(t + "\0").encode("utf-16-le") for t in (container, provider)]
    return struct.pack("<7I", 28, 28 + len(names[0]), type_, flags, 0, 0, key_spec) + b"".join(names)


def _record(number: int, data: bytes) -> bytes:
    return struct.pack("<III", number, 1, len(data)) + data


def _public_key_bits(certificate: Certificate) -> bytes:
    key = certificate.x509.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def store_element(
    certificate: Certificate,
    *,
    link: bytes | None = None,
    friendly_name: str | None = None,
    originator: str | None = None,
    archived: bool = False,
    renewal_of: str | None = None,
    extra: dict[int, bytes] | None = None,
) -> bytes:
    """Return the stream that a store keeps of a certificate; the element is always its last record.

    Args:
        certificate: What is stored.
        link: KEY_PROV_INFO.
        friendly_name: Friendly name.
        originator: Host that asked for the certificate.
        archived: Archived property.
        renewal_of: Thumbprint of the certificate that this one renewed.
        extra: Further properties by number.
    """
    der = certificate.der
    ski = certificate.x509.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    properties = {
        SHA1_HASH: hashlib.sha1(der).digest(),
        MD5_HASH: hashlib.md5(der).digest(),
        SIGNATURE_HASH: hashlib.sha256(certificate.x509.tbs_certificate_bytes).digest(),
        KEY_IDENTIFIER: ski,
        SUBJECT_KEY_MD5: hashlib.md5(_public_key_bits(certificate)).digest(),
        PUBLIC_KEY_BITS: struct.pack("<I", certificate.key.key_size),
    }
    if link is not None:
        properties[KEY_PROV_INFO] = link
    if friendly_name:
        properties[FRIENDLY_NAME] = friendly_name.encode("utf-16-le") + b"\0\0"
    if originator:
        properties[REQUEST_ORIGINATOR] = originator.encode("utf-16-le") + b"\0\0"
    if archived:
        properties[ARCHIVED] = b"\0\0"
    if renewal_of:
        properties[RENEWAL] = bytes.fromhex(renewal_of)
    properties |= extra or {}
    order = sorted(properties, key=lambda number: hashlib.md5(der + bytes([number & 0xFF])).digest())
    return b"".join(_record(number, properties[number]) for number in order) + _record(CERTIFICATE, der)
