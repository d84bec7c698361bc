"""Virtual machines as users of certificates: what a key protector names is used, as a binding of a service is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from forensics.formats.hyperv.guardian_name import GUARDIAN_STORE
from forensics.language import sentence
from forensics.tables.certificate import CertificateRow
from forensics.tables.hyperv import VmGuardianRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.use import CertificateUseRow, ConsumerName

CONSUMER: ConsumerName = "Hyper-V"

_START = sentence("a start of the virtual machine by this guardian")
_CHANGE = sentence("changes of the virtual machine's key protector: only the owner's signing key makes them")
_REPAIR = sentence("another guardian is added with the owner's key, as the findings about the guardian say")


def guardian_uses(
    wrappings: Iterable[VmGuardianRow],
    certificates: Mapping[int, Sequence[CertificateRow]],
    chains: Mapping[int, Sequence[KeyChainRow]],
) -> Iterator[CertificateUseRow]:
    """Yield one use for each certificate of a machine that a virtual machine's key protector names.

    A certificate that is not there is no use of it: the rules about virtual machines tell what lacks it. A virtual
    machine that no host lists may be of any that has the certificate. Of several guardians Hyper-V needs one: then
    each is a candidate.

    Args:
        wrappings: Rows of all machines.
        certificates: Rows by machine.
        chains: Rows by machine: Windows itself opens the keys of guardians.
    """
    opened = {machine_id: _by_thumbprint(rows) for machine_id, rows in chains.items()}
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
                    in_store = stores[machine_id][thumbprint]
                    use = _use(row, machine_id, thumbprint, in_store, breaks, is_only)
                    yield _judged(use, opened.get(machine_id, {}).get(thumbprint))


def _stores(rows: Iterable[CertificateRow]) -> dict[str, bool]:
    """Return for each certificate whether it lies in the guardians' store."""
    found: dict[str, bool] = {}
    for row in rows:
        in_store = row.store.lower() == GUARDIAN_STORE and row.store_scope == "machine"
        found[row.thumbprint] = found.get(row.thumbprint, False) or in_store
    return found


def _by_thumbprint(chains: Iterable[KeyChainRow]) -> dict[str, KeyChainRow]:
    """Return the chain of each certificate; of several the one in the guardians' store."""
    in_store_last = sorted(chains, key=lambda row: (row.store or "").lower() == GUARDIAN_STORE)
    return {row.thumbprint: row for row in in_store_last if row.thumbprint is not None}


def _judged(use: CertificateUseRow, chain: KeyChainRow | None) -> CertificateUseRow:
    if chain is None:
        return replace(use, opens_reason="nothing says that its key should be on this machine")
    return replace(
        use,
        key_file_path=chain.key_file_path,
        opens=chain.verdict,
        opens_broken_at=chain.broken_at,
        opens_reason=chain.reason,
    )


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
    return sentence("{name} (checkpoint)", name=name) if row.is_checkpoint else name
