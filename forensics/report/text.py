"""The report for a tired administrator: what is broken and why, what expires next, what is well, what is not known."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from forensics.case_tables import CaseTables
from forensics.engine.templates import listed
from forensics.language import _n
from forensics.report.accounted import examined_line, reasons
from forensics.report.disk_table.text import head_table
from forensics.report.ending import SOON, condition, ending, when
from forensics.report.facts import Facts, day, label
from forensics.report.findings import FindingIndex, head, text_lines
from forensics.report.folded_lines import fold
from forensics.report.former import former_lines
from forensics.report.gaps import gaps
from forensics.report.key_history import files_of_working_keys, loss_beside
from forensics.report.orphans import told_orphan
from forensics.report.profiles import computers_of, owner_of_stores, windows_of
from forensics.report.reason import reason_of
from forensics.report.stores import hives_in_part, unseen_stores
from forensics.report.summary import summary
from forensics.report.terminal import in_bold, in_colour
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
REMEDY = "What can be done: "
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
            return self.lines[1:] or [f"There is nothing to tell of {only}."]
        self._head()
        for name, part in _PARTS.items():
            part(self)
            if name == "findings":
                self._leave_out_what_findings_told()
        return self.lines

    def _add(self, text: str, indent: str = "", hanging: str | None = None) -> None:
        self.lines += fold(sanitise(text), self.width, indent, indent + "  " if hanging is None else hanging)

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
            self._add(f"and {len(texts) - most} more: see --format json", indent)

    def _head(self) -> None:
        self._add(f"keymortem {self.case.tool_version}, as of {day(self.case.as_of)}")
        if line := unanswered_line(self.case):
            self._add(line)
        self.lines += head_table(self.case, self.width)
        for machine in self.case.rows("machine"):
            self._add(self.facts.introduced(machine))
            self.lines += fold(sanitise(computers_of(machine)), self.width, "  ") if machine.key_guids else []
        for sentence in filter(None, (*former_lines(self.case), line := examined_line(self.case.sources))):
            self._add(sentence)
        for sentence in reasons(self.case.sources):
            self._add(sentence, "  - " if line else "")
        for row in self.case.rows("coverage"):
            if row.area == "proof":
                self._add(f"{self._on_machine(row.machine_id)}{row.name}: {row.detail}")
        self.lines.append("")
        lack = lack_of_evidence(self.case, self.triage.in_force(self.triage.unknown), self.facts)
        self._add(summary(self.case, self.triage, self.facts, lack), hanging="")
        for sentence in lack.why if self.triage.keys else ():
            self._add(sentence, hanging="")

    def _findings(self) -> None:
        causes, less_severe = self._severe(self.findings.causes())
        if causes or less_severe:
            self._heading("FINDINGS: what is the matter, the worst first")
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
            self._add(f"{count} less severe than {self.min_severity} left out", "  - ")

    def _first(self, findings: Sequence[Finding], indent: str, most: int = MOST_FINDINGS) -> Iterator[Finding]:
        """Yield the first findings of each rule, and then say how many more there are."""
        seen, most = Counter[str](), self._at_most(most)
        for finding in findings:
            seen[finding.rule] += 1
            if seen[finding.rule] <= most:
                yield finding
        for rule, count in seen.items():
            if (left := count - most) > 0:
                more = _n("and {count} more finding of {rule}", "and {count} more findings of {rule}", left, rule=rule)
                self._add(f"{more}: see --format json", indent)

    def _finding(self, finding: Finding, mark: str, indent: str) -> None:
        self._add(head(finding), mark, indent)
        self.lines += text_lines(finding.because, self.width, indent, self._on_machine(finding.machine_id))
        self.lines += text_lines(finding.remedy, self.width, indent, REMEDY)
        self._subjects(finding, indent)
        for consequence in self._first(self.findings.consequences(finding), f"{indent}* ", MOST):
            self._add(f"From this follows {head(consequence)}", f"{indent}* ", f"{indent}  ")
            self._in_short(consequence, f"{indent}  ")
            self.lines += text_lines(consequence.remedy, self.width, f"{indent}  ", REMEDY)

    def _in_short(self, finding: Finding, indent: str) -> None:
        """Say what matters of a finding that is no cause; the subjects that were described above are only named."""
        where = self._on_machine(finding.machine_id)
        self.lines += text_lines(first_part(finding.because), self.width, indent, where)
        said = sanitise(as_text(finding.because), MANY)
        named = [s.label for s in finding.subjects if sanitise(s.label) not in said]
        if finding.subject_table != "machine" and named:
            self._add(f"About {listed([sanitise(name) for name in named])}", indent, indent)

    def _subjects(self, finding: Finding, indent: str) -> None:
        """List what a finding is about; a key is described where it is first named."""
        chains, most = self.findings.chains(finding), self._at_most(MOST_SUBJECTS)
        said = sanitise(as_text(finding.because), MANY)
        for chain in chains[:most]:
            if id(chain) in self.told:
                self._add(f"{label(chain)}, {chain.thumbprint or chain.key_file_path}", f"{indent}- ", f"{indent}  ")
            else:
                self.told.add(id(chain))
                self._subject(chain, indent, said)
        others = [] if chains else named_otherwise(finding, said, self.facts)
        for name in others[:most]:
            self._add(name, f"{indent}- ", f"{indent}  ")
        if (more := len(chains or others) - most) > 0:
            self._add(f"and {more} more: see --format json", f"{indent}- ")

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
            self._heading("FOR INFORMATION: nothing is wrong with this; keymortem explain tells more")
        for finding in self._first(findings, "  - "):
            self._add(head(finding), "  - ", "    ")
            self._in_short(finding, "    ")
        self._leave_out(less_severe)

    def _broken(self) -> None:
        if self.triage.broken:
            self._heading(f"BROKEN: {windows_of(self.case)} cannot open these private keys")
        groups = self._groups(self.triage.broken)
        for number, ((machine_id, reason), chains) in enumerate(groups, 1):
            mark = f"  {number}. "
            self._add(self._on_machine(machine_id) + reason, mark, " " * len(mark))
            for chain in chains:
                self._subject(chain, " " * len(mark))

    def _groups(self, chains: list[KeyChainRow]) -> Iterator[tuple[tuple[int, str], list[KeyChainRow]]]:
        """Put chains of one reason together; the one that hits most certificates still valid comes first."""
        groups: dict[tuple[int, str], list[KeyChainRow]] = {}
        for chain in chains:
            groups.setdefault((chain.machine_id, reason_of(chain, self.facts)), []).append(chain)
        for chains_of_one in groups.values():
            chains_of_one.sort(key=lambda chain: chain.rank(self.case.as_of))
        yield from sorted(groups.items(), key=lambda item: sum(map(self._is_expired, item[1])) - len(item[1]))

    def _is_expired(self, chain: KeyChainRow) -> bool:
        return chain.ends is not None and chain.ends < self.case.as_of

    def _on_machine(self, machine_id: int) -> str:
        has_others = len(self.case.rows("machine")) > 1
        # 0: what it is about is of no one installation, and says itself of which.
        where = self.facts.on(machine_id, with_place=False)
        return f"{where[0].upper()}{where[1:]}: " if machine_id and has_others else ""

    def _subject(self, chain: KeyChainRow, indent: str, said: str = "") -> None:
        if chain.thumbprint:
            self._add(f"{label(chain)}, {self._where(chain)}, {self._validity(chain)}", f"{indent}- ", f"{indent}  ")
            self._add(f"thumbprint {chain.thumbprint}", f"{indent}  ")
        else:
            self._add(f"{label(chain)}, which no certificate names", f"{indent}- ", f"{indent}  ")
        if chain.key_file_path:
            self._add(f"key file {self.facts.path(chain.machine_id, chain.key_file_path)}", f"{indent}  ")
        if chain.broken_at in ("master_key", "secret"):
            self._add(f"master key {chain.master_key_guid}", f"{indent}  ")
        if chain.recoverable_from and chain.recoverable_from != chain.key_file_path:
            self._add(f"key found in {self.facts.found_in(chain)}{self.facts.opened_by(chain)}", f"{indent}  ")
        if copy := self.facts.copy_of(chain):
            self._add(f"a file with its public key, which did not open: {copy}", f"{indent}  ")
        if lost := loss_beside(chain, said):
            self._add(f"the file that it needs {lost}", f"{indent}  ")

    def _where(self, chain: KeyChainRow) -> str:
        owners = {"machine": "of the computer", "enterprise": "of the enterprise", "policy": "set by policy"}
        owner = owners.get(chain.store_scope or "", f"of {self._owner(chain)}")
        return f"store {chain.store or '?'} {owner}"

    def _owner(self, chain: KeyChainRow) -> str:
        users = (u for u in self.case.rows("user") if u.machine_id == chain.machine_id and u.sid == chain.owner_sid)
        name = next((u.name for u in users if u.name), None)
        kind = "service " if chain.store_scope == "service" else "user "
        return kind + (name or chain.owner_sid or "unknown")

    def _validity(self, chain: KeyChainRow) -> str:
        if chain.is_request:
            return "a request"
        if chain.not_after is None:
            return "last day not read"
        return f"{'expired' if self._is_expired(chain) else 'valid until'} {day(chain.not_after)}"

    def _too_open(self) -> None:
        if self.triage.too_open:
            self._heading("WARNING: these keys work, but the access list lets everybody read the key file")
        for chain in self.triage.too_open:
            self._subject(chain, "  ")

    def _expired(self) -> None:
        if self.triage.expired:
            self._heading("EXPIRED: certificates with a private key whose last day is past")
            self._listed(f"{day(c.not_after)}: {self._short(c)}" for c in self.triage.expired)

    def _ending_soon(self) -> None:
        if soon := ending(self.case, SOON):
            self._heading(f"EXPIRES NEXT: every certificate with a private key that ends within {SOON.days} days")
            self._listed(map(self._ending, soon), most=MOST_ENDING)

    def _virtual_machines(self) -> None:
        rows, most = virtual_machines(self.case), self._at_most(MOST_VMS)
        if rows:
            self._heading("VIRTUAL MACHINES: those with a virtual TPM need a guardian's private key to start")
        for row in rows[:most]:
            self._add(self._on_machine(row.machine_id) + vm_head(row), "  - ", "    ")
            for need in vm_needs(row, self.case):
                self._add(need, "    ", "      ")
        if len(rows) > most:
            self._add(f"and {len(rows) - most} more: see --format json", "  - ")
        if rows and (others := without_tpm(self.case)):
            self._add(f"{others} without a virtual TPM need no guardian.", "  ")

    def _ending(self, chain: KeyChainRow) -> str:
        more = condition(chain)
        return f"{when(chain, self.case.as_of)}: {self._short(chain)}" + (f"; {more}" if more else "")

    def _short(self, chain: KeyChainRow) -> str:
        return f"{self._on_machine(chain.machine_id)}{label(chain)}, {self._where(chain)}, {chain.thumbprint}"

    def _well(self) -> None:
        for heading, told in proved(self.case, self.triage.well):
            self._heading(heading)
            for machine_id, names in hives_in_part(self.case).items():
                part = f"{self._on_machine(machine_id)}as {', '.join(names)} had it: read in part"
                self._add(f"{part}, so that later changes are not seen", "  ")
            self._listed(f"{self._short(c)}, {self._validity(c)}{more}" for c, more in told)

    def _unknown(self) -> None:
        if self.triage.unknown:
            self._heading("UNDECIDED: the evidence in the source does not say whether these keys open")
        groups, most = list(self._groups(self.triage.unknown)), self._at_most(MOST)
        for (machine_id, reason), chains in groups[:most]:
            self._add(f"{self._on_machine(machine_id)}{reason}", "  ", "  ")
            self._listed(
                (f"{label(c)}, {self._where(c)}, {self._validity(c)}, {c.thumbprint}" for c in chains), "    - "
            )
        if more := sum(len(chains) for _, chains in groups[most:]):
            self._add(f"and {more} more, each for a reason of its own: see --format json", "  ")

    def _orphans(self) -> None:
        unseen = unseen_stores(self.case)
        orphans = sorted(self.triage.orphans, key=lambda c: c.verdict != "unusable")
        self._orphans_under(
            "KEY FILES THAT NO CERTIFICATE NAMES: normal for services' own keys",
            [c for c in orphans if c.machine_id not in unseen],
        )
        owner = owner_of_stores(self.case)
        self._orphans_under(
            f"KEY FILES WITHOUT THEIR CERTIFICATES: the certificate stores of the {owner} were not seen whole, and "
            "certificates there may well name these",
            [c for c in orphans if c.machine_id in unseen],
        )

    def _orphans_under(self, heading: str, orphans: list[KeyChainRow]) -> None:
        if orphans:
            self._heading(heading)
            self._listed(told_orphan(chain, self.facts) for chain in orphans)

    def _history(self) -> None:
        if told := list(files_of_working_keys(self.case)):
            self._heading("HISTORY of the files of keys that are not broken, as witnesses of the past tell it")
            self._listed(f"{self._on_machine(machine_id)}{line}" for machine_id, line in told)

    def _not_examined(self) -> None:
        if told := list(gaps(self.case, self._on_machine, self._at_most(MOST))):
            self._heading("NOT EXAMINED, or only in part: what is missing there is not said to be absent")
        for line in told:
            self.lines += fold(line, self.width, "  - ", "    ")

    def _problems(self) -> None:
        rows: list[ProblemRow] = self.case.rows("problem")
        if not rows:
            return
        kinds = ", ".join(f"{kind} {count}" for kind, count in Counter(r.kind for r in rows).most_common())
        self._heading(f"PROBLEMS: {len(rows)} while reading ({kinds}); the rest was examined all the same")
        # First what the rules could not say: in a long list it would look as if they had found nothing.
        rows = sorted(rows, key=lambda row: row.kind not in RULE_PROBLEMS)
        self._listed(f"{self.facts.read_in(r)}: {r.message}" if r.source_path else r.message for r in rows)


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
