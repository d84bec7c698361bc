"""Collections of DFIR-ORC: files under other names, and a list beside them of what each was on the machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.formats.errors import FormatError
from forensics.formats.orc_samples import MAX_SIZE, Sample, parse_orc_samples
from forensics.late_methods import dataclass
from forensics.sources.collected_tree import CollectedTree
from forensics.sources.layout import WindowsRoot
from forensics.sources.mapping_tree import MappingTree, UnionTree

LIST = "getthis.csv"
"""Lower-case name of the list."""
_OF_SYSTEM_DRIVE = ("windows/", "winnt/", "programdata/microsoft/", "users/", "documents and settings/")


@dataclass(frozen=True, slots=True)
class OrcCollection:
    """What one list tells.

    Attributes:
        roots: Drives of machines.
        samples: Paths of the files that it lists, lower case: none of them is a loose hive.
        older: They hold files of shadow copies, too.
    """

    roots: tuple[WindowsRoot, ...]
    samples: frozenset[str]
    older: bool


def orc_collection(tree: CollectedTree, folder: str, entries: Sequence[Entry]) -> OrcCollection | None:
    """Read the list of samples in a folder; None where there is none, or it lists nothing that is there."""
    found = next((entry for entry in entries if entry.name.lower() == LIST and not entry.is_dir), None)
    if found is None or found.size > MAX_SIZE:
        return None
    try:
        with tree.open(found) as file:
            samples = parse_orc_samples(file.read(MAX_SIZE))
    except (FormatError, NotFound, Unreadable):
        return None
    stored = [(sample, entry) for sample in samples if (entry := _stored(tree, folder, sample)) is not None]
    drives: dict[tuple[str, str], dict[str, Entry]] = {}
    for sample, entry in stored:
        if sample.is_present:
            drives.setdefault((sample.computer.casefold(), sample.volume), {}).setdefault(sample.path, entry)
    drives = {identity: files for identity, files in drives.items() if _is_of_system_drive(files)}
    if not drives:
        return None
    machines = len({computer for computer, _ in drives})
    roots = [
        _root(tree, files, folder if machines == 1 else "/".join(filter(None, (folder, *identity))), identity)
        for identity, files in drives.items()
    ]
    older = any(not sample.is_present for sample in samples)
    return OrcCollection(tuple(roots), frozenset(entry.path.casefold() for _, entry in stored), older)


def _is_of_system_drive(files: Iterable[str]) -> bool:
    return any(path.casefold().startswith(_OF_SYSTEM_DRIVE) for path in files)


def _root(tree: CollectedTree, files: Mapping[str, Entry], label: str, identity: tuple[str, str]) -> WindowsRoot:
    mapped = MappingTree(tree, _without_nested(files))
    names = [path.split("/")[0] for path in files]
    windows = next((name for name in names if name.casefold() in ("windows", "winnt")), "Windows")
    return WindowsRoot(UnionTree(mapped, ("",)), "", windows, label, identity=identity)


def _without_nested(files: Mapping[str, Entry]) -> dict[str, Entry]:
    """Leave out what would lie in a file, which no machine has."""
    known = {path.casefold() for path in files}
    return {
        path: entry
        for path, entry in files.items()
        if known.isdisjoint("/".join(path.casefold().split("/")[:depth]) for depth in range(1, path.count("/") + 1))
    }


def _stored(tree: CollectedTree, folder: str, sample: Sample) -> Entry | None:
    try:
        entry = tree.entry(f"{folder}/{sample.stored_as}" if folder else sample.stored_as)
    except (NotFound, Unreadable):
        return None
    return None if entry.is_dir else entry
