"""HTTPS listeners of Windows Remote Management."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forensics.collectors.uses.consumers import WINRM
from forensics.collectors.uses.context import Provenance, UseContext, clip
from forensics.collectors.uses.http_sys import HttpBinding
from forensics.formats.thumbprint import thumbprint_of_text
from forensics.language import sentence
from forensics.tables.use import CertificateUseRow

MAX_LISTENERS = 200
"""Evidence: listeners of WinRM."""
HTTPS_PORT = 5986

_LISTENER = "Microsoft\\Windows\\CurrentVersion\\WSMAN\\Listener"
_THUMBPRINT = "certThumbprint"


def winrm_uses(context: UseContext, bindings: Sequence[HttpBinding]) -> Iterator[CertificateUseRow]:
    """Yield a row for each listener ``<address>+HTTPS`` that names a certificate."""
    software = context.software
    for key in software.subkeys(_LISTENER, MAX_LISTENERS):
        text = software.text(key, _THUMBPRINT)
        if not key.name.upper().endswith("+HTTPS") or text is None:
            continue
        thumbprint, fault = thumbprint_of_text(text)
        port = software.number(key, "Port") or HTTPS_PORT
        served = sorted({b.thumbprint for b in bindings if b.port == str(port) and b.thumbprint})
        if thumbprint and served and thumbprint not in served:
            fault = sentence("http.sys has {names} on port {port}", names=", ".join(served), port=port)
        place = Provenance(software.where(key, _THUMBPRINT), key.timestamp)
        row = context.use(
            WINRM, place, thumbprint, detail=sentence("{name} port {port}", name=key.name, port=port), fault=fault
        )
        row.listener = clip(f"Address={key.name.rpartition('+')[0]}+Transport=HTTPS")
        row.set_with = "set-winrm-listener"
        yield row
