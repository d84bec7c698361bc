"""Finds the Windows roots in a collection: at its top, under drive letters, in KAPE and Velociraptor folders."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from forensics.disk.tree import Entry, NotFound, Tree, Unreadable
from forensics.sources.collected_tree import CollectedTree
from forensics.sources.mapping_tree import UnionTree

_MAX_DEPTH = 32
"""Evidence: folders within folders that are searched for a Windows."""
_MAX_FOLDERS = 20_000
"""Evidence: folders of one collection that are searched for a Windows."""
_MAX_PROFILES = 500
"""Work: profiles that are looked at to tell a system drive from another folder."""
_DRIVE = re.compile(r"(?:[\\/]{2}[.?][\\/])?([A-Za-z])(?::|_)?[\\/]?")
_SHADOW = re.compile(r"HarddiskVolumeShadowCopy\d+", re.IGNORECASE)
_ACCESSORS = ("ntfs", "lazy_ntfs", "auto", "file")
"""Velociraptor's ways to read one and the same drive, the most faithful first."""


@dataclass(frozen=True, slots=True)
class WindowsRoot:
    """One system drive in a collection.

    Attributes:
        tree: The tree to walk.
        drive: Path of the drive in it; empty for the tree's root.
        windows: Path of the Windows folder in it, whether collected or not.
        label: Where it lies in the collection, for messages; empty at the top.
    """

    tree: Tree
    drive: str
    windows: str
    label: str


@dataclass(frozen=True, slots=True)
class Layout:
    """What a collection holds.

    Attributes:
        roots: System drives.
        shadows: Folders collected from volume shadow copies: older states of a drive, not machines of their own.
        truncated: Not all folders were looked into.
    """

    roots: tuple[WindowsRoot, ...]
    shadows: tuple[str, ...] = ()
    truncated: bool = False


def find_layout(tree: CollectedTree) -> Layout:
    """Search a collection breadth first; what lies inside a root is not searched further."""
    found: list[str] = []
    shadows: list[str] = []
    pending, visited, is_cut = [""], 0, False
    while pending and visited < _MAX_FOLDERS:
        path = pending.pop(0)
        visited += 1
        folders = [entry for entry in _entries(tree, path) if entry.is_dir]
        if _is_root(tree, folders):
            (shadows if _SHADOW.search(unquote(path)) else found).append(path)
        elif path.count("/") < _MAX_DEPTH:
            pending += [entry.path for entry in folders]
        else:
            is_cut |= bool(folders)
    for path in found:
        # Only there: elsewhere a percent sign belongs to the name ("...%4Operational.evtx").
        if "%" in path.rsplit("/", 1)[-1]:
            tree.decode_below(path)
    groups: dict[tuple[str, str], list[str]] = {}
    for path in sorted(found):
        groups.setdefault(_machine(path), []).append(path)
    roots = tuple(_root(tree, sorted(paths, key=_faith)) for paths in groups.values())
    return Layout(roots, tuple(sorted(shadows)), is_cut or bool(pending))


def _entries(tree: Tree, path: str) -> Iterable[Entry]:
    try:
        return tree.entries(path)
    except (NotFound, Unreadable):
        return ()


def _is_root(tree: Tree, folders: list[Entry]) -> bool:
    for folder in folders:
        name = folder.name.casefold()
        if name == "winnt" or (name == "windows" and _has(tree, folder.path, "system32")):
            return True
        if name == "programdata" and _has(tree, folder.path, "microsoft"):
            return True
        if name in ("users", "documents and settings"):
            for profile in list(_entries(tree, folder.path))[:_MAX_PROFILES]:
                if profile.is_dir and _has(tree, profile.path, "appdata", "ntuser.dat"):
                    return True
    return False


def _has(tree: Tree, folder: str, *names: str) -> bool:
    return any(entry.name.casefold() in names for entry in _entries(tree, folder))


def _machine(path: str) -> tuple[str, str]:
    """Name the drive that a root shows: roots of one drive read by several accessors belong together."""
    folder, _, name = path.rpartition("/")
    letter = _DRIVE.fullmatch(unquote(name))
    above, _, accessor = folder.rpartition("/")
    if letter and accessor.casefold() in _ACCESSORS:
        return above, letter[1].upper()
    return path, ""


def _faith(path: str) -> int:
    accessor = path.split("/")[-2].casefold() if "/" in path else ""
    return _ACCESSORS.index(accessor) if accessor in _ACCESSORS else len(_ACCESSORS)


def _root(tree: Tree, paths: list[str]) -> WindowsRoot:
    if len(paths) > 1:
        union = UnionTree(tree, paths)
        return WindowsRoot(union, "", _windows(union, ""), " and ".join(paths))
    return WindowsRoot(tree, paths[0], _windows(tree, paths[0]), paths[0])


def _windows(tree: Tree, drive: str) -> str:
    prefix = f"{drive}/" if drive else ""
    candidates = [e for e in _entries(tree, drive) if e.is_dir and e.name.casefold() in ("windows", "winnt")]
    candidates.sort(key=lambda entry: (not _has(tree, entry.path, "system32"), entry.name.casefold()))
    return candidates[0].path if candidates else f"{prefix}Windows"
