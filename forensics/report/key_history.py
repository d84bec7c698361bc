"""What became of the files that keys need, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from forensics.case_tables import CaseTables
from forensics.facts.loss_told import NO_TIME, together
from forensics.late_methods import dataclass
from forensics.tables.history import WITNESSES, HistoryOf, HistoryWitness, KeyHistoryRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.record import CoverageRow
from forensics.tables.timestamps import format_utc, told_time, told_times

_WHAT: dict[HistoryOf, str] = {"key_file": "key file", "master_key": "master key file"}
_ONE_EVENT = timedelta(seconds=2)
"""What two witnesses tell of one file is one event where their times are so near."""


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One thing that happened to a file, by one witness or several.

    Attributes:
        row: What the first of them says.
        witnesses: All of them.
    """

    row: KeyHistoryRow
    witnesses: tuple[HistoryWitness, ...]

    @property
    def told(self) -> str:
        """What happened, without its time: one sentence."""
        by = " and ".join(WITNESSES[witness] for witness in self.witnesses)
        likely = "likely, by the" if self.row.certainty == "likely" else ""
        doubt = f"; {self.row.doubt}" if self.row.doubt else ""
        return f"{_told(self.row)} ({likely} {by}{doubt})".replace("( ", "(")


def history_events(rows: Iterable[KeyHistoryRow]) -> list[HistoryEvent]:
    """Return what rows tell, in their order; what several witnesses tell of one event once."""
    events: list[HistoryEvent] = []
    by_kind: dict[tuple[int, str, str], list[int]] = {}
    for row in rows:
        alike = by_kind.setdefault((row.machine_id, row.file_name.lower(), row.happened), [])
        at = next((n for n in alike if _is_one(events[n].row, row) and row.witness not in events[n].witnesses), None)
        if at is None:
            alike.append(len(events))
            events.append(HistoryEvent(row, (row.witness,)))
        else:
            events[at] = HistoryEvent(events[at].row, (*events[at].witnesses, row.witness))
    return events


def _is_one(one: KeyHistoryRow, other: KeyHistoryRow) -> bool:
    return one.at is not None and other.at is not None and abs(one.at - other.at) <= _ONE_EVENT


def _told(row: KeyHistoryRow) -> str:
    """Say what happened to a file, without its time and witness."""
    file = f"{_WHAT[row.what]} {row.file_name}"
    if row.happened == "existed":
        return f"{file} was there" + (f", as since {told_time(row.since)}" if row.since else "")
    if row.happened == "not_there" and row.what == "key_file" and "_" not in row.file_name:
        return "no key file of its container was there"  # of which the name goes by its provider
    if row.happened == "not_there":
        return f"{file} was not there" + (f" any more; at {told_time(row.since)} it was" if row.since else "")
    if row.happened == "put_there":
        return f"{file} was written to this volume, with an older date of its own"
    if row.happened == "named":
        return f"{file} got its name"
    if row.happened == "moved":
        return f"{file} was moved to {row.other_folder or 'another folder'}" + _as_name(row)
    if row.happened == "renamed":
        return f"{file} was renamed" + (f" to {row.other_name}" if row.other_name else "")
    others = together(row.together, row.together_seconds, row.folder)
    return ", ".join(filter(None, (f"{file} was {row.happened}", others)))


def _as_name(row: KeyHistoryRow) -> str:
    return f" as {row.other_name}" if row.other_name and row.other_name != row.file_name else ""


def told_loss(chain: KeyChainRow) -> str | None:
    """Say when a key lost its file, and what speaks against it; None where no witness tells."""
    if chain.lost_told is None or chain.lost_doubt is None:
        return chain.lost_told
    return f"{chain.lost_told}: {chain.lost_doubt}"


def history_lines(case: CaseTables, chain: KeyChainRow) -> Iterator[str]:
    """Yield what became of the files that a chain needs: first in one sentence, then event by event."""
    rows = [row for row in case.rows("key_history") if _is_about(row, chain)]
    if not rows and not _lacks_a_file(chain):
        return
    if told := told_loss(chain):
        yield f"in short: {chain.lost_file or 'its file'} {told}"
    for event in sorted(history_events(rows), key=_order):
        yield f"{told_time(event.row.at) if event.row.at else NO_TIME}: {event.told}"
    for row in _journals(case, chain.machine_id):
        if row.detail and row.outcome in ("present", "partial"):
            names = "" if rows else "names none of its files, and "
            yield f"the change journal {names}{row.detail}: what happened before that it does not tell"


def loss_beside(chain: KeyChainRow, said: str) -> str | None:
    """Say when a key lost its file, unless a text that stands above says all of it."""
    if chain.lost_told is None or (told_times(chain.lost_told) in said and chain.lost_doubt is None):
        return None
    return told_times(told_loss(chain) or "") or None


def files_of_working_keys(case: CaseTables) -> Iterator[tuple[int, str]]:
    """Yield with its machine what became of each file that no broken key needs: one line."""
    broken = {(chain.machine_id, chain.thumbprint) for chain in case.rows("key_chain") if chain.verdict == "unusable"}
    files: dict[tuple[int, str], list[KeyHistoryRow]] = {}
    for row in case.rows("key_history"):
        if not any((row.machine_id, thumbprint) in broken for thumbprint in row.thumbprints):
            files.setdefault((row.machine_id, row.file_name), []).append(row)
    for (machine_id, name), of_file in files.items():
        begins = f"{_WHAT[of_file[0].what]} {name} "
        told = (
            f"{event.told.removeprefix(begins)} at {told_time(event.row.at)}" if event.row.at else event.told
            for event in sorted(history_events(of_file), key=_order)
        )
        yield machine_id, f"{begins}{', '.join(told)}"


def _order(event: HistoryEvent) -> tuple[bool, str]:
    return (event.row.at is None, format_utc(event.row.at, fraction=True) if event.row.at else "")


def _is_about(row: KeyHistoryRow, chain: KeyChainRow) -> bool:
    if row.machine_id != chain.machine_id:
        return False
    if chain.thumbprint is not None:
        return chain.thumbprint in row.thumbprints
    file = (chain.key_file_path or "").rpartition("/")[2].lower()
    return row.file_name.lower() in (file, (chain.master_key_guid or "-").lower())


def _journals(case: CaseTables, machine_id: int) -> Iterator[CoverageRow]:
    for row in case.rows("coverage"):
        if (row.machine_id, row.area, row.name) == (machine_id, "log", "change journal"):
            yield row


def _lacks_a_file(chain: KeyChainRow) -> bool:
    return chain.verdict == "unusable" and "absent" in (chain.key_file, chain.master_key)
