"""The answer about an error code, an event or a message as text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from forensics.language import _, _n, joined, listed, sentence
from forensics.language import told as said
from forensics.report.accounted import head_lines
from forensics.report.facts import Facts
from forensics.report.findings import LONGEST_LINE, head
from forensics.report.folded_lines import FoldedText
from forensics.report.symptoms.answer import CauseAnswer, MachineAnswer, SymptomAnswer, roots_of
from forensics.report.symptoms.ground import Affected, some
from forensics.report.symptoms.recognise import read_symptom
from forensics.report.words import word
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
        text.add(said(line))
    _what_it_is(text, told)
    for machine in told.machines:
        if len(told.machines) > 1:
            text.lines.append("")
            text.add(facts.before(machine.machine.machine_id, with_place=True).removesuffix(": "))
        _recorded(text, told, machine)
        if told.is_known and machine.causes:
            _causes(text, told, machine)
    if not told.machines:
        text.add(_("No installation of Windows was examined, so nothing is found and nothing ruled out."))
    return text.whole()


def _what_it_is(text: FoldedText, told: SymptomAnswer) -> None:
    symptom = told.asked.symptom
    if symptom is None:
        text.add(_("{name}: not known here, so no cause can be found or ruled out.", name=told.asked.called))
        return
    text.add(_("{name}: {meaning}.", name=told.asked.called, meaning=symptom.meaning))
    text.add(symptom.source, "  ")
    if not symptom.causes:
        text.add(_("No cause of it is known that a disk shows."), "  ")


def _recorded(text: FoldedText, told: SymptomAnswer, machine: MachineAnswer) -> None:
    text.lines.append("")
    text.add(_("Where this disk recorded it"))
    for row in machine.events[-MOST_EVENTS:]:
        text.add(_event(row), "  ", "    ")
    if len(machine.events) > MOST_EVENTS:
        count = len(machine.events) - MOST_EVENTS
        text.add(
            _n(
                "and {count} earlier one: see --format json",
                "and {count} earlier ones: see --format json",
                count,
            ),
            "  ",
        )
    if codes := _codes(told, machine):
        text.add(_("The codes in these records say more, ask for them too: {codes}.", codes=listed(codes)), "  ")
    for line in _logs(told.case.coverage_of(machine.machine), bool(machine.events)):
        text.add(line, "  ")


def _codes(told: SymptomAnswer, machine: MachineAnswer) -> list[str]:
    """Return the codes in the records of an event of which causes are known."""
    if told.asked.code is not None:
        return []
    codes = dict.fromkeys(row.error_code for row in machine.events if row.error_code)
    asked = [read_symptom(code) for code in codes]
    return [one.called for one in asked if one is not None and one.symptom is not None]


def _event(row: EventRow) -> str:
    when = told_time(row.time) if row.time else _("(no time)")
    named = [_("process {name}", name=row.process)] if row.process else []
    named += [_("key {name}", name=row.key_name)] if row.key_name else []
    named += [row.error_code] if row.error_code else []
    message = f": {said(row.message)}" if row.message else ""
    return listed([f"{when} {row.provider} {row.event_id}", *named]) + message


def _logs(coverage: Coverage, is_recorded: bool) -> Iterator[str]:
    """Say in which logs it was looked for, where it was not found, and which of them were not read whole."""
    logs = [row for row in coverage if row.area == "log" and row.name.endswith(".evtx")]
    read = [row.name for row in logs if row.outcome in ("present", "partial")]
    if not is_recorded and read:
        yield _("No record of it in what was read: {logs}.", logs=some(read))
    if not is_recorded and not read and all(row.outcome == "absent" for row in logs):
        yield _("This disk holds no event log: whether it happened here is not known.")
    elif not is_recorded and not read:
        yield _("No event log was read: whether it happened here is not known.")
    unseen = [row for row in logs if row.outcome not in ("present", "absent")]
    if unseen:
        yield _("Not read whole: {logs}.", logs=some([_unseen(row) for row in unseen]))


def _unseen(row: CoverageRow) -> str:
    return sentence("{log} ({why})", log=row.name, why=row.detail or word(row.outcome))


def _causes(text: FoldedText, told: SymptomAnswer, machine: MachineAnswer) -> None:
    found = [cause for cause in machine.causes if cause.examined.state == "found"]
    text.lines.append("")
    text.add(_("What on this disk produces it"))
    text.add(_examined(machine.keys), "  ")
    if not found:
        text.add(_("Nothing of what is known to cause it was found."), "  ")
    told_here = {finding.id for cause in found for finding in cause.findings}
    for cause in found:
        _found(text, told, cause, told_here)
    if any(_THUMBPRINT.fullmatch(one.id) for cause in found for one in cause.examined.affected):
        text.add(
            _("More about a key, and what repairs it: the same command with its thumbprint in place of this."), "  "
        )
    if any(cause.findings for cause in found):
        text.add(_("The findings whole: keymortem examine."), "  ")
    for state, title in (
        ("ruled_out", _("Ruled out as the disk stands, and by what")),
        ("open", _("Not ruled out, and why")),
    ):
        others = [cause for cause in machine.causes if cause.examined.state == state]
        if others:
            text.lines.append("")
            text.add(title)
        for cause in others:
            text.add(f"- {_other(cause)}", "  ")
    if machine.unseen and any(cause.examined.state == "open" for cause in machine.causes):
        text.add(_("Not seen whole:"), "  ")
        for place in machine.unseen:
            text.add(f"- {said(place)}", "    ")


def _examined(keys: int) -> str:
    if not keys:
        return _("No certificate on this disk names a key.")
    if keys == 1:
        return _("Examined: the one key that a certificate names.")
    return _("Examined: {count} keys of certificates.", count=keys)


def _other(cause: CauseAnswer) -> str:
    """Say of a cause that was not found why not."""
    title, why = cause.cause.title, cause.examined.because
    if cause.known.certainty == "documented":
        return _("{cause}: {why}.", cause=title, why=why)
    return _("{cause} (likely shows so): {why}.", cause=title, why=why)


def _found(text: FoldedText, told: SymptomAnswer, cause: CauseAnswer, listed: Collection[str]) -> None:
    if cause.known.certainty == "documented":
        text.add(_("{cause} (documented to show so)", cause=cause.cause.title), "  ")
    else:
        text.add(_("{cause} (likely shows so)", cause=cause.cause.title), "  ")
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
            text.add(_("because of: {title} [{rule}]", title=root.title, rule=root.rule), "      ")
    rest = [one for one in cause.examined.affected if one.id not in subjects]
    if rest and not any(finding.subject_table == "machine" for finding in cause.findings):
        _affected(text, rest)
    if cause.examined.because:
        text.add(_("Beside that: {why}.", why=cause.examined.because), "    ")


def _speaks(finding: Finding, subject: str, affected: dict[str, Affected]) -> bool:
    return subject in affected or not any(s.id in affected for s in finding.subjects)


def _affected(text: FoldedText, affected: list[Affected]) -> None:
    for one in affected[:MOST_AFFECTED]:
        name = said(one.label if one.label == one.id else joined([one.label, one.id], ", "))
        if one.behind:
            name = _("{name}; shows once its chain no longer breaks at {link}", name=name, link=word(one.behind))
        text.add(f"- {name}", "      ")
    if len(affected) > MOST_AFFECTED:
        text.add(f"- {_('and {count} more: see --format json', count=len(affected) - MOST_AFFECTED)}", "      ")
