"""The server certificates that network policies of NPS (RADIUS) present in EAP."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.collectors.guard import guard
from forensics.collectors.uses.consumers import NPS
from forensics.collectors.uses.context import UseContext
from forensics.formats.nps_configuration import eap_configurations
from forensics.formats.xml_text import MAX_XML_SIZE
from forensics.language import sentence
from forensics.tables.use import CertificateUseRow

MAX_POLICIES = 5_000
"""Evidence: configurations of EAP in the policies of NPS."""

_FILE = "System32/ias/ias.xml"


def nps_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield a row for each PEAP or EAP-TLS configuration of each policy."""
    installation = context.installation
    path = installation.in_windows(_FILE)
    file = context.file(path, MAX_XML_SIZE, "ias.xml", "IAS")
    if file is None:
        return
    with guard(installation, path):
        place, data = file
        for count, configuration in enumerate(eap_configurations(data)):
            if count == MAX_POLICIES:
                message = sentence(
                    "only the first {max_policies} EAP configurations were read", max_policies=MAX_POLICIES
                )
                installation.cut("file", "ias.xml", path, message)
                return
            with guard(installation, path):
                found = configuration.server_certificate()
                if found is not None:
                    method, thumbprint = found
                    yield context.use(
                        NPS,
                        place,
                        thumbprint,
                        detail=sentence("policy {policy} ({method})", policy=configuration.policy, method=method),
                    )
