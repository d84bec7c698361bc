"""Services that are down for a certificate or its key, and those of which the disk does not say whether they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import field
from typing import Literal, NamedTuple

from forensics.case_tables import CaseTables
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.report.facts import Facts, day, label
from forensics.report.outages.keys import Keys, fate
from forensics.report.outages.since import Since
from forensics.tables.finding import CONFIDENCES, SEVERITIES, Confidence, Finding, Severity
from forensics.tables.hyperv import VmRow
from forensics.tables.use import CertificateUseRow

Fault = Literal["missing", "unusable", "ended"]

NOT_NOW = ("earlier certificate", "Hyper-V", "IIS metabase")
"""Uses of a role that has a newer certificate; virtual machines, of which their own table tells more; old hashes."""
_ELSEWHERE = ("EFS recovery agent", "BitLocker recovery agent", "BitLocker Network Unlock")
"""Uses whose private key lies where the policy was made, by design."""


@dataclass(slots=True)
class Down:
    """Services that one fault stops.

    Attributes:
        names: What they are called.
        findings: What the rules say of them.
        causes: Findings about their keys, or about the whole machine, that explain those.
        severity: The worst of what is said of them, and of what is wrong with the whole machine.
        confidence: Of the worst.
        machine_id: Where they run.
        thumbprints: Certificates whose loss stops them.
        why: Why, one line.
        since: Since when, such as ``since 2026-11-01``; empty where the disk does not say.
        key: Whether the key can be saved.
        uses: Rows of ``certificate_use``; none for a virtual machine.
        fault: What stops them; None for a virtual machine.
    """

    names: list[str]
    findings: list[Finding]
    causes: list[Finding]
    severity: Severity
    confidence: Confidence
    machine_id: int
    thumbprints: tuple[str, ...]
    why: str
    since: str
    key: str
    uses: tuple[CertificateUseRow, ...] = ()
    fault: Fault | None = None


class Doubt(NamedTuple):
    """Something of which the disk does not say whether it works.

    Attributes:
        machine_id: Where it runs.
        name: What it is called.
        reason: Why that is not known.
        use: Row of ``certificate_use``; None for a virtual machine.
    """

    machine_id: int
    name: str
    reason: str
    use: CertificateUseRow | None = None


@dataclass(slots=True)
class Services:
    """What :func:`services` returns.

    Attributes:
        down: What is down, the worst first.
        doubtful: What may be.
    """

    down: list[Down] = field(default_factory=list)
    doubtful: list[Doubt] = field(default_factory=list)


def services(case: CaseTables, facts: Facts, keys: Keys) -> Services:
    """Say what is down: services that cannot open their key or lack a valid certificate, machines that cannot start.

    Args:
        case: The case.
        facts: Its rows by what is looked for.
        keys: Its chains.
    """
    told = _Told(case, facts, keys)
    found = Services()
    groups: dict[tuple[int, str, str, Fault], list[tuple[CertificateUseRow, list[Finding]]]] = defaultdict(list)
    for number, use in enumerate(case.rows("certificate_use")):
        findings = told.about("certificate_use", number)
        fault = told.fault(use, findings)
        if fault is not None:
            groups[use.machine_id, use.thumbprint or use.container or use.label, told.why(use, fault), fault].append(
                (use, findings)
            )
        elif (reason := told.doubt(use, number)) is not None:
            found.doubtful.append(Doubt(use.machine_id, use.label or use.consumer, reason, use))
    found.down = [told.down(group, fault) for (_, _, _, fault), group in groups.items()]
    for number, vm in enumerate(case.rows("vm")):
        if vm.is_checkpoint:
            continue
        if vm.starts_here in ("no", "likely_no"):
            found.down.append(told.vm_down(vm, number))
        elif vm.starts_here == "unknown":
            name = sentence("virtual machine {name}", name=_vm_name(vm))
            found.doubtful.append(Doubt(vm.machine_id, name, vm.starts_because))
    found.down.sort(key=lambda d: (SEVERITIES.index(d.severity), CONFIDENCES.index(d.confidence)))
    return found


class _Told:
    """What a case says of its uses and virtual machines."""

    def __init__(self, case: CaseTables, facts: Facts, keys: Keys) -> None:
        self._case, self._facts, self._keys = case, facts, keys
        self._since = Since(case, facts)
        self._findings: dict[tuple[str, int], list[Finding]] = defaultdict(list)
        self._causes: dict[str, list[Finding]] = defaultdict(list)
        for finding in case.finding_list:
            for name in finding.consequences:
                self._causes[name].append(finding)
            for table, row in dict.fromkeys((evidence.table, evidence.row) for evidence in finding.evidence):
                if finding.subject_table in _SPEAK_OF.get(table, ()):
                    self._findings[table, row].append(finding)

    def about(self, table: str, number: int) -> list[Finding]:
        """Return what the rules found of a row, more than information."""
        return [f for f in self._findings[table, number] if f.verdict == "match" and f.severity != "info"]

    def fault(self, use: CertificateUseRow, findings: list[Finding]) -> Fault | None:
        """Return what stops a use; None where nothing does as far as is known."""
        is_left_over = use.certainty == "candidate" and all(finding.severity == "low" for finding in findings)
        if use.consumer in NOT_NOW or is_left_over:
            return None
        if findings and use.present is False:
            return "missing"
        if use.opens == "unusable" and (findings or self._is_sure(use)):
            return "unusable"
        return "ended" if findings and self._has_ended(use) else None

    def _is_sure(self, use: CertificateUseRow) -> bool:
        """Tell whether a key matters of which no rule speaks: a setting names it that was read whole."""
        return use.certainty != "candidate" and use.place == "present" and use.consumer not in _ELSEWHERE

    def _has_ended(self, use: CertificateUseRow) -> bool:
        return use.needs_valid is not False and self._end(use) is not None

    def _end(self, use: CertificateUseRow) -> str | None:
        chain = self._keys.of_use(use)
        ends = chain.not_after if chain is not None else None
        return day(ends) if ends is not None and ends < self._case.as_of else None

    def why(self, use: CertificateUseRow, fault: Fault) -> str:
        """Say what stops a use."""
        if fault == "missing" and use.thumbprint:
            return sentence(
                "its certificate {thumbprint} is not in store {store} on this disk",
                thumbprint=use.thumbprint,
                store=use.store or "?",
            )
        if fault == "ended":
            chain = self._keys.of_use(use)
            name = label(chain) if chain is not None else str(use.thumbprint)
            return sentence("its certificate {name} has ended", name=name)
        return use.opens_reason or sentence("its key does not open")

    def doubt(self, use: CertificateUseRow, number: int) -> str | None:
        """Say why it is not known whether a use works; None where it works, or nobody expects the disk to tell."""
        if use.consumer in (*NOT_NOW, *_ELSEWHERE) or use.certainty == "candidate":
            return None
        is_undecided = any(f.verdict == "unknown" for f in self._findings["certificate_use", number])
        if use.place == "partial" and (use.present is False or use.opens == "unusable" or self._has_ended(use)):
            return sentence("what names its certificate was read in part, and may be of yesterday")
        if use.present is False and use.thumbprint and is_undecided:
            return sentence("its certificate {thumbprint} was not found", thumbprint=use.thumbprint)
        if use.opens == "unknown" and use.present is not False:
            return use.opens_reason or sentence("whether its key opens is not known")
        return None

    def down(self, group: list[tuple[CertificateUseRow, list[Finding]]], fault: Fault) -> Down:
        """Put uses together that one fault stops."""
        use = group[0][0]
        chain = self._keys.of_use(use)
        since = self._since.logged(use.machine_id, use.thumbprint, use.key_file_path)
        if fault == "ended":
            since = sentence("since {date}", date=str(self._end(use)))
        elif fault == "unusable" and chain is not None:
            since = self._since.of_key(chain)
        return self._made(
            names=list(dict.fromkeys(one.label or one.consumer for one, _ in group)),
            findings=list({finding.id: finding for _, told in group for finding in told}.values()),
            machine_id=use.machine_id,
            thumbprints=(use.thumbprint,) if use.thumbprint else (),
            why=self.why(use, fault),
            since=since,
            key=fate(chain),
            uses=tuple(one for one, _ in group),
            fault=fault,
        )

    def vm_down(self, vm: VmRow, number: int) -> Down:
        """Say why a virtual machine does not start."""
        needs = tuple(vm.needs)
        chain = self._keys.best(vm.machine_id, needs[::2])
        left = self._keys.left_behind(vm.machine_id, needs[::2])
        down = self._made(
            names=[sentence("virtual machine {name}", name=_vm_name(vm))],
            findings=self.about("vm", number),
            machine_id=vm.machine_id,
            thumbprints=needs,
            why=vm.starts_because,
            since=self._since.of_key(chain) if chain is not None else "",
            key=fate(chain or left),
        )
        down.confidence = "likely" if vm.starts_here == "likely_no" else down.confidence
        return down

    def _made(
        self,
        names: list[str],
        findings: list[Finding],
        machine_id: int,
        thumbprints: tuple[str, ...],
        why: str,
        since: str,
        key: str,
        uses: tuple[CertificateUseRow, ...] = (),
        fault: Fault | None = None,
    ) -> Down:
        named = {(machine_id, name) for name in thumbprints}
        causes = [
            cause
            for cause in {c.id: c for f in findings for c in self._causes.get(f.id, ())}.values()
            if cause.subject_table == "machine" or any((cause.machine_id, s.id) in named for s in cause.subjects)
        ]
        worst = _worst([*findings, *(cause for cause in causes if cause.subject_table == "machine")])
        severity: Severity = worst.severity if worst is not None else "high"
        confidence: Confidence = worst.confidence if worst is not None else "proved"
        return Down(
            names, findings, causes, severity, confidence, machine_id, thumbprints, why, since, key, uses, fault
        )


_SPEAK_OF = {"certificate_use": ("certificate_use",), "vm": ("vm", "vm_guardian")}
"""Tables of the findings that say of a row of a table that it is down."""


def _worst(findings: Iterable[Finding]) -> Finding | None:
    return min(findings, key=lambda f: (SEVERITIES.index(f.severity), CONFIDENCES.index(f.confidence)), default=None)


def _vm_name(vm: VmRow) -> str:
    return vm.label or vm.name or vm.vm_id or vm.source_path
