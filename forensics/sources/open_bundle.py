"""Opens the disks that a configuration names, when it is the configuration that was named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from forensics.disk.containers import Image
from forensics.disk.errors import SourceError
from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.language import joined, sentence
from forensics.sources.bundles import WITH_SNAPSHOTS, Bundle, names_of, read_bundles
from forensics.sources.contents import add_disks_of, add_files
from forensics.sources.evidence_search import EvidenceFile
from forensics.sources.file_kind import DISKS, FileKind
from forensics.sources.folder_tree import FolderTree, folder_tree
from forensics.sources.peek import peek
from forensics.sources.pieces import Pieces

_SNAPSHOTS = "Snapshots"
_NEXT = sentence("name the disk itself, or the folder that holds it")


def open_bundle(pieces: Pieces, image: Image) -> None:
    """Add the disks that a configuration names.

    Args:
        pieces: Those of the configuration.
        image: It.

    Raises:
        SourceError: It cannot be read, or does not say which disks its machine has.
    """
    if image.unpacked:
        raise SourceError(
            "unsupported", sentence("{name} is compressed: unpack it beside the disks that it names", name=image.name)
        )
    # Where a link leads is what the user named.
    path = Path(os.path.realpath(image.path)) if image.path.is_symlink() else image.path
    tree = folder_tree(path.parent)
    pieces.top = str(path.parent)
    pieces.source.kind = "bundle"
    if image.kind == "windows_backup":
        if not add_disks_of(pieces, tree):
            raise SourceError(
                "no_disks",
                sentence(
                    "{name} describes a backup, and no disk of it lies beside it: {next}", name=image.name, next=_NEXT
                ),
            )
        return
    entry = _entry(tree, path.name) if image.kind != "vmsd" else _configuration_of(tree, path)
    bundles = read_bundles(pieces, tree, [(entry, "vmx" if image.kind == "vmsd" else image.kind)], _disks(tree))
    if not bundles:
        problem = pieces.source.problems[-1]
        raise SourceError(problem.kind, joined([problem.message, _NEXT], "; "))
    (bundle,) = bundles
    if bundle.said.hidden:
        raise SourceError(
            "encrypted",
            sentence("which disks {name} names is not known: {hidden}", name=image.name, hidden=bundle.said.hidden),
        )
    if not bundle.disks:
        raise SourceError("no_disks", sentence("{name} names no hard disk: {next}", name=image.name, next=_NEXT))
    named = [disk.entry for disk in bundle.disks if disk.entry is not None]
    files = [EvidenceFile(each, _kind(tree, each)) for each in dict.fromkeys(named)]
    add_files(pieces, tree, [*files, *_bases(tree, bundle)], [bundle])
    pieces.finish()


def _entry(tree: FolderTree, name: str) -> Entry:
    found = next((each for each in tree.entries("") if os.path.basename(str(each.handle)) == name), None)
    if found is None:
        raise SourceError(
            "not_found", sentence("{root} cannot be found in the list of its folder: rename it", root=tree.root / name)
        )
    return found


def _configuration_of(tree: FolderTree, path: Path) -> Entry:
    """Return the .vmx beside a .vmsd, which itself names only disks that snapshots have frozen."""
    same = path.with_suffix(".vmx").name.casefold()
    beside = [each for each in tree.entries("") if each.name.casefold().endswith(".vmx") and not each.is_dir]
    found = next((each for each in beside if each.name.casefold() == same), beside[0] if len(beside) == 1 else None)
    if found is None:
        raise SourceError(
            "no_disks",
            sentence(
                "{path} lists the snapshots of a VMware machine, not its disks of today: name its .vmx, or the disk",
                path=path,
            ),
        )
    return found


def _kind(tree: FolderTree, entry: Entry) -> FileKind:
    """Return what a file is that a configuration names as a disk."""
    seen = peek(tree, entry)
    return seen if isinstance(seen, FileKind) and (seen.reason or seen.kind in DISKS) else FileKind("raw")


def _disks(tree: FolderTree) -> list[Entry]:
    """Return the disks that lie beside a configuration."""
    return [each for each in _beside(tree) if (kind := peek(tree, each)) and getattr(kind, "kind", "") in DISKS]


def _beside(tree: FolderTree) -> Iterator[Entry]:
    for folder in ("", _SNAPSHOTS):
        try:
            yield from (each for each in tree.entries(folder) if not each.is_dir and each.link is None)
        except (NotFound, Unreadable):
            continue


def _bases(tree: FolderTree, bundle: Bundle) -> Sequence[EvidenceFile]:
    """Return the disks on which one that is missing may build: they show the machine as it was."""
    if bundle.kind not in WITH_SNAPSHOTS or all(disk.is_there for disk in bundle.disks):
        return ()
    taken = {disk.entry.path for disk in bundle.disks if disk.entry is not None}
    missing = {name for disk in bundle.disks if not disk.is_there for name in names_of(disk.path)}
    found = [each for each in _disks(tree) if each.path not in taken and not missing.intersection(names_of(each.path))]
    return [EvidenceFile(each, _kind(tree, each)) for each in found]
