"""The server certificates that network policies of NPS (RADIUS) present in EAP.

References:
    R. Hicks / CertKit, Update-NPSCert: the hash in msEAPConfiguration.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forensics.collectors.guard import guard
from forensics.collectors.uses.consumers import NPS
from forensics.collectors.uses.context import UseContext
from forensics.collectors.uses.text_file import MAX_XML_SIZE, local_name, parse_xml
from forensics.collectors.uses.thumbprint import SHA1_SIZE
from forensics.formats.errors import FormatError
from forensics.tables.use import CertificateUseRow

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_POLICIES = 5_000

_FILE = "System32/ias/ias.xml"
_CONFIGURATION = "msEAPConfiguration"
_METHODS = {0x19: ("PEAP", 36), 0x0D: ("EAP-TLS", 40)}


def nps_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield a row for each PEAP or EAP-TLS configuration of each policy."""
    installation = context.installation
    path = installation.in_windows(_FILE)
    file = context.file(path, MAX_XML_SIZE, "ias.xml")
    if file is None:
        return
    with guard(installation, path):
        place, data = file
        root = parse_xml(data)
        for count, (policy, text) in enumerate(_configurations(root)):
            if count == MAX_POLICIES:
                installation.problem(path, "too_many", f"only the first {MAX_POLICIES} EAP configurations were read")
                return
            with guard(installation, path):
                found = _server_certificate(policy, text)
                if found is not None:
                    method, thumbprint = found
                    yield context.use(NPS, place, thumbprint, detail=f"policy {policy} ({method})")


def _configurations(root: Element) -> Iterator[tuple[str, str]]:
    """Yield policy name and hex text: the policy is the element whose Properties hold the value."""
    for policy in root.iter():
        for properties in policy:
            if local_name(properties) != "Properties":
                continue
            for element in properties:
                if local_name(element) == _CONFIGURATION and element.text:
                    yield policy.get("name") or local_name(policy), element.text


def _server_certificate(policy: str, text: str) -> tuple[str, str] | None:
    try:
        data = bytes.fromhex("".join(text.split()))
    except ValueError:
        raise FormatError("bad_hex", 0, f"the EAP configuration of policy {policy} is not hexadecimal") from None
    method = _METHODS.get(data[0]) if data else None
    if method is None:
        return None
    name, start = method
    if len(data) < start + SHA1_SIZE:
        raise FormatError("truncated", len(data), f"the {name} configuration of policy {policy} ends before its hash")
    thumbprint = data[start : start + SHA1_SIZE]
    return (name, thumbprint.hex().upper()) if any(thumbprint) else None
