"""Puts together what lies apart in a folder or archive and is of one machine: loose hives, keys, and a drive."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from posixpath import commonpath
from typing import TYPE_CHECKING

from forensics.disk.tree import NotFound, Tree, Unreadable
from forensics.language import sentence
from forensics.sources.hive_names import is_named_as_hive
from forensics.sources.layout import WindowsRoot
from forensics.sources.loose_hives import HiveFolder
from forensics.sources.loose_keys import AMBIGUOUS, TAKEN, WITHOUT_HIVES, KeyFolder, hives_beside, of_one_user, places
from forensics.sources.mapping_tree import MappingTree, UnionTree

if TYPE_CHECKING:
    from forensics.sources.evidence_search import FoundEvidence

LEFT_OUT = sentence("another file was taken as this hive; examine it on its own")
"""Why a hive is not examined."""


def join(found: FoundEvidence, tree: Tree) -> None:
    """Put loose hives together with the keys, and with the drive without hives, beside which they lie."""
    _join_keys(found, tree)
    roots = [root for root in found.layout.roots if not _holds_hives(root)]
    of_machines, of_any = ([f.path for f in found.hives if f.is_of_machine], [f.path for f in found.hives])
    beside = {
        id(root): hives_beside(f"{root.label}/x", of_any if root.profile is None else of_machines) for root in roots
    }
    claimed = Counter(paths[0] for paths in beside.values() if len(paths) == 1)
    for root in roots:
        paths = beside[id(root)]
        if len(paths) == 1 and claimed[paths[0]] == 1:
            folder = next(folder for folder in found.hives if folder.path == paths[0])
            joined = _joined(root, folder, tree)
            all_roots = tuple(joined if each is root else each for each in found.layout.roots)
            found.layout = replace(found.layout, roots=all_roots)
            found.hives.remove(folder)
            found.left_out += [(entry.path, LEFT_OUT) for entry in folder.left_out]


def _join_keys(found: FoundEvidence, tree: Tree) -> None:
    of_hives: dict[str, list[KeyFolder]] = {}
    of_users: list[KeyFolder] = []
    left_out: list[tuple[str, str]] = []
    for keys in found.keys:
        beside = hives_beside(keys.entry.path, (folder.path for folder in found.hives))
        if len(beside) == 1:
            of_hives.setdefault(beside[0], []).append(keys)
        elif not beside and keys.is_of_user:
            of_users.append(keys)
        else:
            left_out.append((keys.entry.path, AMBIGUOUS if beside else WITHOUT_HIVES))
    if of_users:
        alone, left = places(of_users)
        left_out += [(keys.entry.path, TAKEN) for keys in left]
        label = commonpath([f"/{keys.entry.path}".rpartition("/")[0] or "/" for keys in of_users]).strip("/")
        homes = {"/".join(place.split("/")[:2]) for place in alone}
        kept = tuple(entry.path for entry in alone.values())
        profile = homes.pop() if len(homes) == 1 else None
        root = WindowsRoot(MappingTree(tree, alone), "", "Windows", label, profile=profile, kept=kept)
        found.layout = replace(found.layout, roots=(*found.layout.roots, root))
    for folder in found.hives:
        folder.keys, left = places(of_one_user(of_hives.get(folder.path, []), folder.files))
        left_out += [(keys.entry.path, TAKEN) for keys in left]
    found.left_out += dict.fromkeys(left_out)


def _joined(root: WindowsRoot, folder: HiveFolder, tree: Tree) -> WindowsRoot:
    """Return a drive with loose hives where Windows keeps them."""
    windows = root.windows.removeprefix(f"{root.drive}/") if root.drive else root.windows
    moved = {
        f"{windows}/{path.removeprefix('Windows/')}" if path.startswith("Windows/") else path: entry
        for path, entry in (folder.files | folder.keys).items()
    }
    both = UnionTree(root.tree, (root.drive,), MappingTree(tree, moved))
    return replace(root, tree=both, drive="", windows=windows, is_loose=True)


def _holds_hives(root: WindowsRoot) -> bool:
    try:
        return any(is_named_as_hive(entry) for entry in root.tree.entries(f"{root.windows}/System32/config"))
    except (NotFound, Unreadable):
        return False
