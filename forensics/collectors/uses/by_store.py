"""Uses that a store itself stands for: who puts a certificate there has said what it is for.

References:
    Microsoft Learn: LDAP over SSL with a third-party CA (NTDS store); BitLocker Network Unlock; MS-GPEF (EFS agent).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from forensics.collectors.uses.consumers import (
    BITLOCKER_AGENT,
    EFS_RECOVERY,
    HYPER_V_MANAGEMENT,
    LDAPS,
    NETWORK_UNLOCK,
    SERVICE,
    WSUS_SIGNING,
    Consumer,
)
from forensics.collectors.uses.context import Provenance, UseContext, is_for, may_authenticate
from forensics.collectors.uses.generations import newest
from forensics.collectors.uses.roles import earlier
from forensics.language import sentence
from forensics.tables.certificate import CertificateRow, StoreScope
from forensics.tables.use import Certainty, CertificateUseRow

_STORES: dict[tuple[StoreScope, str], tuple[Consumer, Certainty]] = {
    ("policy", "fve_nkp"): (NETWORK_UNLOCK, "proved"),
    ("policy", "fve"): (BITLOCKER_AGENT, "proved"),
    ("policy", "efs"): (EFS_RECOVERY, "proved"),
    ("machine", "wsus"): (WSUS_SIGNING, "likely"),
}
_OF_SERVICES: dict[str, Consumer] = {"vmms": HYPER_V_MANAGEMENT}
_DOMAIN_CONTROLLER = "LanmanNT"


def store_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield a row for each certificate in a store that serves one purpose only: the newest of each subject."""
    found: dict[tuple[StoreScope, str], list[CertificateRow]] = defaultdict(list)
    for row in context.certificates:
        place = (row.store_scope, row.store.lower())
        if place in _STORES and not row.archived:
            found[place].append(row)
    for place, rows in found.items():
        consumer, certainty = _STORES[place]
        # Every agent of EFS is one to which new files are encrypted.
        serving = set(map(id, rows if consumer is EFS_RECOVERY else newest(rows)))
        for row in rows:
            if id(row) in serving:
                yield _use(context, consumer, row, certainty=certainty)
            else:
                yield _use(context, earlier(consumer), row, consumer.name, certainty)


def ldaps_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield what a domain controller serves LDAP with: the NTDS store, else what it may choose from My."""
    ntds = [
        c
        for c in context.certificates
        if c.store_scope == "service" and (c.service or "").lower() == "ntds" and c.store.upper() == "MY"
    ]
    for row in newest(ntds):
        yield _use(context, LDAPS, row, detail=sentence("store MY of service NTDS"))
    options = f"{context.control}\\ProductOptions"
    if ntds or (context.system.text(options, "ProductType") or "").lower() != _DOMAIN_CONTROLLER.lower():
        return
    key = context.system.key(options)
    able = [c for c in context.my_certificates() if may_authenticate(c, "serverAuth") and is_for(c, context.host)]
    place = Provenance(context.system.where(options, "ProductType"), key.timestamp if key else None)
    yield from context.candidates(LDAPS, place, able, sentence("domain controller {host}", host=context.host))


def service_store_uses(context: UseContext, known: Iterable[CertificateUseRow]) -> Iterator[CertificateUseRow]:
    """Yield each certificate in a service's own store; those that ``known`` tells of are not yielded again.

    What a service signs itself (Hyper-V's, each year for ten) it makes anew: the earlier ones it leaves behind.
    """
    told = {(use.source_path, use.thumbprint) for use in known}
    own = [row for row in context.certificates if row.store_scope == "service" and row.service and row.self_signed]
    latest = set(map(id, newest(own, lambda row: (row.service, row.store, row.subject, *row.eku))))
    replaced = {id(row) for row in own} - latest
    for row in context.certificates:
        if row.store_scope == "service" and row.service and (row.source_path, row.thumbprint) not in told:
            consumer = _OF_SERVICES.get(row.service.lower(), SERVICE)
            use = _use(
                context,
                earlier(consumer) if id(row) in replaced else consumer,
                row,
                detail=sentence("{service} (its own store {store})", service=row.service, store=row.store),
                certainty="likely",
            )
            yield context.service_account(use, row.service)


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
