"""What the change journal of a volume says of files that broken keys need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from forensics.disk.ntfs.journal import ChangeJournal, Found
from forensics.formats.usn_record import CLOSED, CREATED, DELETED, NEW_NAME, OLD_NAME, WRITTEN
from forensics.history.needed_files import NeededFile
from forensics.tables.history import Happened, KeyHistoryRow

AT_ONCE = timedelta(seconds=10)
"""Deletions so near to each other are told together."""
MAX_TOLD = 2_000
"""Display: rows of one installation."""
_MOST_NAMES = 4
"""Work: names of one file, one after the other, under which it is followed."""
_FIRST_STEP, _NEIGHBOURHOOD = 64 << 10, 8 << 20


def journal_rows(
    journal: ChangeJournal, needed: Sequence[NeededFile], folders: Mapping[int, str], machine_id: int, path: str
) -> list[KeyHistoryRow]:
    """Return what happened to some files, in the order of the journal.

    Args:
        journal: The journal.
        needed: The files.
        folders: Paths of folders by their file reference.
        machine_id: The installation.
        path: Path of the journal, as rows name it.

    Raises:
        Unreadable: A part of the journal could not be got.
    """
    told = _Told(journal, folders, machine_id, path)
    for file, all_found in _by_file(journal.named(needed_file.begins for needed_file in needed)).items():
        for happened, found in _events(all_found):
            needed_file = next(n for n in needed if found.record.name.startswith(n.begins))
            told.add(file, happened, found, needed_file)
    for _ in range(_MOST_NAMES):
        renamed = told.take_renamed()
        if not renamed:
            break
        for file, all_found in _by_file(journal.named(name for name, _ in renamed.values())).items():
            for happened, found in _events(all_found):
                if file in renamed and found.record.name == renamed[file][0]:
                    told.add(file, happened, found, renamed[file][1])
    return [row for _, row in sorted(told.rows, key=lambda pair: pair[0])][:MAX_TOLD]


def _by_file(all_found: Iterable[Found]) -> dict[int, list[Found]]:
    by_file: defaultdict[int, list[Found]] = defaultdict(list)
    for found in all_found:
        by_file[found.record.file].append(found)
    return {file: sorted(each, key=lambda found: found.offset) for file, each in by_file.items()}


class _Told:
    """The rows so far, and the names that files got, under which they are followed."""

    def __init__(self, journal: ChangeJournal, folders: Mapping[int, str], machine_id: int, path: str) -> None:
        self.rows: list[tuple[int, KeyHistoryRow]] = []
        self._journal = journal
        self._deletions = _Deletions(journal)
        self._folders = folders
        self._machine_id = machine_id
        self._path = path
        self._renamed: dict[int, tuple[str, NeededFile]] = {}

    def add(self, file: int, happened: Happened, found: Found, needed: NeededFile) -> None:
        """Add what happened to a file, by its reference."""
        record = found.record
        row = KeyHistoryRow(
            machine_id=self._machine_id,
            source_path=f"{self._path} at byte {found.offset}",
            source_time=record.at,
            file_name=record.name,
            what=needed.what,
            folder=self._folders.get(record.parent),
            thumbprints=list(needed.thumbprints),
            happened=happened,
            at=record.at,
        )
        if happened == "renamed":
            row.other_name = _new_name(self._journal, found)
            if row.other_name is not None:
                self._renamed[file] = (row.other_name, needed)
        elif happened == "deleted":
            row.together = self._deletions.beside(found)
        self.rows.append((found.offset, row))

    def take_renamed(self) -> dict[int, tuple[str, NeededFile]]:
        """Return the files that got another name since this was asked last: that name, and what they were."""
        renamed, self._renamed = self._renamed, {}
        return renamed


def _events(all_found: Sequence[Found]) -> Iterator[tuple[Happened, Found]]:
    """Yield what happened to one file; the reasons of an open file add up from record to record until it is closed."""
    told = 0
    for found in all_found:
        reason = found.record.reason
        news = reason & ~told
        if news & CREATED:
            yield "created", found
        if news & WRITTEN and not reason & CREATED:
            yield "overwritten", found
        if news & OLD_NAME and not reason & NEW_NAME:
            yield "renamed", found
        if news & DELETED:
            yield "deleted", found
        told = 0 if reason & CLOSED else told | reason


def _new_name(journal: ChangeJournal, old: Found) -> str | None:
    """Return the name that a file got: its next record, of which not every journal still has it."""
    for found in journal.around(old.offset, 0, _NEIGHBOURHOOD):
        record = found.record
        if found.offset > old.offset and record.file == old.record.file:
            return record.name if record.reason & NEW_NAME else None
    return None


class _Deletions:
    """Counts what was deleted beside a file; of what was deleted at once it is counted once."""

    def __init__(self, journal: ChangeJournal) -> None:
        self._journal = journal
        self._counted: list[tuple[Found, set[int]]] = []

    def beside(self, deleted: Found) -> int:
        """Return how many other files of its folder were deleted within :data:`AT_ONCE` of a file."""
        at = deleted.record.at
        if at is None:
            return 0
        for one, files in self._counted:
            is_near = one.record.at is not None and abs(one.record.at - at) <= timedelta(seconds=1)
            if one.record.parent == deleted.record.parent and is_near and deleted.record.file in files:
                return len(files) - 1
        files = {
            found.record.file
            for found in self._near(deleted.offset, at)
            if found.record.reason & DELETED and found.record.parent == deleted.record.parent
        }
        self._counted.append((deleted, files))
        return len(files - {deleted.record.file})

    def _near(self, offset: int, at: datetime) -> Iterator[Found]:
        """Yield the records within :data:`AT_ONCE` of a time; no more of the journal is walked than that takes."""
        before = _FIRST_STEP
        while before < _NEIGHBOURHOOD:
            first = next(self._journal.around(offset, before, 0), None)
            if first is None or first.record.at is None or at - first.record.at > AT_ONCE:
                break
            before *= 4
        for found in self._journal.around(offset, before, _NEIGHBOURHOOD):
            if found.record.at is not None and found.record.at - at > AT_ONCE:
                break
            if found.record.at is not None and at - found.record.at <= AT_ONCE:
                yield found
