"""Root causes: findings with their proof, what they are about, and what to do, ready to be put on a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from forensics.case_tables import CaseTables
from forensics.language import told
from forensics.late_methods import dataclass
from forensics.report.facts import label
from forensics.report.findings import FindingIndex
from forensics.report.html.chains import ChainViews, Told
from forensics.report.reason import reason_of
from forensics.report.triage import Triage
from forensics.tables.finding import Block, BlockKind, ConditionValue, Finding, first_part
from forensics.tables.key_chain import KeyChainRow

MOST_SUBJECTS = 200
"""Display: subjects of one cause."""
MOST_PATHS = 50
"""Display: places in which the evidence of one cause was read."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph, or the items or commands that follow each other.

    Attributes:
        kind: Of its blocks.
        lines: Their texts; one for a paragraph.
    """

    kind: BlockKind
    lines: list[str]


@dataclass(frozen=True, slots=True)
class SubjectView:
    """What a finding is about, and where its chain is drawn."""

    label: str
    id: str
    anchor: str | None


@dataclass(slots=True)
class Cause:
    """One finding, or one group of broken chains that no finding speaks of.

    Attributes:
        services: What uses the keys that it is about, by which causes are filtered.
    """

    anchor: str
    severity: str
    title: str
    confidence: str = "proved"
    rule: str = ""
    is_undecided: bool = False
    machine: str = ""
    because: list[Passage] = field(default_factory=list)
    remedy: list[Passage] = field(default_factory=list)
    subjects: list[SubjectView] = field(default_factory=list)
    more_subjects: int = 0
    consequences: list[Cause] = field(default_factory=list)
    conditions: tuple[ConditionValue, ...] = ()
    paths: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)


def passages(blocks: Iterable[Block]) -> list[Passage]:
    """Put items that follow each other into one list, and commands into one box."""
    result: list[Passage] = []
    for block in blocks:
        if block.kind != "paragraph" and result and result[-1].kind == block.kind:
            result[-1].lines.append(block.text)
        else:
            result.append(Passage(block.kind, [block.text]))
    return result


class Causes:
    """The findings of a case.

    Args:
        case: The case; its findings are in the reader's language.
        chains: The chains as they are drawn.
        sorted_chains: The same by what a reader asks for first.
    """

    def __init__(self, case: CaseTables, chains: ChainViews, sorted_chains: Triage) -> None:
        self.case, self.chains = case, chains
        self.index = FindingIndex(case)
        self.triage = sorted_chains
        self._several = len(case.rows("machine")) > 1
        self.root = [*map(self._cause, self.index.causes()), *self._untold()]
        self.information = [self._cause(finding) for finding in self.index.information()]
        for number, cause in enumerate((*self.root, *self.information), 1):
            cause.anchor = f"f{number}"
        self.anchors = self._anchors()
        self._judged = self._by_section()
        for findings, causes in ((self.index.causes(), self.root), (self.index.information(), self.information)):
            for finding, cause in zip(findings, causes, strict=False):
                self._tell(finding, Told(cause.title, cause.anchor))

    @property
    def services(self) -> list[str]:
        """Everything by which causes are filtered, in order."""
        return sorted({name for cause in (*self.root, *self.information) for name in cause.services})

    @property
    def severities(self) -> set[str]:
        """Severities that there are."""
        return {cause.severity for cause in (*self.root, *self.information)}

    def _anchors(self) -> dict[str, Told]:
        """Return where the page tells of each finding; of a consequence where it tells of its cause."""
        anchors: dict[str, Told] = {}
        for findings, causes in ((self.index.causes(), self.root), (self.index.information(), self.information)):
            for finding, cause in zip(findings, causes, strict=False):
                told = Told(cause.title, cause.anchor)
                anchors[finding.id] = told
                for other in self.index.consequences(finding):
                    anchors.setdefault(other.id, told)
        return anchors

    def deadly(self) -> list[str]:
        """Return the titles of what killed keys: causes that speak of a key that is broken, the worst first."""
        broken = {(chain.machine_id, chain.thumbprint) for chain in self.triage.in_force(self.triage.broken)}
        findings = (f for f in self.index.causes() if f.verdict == "match" and "broken" in f.covers)
        titles = [f.title for f in findings if any((f.machine_id, s.id) in broken for s in f.subjects)]
        return list(
            dict.fromkeys(
                [*titles, *(cause.title for cause in self.root if not cause.rule and cause.severity == "high")]
            )
        )

    def _by_section(self) -> dict[tuple[str, int, str | None], list[KeyChainRow]]:
        """Return the chains that are not well, by the section of a report that a finding may stand for."""
        judged: dict[tuple[str, int, str | None], list[KeyChainRow]] = {}
        t = self.triage
        for section, chains in (("broken", t.broken), ("too_open", t.too_open), ("undecided", t.unknown)):
            for chain in chains:
                judged.setdefault((section, chain.machine_id, chain.thumbprint), []).append(chain)
        return judged

    def _tell(self, finding: Finding, told: Told) -> None:
        for section in finding.covers:
            for subject in finding.subjects:
                for chain in self._judged.get((section, finding.machine_id, subject.id), ()):
                    self.chains.tell(chain, told)

    def _cause(self, finding: Finding) -> Cause:
        cause = self._short(finding)
        cause.because = passages(finding.because)
        cause.consequences = [self._short(other) for other in self.index.consequences(finding)]
        cause.conditions = finding.conditions
        cause.paths = list(dict.fromkeys(e.source_path for e in finding.evidence if e.source_path))[:MOST_PATHS]
        cause.references = [r for r in finding.references if r.startswith("https://")]
        cause.services = self._services([finding, *self.index.consequences(finding)])
        return cause

    def _services(self, findings: Iterable[Finding]) -> list[str]:
        used = [use for finding in findings for use in self.chains.facts.uses(self.index.chains(finding))]
        named = (s.label for f in findings if f.subject_table == "certificate_use" for s in f.subjects)
        return list(dict.fromkeys([*used, *named]))[:MOST_SUBJECTS]

    def _short(self, finding: Finding) -> Cause:
        machine_id = finding.machine_id
        subjects = () if finding.subject_table == "machine" else finding.subjects
        return Cause(
            anchor="",
            severity=finding.severity,
            confidence=finding.confidence,
            title=finding.title,
            rule=finding.rule,
            is_undecided=finding.verdict == "unknown",
            machine=self.chains.facts.machine_name(machine_id) if self._several else "",
            because=passages(first_part(finding.because)),
            remedy=passages(finding.remedy),
            subjects=[self._subject(machine_id, s.label, s.id) for s in subjects[:MOST_SUBJECTS]],
            more_subjects=max(0, len(subjects) - MOST_SUBJECTS),
        )

    def _subject(self, machine_id: int, name: str, identity: str) -> SubjectView:
        return SubjectView(
            told(name), "" if name == identity else identity, self.chains.anchor_of(machine_id, identity)
        )

    def _weight(self, chain: KeyChainRow) -> str:
        """Return how bad it is that a key is dead: nobody misses that of what was replaced or has ended."""
        return "high" if chain.is_missed and chain.is_in_force(self.case.as_of) else "low"

    def _untold(self) -> Iterable[Cause]:
        """Yield what is wrong with keys that no finding speaks of, those of one cause together."""
        untold = [(self._weight(c), c) for c in self.triage.broken if not self.index.covers("broken", c)]
        untold += [("medium", c) for c in self.triage.too_open if not self.index.covers("too_open", c)]
        groups: dict[tuple[str, int, str], list[KeyChainRow]] = {}
        for severity, chain in untold:
            groups.setdefault((severity, chain.machine_id, reason_of(chain, self.chains.facts)), []).append(chain)
        for (severity, machine_id, reason), chains in groups.items():
            subjects = [self._subject(machine_id, label(c), c.thumbprint or "") for c in chains]
            yield Cause(
                anchor="",
                severity=severity,
                title=told(reason).rstrip(".。"),
                machine=self.chains.facts.machine_name(machine_id) if self._several else "",
                subjects=subjects[:MOST_SUBJECTS],
                more_subjects=max(0, len(subjects) - MOST_SUBJECTS),
            )
