"""What changed between two examinations, as text and as a JSON document: first the keys that died, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from forensics.case_tables import CaseTables
from forensics.comparison.compare import Comparison, MachineComparison
from forensics.comparison.deaths import KeyChange
from forensics.comparison.differences import Difference
from forensics.report.accounted import head_lines
from forensics.report.facts import day, label
from forensics.report.folded_lines import FoldedText
from forensics.tables.machine import MachineRow
from forensics.tables.timestamps import format_utc

MOST = 50
"""Differences of one table that are listed."""

FATES = {
    "died": "DIED: Windows could open these keys before, and cannot now",
    "gone": "GONE: certificates that are no longer there",
    "undecided now": "UNDECIDED NOW: what was examined says less than before",
    "decided now": "DECIDED NOW: undecided before",
    "revived": "WORKS AGAIN: could not be opened before",
    "new": "NEW: certificates that were not there before",
}
TABLES = {
    "machine": "Identity of the machine",
    "secret": "Secrets",
    "master_key": "Master keys",
    "key_file": "Key files",
    "certificate": "Certificates",
    "service": "Services",
    "folder_acl": "Access to key folders",
    "provider": "Providers",
    "guardian": "Guardians",
    "vm": "Virtual machines",
}


def render_comparison(comparison: Comparison, width: int | None = None) -> str:
    """Write the comparison.

    Args:
        comparison: The comparison.
        width: Columns to fold lines to; None leaves them whole.

    Returns:
        Lines, each ended by a newline; nothing from the disks can steer the terminal.
    """
    return _ComparisonText(comparison, width).render()


class _ComparisonText(FoldedText):
    def __init__(self, comparison: Comparison, width: int | None) -> None:
        super().__init__(width, 2000)
        self.comparison = comparison

    def render(self) -> str:
        self.add(f"Before: {sources(self.comparison.before)}")
        for sentence in head_lines(self.comparison.before.sources):
            self.add(sentence, "  ")
        self.add(f"After:  {sources(self.comparison.after)}")
        for sentence in head_lines(self.comparison.after.sources):
            self.add(sentence, "  ")
        for machine in self.comparison.machines:
            self._machine(machine)
        return self.whole()

    def _machine(self, machine: MachineComparison) -> None:
        self.lines.append("")
        if machine.before is None or machine.after is None:
            row = machine.after or machine.before
            assert row is not None
            when = "after" if machine.after else "before"
            name = row.computer_name or "A Windows without a name"
            where = f" ({place})" if (place := place_of(row)) else ""
            self.add(f"{name} is only in the source {when}{where}: not compared.")
            return
        for sentence in headline(machine):
            self.add(sentence)
        if len(self.comparison.machines) > 1:
            self.add(places(machine))
        for fate, heading in FATES.items():
            changes = [key for key in machine.keys if key.fate == fate]
            if changes:
                self.lines += ["", heading]
            for cause, keys in by_cause(changes):
                if cause:
                    self.add(f"{cause}:", "  ")
                for key in keys:
                    self._key(key)
        self._differences(machine)
        if machine.unexamined:
            self.lines.append("")
            self.add(f"Not compared, because one of the sources did not hold them: {unexamined(machine)}.")

    def _key(self, change: KeyChange) -> None:
        self.add(key_name(change), "  - ")
        for sentence in key_notes(change):
            self.add(sentence, "    ")

    def _differences(self, machine: MachineComparison) -> None:
        for table, heading in TABLES.items():
            found = [d for d in machine.differences if d.table == table]
            if not found:
                continue
            self.lines += ["", heading]
            for difference in found[:MOST]:
                for line in told(difference):
                    self.add(line, "  - ")
            if len(found) > MOST:
                self.add(f"and {len(found) - MOST} more: see --format json", "  - ")


def headline(machine: MachineComparison) -> Iterator[str]:
    """Yield what matters first of a machine that is on both sides, one sentence each."""
    assert machine.after is not None
    if not machine.is_one_machine:
        yield (
            "Likely two different machines: neither the computer's name nor its SID, its MachineGuid or any "
            "certificate with a private key is the same."
        )
    name = machine.after.computer_name or "The machine"
    if not machine.differences and not machine.keys:
        yield f"{name}: nothing that was compared has changed."
        return
    count: Counter[str] = Counter(key.fate for key in machine.keys)
    none = "no private key is known to have died" if count["undecided now"] else "no private key died"
    died = f"{_counted(count['died'], 'private key')} died" if count["died"] else none
    others = "".join(f", {count[fate]} {fate}" for fate in FATES if fate != "died" and count[fate])
    found = f"{_counted(len(machine.differences), 'difference')} in all"
    if count["died"] and not machine.differences:
        found = "nothing else that was compared differs"
    yield f"{name}: {died}{others}; {found}."
    lost = sum(key.fate == "died" and key.after is not None and key.after.recoverable is False for key in machine.keys)
    if lost:
        yield f"{lost} of them cannot be had from the later disk any more: keep the earlier one."


def places(machine: MachineComparison) -> str:
    """Return where a machine that is on both sides was found, which tells it from others of its name."""
    assert machine.before is not None
    assert machine.after is not None
    return f"Before: {place_of(machine.before) or '?'}; after: {place_of(machine.after) or '?'}."


def place_of(row: MachineRow) -> str:
    """Return the source of an installation and, where it has one, its volume."""
    return ", ".join(part for part in (row.source, row.volume) if part)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def by_cause(changes: Iterable[KeyChange]) -> Iterator[tuple[str, list[KeyChange]]]:
    """Yield changes by what explains them, most keys first; those that nothing explains (or need not) come last."""
    groups: dict[str, list[KeyChange]] = {}
    for change in changes:
        groups.setdefault(change.cause, []).append(change)
    yield from sorted(groups.items(), key=lambda group: (group[1][0].known_by != "values", -len(group[1])))


def key_name(change: KeyChange) -> str:
    """Return what to call a key: its certificate, or the container that a program uses by name."""
    chain = change.after or change.before
    assert chain is not None
    if chain.thumbprint is None:
        return f"the key of container {chain.container or '?'}, without certificate, {chain.key_file_path}"
    ends = f"valid until {day(chain.not_after)}" if chain.not_after else "last day not read"
    return f"{label(chain)}, store {chain.store}, {ends}, {chain.thumbprint}"


_HANGS = {
    "shadow_copy": ", by way of a shadow copy, as long as Windows keeps that: do not start this disk",
    "deleted_file": ", by way of a deleted file, as long as nothing writes to this disk: do not start it",
}


def key_notes(change: KeyChange) -> Iterator[str]:
    """Yield what else to know of a key: when it lost its file, what would keep it shut, whether it can be had."""
    if change.lost:
        yield change.lost
    if change.fate != "died" or change.after is None:
        return
    yield from (f"besides: {cause}" for cause in change.also)
    if change.after.recoverable:
        place = f", in {change.after.recovery_place}" if change.after.recovery_place else ""
        hangs = _HANGS.get(change.after.hangs_on or "", "")
        yield f"the private key can still be had from the later disk{place}{hangs}"
    elif change.after.recoverable is False:
        yield "the private key is lost on the later disk: take it from the earlier one"


def unexamined(machine: MachineComparison) -> str:
    """Return the names of what was not compared."""
    return ", ".join(TABLES[table].lower() for table in machine.unexamined)


def told(difference: Difference) -> Iterator[str]:
    """Yield what differs, one line a column."""
    if difference.change != "changed":
        yield f"{difference.change}: {difference.label}"
        return
    name = "" if difference.table == "machine" else f"{difference.label}: "
    for column, was, is_now in difference.columns:
        yield f"{name}{column} was {_value(was)}, is {_value(is_now)}"


def _value(value: object) -> str:
    if value is None:
        return "(nothing)"
    if isinstance(value, datetime):
        return format_utc(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) or "(nothing)" if isinstance(value, list) else str(value)


def sources(case: CaseTables) -> str:
    """Return the paths of what was named."""
    return ", ".join(_named(case)) or "(no source)"


def _named(case: CaseTables) -> list[str]:
    return [source.path for source in case.sources if source.found_in is None]


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as a JSON document."""
    return {
        "format": 1,
        "before": _named(comparison.before),
        "after": _named(comparison.after),
        "not_examined": {
            "before": head_lines(comparison.before.sources),
            "after": head_lines(comparison.after.sources),
        },
        "machines": [_machine_document(machine) for machine in comparison.machines],
    }


def _machine_document(machine: MachineComparison) -> dict[str, Any]:
    return {
        "before": machine.before.computer_name if machine.before else None,
        "after": machine.after.computer_name if machine.after else None,
        "before_source": machine.before.source if machine.before else None,
        "before_volume": machine.before.volume if machine.before else None,
        "after_source": machine.after.source if machine.after else None,
        "after_volume": machine.after.volume if machine.after else None,
        "is_one_machine": machine.is_one_machine,
        "compared": machine.before is not None and machine.after is not None,
        "keys": [_key_document(key) for key in machine.keys],
        "differences": [
            {
                "table": d.table,
                "change": d.change,
                "label": d.label,
                "columns": [{"name": c, "before": _plain(was), "after": _plain(now)} for c, was, now in d.columns],
            }
            for d in machine.differences
        ],
        "unexamined": list(machine.unexamined),
    }


def _key_document(key: KeyChange) -> dict[str, Any]:
    chain = key.after or key.before
    assert chain is not None
    return {
        "fate": key.fate,
        "thumbprint": chain.thumbprint,
        "subject": chain.subject,
        "store": chain.store,
        "store_scope": chain.store_scope,
        "owner_sid": chain.owner_sid,
        "verdict_before": key.before.verdict if key.before else None,
        "verdict_after": key.after.verdict if key.after else None,
        "broken_at": key.after.broken_at if key.after else None,
        "recoverable": key.after.recoverable if key.after else None,
        "container": chain.container,
        "key_file_path": chain.key_file_path,
        "cause": key.cause,
        "also": list(key.also),
        "known_by": key.known_by,
        "lost": key.lost,
    }


def _plain(value: object) -> object:
    return format_utc(value) if isinstance(value, datetime) else value
