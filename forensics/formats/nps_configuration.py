"""ias.xml of the Network Policy Server: which certificate it presents in EAP.

References:
    R. Hicks / CertKit, Update-NPSCert: the hash in msEAPConfiguration.
"""

from __future__ import annotations

from collections.abc import Iterator

from forensics.formats.errors import FormatError
from forensics.formats.thumbprint import SHA1_SIZE
from forensics.formats.xml_text import local_name, parse_xml
from forensics.language import sentence
from forensics.late_methods import dataclass

_CONFIGURATION = "msEAPConfiguration"
_METHODS = {0x19: ("PEAP", 36), 0x0D: ("EAP-TLS", 40)}


@dataclass(frozen=True, slots=True)
class EapConfiguration:
    """The EAP configuration of a policy.

    Attributes:
        policy: Name of the policy.
        text: The configuration in hex, as it stands.
    """

    policy: str
    text: str

    def server_certificate(self) -> tuple[str, str] | None:
        """Return the method, ``PEAP`` or ``EAP-TLS``, and the SHA-1 of its certificate in upper hex; None without one.

        Raises:
            FormatError: The configuration is not hexadecimal, or ends before the hash.
        """
        try:
            data = bytes.fromhex("".join(self.text.split()))
        except ValueError:
            message = sentence("the EAP configuration of policy {policy} is not hexadecimal", policy=self.policy)
            raise FormatError("bad_hex", 0, message) from None
        method = _METHODS.get(data[0]) if data else None
        if method is None:
            return None
        name, start = method
        if len(data) < start + SHA1_SIZE:
            message = sentence(
                "the {name} configuration of policy {policy} ends before its hash", name=name, policy=self.policy
            )
            raise FormatError("truncated", len(data), message)
        thumbprint = data[start : start + SHA1_SIZE]
        return (name, thumbprint.hex().upper()) if any(thumbprint) else None


def eap_configurations(data: bytes) -> Iterator[EapConfiguration]:
    """Yield the EAP configuration of each policy: the policy is the element whose Properties hold it.

    Raises:
        FormatError: As :func:`~forensics.formats.xml_text.parse_xml`.
    """
    for policy in parse_xml(data).iter():
        for properties in policy:
            if local_name(properties) != "Properties":
                continue
            for element in properties:
                if local_name(element) == _CONFIGURATION and element.text:
                    yield EapConfiguration(policy.get("name") or local_name(policy), element.text)
