"""Makes the rows of a case; each count is of those that the first screen and the whole text count."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from forensics.case_tables import CaseTables
from forensics.language import Sentence, joined, sentence, sentence_n
from forensics.report.accounted import doubts_of
from forensics.report.disk_table.blockers import Blocker, blockers_of
from forensics.report.disk_table.ends import ending_rows, next_of
from forensics.report.disk_table.roles import roles_of
from forensics.report.disk_table.row import DiskRow, EndingRow
from forensics.report.facts import Facts
from forensics.report.first_screen.prospects import not_examined, savable
from forensics.report.outages.keys import Keys
from forensics.report.outages.services import services
from forensics.report.stores import unseen_stores
from forensics.report.triage import triage
from forensics.report.undecided import lack_of_evidence
from forensics.tables.finding import SEVERITIES, Severity
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from forensics.tables.source import SourceEntry, leaves


def disk_rows(case: CaseTables) -> list[DiskRow]:
    """Return a row for each disk or collection that counts as evidence, and for each machine where it has several.

    Args:
        case: The case.

    Returns:
        In the order of the sources. Former installations have none, as they are counted nowhere.
    """
    return list(_Rows(case.present).all())


class _Rows:
    def __init__(self, case: CaseTables) -> None:
        self._case, facts = case, Facts(case)
        self._facts = facts
        self._roles, self._blockers = roles_of(case), blockers_of(case)
        self._triage = found = triage(case)
        self._judged, self._dead = self._by_machine(found.judged), self._by_machine(found.broken)
        self._undecided = self._by_machine(found.unknown)
        stopped = services(case, facts, Keys(case))
        self._down: dict[int, list[str]] = defaultdict(list)
        for down in stopped.down:
            self._down[down.machine_id] += down.names
        self._doubtful = Counter(doubt.machine_id for doubt in stopped.doubtful)
        self._savable = Counter(entry.machine_id for entry in savable(case, facts, lambda _: ""))
        self._ends: dict[int, list[EndingRow]] = defaultdict(list)
        for row in ending_rows(case):
            self._ends[row.machine_id].append(row)
        self._worst: dict[int, Severity] = {}
        for finding in case.finding_list:
            if finding.verdict == "match":
                known = self._worst.setdefault(finding.machine_id, finding.severity)
                self._worst[finding.machine_id] = min(known, finding.severity, key=SEVERITIES.index)
        self._gaps: dict[int, list[str]] = defaultdict(list)
        for entry in not_examined(case, facts, self._triage, lambda _: ""):
            if entry.machine_id:
                self._gaps[entry.machine_id].append(joined(filter(None, (entry.what, entry.why)), ": "))
        self._unseen = unseen_stores(case)
        # What of exports is of no machine: the row of the one source that has none.
        self._leaves = leaves(case.sources)
        self._of_nobody = any(row.machine_id == 0 for row in case.rows("vm"))

    def all(self) -> Iterator[DiskRow]:
        """Yield all rows."""
        machines = {row.machine_id: row for row in self._case.rows("machine")}
        for entry in self._leaves:
            own = [machines[number] for number in entry.machine_ids if number in machines]
            if not own:
                yield self._without_machine(entry)
            for machine in own:
                yield self._of_machine(entry, machine)

    def _without_machine(self, entry: SourceEntry) -> DiskRow:
        if entry.error:
            reason = _without_path(entry.error, entry.path)
            return DiskRow(source=entry.path, kind=entry.kind, state="not_examined", not_examined=[reason])
        row = DiskRow(source=entry.path, kind=entry.kind, not_examined=doubts_of(entry, self._case.sources))
        bare = [other for other in self._leaves if not other.error and not other.machine_ids]
        if self._of_nobody and bare == [entry]:
            self._fill(row, 0)
        return row

    def _of_machine(self, entry: SourceEntry, machine: MachineRow) -> DiskRow:
        doubts = doubts_of(entry, self._case.sources)
        row = DiskRow(
            source=entry.path,
            kind=entry.kind,
            state="older_state" if entry.older_state_of or entry.backup_of else "examined",
            machine_id=machine.machine_id,
            machine=self._facts.computer(machine.machine_id),
            product=machine.product_name,
            roles=self._roles[machine.machine_id],
            not_examined=doubts,
        )
        self._fill(row, machine.machine_id)
        # Nothing builds on what was examined again after it had changed.
        if entry.older_state_of and not entry.older_state_of.startswith(entry.path):
            newer = entry.older_state_of.replace("\\", "/").rsplit("/", 1)[-1]
            told = sentence("a newer state builds on it ({name})", name=newer)
            if any(other.path == entry.older_state_of and other.error for other in self._leaves):
                told = sentence("a newer state may build on it ({name})", name=newer)
            row.add_blockers([Blocker("newer_state", told)])
        return row

    def _fill(self, row: DiskRow, number: int) -> None:
        dead, undecided = self._dead[number], self._undecided[number]
        row.down, row.doubtful = self._down[number], self._doubtful[number]
        row.keys = len(self._judged[number])
        row.dead, row.missed = len(dead), sum(chain.is_missed for chain in dead)
        row.undecided, row.savable = len(undecided), self._savable[number]
        if soonest := next_of(self._ends[number]):
            row.next_end, row.next_end_of = soonest.ends, soonest.subject
            row.next_end_in_use = soonest.in_use
        row.worst = self._worst.get(number)
        row.add_blockers(self._blockers.get(number, ()))
        row.not_examined = [*row.not_examined, *self._gaps_of(number, undecided)]

    def _by_machine(self, chains: Iterable[KeyChainRow]) -> dict[int, list[KeyChainRow]]:
        found: dict[int, list[KeyChainRow]] = defaultdict(list)
        for chain in self._triage.in_force(chains):
            found[chain.machine_id].append(chain)
        return found

    def _gaps_of(self, number: int, undecided: list[KeyChainRow]) -> Iterator[str]:
        if number in self._unseen:
            outcome = self._unseen[number]
            why = outcome.why or outcome.state.replace("_", " ")
            yield sentence("its certificate stores were not seen whole: {why}", why=why)
        lack = lack_of_evidence(self._case, undecided, self._facts)
        if lack.keys:
            yield sentence_n(
                "{count} key undecided for want of evidence: {why}",
                "{count} keys undecided for want of evidence: {why}",
                lack.keys,
                why=lack.reason,
            )
        yield from self._gaps[number]


def _without_path(error: str, path: str) -> str:
    """Return an error without the path at its beginning; in another language it may stand elsewhere, and stays."""
    text = error.removeprefix(path).lstrip(": ")
    if not isinstance(error, Sentence) or text == error:
        return error if text == error else text
    rest = [value for value in error.made.values.values() if value == text]
    return rest[0] if rest and isinstance(rest[0], Sentence) else Sentence(text, error.made)
