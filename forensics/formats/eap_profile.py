"""A profile of a wireless or wired network, and the part of it that says how to prove who one is.

References:
    MS-GPWL (WLAN and 802.1X profile schemas); Microsoft Learn, EAP configuration.
"""

from __future__ import annotations

from forensics.formats.xml_text import named, parse_xml
from forensics.late_methods import dataclass

EAP_TLS = "13"
EITHER = "machineoruser"


@dataclass(frozen=True, slots=True)
class EapProfile:
    """What a profile says of certificates.

    Attributes:
        name: Its name; None when it has none.
        eap_tls: It may use EAP-TLS, and so a certificate.
        auth_mode: ``machine``, ``user``, ``machineoruser`` (also where it does not say) or ``guest``, lower case.
        smart_card_only: It takes the certificate from a smart card and from nowhere else.
    """

    name: str | None
    eap_tls: bool
    auth_mode: str
    smart_card_only: bool


def parse_eap_profile(data: bytes) -> EapProfile:
    """Parse a profile.

    Raises:
        FormatError: As :func:`~forensics.formats.xml_text.parse_xml`.
    """
    root = parse_xml(data)
    found = {name: next(named(root, name), None) is not None for name in ("SmartCard", "CertificateStore")}
    return EapProfile(
        name=next((e.text for e in named(root, "name") if e.text), None),
        eap_tls=any((e.text or "").strip() == EAP_TLS for e in named(root, "Type")),
        auth_mode=next((e.text.strip() for e in named(root, "authMode") if e.text), EITHER).lower(),
        smart_card_only=found["SmartCard"] and not found["CertificateStore"],
    )
