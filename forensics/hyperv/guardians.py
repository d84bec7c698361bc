"""The guardian certificates of a machine: where each lies, which two belong together, and whether its key opens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from forensics.formats.hyperv.guardian_name import GUARDIAN_STORE, guardian_name
from forensics.tables.certificate import CertificateRow
from forensics.tables.hyperv import GuardianRole, GuardianRow, VmGuardianRow
from forensics.tables.key_chain import KeyChainRow

if TYPE_CHECKING:
    from forensics.formats.hyperv.guardian_name import GuardianName

_MADE_TOGETHER = timedelta(minutes=2)
_HAS_FILE = {"present": True, "other_machine_guid": True, "unreadable": True, "absent": False}


def guardian_rows(
    certificates: Iterable[CertificateRow], chains: Iterable[KeyChainRow], wrappings: Sequence[VmGuardianRow]
) -> list[GuardianRow]:
    """Return a row for each guardian certificate in a store of one machine, pairs and generations told.

    A certificate is a guardian's when it lies in the guardians' store, when its name says so, or when a key protector
    of this machine names it.

    Args:
        certificates: Rows of one machine.
        chains: Rows of the same machine.
        wrappings: Of the key protectors of virtual machines on it.
    """
    roles = _roles(wrappings)
    chain_of = {(c.thumbprint, (c.store or "").lower(), c.store_scope, c.owner_sid): c for c in chains}
    rows = []
    for certificate in certificates:
        name = guardian_name(certificate.subject)
        in_store = certificate.store.lower() == GUARDIAN_STORE and certificate.store_scope == "machine"
        if in_store or name is not None or certificate.thumbprint in roles:
            key = (certificate.thumbprint, certificate.store.lower(), certificate.store_scope, certificate.owner_sid)
            rows.append(_row(certificate, name, roles.get(certificate.thumbprint), in_store, chain_of.get(key)))
    _pair(rows, wrappings)
    _number_generations(rows)
    return rows


def _roles(wrappings: Sequence[VmGuardianRow]) -> dict[str, GuardianRole]:
    roles: dict[str, GuardianRole] = {}
    for wrapping in wrappings:
        if wrapping.signing_thumbprint is not None:
            roles.setdefault(wrapping.signing_thumbprint, "signing")
        if wrapping.encryption_thumbprint is not None:
            roles.setdefault(wrapping.encryption_thumbprint, "encryption")
    return roles


def _row(
    certificate: CertificateRow,
    name: GuardianName | None,
    role: GuardianRole | None,
    in_store: bool,
    chain: KeyChainRow | None,
) -> GuardianRow:
    row = GuardianRow(
        machine_id=certificate.machine_id,
        thumbprint=certificate.thumbprint,
        subject=certificate.subject,
        role=role or (name.role if name else None),
        guardian=name.guardian if name else None,
        host=name.host if name else None,
        origin="store" if in_store else "wrong_store",
        store=certificate.store,
        store_scope=certificate.store_scope,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        provider=certificate.provider,
        source_path=certificate.source_path,
        source_time=certificate.source_time,
        verdict="unknown",
        exportable="unknown",
    )
    if chain is None and not in_store and not certificate.has_key_link:
        # In a store that is not for keys, without a word of one: a copy of the certificate alone.
        row.verdict, row.broken_at, row.has_key_file = "unusable", "claim", False
    elif chain is not None:
        row.provider_kind, row.verdict, row.broken_at = chain.provider_kind, chain.verdict, chain.broken_at
        row.has_key_file = _HAS_FILE.get(chain.key_file)
        row.exportable, row.recoverable = chain.exportable, chain.recoverable
    return row


def _pair(rows: list[GuardianRow], wrappings: Sequence[VmGuardianRow]) -> None:
    """Join signing and encryption certificates: by key protectors, else by names and the moment they were made."""
    for wrapping in wrappings:
        if wrapping.signing_thumbprint is not None and wrapping.encryption_thumbprint is not None:
            for row in rows:
                _join(row, wrapping.signing_thumbprint, wrapping.encryption_thumbprint)
    for signing in rows:
        if signing.role == "signing" and signing.partner is None and signing.guardian is not None:
            near = [row for row in rows if _made_with(row, signing)]
            thumbprints = {row.thumbprint for row in near}
            if len(thumbprints) == 1:
                signing.partner, signing.paired_by = near[0].thumbprint, "names"
                for row in near:
                    row.partner, row.paired_by = signing.thumbprint, "names"


def _join(row: GuardianRow, signing: str, encryption: str) -> None:
    for own, other in ((signing, encryption), (encryption, signing)):
        if row.thumbprint == own:
            row.partner, row.paired_by = other, "key_protector"


def _made_with(row: GuardianRow, signing: GuardianRow) -> bool:
    if row.role != "encryption" or row.paired_by == "key_protector":
        return False
    same = (row.guardian, row.host) == (signing.guardian, signing.host)
    if not same or row.not_before is None or signing.not_before is None:
        return False
    return abs(row.not_before - signing.not_before) <= _MADE_TOGETHER


def _number_generations(rows: list[GuardianRow]) -> None:
    """Number the pairs of each guardian and host name in the order in which they were made."""
    for name in {_full_name(row) for row in rows if row.guardian is not None}:
        of_name = [row for row in rows if row.guardian is not None and _full_name(row) == name]
        pairs = sorted({_pair_key(row, of_name) for row in of_name})
        for row in of_name:
            row.generation = pairs.index(_pair_key(row, of_name)) + 1
            row.is_newest = row.generation == len(pairs)


def _full_name(row: GuardianRow) -> tuple[str, str]:
    return (row.guardian or "").lower(), (row.host or "").lower()


def _pair_key(row: GuardianRow, rows: list[GuardianRow]) -> tuple[str, str]:
    """Return what both certificates of a pair share: the earlier start, and the lower thumbprint."""
    pair = [row, *(other for other in rows if other.thumbprint == row.partner)]
    starts = [r.not_before for r in pair if r.not_before is not None]
    earliest = min(starts).isoformat() if starts else ""
    return earliest, min(filter(None, (row.thumbprint, row.partner)), default="")


def needed_by(guardians: Iterable[GuardianRow], needs: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Fill ``needed_by`` of guardians from the thumbprints that each virtual machine needs."""
    users: dict[str, list[str]] = {}
    for vm, thumbprints in needs:
        for thumbprint in thumbprints:
            users.setdefault(thumbprint, []).append(vm)
    for row in guardians:
        row.needed_by = list(dict.fromkeys(users.get(row.thumbprint or "", [])))
