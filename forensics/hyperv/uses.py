"""Virtual machines as users of certificates: what a key protector names is used, as a binding of a service is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from forensics.formats.hyperv.guardian_name import GUARDIAN_STORE
from forensics.tables.certificate import CertificateRow
from forensics.tables.hyperv import VmGuardianRow
from forensics.tables.use import CertificateUseRow, ConsumerName

CONSUMER: ConsumerName = "Hyper-V"

_START = "a start of the virtual machine by this guardian"
_CHANGE = "changes of the virtual machine's key protector: only the owner's signing key makes them"
_REPAIR = "another guardian is added with the owner's key, as the findings about the guardian say"


def guardian_uses(
    wrappings: Iterable[VmGuardianRow], certificates: Mapping[int, Sequence[CertificateRow]]
) -> Iterator[CertificateUseRow]:
    """Yield one use for each certificate of a machine that a virtual machine's key protector names.

    A certificate that is not there is no use of it: the rules about virtual machines tell what lacks it. A virtual
    machine that no host lists may be of any that has the certificate. Of several guardians Hyper-V needs one: then
    each is a candidate.

    Args:
        wrappings: Rows of all machines.
        certificates: Rows by machine.
    """
    stores = {machine_id: _stores(rows) for machine_id, rows in certificates.items()}
    rows = list(wrappings)
    ways = Counter((row.machine_id, row.configuration) for row in rows)
    told: set[tuple[int, str, str]] = set()
    for row in rows:
        is_only = ways[row.machine_id, row.configuration] == 1 and row.machine_id != 0
        machines = [row.machine_id] if row.machine_id else list(stores)
        for thumbprint, breaks in (
            (row.encryption_thumbprint, _START),
            (row.signing_thumbprint, _CHANGE if row.is_owner else None),
        ):
            for machine_id in machines:
                detail = _name(row)
                if thumbprint in stores.get(machine_id, {}) and (machine_id, thumbprint, detail) not in told:
                    told.add((machine_id, thumbprint, detail))
                    yield _use(row, machine_id, thumbprint, stores[machine_id][thumbprint], breaks, is_only)


def _stores(rows: Iterable[CertificateRow]) -> dict[str, bool]:
    """Return for each certificate whether it lies in the guardians' store."""
    found: dict[str, bool] = {}
    for row in rows:
        in_store = row.store.lower() == GUARDIAN_STORE and row.store_scope == "machine"
        found[row.thumbprint] = found.get(row.thumbprint, False) or in_store
    return found


def _use(
    row: VmGuardianRow, machine_id: int, thumbprint: str, in_store: bool, breaks: str | None, is_only: bool
) -> CertificateUseRow:
    return CertificateUseRow(
        machine_id=machine_id,
        thumbprint=thumbprint,
        consumer=CONSUMER,
        detail=_name(row),
        store="Shielded VM Local Certificates" if in_store else None,
        certainty="proved" if is_only else "candidate",
        present=True if in_store else None,
        breaks=breaks,
        repair=_REPAIR,
        source_path=row.source_path,
        source_time=row.source_time,
    )


def _name(row: VmGuardianRow) -> str:
    name = row.vm_name or row.vm_id or row.configuration
    return f"{name} (checkpoint)" if row.is_checkpoint else name
