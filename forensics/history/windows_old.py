"""What Setup moved aside: a file that an earlier Windows of this machine still has was there when that was replaced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from forensics.disk.tree import Entry, NotFound, Tree, Unreadable
from forensics.history.needed_files import NeededFile, NeededFiles
from forensics.history.places import Places, named_in
from forensics.tables.history import KeyHistoryRow
from forensics.tables.windows_path import is_moved_aside

_MOST = 16
"""Work: folders of a drive into which Setup moved a Windows."""


def former_rows(
    tree: Tree, drive: str, needed: NeededFiles, places: Places, suffix: str | None, machine_id: int
) -> Iterator[KeyHistoryRow]:
    """Yield the files that lie in a Windows that was moved aside, with the time of their last change.

    Containers of one name are on many machines: a key file counts where it has the MachineGuid of this one.

    Args:
        tree: The volume or collection.
        drive: Path of the system drive in it; may be empty.
        needed: The files.
        places: The folders in which they are looked for.
        suffix: MachineGuid with which the names of key files end; None where it is not known.
        machine_id: The installation.
    """
    before = f"{drive}/" if drive else ""
    for aside in [e for e in _entries(tree, drive) if e.is_dir and is_moved_aside(e.path)][:_MOST]:
        for what, folders in places.folders.items():
            for folder in folders:
                if not folder.lower().startswith(before.lower()) or is_moved_aside(folder.split("/")[0]):
                    continue
                for entry in _entries(tree, f"{aside.path}/{folder[len(before) :]}"):
                    file = needed.of_name(entry.name)
                    if file is not None and file.what == what and _is_of_machine(file, entry.name, suffix):
                        with suppress(NotFound, Unreadable):
                            yield _row(file, tree.entry(entry.path), machine_id)


def _is_of_machine(file: NeededFile, name: str, suffix: str | None) -> bool:
    return file.what == "master_key" or (suffix is not None and name.lower().endswith(f"_{suffix}"))


def _row(file: NeededFile, entry: Entry, machine_id: int) -> KeyHistoryRow:
    return KeyHistoryRow(
        machine_id=machine_id,
        source_path=entry.path,
        source_time=entry.modified,
        file_name=entry.name,
        what=file.what,
        folder=entry.path.rpartition("/")[0],
        thumbprints=list(file.thumbprints),
        happened="existed",
        at=max((time for time in (entry.created, entry.modified) if time is not None), default=None),
        witness="former_windows",
    )


def _entries(tree: Tree, path: str) -> Sequence[Entry]:
    try:
        return named_in(tree, path)
    except (NotFound, Unreadable):
        return ()
