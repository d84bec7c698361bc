"""What the change journal of a volume says of files that broken keys need."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from forensics.disk.ntfs.journal import ChangeJournal, Deletion, Found
from forensics.formats.usn_record import CLOSED, CREATED, DELETED, NEW_NAME, OLD_NAME, WRITTEN
from forensics.history.needed_files import NeededFile, NeededFiles
from forensics.language import sentence
from forensics.tables.history import Happened, KeyHistoryRow
from forensics.tables.timestamps import told_time

_SECOND = 10_000_000
AT_ONCE = 10 * _SECOND
"""Deletions so near to each other, as FILETIME has it, are told together."""
_SET_BACK = timedelta(minutes=1)
"""By so much the times of a journal may go back without a word: they are taken when a change begins."""
MAX_TOLD = 2_000
"""Display: rows of one installation."""


def journal_rows(
    journal: ChangeJournal,
    needed: NeededFiles,
    folder_of: Callable[[int], str | None],
    machine_id: int,
    path: str,
) -> list[KeyHistoryRow]:
    """Return what happened to some files, in the order of the journal.

    Args:
        journal: The journal.
        needed: The files.
        folder_of: Gives the path of the folder with a file reference; None where there is none now.
        machine_id: The installation.
        path: Path of the journal, as rows name it.

    Raises:
        Unreadable: A part of the journal could not be got.
    """
    told: list[tuple[Found, KeyHistoryRow]] = []
    begins = tuple(file.begins for file in needed.files)
    for all_found in _by_file(journal.named(begins)).values():
        first = next((found.record.name for found in all_found if found.record.name.startswith(begins)), "")
        file = next((n for n in needed.files if first.startswith(n.begins)), None)
        if file is None:
            continue
        for happened, at in _events(all_found, file):
            found = all_found[at]
            row = KeyHistoryRow(
                machine_id=machine_id,
                source_path=f"{path} at byte {found.offset}",
                source_time=found.record.at,
                file_name=found.record.name,
                what=file.what,
                folder=folder_of(found.record.parent),
                thumbprints=list(file.thumbprints),
                happened=happened,
                at=found.record.at,
            )
            if happened in ("renamed", "moved"):
                _tell_new_place(row, all_found[at + 1 :][:1], folder_of)
            told.append((found, row))
    told = sorted(told, key=lambda pair: pair[0].offset)[:MAX_TOLD]
    _count_together(journal, [(found, row) for found, row in told if row.happened == "deleted"])
    rows = [row for _, row in told]
    _doubt_times(rows)
    return rows


def _by_file(all_found: Iterable[Found]) -> dict[int, list[Found]]:
    by_file: defaultdict[int, list[Found]] = defaultdict(list)
    for found in all_found:
        by_file[found.record.file].append(found)
    return {file: sorted(each, key=lambda found: found.offset) for file, each in by_file.items()}


def _events(all_found: Sequence[Found], file: NeededFile) -> Iterator[tuple[Happened, int]]:
    """Yield what happened to one file, and by which of its records.

    The reasons of an open file add up from record to record until it is closed. A file reference is made once and
    deleted once.
    """
    told = 0
    once: set[Happened] = set()
    for at, found in enumerate(all_found):
        reason = found.record.reason
        news = reason & ~told
        if news & CREATED and "created" not in once:
            once.add("created")
            yield "created", at
        if news & WRITTEN and not reason & CREATED:
            yield "overwritten", at
        if news & OLD_NAME and not reason & NEW_NAME:
            yield "moved" if _is_moved(all_found[at : at + 2]) else "renamed", at
        if news & NEW_NAME and file.is_named(found.record.name) and not _is_told_before(all_found, at):
            yield "named", at
        if news & DELETED and "deleted" not in once:
            once.add("deleted")
            yield "deleted", at
        told = 0 if reason & CLOSED else told | reason


def _is_moved(old_and_new: Sequence[Found]) -> bool:
    """Tell whether a file got another folder with its name; not where the journal lacks the record of that."""
    parents = {found.record.parent for found in old_and_new}
    return len(parents) == 2 and bool(old_and_new[1].record.reason & NEW_NAME)


def _is_told_before(all_found: Sequence[Found], at: int) -> bool:
    """Tell whether the record before is that of the old name, whose row tells of the new one too."""
    return at > 0 and bool(all_found[at - 1].record.reason & OLD_NAME)


def _tell_new_place(row: KeyHistoryRow, following: Sequence[Found], folder_of: Callable[[int], str | None]) -> None:
    """Fill in where a file went: its next record says so, which not every journal still has."""
    for found in following:
        if found.record.reason & NEW_NAME:
            row.other_name = found.record.name
            row.other_folder = folder_of(found.record.parent) if row.happened == "moved" else None


def _doubt_times(rows: Sequence[KeyHistoryRow]) -> None:
    """Say of each row whose time is before that of one that the journal has before it."""
    latest: datetime | None = None
    for row in rows:
        if row.at is None:
            continue
        if latest is not None and latest - row.at > _SET_BACK:
            row.doubt = sentence(
                "the journal has it behind a change of {time}: the clock of the computer was set between the two",
                time=told_time(latest),
            )
        latest = row.at if latest is None else max(latest, row.at)


def _count_together(journal: ChangeJournal, deleted: Sequence[tuple[Found, KeyHistoryRow]]) -> None:
    """Fill in how many other files of its folder were deleted within :data:`AT_ONCE` of each file."""
    if not deleted:
        return
    by_folder = {found.record.parent: _Deletions() for found, _ in deleted}
    for deletion in journal.deletions(by_folder):
        by_folder[deletion.folder].add(deletion)
    for found, row in deleted:
        others, ticks = by_folder[found.record.parent].beside(found)
        row.together = others
        row.together_seconds = max(1, -(-ticks // _SECOND)) if others else None


class _Deletions:
    """The deletions in one folder, in the order of the journal; of what was deleted at once it is counted once."""

    def __init__(self) -> None:
        self._offsets, self._ticks, self._files = array("Q"), array("q"), array("Q")
        self._counted: list[tuple[int, set[int], int]] = []

    def add(self, deletion: Deletion) -> None:
        """Take the next one."""
        self._offsets.append(deletion.offset)
        self._ticks.append(deletion.ticks)
        self._files.append(deletion.file)

    def beside(self, deleted: Found) -> tuple[int, int]:
        """Return how many other files were deleted within :data:`AT_ONCE` of a file, without a pause between.

        With the ticks from the first of these deletions to the last.
        """
        at = bisect_left(self._offsets, deleted.offset)
        if at == len(self._offsets) or self._offsets[at] != deleted.offset or deleted.record.at is None:
            return 0, 0
        file, ticks = self._files[at], self._ticks[at]
        for near, files, lasted in self._counted:
            if abs(near - ticks) <= _SECOND and file in files:
                return len(files) - 1, lasted
        first, end = at, at + 1
        while first and abs(self._ticks[first - 1] - ticks) <= AT_ONCE:
            first -= 1
        while end < len(self._ticks) and abs(self._ticks[end] - ticks) <= AT_ONCE:
            end += 1
        files = set(self._files[first:end])
        lasted = max(self._ticks[first:end]) - min(self._ticks[first:end])
        self._counted.append((ticks, files, lasted))
        return len(files) - 1, lasted
