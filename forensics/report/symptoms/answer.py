"""The answer about an error code, an event or a message: recorded where, produced by what, and what it is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, ClassVar

from forensics.case_tables import CaseTables
from forensics.disk.evidence_files import EvidenceFiles
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.report.explain import UnknownSubjectError, find_chains
from forensics.report.facts import Facts
from forensics.report.named_machines import named_machines
from forensics.report.result import Result
from forensics.report.symptoms.causes import CAUSES, Cause
from forensics.report.symptoms.ground import Examined, Ground, speaks_of
from forensics.report.symptoms.key_checks import KEY_CHECKS, examine_keys
from forensics.report.symptoms.other_checks import OTHER_CHECKS
from forensics.report.symptoms.recognise import Asked, read_symptom
from forensics.report.symptoms.symptom import KnownCause
from forensics.tables.event import EventRow
from forensics.tables.finding import Finding
from forensics.tables.finding_json import as_json
from forensics.tables.machine import MachineRow
from forensics.tables.timestamps import format_utc

_EVENT_COLUMNS = ("provider", "event_id", "record_id", "error_code", "process", "key_name", "message", "source_path")


@dataclass(frozen=True)
class CauseAnswer:
    """What is known of one cause on one machine.

    Attributes:
        cause: The cause.
        known: How sure it is that it shows so, and by whose word.
        examined: What came of examining it.
        findings: What the rules say of it there, undecided findings not among them.
    """

    cause: Cause
    known: KnownCause
    examined: Examined
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class MachineAnswer:
    """What is known on one machine.

    Attributes:
        machine: The machine.
        events: Records of its event logs that have the code or id, the earliest first.
        causes: What is known to cause it, the likeliest first.
        keys: How many keys that certificates name were examined for them.
        unseen: Where keys may be named that were not seen, and why.
    """

    machine: MachineRow
    events: tuple[EventRow, ...]
    causes: tuple[CauseAnswer, ...]
    keys: int = 0
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class SymptomAnswer(Result):
    """What :func:`explain_symptom` returns.

    Attributes:
        case: The case.
        asked: What was asked about.
        machines: The answer for each machine.
    """

    case: CaseTables
    asked: Asked
    machines: tuple[MachineAnswer, ...]

    formats: ClassVar[tuple[str, ...]] = ("text", "json")

    @property
    def evidence(self) -> EvidenceFiles:
        return self.case.evidence

    @property
    def is_known(self) -> bool:
        """The code or event is in the catalogue."""
        return self.asked.symptom is not None

    @property
    def has_findings(self) -> bool:
        """Something on a disk produces it."""
        return any(told.examined.state == "found" for machine in self.machines for told in machine.causes)

    def _render(self, format: str, width: int | None) -> str:
        if format == "json":
            return json.dumps(_document(self), indent=1) + "\n"
        from forensics.report.symptoms.text import render_symptom

        return render_symptom(self, width)


def explain_symptom(case: CaseTables, symptom: str, *, machine: str | None = None) -> SymptomAnswer:
    """Say what produces an error, event or message of Windows on the disks of a case, and what was ruled out by what.

    Args:
        case: The case.
        symptom: An error code (``0x80090016``, ``-2146893802``), its name (``NTE_BAD_KEYSET``), an event
            (``event 1057``, ``Schannel 36870``), or a message ("Keyset does not exist"). Eight digits with which a
            thumbprint of the case begins are that certificate.
        machine: On this machine alone: name of a computer, or of its disk.

    Raises:
        UnknownSubjectError: It is none of these; a code or an event that is not known is answered.
        UnsuitableCaseError: No machine is called that.

    Examples:
        >>> import forensics
        >>> print(forensics.explain_symptom(forensics.open_case("case.sqlite"), "0x80090016"))
        0x80090016 NTE_BAD_KEYSET: Keyset does not exist.
        ...
    """
    machines = named_machines(case.present, machine)
    asked = read_symptom(symptom)
    if asked is None or (asked.is_bare and find_chains(case, symptom)):
        raise UnknownSubjectError(
            sentence("{symptom} is no error code, event or message that is known", symptom=repr(symptom))
        )
    case = case.present
    facts = Facts(case)
    meant = [row for row in case.rows("machine") if machines is None or row.machine_id in machines]
    return SymptomAnswer(case, asked, tuple(_of_machine(case, asked, row, facts) for row in meant))


def _of_machine(case: CaseTables, asked: Asked, machine: MachineRow, facts: Facts) -> MachineAnswer:
    ground = Ground(case, machine, facts)
    events = sorted(
        (row for row in ground.rows("event") if _is_asked(row, asked)),
        key=lambda row: (row.time is None, row.time, row.record_id or 0),
    )
    known = asked.symptom.causes if asked.symptom is not None else ()
    causes = tuple(_of_cause(ground, cause) for cause in known)
    unseen = (*ground.stores, *ground.settings) if causes else ()
    return MachineAnswer(machine, tuple(events), causes, len(ground.chains), unseen)


def _is_asked(row: EventRow, asked: Asked) -> bool:
    if asked.code is not None:
        return (row.error_code or "").lower() == f"0x{asked.code:x}"
    providers = asked.symptom.providers if asked.symptom is not None else ()
    return row.event_id == asked.event_id and (not providers or row.provider in providers)


def _of_cause(ground: Ground, known: KnownCause) -> CauseAnswer:
    cause = CAUSES[known.name]
    if known.name in KEY_CHECKS:
        examined = examine_keys(known.name, ground)
    elif known.name in OTHER_CHECKS:
        examined = OTHER_CHECKS[known.name](ground)
    else:
        examined = Examined("open", cause.why_open)
    findings: tuple[Finding, ...] = ()
    if examined.state == "found":
        findings = tuple(f for f in ground.findings(cause.rules) if speaks_of(f, examined.affected))
    return CauseAnswer(cause, known, examined, findings)


def roots_of(finding: Finding, findings: list[Finding]) -> list[Finding]:
    """Return the findings of which another is a consequence."""
    return [other for other in findings if finding.id in other.consequences and other.id not in finding.consequences]


def _document(told: SymptomAnswer) -> dict[str, Any]:
    asked, symptom = told.asked, told.asked.symptom
    named = {finding.id: finding for machine in told.machines for c in machine.causes for finding in c.findings}
    return {
        "format": 1,
        "as_of": format_utc(told.case.as_of),
        "asked": {
            "name": symptom.name if symptom else None,
            "code": None if asked.code is None else f"0x{asked.code:08X}",
            "event_id": asked.event_id,
            "meaning": symptom.meaning if symptom else None,
            "source": symptom.source if symptom else None,
        },
        "machines": [_machine_json(machine) for machine in told.machines],
        "findings": [as_json(finding) for finding in named.values()],
    }


def _machine_json(told: MachineAnswer) -> dict[str, Any]:
    return {
        "machine_id": told.machine.machine_id,
        "computer_name": told.machine.computer_name,
        "events": [
            {"time": format_utc(row.time) if row.time else None} | {name: getattr(row, name) for name in _EVENT_COLUMNS}
            for row in told.events
        ],
        "causes": [dict(_cause_json(cause)) for cause in told.causes],
        "keys": told.keys,
        "unseen": list(told.unseen),
    }


def _cause_json(told: CauseAnswer) -> Iterator[tuple[str, Any]]:
    yield "name", told.cause.name
    yield "title", told.cause.title
    yield "certainty", told.known.certainty
    yield "source", told.known.source
    yield "state", told.examined.state
    yield "because", told.examined.because
    yield "affected", [asdict(one) for one in told.examined.affected]
    yield "findings", [finding.id for finding in told.findings]
