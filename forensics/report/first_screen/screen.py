"""What ``keymortem examine`` prints first, on 25 lines at most: what is down, what to do, and what is not known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from forensics.case_tables import CaseTables
from forensics.language import _, _n, joined, listed, message, told
from forensics.language.folding import columns
from forensics.report.accounted import doubts, examined_line, has_several_disks
from forensics.report.accounted import not_examined as unexamined
from forensics.report.facts import Facts, day, product
from forensics.report.findings import left_out
from forensics.report.first_screen.down import down_entry
from forensics.report.first_screen.entries import SECTIONS, Entry, Section, cut
from forensics.report.first_screen.found import also_found
from forensics.report.first_screen.layout import height, place
from forensics.report.first_screen.prospects import WITHIN, ends_soon, not_examined, not_known, savable
from forensics.report.folded_lines import fold
from forensics.report.former import NOTHING_OF_TODAY, former_lines, is_former_only
from forensics.report.named import named, sentences
from forensics.report.outages.keys import Keys
from forensics.report.outages.services import services
from forensics.report.profiles import IN_A_SESSION, computers_of, introduced_profile, is_profile, only_profiles
from forensics.report.stores import no_certificate
from forensics.report.terminal import in_bold, in_colour
from forensics.report.triage import triage
from forensics.report.unanswered import unanswered_line
from forensics.report.undecided import lack_of_evidence
from forensics.report.words import word
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
MOST_KEPT_OFF = 2
"""Display: machines that the first screen names of those that must not be started; the others it counts."""
_IN_SHORT = message("IN SHORT")


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
            head[0] = in_bold(_(_IN_SHORT)) if styled else _(_IN_SHORT)
        last = [] if ends_text or self._case.is_empty else [cut(self._last(), width)]
        room = LINES - height([*head, *last], width)
        placed = place(self.sections, room, width, _("above") if ends_text else "-v")
        told = [[cut(heading, width), *lines] for heading, *lines in (one.lines() for one in placed)]
        if not styled:
            return [*head, *(line for lines in told for line in lines), *last]
        coloured = ((in_bold(heading), *map(in_colour, lines)) for heading, *lines in told)
        return [*head, *(line for lines in coloured for line in lines), *last]

    def section(self, name: str, width: int | None, styled: bool = False) -> list[str]:
        """Return one section, whole; of one that has nothing to tell, that it has not."""
        section = next((one for one in self.sections if one.name == name), None)
        less = [f"  - {left_out(self._left_out[name], str(self._min_severity))}"] if self._left_out[name] else []
        if section is None:
            return [*fold(_(SECTIONS[name]), width, "", "  "), *less]
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
            Section("services", _("SERVICES DOWN"), down, _severities(down), share=5, in_full=5),
            Section("found", _("ALSO FOUND") if stopped.down else _("FOUND"), found, _severities(found), share=3),
            Section("not-known", _("NOT KNOWN WHETHER THEY WORK"), list(not_known(stopped.doubtful, where)), share=1),
            Section(
                "savable",
                _("KEYS YOU CAN STILL SAVE (keymortem recover)"),
                list(savable(case, facts, where)),
                self._beside_savable(savable_ones),
            ),
            Section("ending", _("ENDS WITHIN {days} DAYS", days=WITHIN.days), self._ending.entries, self._besides()),
            Section(
                "not-examined",
                _("NOT EXAMINED, OR IN PART"),
                list(not_examined(case, facts, self._triage, where)),
            ),
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
        return f"{told(self._facts.machine_name(machine_id))}: " if machine_id and has_others else ""

    def _head(self, width: int | None) -> list[str]:
        case = self._case
        title = self._title()
        if case.is_empty:
            return [cut(line, width) for line in (*title, _("Nothing could be examined."))]
        title += filter(None, [told(unanswered_line(case))])
        former = [told(line) for line in [*former_lines(case)][:MOST_FORMER]]
        before = [*title, *map(told, doubts(case.sources)[:1])]
        after = [*former, self._keys(), self._findings()]
        return [*(cut(line, width) for line in before), *self._machines(width), *(cut(line, width) for line in after)]

    def _title(self) -> list[str]:
        sources = self._case.sources
        version, date = self._case.tool_version, day(self._case.as_of)
        title = _("keymortem {version}, as of {date}", version=version, date=date)
        all_of_it, not_seen = leaves(sources), unexamined(sources)
        if not_seen and len(all_of_it) > 1:
            return [title, told(examined_line(sources))]
        if not all_of_it:
            return [title]
        return [
            _(
                "keymortem {version}, as of {date}. Examined {count} of {total}.",
                version=version,
                date=date,
                count=len(all_of_it) - len(not_seen),
                total=len(all_of_it),
            )
        ]

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
        lines = [self._machine(row, width, down[row.machine_id] if several else None) for row in named]
        lines += [told(guids) for row in (named if not several else ()) if (guids := computers_of(row))]
        if rest := rows[len(named) :]:
            names = [self._facts.machine_name(row.machine_id) for row in rest]
            lines.append(_and_more(names, sum(down[row.machine_id] for row in rest)))
        return [cut(line, width) for line in lines]

    def _disks(self, width: int | None) -> list[str]:
        from forensics.report.disk_table.rows import disk_rows
        from forensics.report.disk_table.text import table_lines

        rows = sorted(disk_rows(self._case), key=lambda row: row.rank)
        named = rows[:MOST_MACHINES] if len(rows) > MOST_MACHINES + 1 else rows
        lines = table_lines(named, width)
        if rest := rows[len(named) :]:
            names = [self._called(row) for row in rest]
            lines.append(cut(_and_more(names, sum(len(row.down) for row in rest)), width))
        return lines

    def _called(self, row: DiskRow) -> str:
        return self._facts.machine_name(row.machine_id) if row.machine_id else row.source

    def _machine(self, row: MachineRow, width: int | None, down: int | None) -> str:
        place = told(self._facts.place(row.machine_id, with_volume=len(self._case.rows("machine")) > 1))
        if width is not None:
            place = place.replace("\\", "/").rsplit("/", 1)[-1]
        if is_profile(row):
            whole, end = told(introduced_profile(row)), _(", in {place}", place=place)
            fits = width is None or columns(f"{whole}{end}") <= width
            return cut(whole if fits else told(introduced_profile(row, with_sids=False)), width, "", end)
        name, windows = self._facts.computer(row.machine_id), product(row)
        if down is not None:
            name = _("{name} ({count} down)", name=name, count=down)
        what = _("{name}: {windows}", name=name, windows=windows)
        if row.domain_name:
            what = _("{name}: {windows}, domain {domain}", name=name, windows=windows, domain=row.domain_name)
        return cut(what, width, "", _(", in {place}", place=place))

    def _keys(self) -> str:
        case, t = self._case, self._triage
        if is_former_only(case):
            return told(NOTHING_OF_TODAY)
        if not case.rows("machine"):
            return _("No Windows installation here: exported virtual machines only.")
        if not t.judged:
            return told(no_certificate(case))
        unknown = t.in_force(t.unknown)
        broken = lack_of_evidence(case, unknown, self._facts).broken(len(t.in_force(t.broken)))
        return _n(
            "Keys of {count} certificate: {broken}, {usable} usable, {undecided} undecided; {expired} expired.",
            "Keys of {count} certificates: {broken}, {usable} usable, {undecided} undecided; {expired} expired.",
            t.keys,
            broken=broken,
            usable=len(t.in_force((*t.well, *t.too_open))),
            undecided=len(unknown),
            expired=len(t.expired),
        )

    def _findings(self) -> str:
        """Count what the rules found, and say what is not down."""
        shown = {section.name for section in self.sections}
        count = self._left_out.total()
        if not shown and not count:
            return self._nothing()
        counts = Counter(f.severity if f.verdict == "match" else "undecided" for f in self._case.finding_list)
        said = _counted(counts, (*SEVERITIES[:-1], "undecided")) or _("none")
        says_nothing = "services" in shown or count or only_profiles(self._case)
        lines = [] if says_nothing else [_("No service is known to be down.")]
        lines.append(_("Findings: {counts}.", counts=said))
        if count:
            lines.append(_("{left_out}.", left_out=left_out(count, str(self._min_severity))))
        return sentences(lines)

    def _beside_savable(self, chains: Sequence[KeyChainRow]) -> str:
        hanging = [chain for chain in chains if chain.hangs_on is not None]
        told_of = {
            (chain.recoverable_on or chain.machine_id, chain.recoverable_from) for chain in chains if chain.thumbprint
        }
        nameless = sum(c.thumbprint is None and (c.machine_id, c.key_file_path) not in told_of for c in chains)
        said = [self._not_to_be_started(hanging)] if hanging else []
        return listed([*said, _("and {count} of no certificate", count=nameless)] if nameless else said)

    def _not_to_be_started(self, chains: Sequence[KeyChainRow]) -> str:
        if not has_several_disks(self._case.sources):
            return _n(
                "do not start this disk: {count} hangs on what Windows may delete",
                "do not start this disk: {count} hang on what Windows may delete",
                len(chains),
            )
        owners = dict.fromkeys(chain.recoverable_on or chain.machine_id for chain in chains)
        return _n(
            "do not start {machines}: {count} hangs on what Windows may delete",
            "do not start {machines}: {count} hang on what Windows may delete",
            len(chains),
            machines=told(named([self._facts.machine_name(owner) for owner in owners], MOST_KEPT_OFF)),
        )

    def _nothing(self) -> str:
        """Say that nothing that was seen is wrong, and that nothing ends soon."""
        is_profile = only_profiles(self._case)
        nothing = _("Nothing is known to be wrong.") if is_profile else _("Nothing is known to be down or wrong.")
        if not self._ending.cared_for:
            return sentences([nothing, _("Ends in {days} days: none.", days=WITHIN.days)])
        besides = _("Ends in {days} days: none ({besides}).", days=WITHIN.days, besides=self._ending.cared_for)
        return sentences([nothing, besides])

    def _besides(self) -> str:
        return _("and {others}", others=self._ending.cared_for) if self._ending.cared_for else ""

    def _last(self) -> str:
        has_commands = any(e.step is not None and e.step.is_command for s in self.sections for e in s.entries)
        if not has_commands:
            return _("More: -v tells all.")
        lines = [_("More: -v tells all, and of each command what to know before it is run.")]
        return sentences([*lines, _(IN_A_SESSION)] if only_profiles(self._case) else lines)


def _and_more(names: Sequence[str], down: int) -> str:
    """Name the machines that have no line of their own, in the spoken language."""
    return _("and {count} more ({down} down): {names}", count=len(names), down=down, names=joined(names, ", "))


def _severities(entries: Sequence[Entry]) -> str:
    counts: Counter[str] = Counter()
    for entry in entries:
        counts[entry.severity or "without a rule"] += entry.weight
    return _counted(counts, (*SEVERITIES, "without a rule"))


def _counted(counts: Counter[str], names: Iterable[str]) -> str:
    """Say how many there are of each severity, in the spoken language."""
    return listed(_("{count} {severity}", count=counts[name], severity=word(name)) for name in names if counts[name])


def _shared(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries with the first of each machine before the second of any: all share the screen."""
    seen: Counter[int] = Counter()
    ranked = []
    for entry in entries:
        ranked.append((seen[entry.machine_id], entry))
        seen[entry.machine_id] += 1
    return [entry for _, entry in sorted(ranked, key=lambda one: one[0])]
