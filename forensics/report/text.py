"""The report for a tired administrator: what is broken and why, what expires next, what is well, what is not known."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from forensics.case_tables import CaseTables
from forensics.language import _, _n, joined, listed, told
from forensics.report.accounted import examined_line, reasons
from forensics.report.all_named import all_named
from forensics.report.disk_table.text import head_table
from forensics.report.ending import SOON, condition, ending, when
from forensics.report.facts import Facts, day, label
from forensics.report.findings import REMEDY, FindingIndex, head, left_out, text_lines
from forensics.report.folded_lines import fold
from forensics.report.former import former_lines
from forensics.report.gaps import gaps
from forensics.report.key_history import files_of_working_keys
from forensics.report.orphans import told_orphan
from forensics.report.profiles import computers_of, owner_of_stores, windows_of
from forensics.report.reason import reason_of
from forensics.report.stores import hives_in_part, unseen_stores
from forensics.report.summary import summary
from forensics.report.terminal import in_bold, in_colour
from forensics.report.told_key import has_ended, named_certificate, store_of, told_key, validity
from forensics.report.triage import Triage, triage
from forensics.report.unanswered import unanswered_line
from forensics.report.undecided import lack_of_evidence
from forensics.report.virtual_machines import virtual_machines, vm_head, vm_needs, without_tpm
from forensics.report.well import proved
from forensics.report.windows_names import named_otherwise
from forensics.tables.finding import SEVERITIES, Finding, Severity, as_text, first_part
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.record import RULE_PROBLEMS, ProblemRow
from forensics.tables.sanitise import sanitise

MOST = 20
"""Lines of a list that is not about something broken."""
MOST_ENDING = 1_000
"""Certificates that are listed as the next to expire; a disk made to swamp the reader has ten thousand."""
MOST_SUBJECTS = 100
"""Subjects listed under one finding."""
MOST_FINDINGS = 100
"""Findings of one rule that are told one by one; a disk made to swamp the reader has ten thousand."""
MOST_VMS = 200
"""Virtual machines that are told one by one."""
MANY = 100_000
"""Characters of a whole text, when it is only searched."""


def render_text(
    case: CaseTables,
    width: int | None = None,
    styled: bool = False,
    only: str | None = None,
    min_severity: Severity | None = None,
) -> str:
    """Write the report.

    Args:
        case: The case.
        width: Columns to fold lines to; None for a pipe or a file, where lines stay whole.
        styled: Set headings in bold and severities in colour with terminal escapes.
        only: Write one of :data:`PARTS` alone, and whole.
        min_severity: Leave out findings that are less severe, and say how many.

    Returns:
        Lines, each ended by a newline; nothing from the disk can steer the terminal.
    """
    lines = _Report(case, width, styled, min_severity).render(only)
    return "\n".join(map(in_colour, lines) if styled else lines) + "\n"


class _Report:
    def __init__(self, case: CaseTables, width: int | None, styled: bool, min_severity: Severity | None) -> None:
        self.case = case = case.present
        self.facts = Facts(case)
        self.triage: Triage = triage(case)
        self.findings = FindingIndex(case)
        self.told: set[int] = set()
        self.width = width
        self.styled = styled
        self.min_severity = min_severity
        self.is_whole = False
        self.lines: list[str] = []

    def render(self, only: str | None) -> list[str]:
        if only is not None:
            self.is_whole = True
            _PARTS[only](self)
            return self.lines[1:] or [_("There is nothing to tell of {section}.", section=only)]
        self._head()
        for name, part in _PARTS.items():
            part(self)
            if name == "findings":
                self._leave_out_what_findings_told()
        return self.lines

    def _add(self, text: str, indent: str = "", hanging: str | None = None) -> None:
        self.lines += fold(sanitise(told(text)), self.width, indent, indent + "  " if hanging is None else hanging)

    def _heading(self, text: str) -> None:
        self.lines.append("")
        lines = fold(sanitise(text), self.width)
        self.lines += map(in_bold, lines) if self.styled else lines

    def _at_most(self, most: int) -> int:
        return sys.maxsize if self.is_whole else most

    def _listed(self, items: Iterable[str], indent: str = "  - ", most: int = MOST) -> None:
        texts, most = list(items), self._at_most(most)
        for text in texts[:most]:
            self._add(text, indent, " " * len(indent))
        if len(texts) > most:
            self._and_more(len(texts) - most, indent)

    def _and_more(self, count: int, indent: str) -> None:
        self._add(_("and {count} more: see --format json", count=count), indent)

    def _head(self) -> None:
        version, date = self.case.tool_version, day(self.case.as_of)
        self._add(_("keymortem {version}, as of {date}", version=version, date=date))
        if line := unanswered_line(self.case):
            self._add(line)
        self.lines += head_table(self.case, self.width)
        for machine in self.case.rows("machine"):
            self._add(self.facts.introduced(machine))
            self.lines += fold(sanitise(told(computers_of(machine))), self.width, "  ") if machine.key_guids else []
        for said in filter(None, (*former_lines(self.case), line := examined_line(self.case.sources))):
            self._add(said)
        for said in reasons(self.case.sources):
            self._add(said, "  - " if line else "")
        for row in self.case.rows("coverage"):
            if row.area == "proof":
                self._add(f"{self._on_machine(row.machine_id)}{told(row.name)}: {told(row.detail or '')}")
        self.lines.append("")
        lack = lack_of_evidence(self.case, self.triage.in_force(self.triage.unknown), self.facts)
        self._add(summary(self.case, self.triage, self.facts, lack), hanging="")
        for said in lack.why if self.triage.keys else ():
            self._add(said, hanging="")

    def _findings(self) -> None:
        causes, less_severe = self._severe(self.findings.causes())
        if causes or less_severe:
            self._heading(_("FINDINGS: what is the matter, the worst first"))
        for number, finding in enumerate(self._first(causes, "  - "), 1):
            mark = f"  {number}. "
            self._finding(finding, mark, " " * len(mark))
        self._leave_out(less_severe)

    def _severe(self, findings: Sequence[Finding]) -> tuple[list[Finding], int]:
        """Return the findings that are severe enough, and how many are not."""
        worst = SEVERITIES[: SEVERITIES.index(self.min_severity) + 1] if self.min_severity else SEVERITIES
        kept = [finding for finding in findings if finding.severity in worst]
        return kept, len(findings) - len(kept)

    def _leave_out(self, count: int) -> None:
        if count:
            self._add(left_out(count, str(self.min_severity)), "  - ")

    def _first(self, findings: Sequence[Finding], indent: str, most: int = MOST_FINDINGS) -> Iterator[Finding]:
        """Yield the first findings of each rule, and then say how many more there are."""
        seen, most = Counter[str](), self._at_most(most)
        for finding in findings:
            seen[finding.rule] += 1
            if seen[finding.rule] <= most:
                yield finding
        for rule, count in seen.items():
            if count > most:
                self._add(
                    _n(
                        "and {count} more finding of {rule}: see --format json",
                        "and {count} more findings of {rule}: see --format json",
                        count - most,
                        rule=rule,
                    ),
                    indent,
                )

    def _finding(self, finding: Finding, mark: str, indent: str) -> None:
        self._add(head(finding), mark, indent)
        self.lines += text_lines(finding.because, self.width, indent, self._on_machine(finding.machine_id))
        self.lines += text_lines(finding.remedy, self.width, indent, _(REMEDY))
        self._subjects(finding, indent)
        for consequence in self._first(self.findings.consequences(finding), f"{indent}* ", MOST):
            self._add(_("From this follows {finding}", finding=head(consequence)), f"{indent}* ", f"{indent}  ")
            self._in_short(consequence, f"{indent}  ")
            self.lines += text_lines(consequence.remedy, self.width, f"{indent}  ", _(REMEDY))

    def _in_short(self, finding: Finding, indent: str) -> None:
        """Say what matters of a finding that is no cause; the subjects that were described above are only named."""
        where = self._on_machine(finding.machine_id)
        self.lines += text_lines(first_part(finding.because), self.width, indent, where)
        said = sanitise(as_text(finding.because), MANY)
        named = [s.label for s in finding.subjects if sanitise(s.label) not in said]
        if finding.subject_table != "machine" and named:
            names = all_named([sanitise(told(name)) for name in named])
            is_rest = len(named) < len(finding.subjects)
            about = _("Also about {names}", names=names) if is_rest else _("About {names}", names=names)
            self._add(about, indent, indent)

    def _subjects(self, finding: Finding, indent: str) -> None:
        """List what a finding is about; a key is described where it is first named."""
        chains, most = self.findings.chains(finding), self._at_most(MOST_SUBJECTS)
        said = sanitise(as_text(finding.because), MANY)
        for chain in chains[:most]:
            if id(chain) in self.told:
                named = [told(label(chain)), str(chain.thumbprint or chain.key_file_path)]
                self._add(listed(named), f"{indent}- ", f"{indent}  ")
            else:
                self.told.add(id(chain))
                self._subject(chain, indent, said)
        others = [] if chains else named_otherwise(finding, said, self.facts)
        for name in others[:most]:
            self._add(name, f"{indent}- ", f"{indent}  ")
        if (more := len(chains or others) - most) > 0:
            self._and_more(more, f"{indent}- ")

    def _leave_out_what_findings_told(self) -> None:
        t, covers = self.triage, self.findings.covers
        t.broken = [c for c in t.broken if not covers("broken", c)]
        t.too_open = [c for c in t.too_open if not covers("too_open", c)]
        t.expired = [c for c in t.expired if not covers("expired", c)]
        t.unknown = [c for c in t.unknown if not covers("undecided", c)]
        t.orphans = [c for c in t.orphans if not covers("orphan", c)]

    def _information(self) -> None:
        findings, less_severe = self._severe(self.findings.information())
        if findings or less_severe:
            self._heading(_("FOR INFORMATION: nothing is wrong with this; keymortem explain tells more"))
        for finding in self._first(findings, "  - "):
            self._add(head(finding), "  - ", "    ")
            self._in_short(finding, "    ")
        self._leave_out(less_severe)

    def _broken(self) -> None:
        if self.triage.broken:
            self._heading(_("BROKEN: {windows} cannot open these private keys", windows=windows_of(self.case)))
        groups = self._groups(self.triage.broken)
        for number, ((machine_id, reason), chains) in enumerate(groups, 1):
            mark = f"  {number}. "
            self._add(self._on_machine(machine_id) + told(reason), mark, " " * len(mark))
            for chain in chains:
                self._subject(chain, " " * len(mark))

    def _groups(self, chains: list[KeyChainRow]) -> Iterator[tuple[tuple[int, str], list[KeyChainRow]]]:
        """Put chains of one reason together; the one that hits most certificates still valid comes first."""
        groups: dict[tuple[int, str], list[KeyChainRow]] = {}
        for chain in chains:
            groups.setdefault((chain.machine_id, reason_of(chain, self.facts)), []).append(chain)
        for chains_of_one in groups.values():
            chains_of_one.sort(key=lambda chain: chain.rank(self.case.as_of))
        yield from sorted(
            groups.items(), key=lambda item: sum(has_ended(self.case, chain) for chain in item[1]) - len(item[1])
        )

    def _on_machine(self, machine_id: int) -> str:
        has_others = len(self.case.rows("machine")) > 1
        # 0: what it is about is of no one installation, and says itself of which.
        return self.facts.before(machine_id) if machine_id and has_others else ""

    def _subject(self, chain: KeyChainRow, indent: str, said: str = "") -> None:
        head, *more = told_key(chain, self.facts, said)
        self._add(head, f"{indent}- ", f"{indent}  ")
        for line in more:
            self._add(line, f"{indent}  ")

    def _too_open(self) -> None:
        if self.triage.too_open:
            self._heading(_("WARNING: these keys work, but the access list lets everybody read the key file"))
        for chain in self.triage.too_open:
            self._subject(chain, "  ")

    def _expired(self) -> None:
        if self.triage.expired:
            self._heading(_("EXPIRED: certificates with a private key whose last day is past"))
            self._listed(f"{day(c.not_after)}: {self._short(c)}" for c in self.triage.expired)

    def _ending_soon(self) -> None:
        if soon := ending(self.case, SOON):
            self._heading(
                _("EXPIRES NEXT: every certificate with a private key that ends within {days} days", days=SOON.days)
            )
            self._listed(map(self._ending, soon), most=MOST_ENDING)

    def _virtual_machines(self) -> None:
        rows, most = virtual_machines(self.case), self._at_most(MOST_VMS)
        if rows:
            self._heading(_("VIRTUAL MACHINES: those with a virtual TPM need a guardian's private key to start"))
        for row in rows[:most]:
            self._add(self._on_machine(row.machine_id) + told(vm_head(row)), "  - ", "    ")
            for need in vm_needs(row, self.case):
                self._add(need, "    ", "      ")
        if len(rows) > most:
            self._and_more(len(rows) - most, "  - ")
        if rows and (others := without_tpm(self.case)):
            self._add(_("{count} without a virtual TPM need no guardian.", count=others), "  ")

    def _ending(self, chain: KeyChainRow) -> str:
        named = f"{when(chain, self.case.as_of)}: {self._short(chain)}"
        more = condition(chain)
        return _("{certificate}; {condition}", certificate=named, condition=more) if more else named

    def _short(self, chain: KeyChainRow) -> str:
        parts = [told(label(chain)), store_of(self.case, chain), str(chain.thumbprint)]
        return self._on_machine(chain.machine_id) + listed(parts)

    def _well(self) -> None:
        for heading, chains in proved(self.case, self.triage.well):
            self._heading(heading)
            for machine_id, names in hives_in_part(self.case).items():
                part = _(
                    "as {hives} had it: read in part, so that later changes are not seen", hives=joined(names, ", ")
                )
                self._add(self._on_machine(machine_id) + part, "  ")
            self._listed(f"{listed([self._short(c), validity(self.case, c)])}{more}" for c, more in chains)

    def _unknown(self) -> None:
        if self.triage.unknown:
            self._heading(_("UNDECIDED: the evidence in the source does not say whether these keys open"))
        groups, most = list(self._groups(self.triage.unknown)), self._at_most(MOST)
        for (machine_id, reason), chains in groups[:most]:
            self._add(f"{self._on_machine(machine_id)}{told(reason)}", "  ", "  ")
            self._listed((listed([named_certificate(self.case, c), str(c.thumbprint)]) for c in chains), "    - ")
        if more := sum(len(chains) for _, chains in groups[most:]):
            self._add(_("and {count} more, each for a reason of its own: see --format json", count=more), "  ")

    def _orphans(self) -> None:
        unseen = unseen_stores(self.case)
        orphans = sorted(self.triage.orphans, key=lambda c: c.verdict != "unusable")
        self._orphans_under(
            _("KEY FILES THAT NO CERTIFICATE NAMES: normal for services' own keys"),
            [c for c in orphans if c.machine_id not in unseen],
        )
        self._orphans_under(
            _(
                "KEY FILES WITHOUT THEIR CERTIFICATES: the certificate stores of the {owner} were not seen whole, and "
                "certificates there may well name these",
                owner=owner_of_stores(self.case),
            ),
            [c for c in orphans if c.machine_id in unseen],
        )

    def _orphans_under(self, heading: str, orphans: list[KeyChainRow]) -> None:
        if orphans:
            self._heading(heading)
            self._listed(told_orphan(chain, self.facts) for chain in orphans)

    def _history(self) -> None:
        if events := list(files_of_working_keys(self.case)):
            self._heading(_("HISTORY of the files of keys that are not broken, as witnesses of the past tell it"))
            self._listed(f"{self._on_machine(machine_id)}{line}" for machine_id, line in events)

    def _not_examined(self) -> None:
        if lines := list(gaps(self.case, self._on_machine, self._at_most(MOST))):
            self._heading(_("NOT EXAMINED, or only in part: what is missing there is not said to be absent"))
        for line in lines:
            self.lines += fold(line, self.width, "  - ", "    ")

    def _problems(self) -> None:
        rows: list[ProblemRow] = self.case.rows("problem")
        if not rows:
            return
        kinds = listed(f"{kind} {count}" for kind, count in Counter(r.kind for r in rows).most_common())
        self._heading(
            _(
                "PROBLEMS: {count} while reading ({kinds}); the rest was examined all the same",
                count=len(rows),
                kinds=kinds,
            )
        )
        # First what the rules could not say: in a long list it would look as if they had found nothing.
        rows = sorted(rows, key=lambda row: row.kind not in RULE_PROBLEMS)
        self._listed(f"{self.facts.read_in(r)}: {told(r.message)}" if r.source_path else r.message for r in rows)


_PARTS: dict[str, Callable[[_Report], None]] = {
    "findings": _Report._findings,
    "broken": _Report._broken,
    "too-open": _Report._too_open,
    "expired": _Report._expired,
    "ending": _Report._ending_soon,
    "virtual-machines": _Report._virtual_machines,
    "well": _Report._well,
    "undecided": _Report._unknown,
    "orphans": _Report._orphans,
    "history": _Report._history,
    "information": _Report._information,
    "not-examined": _Report._not_examined,
    "problems": _Report._problems,
}
PARTS = tuple(_PARTS)
"""Names of the parts of the text below its head, in their order."""
