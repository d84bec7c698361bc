"""When a key lost the file it needs: to the second where a witness saw it go, else between two that saw it or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from forensics.history.needed_files import is_name_of_windows
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.history import WITNESSES, Happened, HistoryOf, HistoryWitness, KeyHistoryRow, Loss
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.timestamps import told_time

_SAW_IT_GO: HistoryWitness = "change_journal"
"""What notes each change when it is made, and so dates a loss; what others call one is likely only."""
_LEFT: Mapping[Happened, Loss] = {"deleted": "deleted", "renamed": "renamed", "moved": "moved"}
_CAME = ("created", "named")
_WAS_THERE = ("existed", "created", "named", "overwritten")
_ONE_MOMENT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Replaced:
    """That another file has the name by now.

    Attributes:
        at: When it was made; None where that is not known.
    """

    at: datetime | None


def with_loss(
    chain: KeyChainRow,
    rows: Sequence[KeyHistoryRow],
    suffix: str | None,
    replaced: Replaced | None = None,
) -> KeyChainRow:
    """Return a broken chain with when it lost its file, as far as witnesses tell.

    Args:
        chain: The chain.
        rows: What witnesses say of files in folders of keys, those of each witness in their order.
        suffix: MachineGuid with which Windows looks for key files; None where it is not known.
        replaced: Another file has the name of the one that it needs.
    """
    wanted = _lacks(chain, replaced is not None)
    if wanted is None:
        return chain
    own = [
        row
        for row in rows
        if row.what == wanted and chain.thumbprint in row.thumbprints and _may_be_its(row, chain, suffix)
    ]
    lost = loss([row for row in own if row.witness == _SAW_IT_GO], suffix, replaced)
    known = [row for row in own if is_name_of_windows(row.what, row.file_name)]
    limit = lost.at if lost is not None else replaced.at if replaced is not None else None
    # A file that is there under another name, or damaged, was seen for as long as it is there.
    is_gone = chain.key_file == "absent" if wanted == "key_file" else chain.master_key == "absent"
    seen = gone = None
    if limit is not None or is_gone:
        seen = _best(known, lambda row: row.happened in _WAS_THERE and (limit is None or _at(row) <= limit), max)
    if lost is None and (is_gone or replaced is not None):
        earliest = [time for time in (chain.not_before, seen.at if seen is not None else None) if time is not None]
        gone = _best(own, lambda row: row.happened == "not_there" and all(_at(row) > time for time in earliest), min)
    before, by = (_at(gone), gone.witness) if gone is not None else (None, None)
    if lost is None and replaced is not None and replaced.at is not None and (before is None or before > replaced.at):
        before, by = replaced.at, "file_times"
    if lost is None and seen is None and before is None:
        return chain
    return replace(
        chain,
        lost_at=lost.at if lost is not None else None,
        lost_by=_LEFT[lost.happened] if lost is not None else None,
        lost_file=next((row.file_name for row in (lost, seen) if row is not None), None),
        lost_folder=next((row.folder for row in (lost, seen) if row is not None), None),
        lost_together=lost.together if lost is not None else None,
        lost_seconds=lost.together_seconds if lost is not None else None,
        lost_after=seen.at if seen is not None else None,
        lost_after_witness=seen.witness if seen is not None else None,
        lost_before=before,
        lost_before_witness=by,
        lost_doubt=_doubt(lost, known, replaced),
    )


def with_proof(chain: KeyChainRow, copied: datetime | None) -> KeyChainRow:
    """Return a chain whose key was had in a shadow copy, with what that proves of the time of its loss.

    A file that was written over keeps the time at which the one before it was made: that says nothing of a loss.

    Args:
        chain: The chain.
        copied: When the shadow copy was made in which its key was had.
    """
    path, found = chain.key_file_path or "", chain.recoverable_from or ""
    is_written_over = (chain.key_file, chain.public_key) == ("present", "mismatch") and chain.lost_at is None
    if copied is None or not is_written_over or not found.lower().startswith(f"{path.lower()} ("):
        return chain
    known_before = chain.lost_before is not None and chain.lost_before > copied
    known_after = chain.lost_after is not None and chain.lost_after > copied
    folder, _, name = path.rpartition("/")
    return replace(
        chain,
        lost_file=name,
        lost_folder=folder,
        lost_after=chain.lost_after if known_after else copied,
        lost_after_witness=chain.lost_after_witness if known_after else "shadow_copy",
        lost_before=chain.lost_before if known_before else None,
        lost_before_witness=chain.lost_before_witness if known_before else None,
    )


def _lacks(chain: KeyChainRow, is_replaced: bool) -> HistoryOf | None:
    """Return which file an unusable key lacks; None where that is not what is wrong."""
    if chain.verdict != "unusable":
        return None
    if is_replaced or chain.key_file in ("absent", "other_machine_guid"):
        return "key_file"
    return "master_key" if chain.master_key in ("absent", "unreadable") else None


def _may_be_its(row: KeyHistoryRow, chain: KeyChainRow, suffix: str | None) -> bool:
    """Tell whether a file of the right container, by its name, can be the one that a key needs.

    With another MachineGuid it may be of another time, or machine: then it counts since the certificate began, and not
    at all where such a file is there, for that is not what Windows lacks.
    """
    if row.what == "master_key" or row.happened == "not_there" or suffix is None:
        return True
    if any((name or "").endswith(f"_{suffix}") for name in (row.file_name, row.other_name)):
        return True
    if chain.key_file == "other_machine_guid":
        return False
    return row.at is None or chain.not_before is None or row.at >= chain.not_before


def loss(
    rows: Sequence[KeyHistoryRow], suffix: str | None = None, replaced: Replaced | None = None
) -> KeyHistoryRow | None:
    """Return where a file went away for good, by one witness: the first time that it left since it came last.

    Args:
        rows: What the witness says of it, in its order.
        suffix: MachineGuid with which Windows looks for key files; None where it is not known.
        replaced: What came last is another file, which took the name: the time before it counts.
    """
    came = [number for number, row in enumerate(rows) if _has_come(row, suffix)]
    if replaced is not None:
        if not came:
            return None
        rows, came = rows[: came[-1]], came[:-1]
    last = came[-1] if came else -1
    return next((row for row in rows[last + 1 :] if _has_left(row, suffix)), None)


def _has_come(row: KeyHistoryRow, suffix: str | None) -> bool:
    if row.happened == "renamed":
        return _is_own(row, row.other_name) and not _has_left(row, suffix)
    return row.happened in _CAME and _is_own(row, row.file_name)


def _has_left(row: KeyHistoryRow, suffix: str | None) -> bool:
    """Tell whether a row says that a file left: a key file that got another MachineGuid has, for Windows."""
    if not _is_own(row, row.file_name):
        return False
    if row.happened == "renamed" and _is_own(row, row.other_name):
        ends = f"_{suffix}"
        return suffix is not None and row.file_name.endswith(ends) and not (row.other_name or "").endswith(ends)
    return row.happened in _LEFT


def _is_own(row: KeyHistoryRow, name: str | None) -> bool:
    """Tell whether Windows looks for the file under a name: a copy that somebody put beside it has another."""
    return is_name_of_windows(row.what, name)


def _best(
    rows: Sequence[KeyHistoryRow],
    counts: Callable[[KeyHistoryRow], bool],
    which: Callable[..., KeyHistoryRow],
) -> KeyHistoryRow | None:
    found = [row for row in rows if row.at is not None and counts(row)]
    return which(found, key=_at) if found else None


def _at(row: KeyHistoryRow) -> datetime:
    assert row.at is not None
    return row.at


def _doubt(lost: KeyHistoryRow | None, known: Sequence[KeyHistoryRow], replaced: Replaced | None) -> str | None:
    """Say what speaks against the time of a loss: that the clock was set, or that another witness saw it later."""
    if lost is None:
        return None
    if lost.doubt is not None or lost.at is None or replaced is not None:
        return lost.doubt
    limit = lost.at + _ONE_MOMENT
    later = _best(known, lambda row: row.happened == "existed" and _at(row) > limit, max)
    if later is None:
        return None
    return sentence(
        "the {witnesses} shows a file of that name at {time}, which is later: the clock of the "
        "computer was set between the two, or the file came back and went once more unseen",
        witnesses=WITNESSES[later.witness],
        time=told_time(_at(later)),
    )
