"""Key protectors and guardian metadata, written after the published schema with real certificates and signatures.

``Wrappings`` is written in canonical form, so that what its signature covers can be seen here. The transport key is
random bytes: nobody who reads these test disks can open it. Which bytes of a certificate are signed is an assumption
(``signed``), since the schema does not say.

References: [MS-KPS] 2.2.2 and 6; format notes, "Key Protector".
"""

from __future__ import annotations

import base64
import codecs
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from testdata.builder.certs import Certificate, make_certificate
from testdata.builder.keys import rsa_key
from testdata.builder.seeded import Seeded

KPS = "http://schemas.microsoft.com/kps/2014/07"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
HMAC_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
RSA_OAEP = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"

EMPTY_KEY_PROTECTOR = bytes.fromhex("00000004")

Signed = Literal["der", "base64", "element"]


@dataclass(frozen=True, slots=True)
class GuardianPair:
    """A guardian's two certificates and their keys."""

    guardian: str
    signing: Certificate = field(repr=False)
    encryption: Certificate = field(repr=False)


def guardian_pair(
    guardian: str = "UntrustedGuardian",
    host: str | None = "HV01",
    not_before: datetime = datetime(2016, 11, 21, 9, 30, tzinfo=UTC),
    not_after: datetime = datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
    *,
    number: int = 1,
) -> GuardianPair:
    """Return the self-signed pair that ``New-HgsGuardian -GenerateCertificates`` makes.

    Args:
        guardian: Name of the guardian.
        host: The computer it is made on; None leaves it out of the names.
        not_before: Valid from, UTC.
        not_after: Valid until, UTC.
        number: Which pair of test keys, 1 to 12; pairs that are to differ need different ones.
    """

    def make(role: str) -> Certificate:
        where = f" ({host})" if host is not None else ""
        common_name = f"Shielded VM {role} Certificate ({guardian}){where}"
        key = rsa_key(f"guardian-{number:02}-{role.lower()}")
        return make_certificate(common_name, key, not_before=not_before, not_after=not_after, eku=(), self_signed=True)

    return GuardianPair(guardian, make("Signing"), make("Encryption"))


def write_key_protector(
    owner: GuardianPair,
    guardians: Sequence[GuardianPair] = (),
    *,
    last_wrapped_by: int | None = None,
    encoding: Literal["utf-8", "utf-16-le"] = "utf-8",
    bom: bool = False,
    declaration: bool = False,
    prefix: str = "",
    max_offline_unwraps: int | None = None,
    signed: Signed = "der",
    algorithm: str = RSA_SHA256,
    first_id: int = 1,
) -> bytes:
    """Return a key protector.

    Args:
        owner: The owner; its wrapping comes first.
        guardians: Those to whom the owner grants access.
        last_wrapped_by: Id of the wrapping whose guardian signs the whole; the owner by default.
        encoding: Of the document.
        bom: Begin with a byte order mark.
        declaration: Begin with an XML declaration.
        prefix: Namespace prefix; none by default.
        max_offline_unwraps: The attribute of newer versions.
        signed: What a certificate's signature covers.
        algorithm: URI to name in the signatures; the signatures are RSA with SHA-256 in any case.
        first_id: Id of the owner's wrapping; the others count on from it.
    """
    writer = _Writer(prefix, signed, algorithm)
    pairs = [owner, *guardians]
    wrappings = "".join(
        writer.wrapping(first_id + index, pair, first_id, owner.signing) for index, pair in enumerate(pairs)
    )
    last = first_id if last_wrapped_by is None else last_wrapped_by
    whole = sign(writer.canonical("Wrappings", wrappings), pairs[last - first_id].signing)
    unwraps = "" if max_offline_unwraps is None else f' MaxOfflineUnwraps="{max_offline_unwraps}"'
    body = (
        writer.element("Wrappings", wrappings)
        + writer.element(
            "TransportKeySignature",
            writer.element("KeyDerivationMethod", "", ' Algorithm="SP800-108-CTR-HMAC"')
            + writer.signature(Seeded(f"{wrappings}/transport").bytes(32), HMAC_SHA256),
        )
        + writer.element("GuardianSignature", writer.signature(whole, algorithm), f' WrappingId="{last}"')
    )
    text = writer.element("Protector", body, f"{writer.namespace}{unwraps}")
    return encode_document(text, encoding, bom=bom, declaration=declaration)


def write_guardian_metadata(
    pair: GuardianPair,
    *,
    other_signing: Sequence[Certificate] = (),
    encoding: Literal["utf-8", "utf-16-le"] = "utf-8",
    bom: bool = True,
    declaration: bool = True,
) -> bytes:
    """Return what ``Export-HgsGuardian`` writes of a guardian; the XML signature at its end is a stub."""
    writer = _Writer("", "der", RSA_SHA256)
    others = "".join(writer.element("Certificate", base64_text(certificate.der)) for certificate in other_signing)
    information = (
        writer.element("Version", "1")
        + writer.element("EncryptionCertificate", base64_text(pair.encryption.der))
        + writer.element("SigningCertificate", base64_text(pair.signing.der))
        + writer.element(
            "EncryptionCertificateSignature", writer.signature(sign(pair.encryption.der, pair.signing), RSA_SHA256)
        )
        + writer.element(
            "SigningCertificateSelfSignature", writer.signature(sign(pair.signing.der, pair.signing), RSA_SHA256)
        )
        + (writer.element("OtherSigningCertificates", others) if others else "")
    )
    text = writer.element(
        "Metadata",
        writer.element("GuardianInformation", information)
        + '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignatureValue>AAAA</SignatureValue></Signature>',
        f'{writer.namespace} ID="Metadata" Version="1"',
    )
    return encode_document(text, encoding, bom=bom, declaration=declaration)


def encode_document(
    text: str, encoding: Literal["utf-8", "utf-16-le"], *, bom: bool = False, declaration: bool = False
) -> bytes:
    """Encode a document, with byte order mark and XML declaration where they are wanted."""
    name = "utf-16" if encoding == "utf-16-le" else "utf-8"
    start = f'<?xml version="1.0" encoding="{name}"?>\r\n' if declaration else ""
    mark = {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE}[encoding] if bom else b""
    return mark + (start + text).encode(encoding)


def sign(text: bytes, signer: Certificate) -> bytes:
    """Sign with RSA, PKCS #1 v1.5 and SHA-256, which does not depend on chance."""
    assert isinstance(signer.key, rsa.RSAPrivateKey)
    return signer.key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def base64_text(data: bytes) -> str:
    """Return base64 without line breaks."""
    return base64.b64encode(data).decode()


@dataclass(frozen=True, slots=True)
class _Writer:
    prefix: str
    signed: Signed
    algorithm: str

    @property
    def namespace(self) -> str:
        return f' xmlns:{self.prefix}="{KPS}"' if self.prefix else f' xmlns="{KPS}"'

    def element(self, name: str, content: str, attributes: str = "") -> str:
        full = f"{self.prefix}:{name}" if self.prefix else name
        return f"<{full}{attributes}>{content}</{full}>"

    def canonical(self, name: str, content: str) -> bytes:
        """An element of this document standing alone: the namespace is declared where it is first used."""
        return self.element(name, content, self.namespace).encode()

    def signature(self, value: bytes, algorithm: str) -> str:
        return self.element(
            "Signature", self.element("SignatureValue", base64_text(value)), f' Algorithm="{algorithm}"'
        )

    def certificate(self, name: str, certificate: Certificate, signer: Certificate, attributes: str = "") -> str:
        text = base64_text(certificate.der)
        covered = {"der": certificate.der, "base64": text.encode(), "element": self.canonical(name, text)}
        value = sign(covered[self.signed], signer)
        signature = self.element(f"{name}Signature", self.signature(value, self.algorithm), attributes)
        return self.element(name, text) + signature

    def wrapping(self, number: int, pair: GuardianPair, parent_id: int, parent: Certificate) -> str:
        parent_attribute = f' ParentWrappingId="{parent_id}"'
        cipher = Seeded(f"{number}/{pair.encryption.thumbprint}/transport key").bytes(pair.encryption.key.key_size // 8)
        encrypted = self.element(
            "EncryptedData", self.element("CipherValue", base64_text(cipher)), f' Algorithm="{RSA_OAEP}"'
        )
        return self.element(
            "Wrapping",
            self.element("Id", str(number))
            + self.certificate("SigningCertificate", pair.signing, parent, parent_attribute)
            + self.certificate("EncryptionCertificate", pair.encryption, pair.signing)
            + self.element("TransportKey", encrypted),
        )
