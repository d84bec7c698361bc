"""Unpacks the disks and archives in an archive to where they can be opened: a folder of this process, soon deleted."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from forensics.contained.child import scratch_prefix
from forensics.disk.part_names import following, is_part_of
from forensics.disk.rescue_map import MAP_SUFFIXES, MAX_MAP, map_names
from forensics.disk.tree import Entry
from forensics.sources.archive_tree import ArchiveTree
from forensics.sources.pieces import Pieces
from forensics.sources.source import Source
from forensics.tables.source import SourceEntry

_LONGEST_NAME = 200
"""Format: characters of the name under which a member is unpacked."""
_HARMLESS = frozenset(" ._-+=()[]{},~@#")


class UnpackedMembers:
    """Members of an archive as files.

    A disk needs its name and what lies beside it: a parent, an extent, a segment. So the members of one folder of the
    archive come into one folder, which nobody else can read; names that a file system could take for more than a name
    are replaced.

    Args:
        pieces: Takes what cannot be unpacked; the files are deleted when its source is closed.
        tree: The archive.
    """

    def __init__(self, pieces: Pieces, tree: ArchiveTree) -> None:
        self._pieces = pieces
        self._tree = tree
        self._top: Path | None = None
        self._folders: dict[str, Path] = {}

    def unpack(self, members: Sequence[Entry]) -> dict[str, Path]:
        """Unpack members; return where each lies, by its path in the archive.

        What is damaged, or does not fit, becomes an entry with the reason.
        """
        places: dict[str, Path] = {}
        for member in [*members, *self._belonging_to(members)]:
            shown = f"{self._pieces.source.path}/{member.path}"
            entry = SourceEntry(shown, "unknown", size=member.size, found_in=self._pieces.source.path)
            target = self._place(member)

            def copy(piece: Source, member: Entry = member, target: Path = target, shown: str = shown) -> None:
                self._copy(member, target, shown)

            if self._pieces.attempt(entry, Source(shown), copy):
                places[member.path] = target
            else:
                self._pieces.source.found.append(entry)
                target.unlink(missing_ok=True)
        return places

    def _belonging_to(self, members: Sequence[Entry]) -> list[Entry]:
        """Return what belongs to these disks and does not look like one: later parts, and what was not read of them."""
        names: dict[str, list[str]] = {}
        for member in members:
            names.setdefault(member.path.rpartition("/")[0], []).append(member.name)
        known = {member.path for member in members}
        return [
            each
            for folder, disks in names.items()
            for each in self._tree.entries(folder)
            if not each.is_dir and each.path not in known and _belongs_to(each, disks)
        ]

    def _copy(self, member: Entry, target: Path, shown: str) -> None:
        told = -1

        def progress(done: int) -> None:
            nonlocal told
            part = 20 * done // max(1, member.size)
            if part > told:
                told = part
                self._pieces.progress(f"unpacking {shown}: {min(100, 5 * part)} %")

        if self._tree.hand_over(member, target):
            return
        progress(0)
        with target.open("xb") as copied:
            self._tree.unpack(member, copied, progress)

    def _place(self, member: Entry) -> Path:
        folder = member.path.rpartition("/")[0]
        if self._top is None:
            made = tempfile.TemporaryDirectory(prefix=scratch_prefix(), ignore_cleanup_errors=True)
            self._top = Path(self._pieces.source.resources.enter_context(made))
        if folder not in self._folders:
            self._folders[folder] = self._top / str(len(self._folders))
            self._folders[folder].mkdir()
        return self._folders[folder] / _harmless(member.name)


def _harmless(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in _HARMLESS else "_" for c in name[-_LONGEST_NAME:])
    return kept if kept.strip(". ") else f"_{kept}"


def _belongs_to(entry: Entry, disks: Sequence[str]) -> bool:
    name = entry.name.casefold()
    if entry.size <= MAX_MAP and name.endswith(MAP_SUFFIXES):
        return any(name in map(str.casefold, map_names(disk)) for disk in disks)
    return any(following(disk) is not None and is_part_of(entry.name, disk) for disk in disks)
