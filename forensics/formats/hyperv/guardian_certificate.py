"""The certificates of a guardian of shielded virtual machines."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING

from forensics.formats.certificate import CertificateParser
from forensics.formats.certificate_der import certificate_parts, read_element
from forensics.formats.distinguished_name import common_name
from forensics.formats.errors import FormatError
from forensics.formats.hyperv.guardian_name import GuardianName, parse_guardian_name
from forensics.formats.hyperv.guardian_xml import base64_content
from forensics.formats.public_key import PublicKey
from forensics.language import sentence
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


@dataclass(frozen=True, slots=True)
class GuardianCertificate:
    """One certificate of a guardian.

    Attributes:
        der: The certificate as it stands.
        thumbprint: SHA-1 of ``der``, upper hex: the only thing that tells two generations of one name apart.
        subject: RFC 4514 text; None when it cannot be read.
        common_name: The subject's first common name.
        not_before: UTC; None when it cannot be read, as ``not_after``.
        public_key: None for algorithms that are not modelled and for keys that cannot be read.
        public_key_sha256: SHA-256 of the SubjectPublicKeyInfo, lower hex; None when that cannot be read.
    """

    der: bytes = field(repr=False)
    thumbprint: str
    subject: str | None
    common_name: str | None
    not_before: datetime | None
    not_after: datetime | None
    public_key: PublicKey | None = field(repr=False)
    public_key_sha256: str | None = None

    @property
    def name(self) -> GuardianName | None:
        """The parsed common name."""
        return parse_guardian_name(self.common_name) if self.common_name is not None else None


def parse_guardian_certificate(der: bytes) -> GuardianCertificate:
    """Parse one certificate; parts that cannot be read are None.

    Raises:
        FormatError: ``bad_certificate``: it is no X.509 certificate in DER, or more than one.

    References:
        RFC 5280.
    """
    no_certificate = FormatError(
        "bad_certificate", 0, sentence("{count} bytes that are no X.509 certificate", count=len(der))
    )
    try:
        parts = certificate_parts(der)
        is_whole = read_element(der, 0)[2] == len(der)
    except FormatError as error:
        raise no_certificate from error
    parsed = CertificateParser().parse(der)
    if not is_whole or (parsed.subject is None and parsed.public_key_sha256 is None):
        raise no_certificate
    return GuardianCertificate(
        der=der,
        thumbprint=hashlib.sha1(der).hexdigest().upper(),
        subject=parsed.subject,
        common_name=_common_name(parts.subject),
        not_before=parsed.not_before,
        not_after=parsed.not_after,
        public_key=parsed.public_key,
        public_key_sha256=parsed.public_key_sha256,
    )


def read_certificate(element: Element | None, what: str, errors: list[FormatError]) -> GuardianCertificate | None:
    """Read the certificate in an XML element; what is wrong with it goes into ``errors``."""
    try:
        der = base64_content(element, what)
    except FormatError as error:
        errors.append(error)
        return None
    try:
        return parse_guardian_certificate(der)
    except FormatError as error:
        errors.append(
            FormatError(error.kind, error.offset, sentence("{what}: {message}", what=what, message=error.message))
        )
        return None


def _common_name(subject: bytes) -> str | None:
    with warnings.catch_warnings():
        # Names that bend RFC 5280 are no news for the user.
        warnings.simplefilter("ignore")
        try:
            return common_name(subject)
        except FormatError:
            return None
