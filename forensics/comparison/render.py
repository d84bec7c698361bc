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
from forensics.language import _, _n, listed, message, told
from forensics.report.accounted import head_lines
from forensics.report.facts import day, label
from forensics.report.folded_lines import FoldedText
from forensics.tables.machine import MachineRow
from forensics.tables.timestamps import format_utc, told_time

MOST = 50
"""Differences of one table that are listed."""

FATES = {
    "died": message("DIED: Windows could open these keys before, and cannot now"),
    "gone": message("GONE: certificates that are no longer there"),
    "undecided now": message("UNDECIDED NOW: what was examined says less than before"),
    "decided now": message("DECIDED NOW: undecided before"),
    "revived": message("WORKS AGAIN: could not be opened before"),
    "new": message("NEW: certificates that were not there before"),
}
_COUNTED = {
    "gone": message("{count} gone"),
    "undecided now": message("{count} undecided now"),
    "decided now": message("{count} decided now"),
    "revived": message("{count} revived"),
    "new": message("{count} new"),
}
TABLES = {
    "machine": message("Identity of the machine"),
    "secret": message("Secrets"),
    "master_key": message("Master keys"),
    "key_file": message("Key files"),
    "certificate": message("Certificates"),
    "service": message("Services"),
    "folder_acl": message("Access to key folders"),
    "provider": message("Providers"),
    "guardian": message("Guardians"),
    "vm": message("Virtual machines"),
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
        self.add(_("Before: {sources}", sources=sources(self.comparison.before)))
        for sentence in head_lines(self.comparison.before.sources):
            self.add(told(sentence), "  ")
        self.add(_("After:  {sources}", sources=sources(self.comparison.after)))
        for sentence in head_lines(self.comparison.after.sources):
            self.add(told(sentence), "  ")
        for machine in self.comparison.machines:
            self._machine(machine)
        return self.whole()

    def _machine(self, machine: MachineComparison) -> None:
        self.lines.append("")
        if machine.before is None or machine.after is None:
            row = machine.after or machine.before
            assert row is not None
            self.add(only_on_one_side(row, is_after=machine.after is not None))
            return
        for sentence in headline(machine):
            self.add(sentence)
        if len(self.comparison.machines) > 1:
            self.add(places(machine))
        for fate, heading in FATES.items():
            changes = [key for key in machine.keys if key.fate == fate]
            if changes:
                self.lines += ["", _(heading)]
            for cause, keys in by_cause(changes):
                if cause:
                    self.add(f"{told(cause)}:", "  ")
                for key in keys:
                    self._key(key)
        self._differences(machine)
        if machine.unexamined:
            self.lines.append("")
            names = unexamined(machine)
            self.add(_("Not compared, because one of the sources did not hold them: {tables}.", tables=names))

    def _key(self, change: KeyChange) -> None:
        self.add(key_name(change), "  - ")
        for sentence in key_notes(change):
            self.add(sentence, "    ")

    def _differences(self, machine: MachineComparison) -> None:
        for table, heading in TABLES.items():
            found = [d for d in machine.differences if d.table == table]
            if not found:
                continue
            self.lines += ["", _(heading)]
            for difference in found[:MOST]:
                for line in difference_told(difference):
                    self.add(line, "  - ")
            if len(found) > MOST:
                self.add(_("and {count} more: see --format json", count=len(found) - MOST), "  - ")


def only_on_one_side(row: MachineRow, is_after: bool) -> str:
    """Say that a machine was not compared."""
    values = {"name": row.computer_name or _("A Windows without a name"), "place": place_of(row)}
    if not values["place"]:
        if is_after:
            return _("{name} is only in the source after: not compared.", **values)
        return _("{name} is only in the source before: not compared.", **values)
    if is_after:
        return _("{name} is only in the source after ({place}): not compared.", **values)
    return _("{name} is only in the source before ({place}): not compared.", **values)


def headline(machine: MachineComparison) -> Iterator[str]:
    """Yield what matters first of a machine that is on both sides, one sentence each."""
    assert machine.after is not None
    if not machine.is_one_machine:
        yield _(
            "Likely two different machines: neither the computer's name nor its SID, its MachineGuid or any "
            "certificate with a private key is the same."
        )
    name = machine.after.computer_name or _("The machine")
    if not machine.differences and not machine.keys:
        yield _("{name}: nothing that was compared has changed.", name=name)
        return
    count: Counter[str] = Counter(key.fate for key in machine.keys)
    others = [_(_COUNTED[fate], count=count[fate]) for fate in _COUNTED if count[fate]]
    found = _n("{count} difference in all", "{count} differences in all", len(machine.differences))
    if count["died"] and not machine.differences:
        found = _("nothing else that was compared differs")
    yield _("{name}: {fates}; {differences}.", name=name, fates=listed([_died(count), *others]), differences=found)
    lost = sum(key.fate == "died" and key.after is not None and key.after.recoverable is False for key in machine.keys)
    if lost:
        yield _n(
            "{count} of them cannot be had from the later disk any more: keep the earlier one.",
            "{count} of them cannot be had from the later disk any more: keep the earlier one.",
            lost,
        )


def _died(count: Counter[str]) -> str:
    if count["died"]:
        return _n("{count} private key died", "{count} private keys died", count["died"])
    return _("no private key is known to have died") if count["undecided now"] else _("no private key died")


def places(machine: MachineComparison) -> str:
    """Return where a machine that is on both sides was found, which tells it from others of its name."""
    assert machine.before is not None
    assert machine.after is not None
    before, after = place_of(machine.before) or "?", place_of(machine.after) or "?"
    return _("Before: {before}; after: {after}.", before=before, after=after)


def place_of(row: MachineRow) -> str:
    """Return the source of an installation and, where it has one, its volume."""
    return listed(part for part in (row.source, row.volume) if part)


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
        return _(
            "the key of container {container}, without certificate, {path}",
            container=chain.container or "?",
            path=change.path,
        )
    values = {"name": label(chain), "store": chain.store, "thumbprint": chain.thumbprint}
    if chain.not_after is None:
        return _("{name}, store {store}, last day not read, {thumbprint}", **values)
    return _("{name}, store {store}, valid until {day}, {thumbprint}", day=day(chain.not_after), **values)


_STILL: dict[tuple[str | None, bool], str] = {
    (None, False): message("the private key can still be had from the later disk"),
    (None, True): message("the private key can still be had from the later disk, in {place}"),
    ("shadow_copy", False): message(
        "the private key can still be had from the later disk, by way of a shadow copy, as long as Windows keeps that: "
        "do not start this disk"
    ),
    ("shadow_copy", True): message(
        "the private key can still be had from the later disk, in {place}, by way of a shadow copy, as long as Windows "
        "keeps that: do not start this disk"
    ),
    ("deleted_file", False): message(
        "the private key can still be had from the later disk, by way of a deleted file, as long as nothing writes to "
        "this disk: do not start it"
    ),
    ("deleted_file", True): message(
        "the private key can still be had from the later disk, in {place}, by way of a deleted file, as long as "
        "nothing writes to this disk: do not start it"
    ),
}
"""What is told of a key that can be had, by what hangs on it and whether its place is known."""


def key_notes(change: KeyChange) -> Iterator[str]:
    """Yield what else to know of a key: when it lost its file, what would keep it shut, whether it can be had."""
    if change.lost:
        yield told(change.lost)
    if change.fate != "died" or change.after is None:
        return
    yield from (_("besides: {cause}", cause=told(cause)) for cause in change.also)
    if change.after.recoverable:
        place = change.after.recovery_place
        yield _(_STILL[change.after.hangs_on, bool(place)], place=place)
    elif change.after.recoverable is False:
        yield _("the private key is lost on the later disk: take it from the earlier one")


def unexamined(machine: MachineComparison) -> str:
    """Return the names of what was not compared."""
    return listed(_(TABLES[table]).lower() for table in machine.unexamined)


def difference_told(difference: Difference) -> Iterator[str]:
    """Yield what differs, one line a column."""
    if difference.change != "changed":
        added, removed = _("added: {label}", label=difference.label), _("removed: {label}", label=difference.label)
        yield added if difference.change == "added" else removed
        return
    for column, was, is_now in difference.columns:
        values = {"column": column, "before": _value(was), "after": _value(is_now)}
        if difference.table == "machine":
            yield _("{column} was {before}, is {after}", **values)
        else:
            yield _("{label}: {column} was {before}, is {after}", label=difference.label, **values)


def _value(value: object) -> str:
    if value is None:
        return _("(nothing)")
    if isinstance(value, datetime):
        return told_time(value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return listed(map(str, value)) or _("(nothing)") if isinstance(value, list) else told(str(value))


def sources(case: CaseTables) -> str:
    """Return the paths of what was named."""
    return listed(_named(case)) or _("(no source)")


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
