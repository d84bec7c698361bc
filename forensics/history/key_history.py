"""What became of the files that broken keys need, asked of the witnesses that a source has."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from forensics.disk.ntfs.journal import ChangeJournal
from forensics.disk.tree import KeepsJournal, NotFound, Unreadable
from forensics.history.change_journal import journal_rows
from forensics.history.needed_files import needed_files
from forensics.sources.installation import Installation, outcome_of
from forensics.tables.history import KeyHistoryRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.outcome import ABSENT, NOT_COLLECTED, Outcome
from forensics.tables.timestamps import format_utc

if TYPE_CHECKING:
    from forensics.collectors.evidence import Evidence

JOURNAL = "$Extend/$UsnJrnl:$J"
_COLLECTED_AS = (JOURNAL, "$Extend/$UsnJrnl%3A$J", "$Extend/$J", "$J")
"""Names under which collectors put the journal, from the root of the drive."""
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_KEY_FILE = re.compile(r"[0-9a-f]{32}_" + _GUID.pattern)
_NAME_IN_COVERAGE = "change journal"


def key_history(evidence: Evidence, chains: Sequence[KeyChainRow]) -> tuple[list[KeyHistoryRow], list[KeyChainRow]]:
    """Return what happened to the files that broken keys need, and the chains with the day they lost theirs.

    Nothing is read where no key is broken for want of a file.

    Args:
        evidence: The installation, whose source is open.
        chains: Its chains.
    """
    needed = needed_files(chains, evidence.certificates, evidence.machine.ansi_code_page)
    if not needed:
        return [], list(chains)
    installation = evidence.installation
    path = installation.on_drive(JOURNAL)
    rows: list[KeyHistoryRow] = []
    try:
        journal, path = _journal(installation)
        if journal is None:
            outcome = ABSENT if installation.tree.complete else NOT_COLLECTED
        else:
            outcome = _reach(journal)
            rows = journal_rows(journal, needed, _FolderOf(evidence), installation.machine_id, path)
    except Unreadable as error:
        installation.problem(path, error.kind, str(error))
        outcome = outcome_of(error)
    installation.coverage.tell("log", _NAME_IN_COVERAGE, outcome, path)
    knows_folders = isinstance(installation.own_tree, KeepsJournal) and not installation.drive
    own = [row for row in rows if _is_of_keys(row, knows_folders)]
    return rows, [_with_loss(chain, own) for chain in chains]


def _journal(installation: Installation) -> tuple[ChangeJournal | None, str]:
    tree = installation.own_tree
    path = installation.on_drive(JOURNAL)
    if isinstance(tree, KeepsJournal) and not installation.drive:
        return tree.change_journal(), path
    for name in _COLLECTED_AS:
        collected = installation.on_drive(name)
        try:
            stream = tree.open(collected)
        except NotFound:
            continue
        size = stream.seek(0, io.SEEK_END)
        return ChangeJournal(stream, [(0, size)], is_whole=False), collected
    return None, path


def _reach(journal: ChangeJournal) -> Outcome:
    """Say how far back the journal reaches: what it does not name happened before, or never."""
    first = journal.first()
    if first is None or first.at is None:
        return Outcome("partial", "no whole record was found in it")
    reach = f"reaches back to {format_utc(first.at)}"
    return Outcome("partial", f"{reach}; more of it was not read") if journal.is_cut else Outcome("present", reach)


def _folders(evidence: Evidence) -> dict[int, str]:
    """Return the folders in which keys and master keys lie on this volume, by file reference."""
    installation = evidence.installation
    paths = {folder.path for folder in evidence.key_folders}
    paths |= {row.source_path.rpartition("/")[0] for row in (key.row for key in evidence.master_keys)}
    found: dict[int, str] = {}
    for path in sorted(paths):
        try:
            handle = installation.own_tree.entry(installation.really(path)).handle
        except (NotFound, Unreadable):
            continue
        if isinstance(handle, int):
            found[handle] = path
    return found


class _FolderOf:
    """Gives the path of a folder by its file reference, as the rows about keys have it where they have one."""

    def __init__(self, evidence: Evidence) -> None:
        self._tree = evidence.installation.own_tree
        self._known: dict[int, str | None] = dict(_folders(evidence))

    def __call__(self, reference: int) -> str | None:
        if reference not in self._known and isinstance(self._tree, KeepsJournal):
            self._known[reference] = self._tree.folder_of(reference)
        return self._known.get(reference)


def _with_loss(chain: KeyChainRow, rows: Sequence[KeyHistoryRow]) -> KeyChainRow:
    """Return a broken chain with the last deletion or renaming of the file it needs."""
    lost = _loss([row for row in rows if chain.thumbprint in row.thumbprints])
    if chain.verdict != "unusable" or lost is None:
        return chain
    return replace(
        chain,
        lost_at=lost.at,
        lost_by=lost.happened,
        lost_file=lost.file_name,
        lost_folder=lost.folder,
        lost_together=lost.together,
    )


def _loss(rows: Sequence[KeyHistoryRow]) -> KeyHistoryRow | None:
    """Return where a file went away for good: the first deletion or renaming since it came last."""
    came = (number for number, row in enumerate(rows) if row.happened == "created" or _is_own(row, row.other_name))
    last = max(came, default=-1)
    gone = (row for row in rows[last + 1 :] if row.happened in ("deleted", "renamed"))
    return next((row for row in gone if _is_own(row, row.file_name)), None)


def _is_own(row: KeyHistoryRow, name: str | None) -> bool:
    """Tell whether Windows looks for the file under a name: a copy that somebody put beside it has another."""
    return (
        _KEY_FILE.fullmatch(name or "") is not None
        if row.what == "key_file"
        else _GUID.fullmatch(name or "") is not None
    )


def _is_of_keys(row: KeyHistoryRow, knows_folders: bool) -> bool:
    """Tell whether a file was in a folder of Windows for such files, so far as that is known.

    A backup of keys has files of the same names, and so has Windows.old, which Windows itself deletes.
    """
    if row.folder is None:
        return not knows_folders
    path = row.folder.lower()
    return (
        "microsoft/crypto/" if row.what == "key_file" else "microsoft/protect/"
    ) in f"{path}/" and "windows.old" not in path
