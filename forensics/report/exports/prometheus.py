"""Metrics for the textfile collector of Prometheus' node exporter.

References:
    https://github.com/prometheus/node_exporter#textfile-collector
"""

from __future__ import annotations

from collections import Counter

from forensics.case_tables import CaseTables
from forensics.report.accounted import not_examined
from forensics.report.ending import ending
from forensics.report.facts import Facts, label
from forensics.tables.finding import SEVERITIES
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.sanitise import sanitise
from forensics.tables.source import leaves
from forensics.tables.timestamps import as_utc

_LABELS = ("computer", "source", "volume", "store", "store_scope", "owner_sid", "subject", "thumbprint", "verdict")

_COUNTED = ("computer", "source", "volume", "severity")


def render_prometheus(case: CaseTables) -> str:
    """Write when each certificate with a private key ends (also of those that have ended), and counts of findings."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry, case = CollectorRegistry(), case.present
    facts = Facts(case)
    examined = Gauge(
        "keymortem_examination_timestamp_seconds", "The date the examination refers to, Unix time.", registry=registry
    )
    examined.set(as_utc(case.as_of).timestamp())
    ends = Gauge(
        "keymortem_certificate_not_after_timestamp_seconds",
        "When a certificate that has or should have a private key ends, Unix time.",
        _LABELS,
        registry=registry,
    )
    for chain in _ended(case) + ending(case):
        assert chain.ends is not None
        ends.labels(*_values(chain, facts)).set(as_utc(chain.ends).timestamp())
    findings = Gauge("keymortem_findings", "Findings of the rules.", _COUNTED, registry=registry)
    counted = Counter((f.machine_id, f.severity) for f in case.finding_list)
    for machine in case.rows("machine"):
        for severity in SEVERITIES:
            labels = (*_machine(machine.machine_id, facts), severity)
            findings.labels(*labels).set(counted[machine.machine_id, severity])
    evidence = Gauge(
        "keymortem_evidence", "Pieces of evidence that were named or found.", ("state",), registry=registry
    )
    left_out = len(not_examined(case.sources))
    evidence.labels("examined").set(len(leaves(case.sources)) - left_out)
    evidence.labels("not_examined").set(left_out)
    return generate_latest(registry).decode("utf-8")


def _ended(case: CaseTables) -> list[KeyChainRow]:
    return [
        c for c in case.rows("key_chain") if c.thumbprint and c.standing != "daily" and not c.is_in_force(case.as_of)
    ]


def _values(chain: KeyChainRow, facts: Facts) -> tuple[str, ...]:
    own = (chain.store, chain.store_scope, chain.owner_sid, label(chain), chain.thumbprint, chain.verdict)
    return (*_machine(chain.machine_id, facts), *(sanitise(value or "") for value in own))


def _machine(machine_id: int, facts: Facts) -> tuple[str, ...]:
    """Return computer, source and volume: two Windows of one name are two series."""
    row = facts.machine(machine_id)
    values = facts.computer(machine_id), facts.place(machine_id, with_volume=False), row.volume if row else None
    return tuple(sanitise(value or "") for value in values)
