"""Guardian metadata: what ``Export-HgsGuardian`` and a Host Guardian Service hand out of a guardian.

It has no place for a private key: with such a file alone no virtual machine starts.

References:
    [MS-KPS] 6.4, https://learn.microsoft.com/openspecs/windows_protocols/ms-kps/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from xml.etree.ElementTree import Element

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.guardian_certificate import GuardianCertificate, read_certificate
from forensics.formats.hyperv.guardian_xml import parse_guardian_xml, tag
from forensics.language import sentence
from forensics.late_methods import dataclass

MAX_OTHER_CERTIFICATES = 256
"""Evidence: further certificates of one guardian."""


@dataclass(frozen=True, slots=True)
class GuardianMetadata:
    """A parsed metadata document.

    Attributes:
        signing: The guardian's signing certificate; None when it is missing or broken.
        encryption: Its encryption certificate, likewise.
        other_signing: Further signing certificates that the guardian trusts, at most 256.
        errors: What is missing or broken: ``bad_structure``, ``bad_base64``, ``bad_certificate``, ``too_many``.
    """

    signing: GuardianCertificate | None
    encryption: GuardianCertificate | None
    other_signing: tuple[GuardianCertificate, ...]
    errors: tuple[FormatError, ...] = field(default=(), compare=False)


def parse_guardian_metadata(data: bytes) -> GuardianMetadata:
    """Parse a metadata document; its signatures are not checked.

    Args:
        data: The file, in UTF-8 or UTF-16LE.

    Raises:
        FormatError: As ``parse_guardian_xml`` does, or ``bad_structure`` where it has no ``GuardianInformation``.
    """
    document = parse_guardian_xml(data, "Metadata")
    information = document.root.find(tag("GuardianInformation"))
    if information is None:
        raise FormatError("bad_structure", 0, sentence("the metadata has no GuardianInformation"))
    errors: list[FormatError] = []
    signing = read_certificate(information.find(tag("SigningCertificate")), "SigningCertificate", errors)
    encryption = read_certificate(information.find(tag("EncryptionCertificate")), "EncryptionCertificate", errors)
    others = list(_leaves(information.find(tag("OtherSigningCertificates"))))
    if len(others) > MAX_OTHER_CERTIFICATES:
        errors.append(
            FormatError(
                "too_many",
                0,
                sentence(
                    "{count} other certificates; {max_other_certificates} are read",
                    count=len(others),
                    max_other_certificates=MAX_OTHER_CERTIFICATES,
                ),
            )
        )
    read = [read_certificate(leaf, "OtherSigningCertificates", errors) for leaf in others[:MAX_OTHER_CERTIFICATES]]
    return GuardianMetadata(signing, encryption, tuple(found for found in read if found is not None), tuple(errors))


def _leaves(element: Element | None) -> Iterator[Element]:
    """Yield the elements that hold text and nothing else, since the notes name no element inside."""
    if element is not None:
        yield from (leaf for leaf in element.iter() if not len(leaf) and (leaf.text or "").strip())
