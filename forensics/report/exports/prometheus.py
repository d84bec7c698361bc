"""Metrics for the textfile collector of Prometheus' node exporter: what they mean stands in docs/other-tools.md.

Labels that x509-certificate-exporter has too are named, and written, as there: ``subject_CN``, ``issuer_CN``, and
``serial_number`` as a decimal number.

References:
    https://github.com/prometheus/node_exporter#textfile-collector
    https://prometheus.io/docs/practices/naming/
    https://github.com/enix/x509-certificate-exporter/blob/main/docs/metrics.md
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from forensics.case_tables import CaseTables
from forensics.report.accounted import not_examined
from forensics.report.ending import ended, ending
from forensics.report.facts import Facts, common_name, days_left, label
from forensics.tables.finding import SEVERITIES
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.sanitise import sanitise
from forensics.tables.source import leaves
from forensics.tables.timestamps import as_utc

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_MACHINE = ("machine", "disk", "volume")
_CERTIFICATE = (
    "store",
    "store_scope",
    "owner_sid",
    "subject",
    "thumbprint",
    "subject_CN",
    "issuer_CN",
    "serial_number",
)
_LONGEST_SERIAL = 64
"""Format: hexadecimal digits of a serial number, of which RFC 5280 permits 40."""
_USABLE = {"usable": 1, "unusable": 0}


def render_prometheus(case: CaseTables) -> str:
    """Write when each certificate with a private key ends (also of those that have ended), and counts of findings."""
    case = case.present
    registry, facts = _begun(case), Facts(case)
    _add_certificates(registry, case, facts, ended(case) + ending(case))
    _add_findings(registry, case, facts)
    return _written(registry)


def render_certificates(case: CaseTables, chains: Iterable[KeyChainRow]) -> str:
    """Write the same of some certificates alone.

    Args:
        case: The case that they are of.
        chains: Their chains.
    """
    case = case.present
    registry = _begun(case)
    _add_certificates(registry, case, Facts(case), chains)
    return _written(registry)


def _begun(case: CaseTables) -> CollectorRegistry:
    from prometheus_client import CollectorRegistry, Gauge

    registry = CollectorRegistry()
    examined = Gauge(
        "keymortem_examination_timestamp_seconds", "The date the examination refers to, Unix time.", registry=registry
    )
    examined.set(as_utc(case.as_of).timestamp())
    evidence = Gauge(
        "keymortem_evidence", "Pieces of evidence that were named or found.", ("state",), registry=registry
    )
    left_out = len(not_examined(case.sources))
    evidence.labels("examined").set(len(leaves(case.sources)) - left_out)
    evidence.labels("not_examined").set(left_out)
    return registry


def _add_certificates(
    registry: CollectorRegistry, case: CaseTables, facts: Facts, chains: Iterable[KeyChainRow]
) -> None:
    from prometheus_client import Gauge

    def gauge(name: str, told: str) -> Gauge:
        return Gauge(f"keymortem_certificate_{name}", told, (*_MACHINE, *_CERTIFICATE), registry=registry)

    ends = gauge("not_after", "When a certificate that has or should have a private key ends, Unix time in seconds.")
    days = gauge("days_left", "Days from the date of the examination to the certificate's last day, below 0 once past.")
    usable = gauge("key_usable", "1 where Windows on the disk would open the private key, 0 where not; else no sample.")
    for chain in chains:
        assert chain.ends is not None
        values = (*_machine(chain.machine_id, facts), *_certificate(chain, facts))
        ends.labels(*values).set(as_utc(chain.ends).timestamp())
        days.labels(*values).set(days_left(chain, case.as_of))
        if chain.verdict in _USABLE:
            usable.labels(*values).set(_USABLE[chain.verdict])


def _add_findings(registry: CollectorRegistry, case: CaseTables, facts: Facts) -> None:
    from prometheus_client import Gauge

    findings = Gauge("keymortem_findings", "Findings of the rules.", (*_MACHINE, "severity"), registry=registry)
    counted = Counter((f.machine_id, f.severity) for f in case.finding_list)
    for machine in case.rows("machine"):
        for severity in SEVERITIES:
            labels = (*_machine(machine.machine_id, facts), severity)
            findings.labels(*labels).set(counted[machine.machine_id, severity])


def _written(registry: CollectorRegistry) -> str:
    from prometheus_client import generate_latest

    return generate_latest(registry).decode("utf-8")


def _certificate(chain: KeyChainRow, facts: Facts) -> tuple[str, ...]:
    row = facts.certificate(chain)
    values = (
        chain.store,
        chain.store_scope,
        chain.owner_sid,
        label(chain),
        chain.thumbprint,
        common_name(chain.subject),
        common_name(row.issuer if row else None),
        _decimal(row.serial if row else None),
    )
    return tuple(sanitise(value or "") for value in values)


def _decimal(serial: str | None) -> str | None:
    if not serial or len(serial) > _LONGEST_SERIAL:
        return serial
    return str(int(serial, 16))


def _machine(machine_id: int, facts: Facts) -> tuple[str, ...]:
    """Return machine, disk and volume: two Windows of one name are two series."""
    row = facts.machine(machine_id)
    values = facts.computer(machine_id), facts.place(machine_id, with_volume=False), row.volume if row else None
    return tuple(sanitise(value or "") for value in values)
