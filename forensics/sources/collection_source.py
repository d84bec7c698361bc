"""Collections as sources: folders and archives of files, loose hives, .reg exports."""

from __future__ import annotations

from collections.abc import Iterable

from forensics.disk.containers import Image
from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import note_evidence
from forensics.disk.tree import Tree, Unreadable
from forensics.sources.archive_tree import TarTree, ZipTree
from forensics.sources.collected_tree import CollectedTree
from forensics.sources.folder_tree import FolderTree
from forensics.sources.installation import HiveOpener, Installation
from forensics.sources.layout import find_layout, is_shadow_copy
from forensics.sources.loose_hives import HiveFolder, find_hives, hives_in
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from forensics.sources.vm_files import find_vm_files
from forensics.tables.outcome import Outcome

_LOGS = (".LOG", ".LOG1", ".LOG2")
_SHADOW = "collected from a volume shadow copy: an older state of a drive, not examined"
_OTHER_DRIVE = "another drive of the machine, which holds no Windows: keys and profiles on it are not examined"


def add_collection(source: Source, tree: CollectedTree, first_machine_id: int) -> bool:
    """Add the installations that a tree of collected files shows; False when it shows none."""
    from forensics.registry.hives import open_hive

    layout = find_layout(tree)
    if layout.roots and is_shadow_copy(source.path):
        message = "it was collected from a volume shadow copy: all that follows is an older state of the machine"
        source.problem(source.path, "older_state", message)
    for root in layout.roots:
        path = _inside(source, root.label if len(layout.roots) > 1 else "")
        _add(source, path, root.tree, root.windows, root.drive, open_hive, first_machine_id)
        start = root.drive if len(layout.roots) > 1 else ""
        source.searched.append(SearchedTree(root.tree, path, "", (root.windows,), root.drive, start))
        source.coverage.tell(
            "folder", root.label or "collection", Outcome("present", f"Windows in {root.windows}"), path
        )
    _tell_left_out(source, layout.shadows, _SHADOW)
    _tell_left_out(source, layout.other_drives, _OTHER_DRIVE)
    _tell_unread(source, layout.unread)
    if layout.truncated:
        message = "too many folders, or too deep: the search for Windows did not look into all of them"
        source.cut("folder", "collection", source.path, message, "too_large")
    return bool(layout.roots)


def search_hives(source: Source, tree: Tree, first_machine_id: int) -> bool:
    """Add an installation for each folder of loose hives in a tree; False when it holds none."""
    found = find_hives(tree)
    _tell_left_out(source, found.shadows, _SHADOW)
    _tell_unread(source, found.unread)
    if found.truncated:
        message = "too many folders or files, or too deep: the search for hives did not look into all of them"
        source.cut("folder", "hives", source.path, message)
    return add_hives(source, tree, found.folders, first_machine_id)


def add_hives(source: Source, tree: Tree, folders: list[HiveFolder], first_machine_id: int) -> bool:
    """Add an installation for each folder of loose hives."""
    from forensics.registry.hives import open_hive

    for folder in folders:
        path = _inside(source, folder.path if len(folders) > 1 else "")
        _add(source, path, folder.tree(tree), "Windows", "", open_hive, first_machine_id)
        names = ", ".join(sorted(e.name for p, e in folder.files.items() if not p.upper().endswith(_LOGS)))
        source.coverage.tell("folder", folder.path or "hives", Outcome("present", f"loose hives: {names}"), path)
        for entry in folder.left_out:
            detail = "another file was taken as this hive; examine it on its own"
            source.coverage.tell("hive", entry.name, Outcome("not_examined", detail), _inside(source, entry.path))
    return bool(folders)


def _add(
    source: Source, path: str, tree: Tree, windows: str, drive: str, open_hive: HiveOpener, first_machine_id: int
) -> None:
    source.add(
        Installation(
            machine_id=first_machine_id + len(source.installations),
            source_path=path,
            tree=tree,
            windows=windows,
            drive=drive,
            open_hive=open_hive,
        )
    )


def _tell_left_out(source: Source, folders: Iterable[str], why: str) -> None:
    for folder in folders:
        source.coverage.tell("folder", folder, Outcome("not_examined", why), _inside(source, folder))


def _tell_unread(source: Source, unread: Iterable[tuple[str, Unreadable]]) -> None:
    """Tell of what the search could not look into: whatever lies there is not known to be absent."""
    for path, error in unread:
        at = _inside(source, path)
        if not any(row.source_path == at for row in source.coverage):
            source.problem(at, error.kind, f"{error}: whether evidence lies there is not known")
        source.coverage.tell("folder", path or "collection", Outcome("not_examined", str(error)), at)


def refuse_older_state(source: Source) -> None:
    """Refuse a source of which nothing was found but shadow copies.

    Raises:
        SourceError: ``older_state``.
    """
    shadows = [row.name for row in source.coverage if row.detail == _SHADOW]
    if shadows:
        raise SourceError(
            "older_state",
            f"{source.path} holds of Windows only what was collected from a volume shadow copy ({shadows[0]}): an "
            "older state of the drive, not the machine; collect the drive itself",
        )


def _inside(source: Source, path: str) -> str:
    return f"{source.path}/{path}" if path else source.path


def add_archive(source: Source, image: Image, first_machine_id: int) -> None:
    """Add what a zip or tar archive holds.

    Raises:
        SourceError: It is damaged, or shows neither Windows nor hives.
    """
    tree: ZipTree | TarTree
    if image.kind == "zip":
        tree = ZipTree(image.file, image.name)
    else:
        tree = TarTree(image.file, image.name)
        if tree.damage:
            source.problem(image.name, "truncated", tree.damage)
    source.kind = "archive"
    if tree.left_out:
        message = f"{tree.left_out} members lie too deep, or are too many in one folder: they are left out"
        source.cut("folder", "archive", image.name, message)
    if tree.encrypted:
        message = f"{tree.encrypted} members are encrypted with a password: unpack the archive and examine the folder"
        source.problem(image.name, "encrypted", message)
    if add_collection(source, tree, first_machine_id) or search_hives(source, tree, first_machine_id):
        return
    place = SearchedTree(tree, None, image.name)
    if find_vm_files(place).configurations:
        source.searched.append(place)
        return
    if tree.encrypted:
        raise SourceError("encrypted", f"{image.name} is encrypted: unpack it with its password and examine the folder")
    refuse_older_state(source)
    raise SourceError(
        "nothing_found",
        f"{image.name} holds no Windows folder, user profile or registry hive; if it holds disk images or "
        "archives, unpack it and examine those",
    )


def add_hive_file(source: Source, image: Image, first_machine_id: int) -> None:
    """Add a single hive with the logs beside it.

    Raises:
        SourceError: It cannot be told which hive it is.
    """
    if image.unpacked:
        raise SourceError("unsupported", f"{image.name} is a compressed hive: unpack it, with its .LOG files")
    tree = FolderTree(image.path.parent)
    wanted = {image.path.name.casefold() + suffix for suffix in ("", *(log.casefold() for log in _LOGS))}
    entries = [e for e in tree.entries("") if e.name.casefold() in wanted]
    for entry in entries:  # a clean hive's logs are not opened, and are evidence all the same
        note_evidence(image.path.parent / entry.name)
    folder = hives_in(tree, "", entries)
    if not folder.files:
        raise SourceError(
            "unknown_hive",
            f"{image.name} is a registry hive, but which? Name it SYSTEM, SOFTWARE, SECURITY, SAM or NTUSER.DAT",
        )
    source.kind = "hives"
    add_hives(source, tree, [folder], first_machine_id)
