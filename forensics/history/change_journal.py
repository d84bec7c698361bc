"""What the change journal of a volume says of files that broken keys need."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from forensics.disk.ntfs.journal import ChangeJournal, Deletion, Found
from forensics.formats.usn_record import CLOSED, CREATED, DELETED, NEW_NAME, OLD_NAME, WRITTEN
from forensics.history.needed_files import NeededFile
from forensics.tables.history import Happened, KeyHistoryRow

_SECOND = 10_000_000
AT_ONCE = 10 * _SECOND
"""Deletions so near to each other, as FILETIME has it, are told together."""
MAX_TOLD = 2_000
"""Display: rows of one installation."""


def journal_rows(
    journal: ChangeJournal,
    needed: Sequence[NeededFile],
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
    for all_found in _by_file(journal.named(needed_file.begins for needed_file in needed)).values():
        file = next(n for n in needed if all_found[0].record.name.startswith(n.begins))
        for happened, at in _events(all_found):
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
            if happened == "renamed":
                row.other_name = next(
                    (f.record.name for f in all_found[at + 1 :][:1] if f.record.reason & NEW_NAME), None
                )
            told.append((found, row))
    told = sorted(told, key=lambda pair: pair[0].offset)[:MAX_TOLD]
    _count_together(journal, [(found, row) for found, row in told if row.happened == "deleted"])
    return [row for _, row in told]


def _by_file(all_found: Iterable[Found]) -> dict[int, list[Found]]:
    by_file: defaultdict[int, list[Found]] = defaultdict(list)
    for found in all_found:
        by_file[found.record.file].append(found)
    return {file: sorted(each, key=lambda found: found.offset) for file, each in by_file.items()}


def _events(all_found: Sequence[Found]) -> Iterator[tuple[Happened, int]]:
    """Yield what happened to one file, and by which of its records.

    The reasons of an open file add up from record to record until it is closed.
    """
    told = 0
    for at, found in enumerate(all_found):
        reason = found.record.reason
        news = reason & ~told
        if news & CREATED:
            yield "created", at
        if news & WRITTEN and not reason & CREATED:
            yield "overwritten", at
        if news & OLD_NAME and not reason & NEW_NAME:
            yield "renamed", at
        if news & DELETED:
            yield "deleted", at
        told = 0 if reason & CLOSED else told | reason


def _new_name(all_found: Sequence[Found], old: int) -> str | None:
    """Return the name that a file got: its next record, of which not every journal still has it."""
    following = [found.record for found in all_found[old + 1 : old + 2]]
    return following[0].name if following and following[0].reason & NEW_NAME else None


def _count_together(journal: ChangeJournal, deleted: Sequence[tuple[Found, KeyHistoryRow]]) -> None:
    """Fill in how many other files of its folder were deleted within :data:`AT_ONCE` of each file."""
    if not deleted:
        return
    by_folder = {found.record.parent: _Deletions() for found, _ in deleted}
    for deletion in journal.deletions(by_folder):
        by_folder[deletion.folder].add(deletion)
    for found, row in deleted:
        row.together = by_folder[found.record.parent].beside(found)


class _Deletions:
    """The deletions in one folder, in the order of the journal; of what was deleted at once it is counted once."""

    def __init__(self) -> None:
        self._offsets, self._ticks, self._files = array("Q"), array("q"), array("Q")
        self._counted: list[tuple[int, set[int]]] = []

    def add(self, deletion: Deletion) -> None:
        """Take the next one."""
        self._offsets.append(deletion.offset)
        self._ticks.append(deletion.ticks)
        self._files.append(deletion.file)

    def beside(self, deleted: Found) -> int:
        """Return how many other files were deleted within :data:`AT_ONCE` of a file, without a pause between."""
        at = bisect_left(self._offsets, deleted.offset)
        if at == len(self._offsets) or self._offsets[at] != deleted.offset or deleted.record.at is None:
            return 0
        file, ticks = self._files[at], self._ticks[at]
        for near, files in self._counted:
            if abs(near - ticks) <= _SECOND and file in files:
                return len(files) - 1
        first, end = at, at + 1
        while first and abs(self._ticks[first - 1] - ticks) <= AT_ONCE:
            first -= 1
        while end < len(self._ticks) and abs(self._ticks[end] - ticks) <= AT_ONCE:
            end += 1
        files = set(self._files[first:end])
        self._counted.append((ticks, files))
        return len(files) - 1
