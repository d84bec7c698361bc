"""An earlier Windows that Setup moved aside, and one that Setup did not finish: Windows.old and its like.

What such a folder holds is laid out like a system drive: Windows, Users, ProgramData. ``$WINDOWS.~BT`` holds Setup's
files and logs (Sources\\Panther, Sources\\Rollback); a whole Windows (NewOS) only until Setup has put that in place.
``$WINDOWS.~Q`` is what Setup of Windows 7 and Vista kept the earlier one in until it was done.

References:
    Microsoft, Log files and resolving upgrade errors: what lies in $Windows.~BT.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from forensics.disk.tree import Entry, NotFound, Tree, Unreadable
from forensics.language import joined, sentence
from forensics.sources.coverage import Coverage
from forensics.tables.machine import MachineRow
from forensics.tables.outcome import Outcome, State
from forensics.tables.row import Row
from forensics.tables.source import SourceEntry, leaves
from forensics.tables.windows_path import is_moved_aside

_BY_SETUP = ("$windows.~bt", "$windows.~q")
_WINDOWS = ("Windows", "WINNT")
_PROFILES = ("Users", "Documents and Settings")
_OF_PROFILES = ("appdata", "application data", "ntuser.dat")
_MOST_PROFILES = 100
"""Work: profiles that are looked at to tell a former Windows from other folders."""
_MOST = 16
"""Evidence: former Windows of one drive."""


TOOK_ITS_PLACE = sentence("the Windows that was set up in its place, which was not found")
"""What a former Windows is an older state of, where it is alone."""


class FormerRoot(NamedTuple):
    """What was the system drive of a former Windows.

    Attributes:
        drive: Its path in the tree, such as ``Windows.old``.
        windows: Path of its Windows folder, whether that is there or not.
    """

    drive: str
    windows: str

    @property
    def folder(self) -> str:
        """The folder that was moved aside: a drive, or a Windows that somebody renamed."""
        return self.windows if is_moved_aside(self.windows) else self.drive


def former_windows(tree: Tree, drive: str, coverage: Coverage, shown: str = "") -> list[FormerRoot]:
    """Return each former Windows of a drive, and tell of the folders of that kind which hold none.

    Args:
        tree: Holds the drive.
        drive: Path of the drive in it; may be empty.
        coverage: Is told what such a folder holds.
        shown: What its paths begin with there.
    """
    found: list[FormerRoot] = []
    for folder in _folders(tree, drive):
        renamed = _has_hives(tree, folder.path)
        root = FormerRoot(drive, folder.path) if renamed else FormerRoot(folder.path, _windows_of(tree, folder.path))
        path = f"{shown}/{folder.path}" if shown else folder.path
        if not renamed and not _holds_windows(tree, root):
            missing: State = "absent" if tree.complete else "not_examined"
            coverage.tell(
                "folder", folder.name, Outcome(missing, sentence("no Windows, profiles or ProgramData in it")), path
            )
        elif len(found) == _MOST:
            coverage.tell(
                "folder",
                folder.name,
                Outcome("not_examined", sentence("only {most} of them are examined", most=_MOST)),
                path,
            )
        else:
            found.append(root)
            coverage.tell(
                "folder", folder.name, Outcome("present", sentence("a former Windows, examined by itself")), path
            )
    return found


def mark_alone(entries: Sequence[SourceEntry], rows: Iterable[Row]) -> None:
    """Call each piece of evidence an older state that holds former installations and no other."""
    former = {row.machine_id for row in rows if isinstance(row, MachineRow) and row.kind == "former"}
    for entry in leaves(entries):
        if entry.machine_ids and former.issuperset(entry.machine_ids) and not entry.older_state_of:
            entry.older_state_of = TOOK_ITS_PLACE


def windows_told(form: str, found: Sequence[Entry], formers: Sequence[FormerRoot]) -> str:
    """Say which Windows a volume holds, the former ones behind.

    Args:
        form: What the volume is.
        found: Windows folders at its root.
        formers: What Setup moved aside on it.
    """
    former = sentence("a former Windows in {names}", names=", ".join(root.folder for root in formers))
    if not found:
        return sentence("{form}, no Windows but {former}", form=form, former=former)
    windows = sentence("{form}, Windows in {names}", form=form, names=", ".join(entry.path for entry in found))
    return joined([windows, former], "; ") if formers else windows


def _folders(tree: Tree, drive: str) -> Iterator[Entry]:
    for entry in _entries(tree, drive):
        of_setup = _entries(tree, entry.path) if entry.is_dir and _is(entry, *_BY_SETUP) else ()
        yield from (each for each in (entry, *of_setup) if each.is_dir and is_moved_aside(each.path))


def _windows_of(tree: Tree, drive: str) -> str:
    named = (each.path for name in _WINDOWS for each in _entries(tree, drive) if each.is_dir and _is(each, name))
    return next(named, f"{drive}/{_WINDOWS[0]}")


def _holds_windows(tree: Tree, root: FormerRoot) -> bool:
    for entry in _entries(tree, root.drive):
        if _is(entry, *_PROFILES):
            profiles = (each.path for each in list(_entries(tree, entry.path))[:_MOST_PROFILES] if each.is_dir)
            if any(_is(each, *_OF_PROFILES) for profile in profiles for each in _entries(tree, profile)):
                return True
        elif _is(entry, "ProgramData") and any(_is(each, "Microsoft") for each in _entries(tree, entry.path)):
            return True
    return _has_hives(tree, root.windows)


def _has_hives(tree: Tree, windows: str) -> bool:
    return any(_is(each, "config") for each in _entries(tree, f"{windows}/System32"))


def _is(entry: Entry, *names: str) -> bool:
    return entry.name.lower() in (name.lower() for name in names)


def _entries(tree: Tree, path: str) -> Iterable[Entry]:
    try:
        return tree.entries(path)
    except (NotFound, Unreadable):
        return ()
