"""Uses that a store itself stands for: who puts a certificate there has said what it is for.

References:
    Microsoft Learn: LDAP over SSL with a third-party CA (NTDS store); BitLocker Network Unlock; MS-GPEF (EFS agent).
"""

from __future__ import annotations

from collections.abc import Iterator

from forensics.collectors.uses.consumers import (
    BITLOCKER_AGENT,
    EFS_RECOVERY,
    LDAPS,
    NETWORK_UNLOCK,
    WSUS_SIGNING,
    Consumer,
)
from forensics.collectors.uses.context import Provenance, UseContext, may_authenticate
from forensics.tables.certificate import CertificateRow
from forensics.tables.use import Certainty, CertificateUseRow

_STORES: dict[tuple[str, str], tuple[Consumer, Certainty]] = {
    ("policy", "fve_nkp"): (NETWORK_UNLOCK, "proved"),
    ("policy", "fve"): (BITLOCKER_AGENT, "proved"),
    ("policy", "efs"): (EFS_RECOVERY, "proved"),
    ("machine", "wsus"): (WSUS_SIGNING, "likely"),
}
_DOMAIN_CONTROLLER = "LanmanNT"


def store_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield the newest certificate of each store that serves one purpose only; of recovery agents all count."""
    found: dict[Consumer, list[CertificateRow]] = {}
    for row in context.certificates:
        known = _STORES.get((row.store_scope, row.store.lower()))
        if known is not None and not row.archived:
            found.setdefault(known[0], []).append(row)
    for consumer, certainty in _STORES.values():
        rows = found.get(consumer, [])
        for row in rows if consumer is EFS_RECOVERY else _newest(rows):
            yield _use(context, consumer, row, certainty=certainty)


def ldaps_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield what a domain controller serves LDAP with: the NTDS store, else what it may choose from My."""
    ntds = [
        c
        for c in context.certificates
        if c.store_scope == "service" and (c.service or "").lower() == "ntds" and c.store.upper() == "MY"
    ]
    for row in _newest(ntds):
        yield _use(context, LDAPS, row, detail="store MY of service NTDS")
    options = f"{context.control}\\ProductOptions"
    if ntds or (context.system.text(options, "ProductType") or "").lower() != _DOMAIN_CONTROLLER.lower():
        return
    key = context.system.key(options)
    machine = context.machine
    name = ".".join(part for part in (machine.host_name or machine.computer_name, machine.domain_name) if part).lower()
    able = [c for c in context.my_certificates() if may_authenticate(c, "serverAuth") and _is_for(c, name)]
    place = Provenance(context.system.where(options, "ProductType"), key.timestamp if key else None)
    yield from context.candidates(LDAPS, place, able, f"domain controller {name}")


def _newest(rows: list[CertificateRow]) -> list[CertificateRow]:
    """Return the certificate that ends last; what it replaced is left behind in the store."""
    return sorted(rows, key=lambda c: (c.not_after.timestamp() if c.not_after else 0.0, c.thumbprint))[-1:]


def _is_for(row: CertificateRow, host: str) -> bool:
    names = {n.lower() for n in row.san}
    return f"dns:{host}" in names or any(p.lower() == f"cn={host}" for p in (row.subject or "").split(","))


def _use(
    context: UseContext,
    consumer: Consumer,
    row: CertificateRow,
    detail: str | None = None,
    certainty: Certainty = "proved",
) -> CertificateUseRow:
    use = context.use(
        consumer,
        Provenance(row.source_path, row.source_time),
        row.thumbprint,
        detail=detail,
        store=row.store,
        owner_sid=row.owner_sid,
        certainty=certainty,
    )
    # It was read from that very store.
    use.present = True
    return use
