"""What shadow copies show of files: there at the time of a copy, or not there, and so when they came or went at most.

References:
    https://learn.microsoft.com/windows-server/storage/file-server/volume-shadow-copy-service
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import datetime
from itertools import groupby

from forensics.disk.shadow_copy import ShadowCopy
from forensics.disk.tree import NotFound, Tree, Unreadable, damage_of
from forensics.history.needed_files import NeededFile, NeededFiles
from forensics.history.places import Places, named_in
from forensics.lack_of_memory import how
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.history import KeyHistoryRow
from forensics.tables.shadow_path import shadow_path
from forensics.tables.timestamps import told_time

MAX_COPIES = 64
"""Work: shadow copies of one volume that are looked into, of more the newest."""
MAX_TOLD = 2_000
"""Display: rows of one installation."""


@dataclass(slots=True)
class CopiesSeen:
    """What shadow copies show.

    Attributes:
        rows: What they say.
        why: Why not all of them were looked into; None where they were.
    """

    rows: list[KeyHistoryRow]
    why: str | None = None


@dataclass(frozen=True, slots=True)
class _Sight:
    """A file in one copy.

    Attributes:
        copy: The copy.
        folder: Where it lies; None where it is not there.
        name: Its name then.
    """

    copy: ShadowCopy
    folder: str | None
    name: str


def copy_rows(copies: Sequence[ShadowCopy], needed: NeededFiles, places: Places, machine_id: int) -> CopiesSeen:
    """Return what the copies show of some files, from the oldest to the newest.

    Of copies in a row that show a file alike one is told, with the time of the oldest of them.

    Args:
        copies: The copies of the volume, the newest first.
        needed: The files.
        places: The folders in which they are looked for.
        machine_id: The installation.
    """
    seen = CopiesSeen([])
    if len(copies) > MAX_COPIES:
        seen.why = sentence(
            "only the newest {max_copies} of {count} were looked into", max_copies=MAX_COPIES, count=len(copies)
        )
    sights: dict[str, list[_Sight]] = {file.begins: [] for file in needed.files}
    dated = [copy for copy in copies[:MAX_COPIES] if copy.created is not None]
    for copy in sorted(dated, key=lambda each: each.created or datetime.max):
        try:
            _look_into(copy, copy.open(), needed, places, sights)
        except (NotFound, Unreadable) as reason:
            seen.why = seen.why or sentence("the one of {copy}: {reason}", copy=_time(copy), reason=reason)
        except Exception as error:  # whatever the libraries behind a tree raise on damaged or hostile bytes
            seen.why = seen.why or sentence(
                "the one of {copy}: reading it failed {how}", copy=_time(copy), how=how(error)
            )
    if len(dated) < len(copies[:MAX_COPIES]):
        seen.why = seen.why or sentence("one of them has no time")
    for file in needed.files:
        seen.rows += _told(file, sights[file.begins], machine_id)
    seen.rows = _without_other_names(seen.rows)
    if len(seen.rows) > MAX_TOLD:
        seen.rows, seen.why = (
            seen.rows[:MAX_TOLD],
            seen.why or sentence("only {max_told} of what they show is told", max_told=MAX_TOLD),
        )
    return seen


def _time(copy: ShadowCopy) -> str:
    return sentence("an unknown time") if copy.created is None else told_time(copy.created)


def _look_into(
    copy: ShadowCopy, tree: Tree, needed: NeededFiles, places: Places, sights: dict[str, list[_Sight]]
) -> None:
    begins = frozenset(sights)
    listed = {what: _Listed(tree, folders, begins) for what, folders in places.folders.items()}
    for file in needed.files:
        names = listed[file.what].of(file)
        sights[file.begins] += [_Sight(copy, folder, name) for folder, name in names]
        if not names and listed[file.what].is_whole and file.what not in places.elsewhere:
            sights[file.begins].append(_Sight(copy, None, file.begins))


class _Listed:
    """The names of files in some folders of a copy.

    Args:
        tree: The volume as it was then.
        folders: The folders.
        begins: How the names that matter begin.

    Attributes:
        is_whole: What is not among them was not there.
    """

    def __init__(self, tree: Tree, folders: Sequence[str], begins: Container[str]) -> None:
        self.is_whole = True
        self._by_beginning: dict[str, list[tuple[str, str]]] = {}
        for folder in folders:
            try:
                for entry in named_in(tree, folder):
                    beginning = entry.name.lower().partition("_")[0]
                    if beginning in begins and not entry.is_dir:
                        self._by_beginning.setdefault(beginning, []).append((folder, entry.name))
                if tree.cut_short(folder) is not None or damage_of(tree, folder) is not None:
                    self.is_whole = False
            except NotFound:
                self.is_whole &= tree.complete
            except Unreadable:
                self.is_whole = False

    def of(self, file: NeededFile) -> list[tuple[str, str]]:
        """Return folder and name of a file, for each under which it is there."""
        return [found for found in self._by_beginning.get(file.begins, ()) if file.is_named(found[1])]


def _told(file: NeededFile, sights: Sequence[_Sight], machine_id: int) -> list[KeyHistoryRow]:
    """Return rows for the sights of one file, the oldest first."""
    rows: list[KeyHistoryRow] = []
    there: dict[tuple[str, str], KeyHistoryRow] = {}
    gone: list[_Sight] = []
    for _, of_copy in groupby(sights, key=lambda sight: sight.copy.identifier):
        shown = list(of_copy)
        if shown[0].folder is None:
            if not gone:
                rows.append(_row(file, shown[0], machine_id, list(there.values())))
            gone.append(shown[0])
            there = {}
            continue
        if gone and rows[-1].since is None:
            # Before it came the last copy without it says most.
            rows[-1] = _row(file, gone[-1], machine_id, [])
        gone = []
        there = {(sight.folder or "", sight.name): _seen_again(file, sight, machine_id, there, rows) for sight in shown}
    return rows


def _seen_again(
    file: NeededFile,
    sight: _Sight,
    machine_id: int,
    before: dict[tuple[str, str], KeyHistoryRow],
    rows: list[KeyHistoryRow],
) -> KeyHistoryRow:
    """Return the row of a file that is there: that of the copy before, now with the time of this one, or a new one."""
    row = _row(file, sight, machine_id, [])
    known = before.get((sight.folder or "", sight.name))
    if known is None:
        rows.append(row)
        return row
    known.since = known.since or known.at
    known.at, known.source_path, known.source_time = row.at, row.source_path, row.source_time
    return known


def _without_other_names(rows: Sequence[KeyHistoryRow]) -> list[KeyHistoryRow]:
    """Leave out that no copy has a file under a name which it would have with another provider.

    It is told once of a key of which no copy has a file under any name.
    """
    had = {(row.what, thumbprint) for row in rows if row.happened == "existed" for thumbprint in row.thumbprints}
    ever = {(row.what, row.file_name.partition("_")[0]) for row in rows if row.happened == "existed"}
    kept: list[KeyHistoryRow] = []
    for row in rows:
        keys = {(row.what, thumbprint) for thumbprint in row.thumbprints}
        if row.happened == "not_there" and (row.what, row.file_name.partition("_")[0]) not in ever and keys:
            if keys <= had:
                continue
            had |= keys
        kept.append(row)
    return kept


def _row(file: NeededFile, sight: _Sight, machine_id: int, before: Sequence[KeyHistoryRow]) -> KeyHistoryRow:
    """Make the row of one sight, where the copy before showed the file so."""
    name = sight.name if sight.folder is not None or not before else before[0].file_name
    path = name if sight.folder is None else f"{sight.folder}/{name}"
    return KeyHistoryRow(
        machine_id=machine_id,
        source_path=shadow_path(path, sight.copy.identifier, sight.copy.created),
        source_time=sight.copy.created,
        file_name=name,
        what=file.what,
        folder=sight.folder if sight.folder is not None or not before else before[0].folder,
        thumbprints=list(file.thumbprints),
        happened="existed" if sight.folder is not None else "not_there",
        at=sight.copy.created,
        since=max((row.at for row in before if row.at is not None), default=None),
        witness="shadow_copy",
    )
