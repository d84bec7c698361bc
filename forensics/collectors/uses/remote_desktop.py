"""The certificate of each Remote Desktop listener."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.collectors.rdp import SERVICE, account_of_listener, listener_certificates
from forensics.collectors.uses.consumers import RDP
from forensics.collectors.uses.context import MY, Provenance, UseContext
from forensics.language import sentence
from forensics.tables.use import CertificateUseRow


def remote_desktop_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield a row for each listener with a certificate."""
    if context.system.key(f"{context.control}\\Terminal Server\\WinStations") is None:
        return
    name = context.system.text(f"{context.services}\\{SERVICE}", "ObjectName")
    runs_as = context.account_sid(name)
    account = account_of_listener(runs_as, context.machine.build)
    for found in listener_certificates(context.installation, context.certificates):
        row = context.use(
            RDP,
            Provenance(found.source_path, found.source_time),
            found.thumbprint,
            detail=sentence("{listener} (self-signed)", listener=found.listener)
            if found.self_signed
            else found.listener,
            store=found.store or MY,
            certainty="candidate" if not found.is_on else "proved" if found.on_record else "likely",
            account=account,
        )
        row.listener = found.listener
        row.set_with = "set-rdp-certificate"
        if found.self_signed:
            row.set_with, row.repair = "", sentence("Windows makes itself another one when Remote Desktop starts")
        yield context.service_account(row, SERVICE) if name and runs_as is None else row
