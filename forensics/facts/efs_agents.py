"""The recovery agents of EFS that policy hands out: one fact of the domain, however many of its members were examined.

References:
    MS-GPEF (agents by group policy); KB937536 (no file is encrypted while a recovery agent has ended).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from forensics.tables.certificate import CertificateRow
from forensics.tables.efs_agent import EfsAgentRow
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from forensics.tables.timestamps import as_utc

MAX_MEMBERS = 50
"""Display: computers that one agent's row names."""

READS: Mapping[str, tuple[str, ...]] = {
    "machine": ("computer_name", "domain_name"),
    "certificate": (
        *("store", "store_scope", "thumbprint", "subject", "not_after"),
        *("source_path", "source_time"),
    ),
}
"""Columns that are read of each table, ``machine_id`` besides; of certificates those with store scope ``policy``."""

_Policy = tuple[int, str | None]
"""The machine of a local policy, 0 for a domain's; and the domain."""


def efs_agents(rows: Iterable[Row]) -> list[EfsAgentRow]:
    """Return the agents of each domain, and of each computer in none.

    Args:
        rows: All rows of the examination.
    """
    machines: dict[int, MachineRow] = {}
    certificates: list[CertificateRow] = []
    for row in rows:
        if isinstance(row, MachineRow):
            machines[row.machine_id] = row
        elif isinstance(row, CertificateRow) and row.store_scope == "policy" and row.store.upper() == "EFS":
            certificates.append(row)
    policies: dict[_Policy, dict[str, list[CertificateRow]]] = defaultdict(lambda: defaultdict(list))
    for certificate in certificates:
        machine = machines.get(certificate.machine_id)
        domain = (machine.domain_name or "").lower() or None if machine else None
        policies[0 if domain else certificate.machine_id, domain][certificate.thumbprint].append(certificate)
    return [_row(policy, copies, agents, machines) for policy, agents in policies.items() for copies in agents.values()]


def _row(
    policy: _Policy,
    copies: list[CertificateRow],
    agents: dict[str, list[CertificateRow]],
    machines: dict[int, MachineRow],
) -> EfsAgentRow:
    machine_id, domain = policy
    own = copies[0]
    others = (other[0].not_after for thumbprint, other in agents.items() if thumbprint != own.thumbprint)
    holders = (machines[copy.machine_id].computer_name for copy in copies if copy.machine_id in machines)
    return EfsAgentRow(
        machine_id=machine_id,
        domain=domain,
        thumbprint=own.thumbprint,
        subject=own.subject,
        not_after=own.not_after,
        others_until=max((as_utc(end) for end in others if end is not None), default=None),
        members=list(dict.fromkeys(name for name in holders if name))[:MAX_MEMBERS],
        source_path=own.source_path,
        source_time=own.source_time,
    )
