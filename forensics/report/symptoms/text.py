"""The answer about an error code, an event or a message as text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from forensics.language import _n
from forensics.report.accounted import head_lines
from forensics.report.facts import Facts
from forensics.report.findings import LONGEST_LINE, head
from forensics.report.folded_lines import FoldedText
from forensics.report.symptoms.answer import CauseAnswer, MachineAnswer, SymptomAnswer, roots_of
from forensics.report.symptoms.ground import Affected, some
from forensics.report.symptoms.recognise import read_symptom
from forensics.sources.coverage import Coverage
from forensics.tables.event import EventRow
from forensics.tables.finding import Finding
from forensics.tables.record import CoverageRow
from forensics.tables.timestamps import told_time

MOST_EVENTS = 10
"""Display: records of event logs that are told one by one for each machine, the newest."""
MOST_AFFECTED = 10
"""Display: keys that are named for each cause."""

_THUMBPRINT = re.compile(r"[0-9A-F]{40}")


def render_symptom(told: SymptomAnswer, width: int | None) -> str:
    """Write the answer: what it is, where it was recorded, what produces it, what was ruled out and what was not.

    Args:
        told: The answer.
        width: Columns to fold to; None leaves lines whole.
    """
    text, facts = FoldedText(width, LONGEST_LINE), Facts(told.case)
    for line in head_lines(told.case.sources):
        text.add(line)
    _what_it_is(text, told)
    for machine in told.machines:
        if len(told.machines) > 1:
            text.lines.append("")
            where = facts.on(machine.machine.machine_id)
            text.add(f"{where[0].upper()}{where[1:]}")
        _recorded(text, told, machine)
        if told.is_known and machine.causes:
            _causes(text, told, machine)
    if not told.machines:
        text.add("No installation of Windows was examined, so nothing is found and nothing ruled out.")
    return text.whole()


def _what_it_is(text: FoldedText, told: SymptomAnswer) -> None:
    symptom = told.asked.symptom
    if symptom is None:
        text.add(f"{told.asked.called}: not known here, so no cause can be found or ruled out.")
        return
    text.add(f"{told.asked.called}: {symptom.meaning}.")
    text.add(symptom.source, "  ")
    if not symptom.causes:
        text.add("No cause of it is known that a disk shows.", "  ")


def _recorded(text: FoldedText, told: SymptomAnswer, machine: MachineAnswer) -> None:
    text.lines.append("")
    text.add("Where this disk recorded it")
    for row in machine.events[-MOST_EVENTS:]:
        text.add(_event(row), "  ", "    ")
    if len(machine.events) > MOST_EVENTS:
        text.add(
            _n(
                "and {count} earlier one: see --format json",
                "and {count} earlier ones: see --format json",
                len(machine.events) - MOST_EVENTS,
            ),
            "  ",
        )
    if codes := _codes(told, machine):
        text.add(f"The codes in these records say more, ask for them too: {', '.join(codes)}.", "  ")
    for sentence in _logs(told.case.coverage_of(machine.machine), bool(machine.events)):
        text.add(sentence, "  ")


def _codes(told: SymptomAnswer, machine: MachineAnswer) -> list[str]:
    """Return the codes in the records of an event of which causes are known."""
    if told.asked.code is not None:
        return []
    codes = dict.fromkeys(row.error_code for row in machine.events if row.error_code)
    asked = [read_symptom(code) for code in codes]
    return [one.called for one in asked if one is not None and one.symptom is not None]


def _event(row: EventRow) -> str:
    when = told_time(row.time) if row.time else "(no time)"
    named = [f"process {row.process}"] if row.process else []
    named += [f"key {row.key_name}"] if row.key_name else []
    named += [row.error_code] if row.error_code else []
    told = f": {row.message}" if row.message else ""
    return ", ".join([f"{when} {row.provider} {row.event_id}", *named]) + told


def _logs(coverage: Coverage, is_recorded: bool) -> Iterator[str]:
    """Say in which logs it was looked for, where it was not found, and which of them were not read whole."""
    logs = [row for row in coverage if row.area == "log" and row.name.endswith(".evtx")]
    read = [row.name for row in logs if row.outcome in ("present", "partial")]
    if not is_recorded and read:
        yield f"No record of it in what was read: {some(read)}."
    if not is_recorded and not read:
        none = (
            "This disk holds no event log" if all(row.outcome == "absent" for row in logs) else "No event log was read"
        )
        yield f"{none}: whether it happened here is not known."
    unseen = [row for row in logs if row.outcome not in ("present", "absent")]
    if unseen:
        yield f"Not read whole: {some([_unseen(row) for row in unseen])}."


def _unseen(row: CoverageRow) -> str:
    return f"{row.name} ({row.detail or row.outcome})"


def _causes(text: FoldedText, told: SymptomAnswer, machine: MachineAnswer) -> None:
    found = [cause for cause in machine.causes if cause.examined.state == "found"]
    text.lines.append("")
    text.add("What on this disk produces it")
    text.add(_examined(machine.keys), "  ")
    if not found:
        text.add("Nothing of what is known to cause it was found.", "  ")
    listed = {finding.id for cause in found for finding in cause.findings}
    for cause in found:
        _found(text, told, cause, listed)
    if any(_THUMBPRINT.fullmatch(one.id) for cause in found for one in cause.examined.affected):
        text.add("More about a key, and what repairs it: the same command with its thumbprint in place of this.", "  ")
    if any(cause.findings for cause in found):
        text.add("The findings whole: keymortem examine.", "  ")
    for state, title in (
        ("ruled_out", "Ruled out as the disk stands, and by what"),
        ("open", "Not ruled out, and why"),
    ):
        others = [cause for cause in machine.causes if cause.examined.state == state]
        if others:
            text.lines.append("")
            text.add(title)
        for cause in others:
            text.add(f"- {cause.cause.title}{_sure(cause)}: {cause.examined.because}.", "  ")
    if machine.unseen and any(cause.examined.state == "open" for cause in machine.causes):
        text.add("Not seen whole:", "  ")
        for sentence in machine.unseen:
            text.add(f"- {sentence}", "    ")


def _examined(keys: int) -> str:
    if not keys:
        return "No certificate on this disk names a key."
    return "Examined: the one key that a certificate names." if keys == 1 else f"Examined: {keys} keys of certificates."


def _sure(cause: CauseAnswer) -> str:
    return "" if cause.known.certainty == "documented" else " (likely shows so)"


def _found(text: FoldedText, told: SymptomAnswer, cause: CauseAnswer, listed: Collection[str]) -> None:
    shows = "documented to show so" if cause.known.certainty == "documented" else "likely shows so"
    text.add(f"{cause.cause.title} ({shows})", "  ")
    text.add(cause.known.source, "    ")
    subjects = {subject.id for finding in cause.findings for subject in finding.subjects}
    affected = {one.id: one for one in cause.examined.affected}
    for finding in cause.findings:
        text.add(head(finding), "    ")
        _affected(
            text,
            [affected.get(s.id, Affected(s.id, s.label)) for s in finding.subjects if _speaks(finding, s.id, affected)],
        )
        roots = roots_of(finding, told.case.finding_list)
        for root in (root for root in roots if root.id not in listed):
            text.add(f"because of: {root.title} [{root.rule}]", "      ")
    rest = [one for one in cause.examined.affected if one.id not in subjects]
    if rest and not any(finding.subject_table == "machine" for finding in cause.findings):
        _affected(text, rest)
    if cause.examined.because:
        text.add(f"Beside that: {cause.examined.because}.", "    ")


def _speaks(finding: Finding, subject: str, affected: dict[str, Affected]) -> bool:
    return subject in affected or not any(s.id in affected for s in finding.subjects)


def _affected(text: FoldedText, affected: list[Affected]) -> None:
    for one in affected[:MOST_AFFECTED]:
        name = one.label if one.label == one.id else f"{one.label}, {one.id}"
        behind = f"; shows once its chain no longer breaks at {one.behind}" if one.behind else ""
        text.add(f"- {name}{behind}", "      ")
    if len(affected) > MOST_AFFECTED:
        text.add(f"- and {len(affected) - MOST_AFFECTED} more: see --format json", "      ")
