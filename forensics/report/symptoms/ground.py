"""What one machine's rows say when a cause is examined, and whether the places were seen that could say more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Literal

from forensics.case_tables import CaseTables
from forensics.engine.subjects import KEY_TABLES
from forensics.language import joined, sentence, sentence_n
from forensics.late_methods import dataclass
from forensics.report.facts import Facts, label
from forensics.report.named import named
from forensics.report.reason import reason_alone
from forensics.report.words import word
from forensics.sources.coverage import Place, together
from forensics.tables.finding import Finding
from forensics.tables.key_chain import ChainLink, KeyChainRow
from forensics.tables.machine import MachineRow, ServiceRow
from forensics.tables.outcome import Outcome
from forensics.tables.record import CoverageRow
from forensics.tables.use import CertificateUseRow

State = Literal["found", "ruled_out", "open"]
"""``open``: neither found nor ruled out, because something was not seen or no disk tells it."""

MOST_NAMED = 3
"""Display: keys or places that a sentence names one by one."""
_BY_POLICY = ("EFS recovery agent", "BitLocker recovery agent")
_USE_FILES = ("applicationHost.config", "ias.xml", "rasphone.pbk")


@dataclass(frozen=True, slots=True)
class Affected:
    """Something that a cause keeps from working.

    Attributes:
        id: As the subject of a finding: thumbprint, path, folder, name.
        label: What it is called.
        behind: The link at which its chain breaks first, where the cause is another.
    """

    id: str
    label: str
    behind: ChainLink | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of examining one cause.

    Attributes:
        state: The answer.
        because: Of a cause that is ruled out, by what; of one that is open, what was not seen or is on no disk;
            of one that was found, for what it is open beside that.
        affected: What it was found for.
    """

    state: State
    because: str = ""
    affected: tuple[Affected, ...] = ()


class Ground:
    """The rows of one machine.

    Args:
        case: The case.
        machine: The machine.
        facts: The rows of the case by what they speak of.
    """

    def __init__(self, case: CaseTables, machine: MachineRow, facts: Facts) -> None:
        self.case = case
        self.machine = machine
        self.facts = facts
        self.coverage = case.coverage_of(machine)
        self.chains: list[KeyChainRow] = [c for c in self.rows("key_chain") if c.thumbprint is not None]
        self.files_alone: list[KeyChainRow] = [c for c in self.rows("key_chain") if c.thumbprint is None]
        # What policy sets has its key where the policy was made, by design.
        self.uses: list[CertificateUseRow] = [u for u in self.rows("certificate_use") if u.consumer not in _BY_POLICY]
        self._subjects: dict[tuple[str, ...], frozenset[str]] = {}

    def rows(self, table: str) -> list[Any]:
        """Return the machine's rows of a table."""
        return [row for row in self.case.rows(table) if row.machine_id == self.machine.machine_id]

    def findings(self, rules: tuple[str, ...]) -> list[Finding]:
        """Return what rules found on the machine, undecided findings not among them."""
        return [
            finding
            for finding in self.case.finding_list
            if finding.rule in rules
            and finding.verdict == "match"
            and (finding.machine_id == self.machine.machine_id or self._is_member(finding))
        ]

    def _is_member(self, finding: Finding) -> bool:
        """Tell whether a finding about computers that share an identity names this one among them."""
        rows = self.case.rows("shared_identity")
        return any(
            evidence.table == "shared_identity" and rows[evidence.row].member == self.machine.machine_id
            for evidence in finding.evidence
            if evidence.row < len(rows)
        )

    def subjects(self, rules: tuple[str, ...]) -> frozenset[str]:
        """Return the subjects of what rules found."""
        if rules not in self._subjects:
            self._subjects[rules] = frozenset(s.id for finding in self.findings(rules) for s in finding.subjects)
        return self._subjects[rules]

    def service(self, name: str) -> ServiceRow | None:
        """Return a service that is registered, by name without case."""
        rows: list[ServiceRow] = self.rows("service")
        return next((row for row in rows if row.name.lower() == name.lower()), None)

    @cached_property
    def providers(self) -> frozenset[str]:
        """Names of the providers that are registered, in one case."""
        return frozenset(row.name.casefold() for row in self.rows("provider"))

    @cached_property
    def system(self) -> Outcome:
        """Whether the hive SYSTEM was seen whole."""
        return self.coverage.saw(Place.of_hive("SYSTEM"))

    @cached_property
    def stores(self) -> list[str]:
        """Say what of the certificate stores was not seen whole, and why: there may be keys that no row speaks of."""
        users = [row for row in self.coverage if row.name.startswith(("NTUSER.DAT of ", "My certificates of "))]
        return _unseen(sentence("certificates of the computer"), self.coverage.saw_certificates(), users)

    @cached_property
    def settings(self) -> list[str]:
        """Say what of the settings that name keys was not seen whole, and why: a service may use what no row tells."""
        files = [row for row in self.coverage if row.area == "uses" or row.name in _USE_FILES]
        return _unseen(word("registry"), together([self.system, self.coverage.saw(Place.of_hive("SOFTWARE"))]), files)

    @property
    def unseen_certificates(self) -> str:
        """A sentence where there may be keys that no row speaks of; empty where every place was seen whole."""
        return sentence("not every certificate store was seen whole") if self.stores else ""

    @property
    def unseen_uses(self) -> str:
        """A sentence where a service may use a key that no row tells of; empty where every place was seen whole."""
        if not self.settings:
            return ""
        return sentence("not every place was seen whole in which a key is named for a service")

    def affected(self, chain: KeyChainRow, *links: ChainLink) -> Affected:
        """Return a key as what a cause at one of some links keeps from working."""
        behind = chain.broken_at if chain.broken_at not in links else None
        return Affected(chain.thumbprint or chain.key_file_path or "", label(chain), behind)

    def undecided(self, chains: Sequence[KeyChainRow]) -> str:
        """Say of which keys it is not known, and why, the commonest reasons first."""
        by_reason: dict[str, list[str]] = {}
        for chain in chains:
            by_reason.setdefault(reason_alone(chain, self.facts), []).append(label(chain))
        reasons = sorted(by_reason.items(), key=lambda item: -len(item[1]))
        told = [joined([some(labels), reason], ": ") for reason, labels in reasons[:MOST_NAMED]]
        left = sum(len(labels) for _, labels in reasons[MOST_NAMED:])
        more = [sentence_n("and {count} more key", "and {count} more keys", left)] if left else []
        return joined([*told, *more], "; ")


def called(chain: KeyChainRow) -> str:
    """Return what to call a key file that no certificate names."""
    return chain.container or label(chain)


def some(names: Sequence[str]) -> str:
    """Name the first of several, and count the rest."""
    return named(names, MOST_NAMED)


def _unseen(what: str, place: Outcome, rows: Iterable[CoverageRow]) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    if not place.is_whole:
        by_reason[place.why or word(place.state)] = [what]
    for row in rows:
        if row.outcome not in ("present", "absent"):
            by_reason.setdefault(row.detail or word(row.outcome), []).append(row.name)
    return [joined([some(names), reason], ": ") for reason, names in by_reason.items()]


def speaks_of(finding: Finding, affected: Iterable[Affected]) -> bool:
    """Tell whether a finding is about what a cause was found for; one about no key in particular always is."""
    return finding.subject_table not in KEY_TABLES or bool(
        {subject.id for subject in finding.subjects} & {one.id for one in affected}
    )
