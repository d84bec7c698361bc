"""What ``keymortem examine`` prints first, on 25 lines at most: what is down, what to do, and what is not known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from forensics.case_tables import CaseTables
from forensics.report.accounted import doubts, examined_line, has_several_disks
from forensics.report.accounted import not_examined as unexamined
from forensics.report.facts import Facts, day
from forensics.report.first_screen.down import down_entry
from forensics.report.first_screen.entries import SECTIONS, Entry, Section, columns, cut
from forensics.report.first_screen.found import also_found
from forensics.report.first_screen.layout import height, place
from forensics.report.first_screen.prospects import WITHIN, ends_soon, not_examined, not_known, savable
from forensics.report.folded_lines import fold
from forensics.report.former import NOTHING_OF_TODAY, former_lines, is_former_only
from forensics.report.outages.keys import Keys
from forensics.report.outages.services import services
from forensics.report.profiles import IN_A_SESSION, computers_of, introduced_profile, is_profile, only_profiles
from forensics.report.stores import no_certificate
from forensics.report.terminal import in_bold, in_colour
from forensics.report.triage import triage
from forensics.report.unanswered import unanswered_line
from forensics.report.undecided import lack_of_evidence
from forensics.tables.finding import SEVERITIES, Severity
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from forensics.tables.source import leaves

if TYPE_CHECKING:
    from forensics.report.disk_table.row import DiskRow

LINES = 25
"""Display: lines of a terminal that the first screen fills at most."""
NARROWEST = 40
"""Display: columns of a terminal; on a narrower one lines are wrapped by it."""
MOST_MACHINES = 4
"""Display: machines that the first screen names with what they are; the others it counts."""
MOST_FORMER = 2
"""Display: former installations that the first screen names; the whole text names all."""
_SAVABLE = "KEYS YOU CAN STILL SAVE (keymortem recover)"


def render_screen(
    case: CaseTables, width: int | None = None, styled: bool = False, min_severity: Severity | None = None
) -> str:
    """Write the first screen.

    Args:
        case: The case.
        width: Columns of the terminal, to which lines are cut; None for a pipe or a file, where they stay whole.
        styled: Set headings in bold and severities in colour with terminal escapes.
        min_severity: Leave out services and findings that are less severe, and say how many.

    Returns:
        Lines, each ended by a newline; nothing from the disk can steer the terminal.
    """
    lines = FirstScreen(case, min_severity).lines(width, styled)
    return "".join(f"{line}\n" for line in lines)


class FirstScreen:
    """What a case has to tell first.

    Args:
        case: The case.
        min_severity: What is less severe is left out and counted.

    Attributes:
        sections: What it has to tell, in this order; those that are empty are left out.
    """

    def __init__(self, case: CaseTables, min_severity: Severity | None = None) -> None:
        self._case = case = case.present
        self._facts = Facts(case)
        self._triage = triage(case)
        self._min_severity = min_severity
        self._left_out = Counter[str]()
        self.sections: Sequence[Section] = self._told()

    def lines(self, width: int | None, styled: bool = False, ends_text: bool = False) -> list[str]:
        """Return at most :data:`LINES` lines.

        Args:
            width: Columns of the terminal; None where lines have no end.
            styled: Set headings in bold and severities in colour.
            ends_text: It stands at the end of the whole text, to which a reader is sent for more.
        """
        width = None if width is None else max(width, NARROWEST)
        head = self._head(width)
        if ends_text:
            head[0] = in_bold("IN SHORT") if styled else "IN SHORT"
        last = [] if ends_text or self._case.is_empty else [cut(self._last(), width)]
        room = LINES - height([*head, *last], width)
        placed = place(self.sections, room, width, "above" if ends_text else "-v")
        told = [[cut(heading, width), *lines] for heading, *lines in (one.lines() for one in placed)]
        if not styled:
            return [*head, *(line for lines in told for line in lines), *last]
        coloured = ((in_bold(heading), *map(in_colour, lines)) for heading, *lines in told)
        return [*head, *(line for lines in coloured for line in lines), *last]

    def section(self, name: str, width: int | None, styled: bool = False) -> list[str]:
        """Return one section, whole; of one that has nothing to tell, that it has not."""
        section = next((one for one in self.sections if one.name == name), None)
        less = [f"  - {self._less_severe(self._left_out[name])}"] if self._left_out[name] else []
        if section is None:
            return [*fold(SECTIONS[name], width, "", "  "), *less]
        heading = fold(section.head, width, "", "  ")
        lines = [*(line for entry in section.entries for line in entry.whole(width)), *less]
        return [*map(in_bold, heading), *map(in_colour, lines)] if styled else [*heading, *lines]

    def _told(self) -> list[Section]:
        case, facts, where = self._case, self._facts, self._where
        stopped = services(case, facts, Keys(case))
        down = self._down = self._severe("services", (down_entry(one, where(one.machine_id)) for one in stopped.down))
        self._ending = ends_soon(case, facts, where)
        found = self._severe("found", also_found(case, facts, self._triage, stopped.down, self._ending.told, where))
        savable_ones = [chain for chain in case.rows("key_chain") if chain.recoverable]
        sections = [
            Section("services", "SERVICES DOWN", down, _severities(down), share=5, in_full=5),
            Section("found", "ALSO FOUND" if stopped.down else "FOUND", found, _severities(found), share=3),
            Section("not-known", "NOT KNOWN WHETHER THEY WORK", list(not_known(stopped.doubtful, where)), share=1),
            Section("savable", _SAVABLE, list(savable(case, facts, where)), _beside_savable(savable_ones)),
            Section("ending", f"ENDS WITHIN {WITHIN.days} DAYS", self._ending.entries, self._besides()),
            Section("not-examined", "NOT EXAMINED, OR IN PART", list(not_examined(case, facts, self._triage, where))),
        ]
        return [replace(section, entries=_shared(section.entries)) for section in sections if section.entries]

    def _severe(self, name: str, entries: Iterable[Entry]) -> list[Entry]:
        """Leave out and count what is less severe than what is wanted."""
        told = list(entries)
        if self._min_severity is None:
            return told
        least = SEVERITIES.index(self._min_severity)
        kept = [one for one in told if one.severity is None or SEVERITIES.index(one.severity) <= least]
        self._left_out[name] += sum(one.weight for one in told) - sum(one.weight for one in kept)
        return kept

    def _where(self, machine_id: int) -> str:
        has_others = len(self._case.rows("machine")) > 1
        return f"{self._facts.machine_name(machine_id)}: " if machine_id and has_others else ""

    def _head(self, width: int | None) -> list[str]:
        case = self._case
        title = self._title()
        if case.is_empty:
            return [cut(line, width) for line in (*title, "Nothing could be examined.")]
        title += filter(None, [unanswered_line(case)])
        former = [*former_lines(case)][:MOST_FORMER]
        before, after = [*title, *doubts(case.sources)[:1]], [*former, self._keys(), self._findings()]
        return [*(cut(line, width) for line in before), *self._machines(width), *(cut(line, width) for line in after)]

    def _title(self) -> list[str]:
        sources = self._case.sources
        title = f"keymortem {self._case.tool_version}, as of {day(self._case.as_of)}"
        all_of_it, left_out = leaves(sources), unexamined(sources)
        if left_out and len(all_of_it) > 1:
            return [title, examined_line(sources)]
        counted = f". Examined {len(all_of_it) - len(left_out)} of {len(all_of_it)}."
        return [f"{title}{counted}" if all_of_it else title]

    def _machines(self, width: int | None) -> list[str]:
        if has_several_disks(self._case.sources):
            return self._disks(width)
        rows: list[MachineRow] = self._case.rows("machine")
        down = Counter[int]()
        for entry in self._down:
            down[entry.machine_id] += entry.weight
        if len(rows) > 1:
            rows = sorted(rows, key=lambda row: -down[row.machine_id])
        several = len(rows) > 1
        named = rows[:MOST_MACHINES] if len(rows) > MOST_MACHINES else rows
        lines = [self._machine(row, width, f" ({down[row.machine_id]} down)" if several else "") for row in named]
        lines += [told for row in (named if not several else ()) if (told := computers_of(row))]
        if rest := rows[len(named) :]:
            of = f" ({sum(down[row.machine_id] for row in rest)} down)"
            lines.append(f"and {len(rest)} more{of}: {', '.join(self._facts.machine_name(r.machine_id) for r in rest)}")
        return [cut(line, width) for line in lines]

    def _disks(self, width: int | None) -> list[str]:
        from forensics.report.disk_table.rows import disk_rows
        from forensics.report.disk_table.text import table_lines

        rows = sorted(disk_rows(self._case), key=lambda row: row.rank)
        named = rows[:MOST_MACHINES] if len(rows) > MOST_MACHINES + 1 else rows
        lines = table_lines(named, width)
        if rest := rows[len(named) :]:
            of = f" ({sum(len(row.down) for row in rest)} down)"
            names = ", ".join(self._called(row) for row in rest)
            lines.append(cut(f"and {len(rest)} more{of}: {names}", width))
        return lines

    def _called(self, row: DiskRow) -> str:
        return self._facts.machine_name(row.machine_id) if row.machine_id else row.source

    def _machine(self, row: MachineRow, width: int | None, down: str) -> str:
        place = self._facts.place(row.machine_id, with_volume=len(self._case.rows("machine")) > 1)
        if width is not None:
            place = place.replace("\\", "/").rsplit("/", 1)[-1]
        if is_profile(row):
            whole = introduced_profile(row)
            fits = width is None or columns(f"{whole}, in {place}") <= width
            return cut(whole if fits else introduced_profile(row, with_sids=False), width, "", f", in {place}")
        product = row.product_name or "Windows (product name not read)"
        build = f" build {row.build}" if row.build else ""
        domain = f", domain {row.domain_name}" if row.domain_name else ""
        what = f"{self._facts.computer(row.machine_id)}{down}: {product}{build}{domain}"
        return cut(what, width, "", f", in {place}")

    def _keys(self) -> str:
        case, t = self._case, self._triage
        if is_former_only(case):
            return NOTHING_OF_TODAY
        if not case.rows("machine"):
            return "No Windows installation here: exported virtual machines only."
        if not t.judged:
            return no_certificate(case)
        unknown = t.in_force(t.unknown)
        broken = lack_of_evidence(case, unknown, self._facts).broken
        counts = f"{len(t.in_force(t.broken))} {broken}, {len(t.in_force((*t.well, *t.too_open)))} usable"
        certificates = "certificate" if t.keys == 1 else "certificates"
        return f"Keys of {t.keys} {certificates}: {counts}, {len(unknown)} undecided; {len(t.expired)} expired."

    def _findings(self) -> str:
        """Count what the rules found, and say what is not down."""
        told = {section.name for section in self.sections}
        left_out = self._left_out.total()
        less = f" {self._less_severe(left_out)}." if left_out else ""
        if not told and not less:
            besides = f" ({self._ending.cared_for})" if self._ending.cared_for else ""
            nothing = "Nothing is wrong" if only_profiles(self._case) else "Nothing is down or wrong"
            return f"{nothing}. Ends in {WITHIN.days} days: none{besides}."
        counts = Counter(f.severity if f.verdict == "match" else "undecided" for f in self._case.finding_list)
        told_counts = [f"{counts[name]} {name}" for name in (*SEVERITIES[:-1], "undecided") if counts[name]]
        says_nothing = "services" in told or less or only_profiles(self._case)
        none_down = "" if says_nothing else "No service is known to be down. "
        return f"{none_down}Findings: {', '.join(told_counts) or 'none'}.{less}"

    def _less_severe(self, count: int) -> str:
        return f"{count} less severe than {self._min_severity} left out"

    def _besides(self) -> str:
        return f"and {self._ending.cared_for}" if self._ending.cared_for else ""

    def _last(self) -> str:
        has_commands = any(e.step is not None and e.step.is_command for s in self.sections for e in s.entries)
        before = ", and of each command what to know before it is run" if has_commands else ""
        where = f" {IN_A_SESSION}" if has_commands and only_profiles(self._case) else ""
        return f"More: -v tells all{before}.{where}"


def _beside_savable(chains: Sequence[KeyChainRow]) -> str:
    hanging = sum(chain.hangs_on is not None for chain in chains)
    nameless = sum(chain.thumbprint is None for chain in chains)
    lost = f"do not start this disk: {hanging} {'hangs' if hanging == 1 else 'hang'} on what Windows may delete"
    return ", ".join([lost] * bool(hanging) + [f"and {nameless} of no certificate"] * bool(nameless))


def _severities(entries: Sequence[Entry]) -> str:
    counts: Counter[str] = Counter()
    for entry in entries:
        counts[entry.severity or "without a rule"] += entry.weight
    return ", ".join(f"{counts[name]} {name}" for name in (*SEVERITIES, "without a rule") if counts[name])


def _shared(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries with the first of each machine before the second of any: all share the screen."""
    seen: Counter[int] = Counter()
    ranked = []
    for entry in entries:
        ranked.append((seen[entry.machine_id], entry))
        seen[entry.machine_id] += 1
    return [entry for _, entry in sorted(ranked, key=lambda one: one[0])]
