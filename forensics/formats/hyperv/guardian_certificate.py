"""The certificates of a guardian of shielded virtual machines."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.guardian_name import GuardianName, parse_guardian_name
from forensics.formats.hyperv.guardian_xml import base64_content
from forensics.formats.public_key import PublicKey, public_key_from_certificate_key

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from cryptography import x509

T = TypeVar("T")


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
    """

    der: bytes = field(repr=False)
    thumbprint: str
    subject: str | None
    common_name: str | None
    not_before: datetime | None
    not_after: datetime | None
    public_key: PublicKey | None = field(repr=False)

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
    from cryptography import x509

    with warnings.catch_warnings():
        # Certificates that bend RFC 5280 are no news for the user.
        warnings.simplefilter("ignore")
        certificate = _attempt(lambda: x509.load_der_x509_certificate(der))
        if certificate is None:
            raise FormatError("bad_certificate", 0, f"{len(der)} bytes that are no X.509 certificate")
        return GuardianCertificate(
            der=der,
            thumbprint=hashlib.sha1(der).hexdigest().upper(),
            subject=_attempt(lambda: certificate.subject.rfc4514_string()),
            common_name=_attempt(lambda: _common_name(certificate)),
            not_before=_attempt(lambda: certificate.not_valid_before_utc),
            not_after=_attempt(lambda: certificate.not_valid_after_utc),
            public_key=_attempt(lambda: public_key_from_certificate_key(certificate.public_key())),
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
        errors.append(FormatError(error.kind, error.offset, f"{what}: {error.message}"))
        return None


def _common_name(certificate: x509.Certificate) -> str | None:
    from cryptography.x509.oid import NameOID

    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else None


def _attempt(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except Exception:  # The library throws what it likes, and the other parts still count.
        return None
