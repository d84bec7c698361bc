"""What the rules found, as text: causes with what follows from them, worst first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from forensics.case_tables import CaseTables
from forensics.engine.subjects import KEY_TABLES
from forensics.language import _, listed, message, told
from forensics.report.folded_lines import fold
from forensics.report.words import word
from forensics.tables.finding import Block, Finding
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.sanitise import sanitise

LONGEST_LINE = 4000
"""Characters of one paragraph of a finding."""
REMEDY = message("What can be done: ")
"""Begins what can be done."""


def counts(findings: Iterable[Finding]) -> bool:
    """Tell whether any finding is more than information, which the exit code says."""
    return any(f.severity != "info" and f.verdict == "match" for f in findings)


class FindingIndex:
    """Findings by what a report asks of them.

    Args:
        case: The case.
    """

    def __init__(self, case: CaseTables) -> None:
        self.findings: Sequence[Finding] = case.finding_list
        self._by_id = {f.id: f for f in self.findings}
        self._chains: list[KeyChainRow] = case.rows("key_chain")
        self._explained = self._subjects_explained()
        self._covered = self._sections()

    def causes(self) -> list[Finding]:
        """Return findings that are more than information and that no other finding explains wholly."""
        return [f for f in self.findings if f.severity != "info" and not self._is_consequence(f)]

    def information(self) -> list[Finding]:
        """Return the rest, apart from consequences."""
        return [f for f in self.findings if f.severity == "info" and not self._is_consequence(f)]

    def consequences(self, finding: Finding) -> list[Finding]:
        """Return what follows from a finding."""
        return [self._by_id[name] for name in finding.consequences if name in self._by_id]

    def chains(self, finding: Finding) -> list[KeyChainRow]:
        """Return the chains a finding judged, in their order."""
        if finding.subject_table != "key_chain":
            return []
        rows = (e.row for e in finding.evidence if e.table == "key_chain")
        # A condition may have found chains of others, which are evidence too.
        subjects = {s.id for s in finding.subjects}
        chains = [self._chains[row] for row in rows if row < len(self._chains)]
        return [chain for chain in chains if _identity(chain) in subjects] or chains

    def covers(self, section: str, chain: KeyChainRow, rules: Collection[str] | None = None) -> bool:
        """Tell whether a finding, of certain rules if they are given, says what a section would say of a chain."""
        by = self._covered.get((chain.machine_id, _identity(chain), section), set())
        return bool(by if rules is None else by.intersection(rules))

    def _is_consequence(self, finding: Finding) -> bool:
        explained = self._explained.get(finding.id)
        if explained is None:
            return False
        return finding.subject_table not in KEY_TABLES or all(s.id in explained for s in finding.subjects)

    def _subjects_explained(self) -> dict[str, set[str]]:
        """Return the subjects of each consequence that its causes name; two that explain each other are both causes."""
        explained: dict[str, set[str]] = {}
        for cause in self.findings:
            named = {s.id for s in cause.subjects} if cause.consequences else set()
            for other in self.consequences(cause):
                if cause.id in other.consequences:
                    continue
                subjects = {s.id for s in other.subjects}
                # One cause may have ten thousand subjects and as many consequences of one each.
                names_keys = cause.subject_table in KEY_TABLES
                explained.setdefault(other.id, set()).update(subjects & named if names_keys else subjects)
        return explained

    def _sections(self) -> dict[tuple[int, str | None, str], set[str]]:
        covered: dict[tuple[int, str | None, str], set[str]] = {}
        for finding in self.findings:
            for section in finding.covers:
                for subject in finding.subjects:
                    covered.setdefault((finding.machine_id, subject.id, section), set()).add(finding.rule)
        return covered


def _identity(chain: KeyChainRow) -> str | None:
    return chain.thumbprint or chain.key_file_path


def head(finding: Finding) -> str:
    """Return the line a finding begins with."""
    if finding.severity == "info" and finding.verdict == "match":
        return sanitise(f"{finding.title} [{finding.rule}]")
    return sanitise(f"{mark(finding)}: {finding.title} [{finding.rule}]")


def mark(finding: Finding) -> str:
    """Return the severity of a finding and how sure it is, in the spoken language, such as ``CRITICAL, likely``."""
    sure = [] if finding.confidence == "proved" else [told(word(finding.confidence))]
    undecided = [_("undecided")] if finding.verdict == "unknown" else []
    return listed([_(finding.severity).upper(), *sure, *undecided])


def text_lines(blocks: Iterable[Block], width: int | None, indent: str, first: str = "") -> Iterator[str]:
    """Yield the lines of a filled text; commands are never folded.

    Args:
        blocks: The text.
        width: Columns to fold to; None for a pipe.
        indent: Put before every line.
        first: Put before the first block.
    """
    for block in blocks:
        if block.kind == "command":
            yield from [f"{indent}{first.rstrip()}"] if first else []
            yield f"{indent}  {sanitise(block.text, LONGEST_LINE)}"
        else:
            mark, hanging = ("- ", "  ") if block.kind == "item" else ("", "")
            yield from fold(sanitise(f"{first}{mark}{block.text}", LONGEST_LINE), width, indent, indent + hanging)
        first = ""


def left_out(count: int, severity: str) -> str:
    """Say how many findings are left out, in the spoken language."""
    return _("{count} less severe than {severity} left out", count=count, severity=word(severity))
