"""What became of the files that keys need, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from forensics.case_tables import CaseTables
from forensics.facts.loss_told import NO_TIME, together
from forensics.language import _, joined, sentence, told
from forensics.late_methods import dataclass
from forensics.tables.history import WITNESSES, HistoryWitness, KeyHistoryRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.record import CoverageRow
from forensics.tables.timestamps import format_utc, told_time, told_times

_WAS = {
    "created": sentence("was created"),
    "overwritten": sentence("was overwritten"),
    "deleted": sentence("was deleted"),
}
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
        return _with_witnesses(_told(self.row), self)


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


def _with_witnesses(happened: str, event: HistoryEvent) -> str:
    by = _witnesses(event.witnesses)
    if event.row.certainty == "likely":
        by = sentence("likely, by the {witnesses}", witnesses=by)
    if event.row.doubt:
        by = joined([by, event.row.doubt], "; ")
    return sentence("{event} ({witnesses})", event=happened, witnesses=by)


def _witnesses(witnesses: Sequence[HistoryWitness]) -> str:
    *others, last = (WITNESSES[witness] for witness in witnesses)
    for other in reversed(others):
        last = sentence("{one} and {other}", one=other, other=last)
    return last


def _file(row: KeyHistoryRow) -> str:
    if row.what == "key_file":
        return sentence("key file {name}", name=row.file_name)
    return sentence("master key file {name}", name=row.file_name)


def _told(row: KeyHistoryRow) -> str:
    """Say what happened to a file, without its time and witness."""
    if row.happened == "not_there" and row.what == "key_file" and "_" not in row.file_name:
        return sentence("no key file of its container was there")  # of which the name goes by its provider
    return sentence("{file} {what}", file=_file(row), what=_happened(row))


def _happened(row: KeyHistoryRow) -> str:
    """Say what happened to a file, in words that follow its name."""
    since = told_time(row.since) if row.since else None
    if row.happened == "existed":
        return sentence("was there, as since {time}", time=since) if since else sentence("was there")
    if row.happened == "not_there":
        if since:
            return sentence("was not there any more; at {time} it was", time=since)
        return sentence("was not there")
    if row.happened == "put_there":
        return sentence("was written to this volume, with an older date of its own")
    if row.happened == "named":
        return sentence("got its name")
    if row.happened == "moved":
        return _moved(row)
    if row.happened == "renamed":
        return sentence("was renamed to {name}", name=row.other_name) if row.other_name else sentence("was renamed")
    others = together(row.together, row.together_seconds, row.folder)
    return joined(filter(None, (_WAS[row.happened], others)), ", ")


def _moved(row: KeyHistoryRow) -> str:
    folder = row.other_folder or sentence("another folder")
    if row.other_name and row.other_name != row.file_name:
        return sentence("was moved to {folder} as {name}", folder=folder, name=row.other_name)
    return sentence("was moved to {folder}", folder=folder)


def told_loss(chain: KeyChainRow) -> str | None:
    """Say when a key lost its file, and what speaks against it; None where no witness tells."""
    if chain.lost_told is None or chain.lost_doubt is None:
        return chain.lost_told
    return joined([chain.lost_told, chain.lost_doubt], ": ")


def history_lines(case: CaseTables, chain: KeyChainRow) -> Iterator[str]:
    """Yield what became of the files that a chain needs, in the spoken language: in one sentence, then each event."""
    rows = [row for row in case.rows("key_history") if _is_about(row, chain)]
    if not rows and not _lacks_a_file(chain):
        return
    if loss := told_loss(chain):
        yield _("in short: {file} {told}", file=chain.lost_file or sentence("its file"), told=told(loss))
    for event in sorted(history_events(rows), key=_order):
        yield f"{told_time(event.row.at) if event.row.at else told(NO_TIME)}: {told(event.told)}"
    for row in _journals(case, chain.machine_id):
        if row.detail and row.outcome in ("present", "partial"):
            reach = told(row.detail)
            if rows:
                yield _("the change journal {reach}: what happened before that it does not tell", reach=reach)
            else:
                yield _(
                    "the change journal names none of its files, and {reach}: what happened before that it does not "
                    "tell",
                    reach=reach,
                )


def loss_beside(chain: KeyChainRow, said: str) -> str | None:
    """Say when a key lost its file, unless a text of the spoken language that stands above says all of it."""
    if chain.lost_told is None or (told_times(told(chain.lost_told)) in said and chain.lost_doubt is None):
        return None
    return told_times(told(told_loss(chain) or "")) or None


def files_of_working_keys(case: CaseTables) -> Iterator[tuple[int, str]]:
    """Yield with its machine what became of each file that no broken key needs: one line in the spoken language."""
    broken = {(chain.machine_id, chain.thumbprint) for chain in case.rows("key_chain") if chain.verdict == "unusable"}
    files: dict[tuple[int, str], list[KeyHistoryRow]] = {}
    for row in case.rows("key_history"):
        if not any((row.machine_id, thumbprint) in broken for thumbprint in row.thumbprints):
            files.setdefault((row.machine_id, row.file_name), []).append(row)
    for (machine_id, _name), of_file in files.items():
        events = sorted(history_events(of_file), key=_order)
        yield machine_id, _("{file} {what}", file=_file(of_file[0]), what=joined(map(_at_its_time, events), ", "))


def _at_its_time(event: HistoryEvent) -> str:
    """Say what happened to a file that was named before."""
    row = event.row
    if row.at is None:
        return event.told
    has_name = row.happened != "not_there" or row.what != "key_file" or "_" in row.file_name
    happened = _with_witnesses(_happened(row), event) if has_name else event.told
    return sentence("{event} at {time}", event=happened, time=told_time(row.at))


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
