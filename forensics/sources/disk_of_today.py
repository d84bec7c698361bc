"""Tells by the configurations beside a disk that was named alone whether its machine writes to another one today."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from forensics.disk.configurations import CONFIGURATIONS, SUFFIXES
from forensics.disk.lineage import present_state
from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.disk.unlock import Unlock
from forensics.language import sentence
from forensics.sources.bundles import HYPER_V, Bundle, file_name, names_of, read_bundles
from forensics.sources.choices import Choices
from forensics.sources.disks import named_after
from forensics.sources.file_kind import FileKind
from forensics.sources.folder_tree import FolderTree, folder_tree
from forensics.sources.peek import peek
from forensics.sources.pieces import Pieces
from forensics.sources.same_evidence import SeenEvidence
from forensics.sources.source import Source
from forensics.sources.vm_files import is_configuration

_MAX_SIZE = 4 << 20
"""Format: bytes of a configuration beside a disk that is asked which disk its machine writes to."""
_MAX_ASKED = 500
"""Work: files of one folder that are asked whether they are configurations of the machine of a disk."""
_OF_HYPER_V = "Virtual Machines"


def is_of_today(path: Path) -> bool:
    """Tell whether a configuration says that its machine writes to a disk, and none that a snapshot has closed it."""
    bundles, own = _configurations(path), set(names_of(path.name))
    is_frozen = any(own.intersection(map(file_name, bundle.said.frozen)) for _, bundle in bundles)
    return _is_named(bundles, own) and not is_frozen


def disk_of_today(path: Path, beside: Sequence[Path]) -> tuple[str, str] | None:
    """Return what the machine of a disk writes to, where a configuration says that it is not this one.

    Args:
        path: The disk.
        beside: What may build on others, or be what they build on.

    Returns:
        The path of that disk, or words for it; and a sentence that says so.
    """
    bundles, own = _configurations(path), set(names_of(path.name))
    if _is_named(bundles, own):
        return None
    for folder, bundle in bundles:
        name = str(folder / bundle.entry.path)
        if own.intersection(map(file_name, bundle.said.frozen)):
            newer: str = sentence("the disk after the last snapshot in {name}", name=name)
            if len(bundle.disks) == 1:
                newer = str(folder / bundle.disks[0].path)
            return newer, sentence(
                "{path} is an older state: {name} says that a snapshot has closed it; examine {newer}",
                path=path,
                name=name,
                newer=newer,
            )
        for disk in bundle.disks:
            base = folder / disk.path
            if disk.entry is not None and present_state(base, beside) == path:
                said = sentence(
                    "it builds on {base}, and {name} says that the machine writes to that", base=base, name=name
                )
                return str(base), sentence(
                    "{path} is an older state: {said}; examine {base}", path=path, said=said, base=base
                )
        missing = (disk for disk in bundle.disks if not disk.is_there and named_after(path.name, disk.path))
        if (gone := next(missing, None)) is not None:
            written = str(folder / gone.path)
            said = sentence(
                "{name} says that the machine writes to {newer}, which is not there", name=name, newer=written
            )
            return written, sentence(
                "{path} may be an older state: {said}; put it there and name it", path=path, said=said
            )
    return None


def _configurations(path: Path) -> list[tuple[Path, Bundle]]:
    folders = [path.parent]
    if path.parent.name.lower() in ("snapshots", "virtual hard disks"):
        folders.append(path.parent.parent)
    return [bundle for folder in folders for bundle in _bundles(folder)]


def _is_named(bundles: Sequence[tuple[Path, Bundle]], own: set[str]) -> bool:
    return any(own.intersection(names_of(disk.path)) for _, bundle in bundles for disk in bundle.disks)


def _bundles(folder: Path) -> list[tuple[Path, Bundle]]:
    tree = folder_tree(folder)
    said: list[tuple[Entry, str]] = []
    for place in ("", _OF_HYPER_V):
        try:
            entries = tree.entries(place)
        except (NotFound, Unreadable):
            continue
        small = (e for e in entries if e.name.lower().endswith(SUFFIXES) and 0 < e.size <= _MAX_SIZE)
        said += [(entry, kind) for entry in islice(small, _MAX_ASKED) if (kind := _kind(tree, entry)) is not None]
    if not said:
        return []
    # What is wrong with a configuration that was not named is not told.
    pieces = Pieces(Source(str(folder)), Unlock(), Choices(), 1, lambda line: None, SeenEvidence())
    return [(folder, bundle) for bundle in read_bundles(pieces, tree, said, ())]


def _kind(tree: FolderTree, entry: Entry) -> str | None:
    if is_configuration(entry.name):
        return HYPER_V
    seen = peek(tree, entry)
    return seen.kind if isinstance(seen, FileKind) and seen.kind in CONFIGURATIONS else None
