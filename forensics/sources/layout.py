"""Finds the Windows roots in a collection: at its top, under drive letters, in KAPE and Velociraptor folders.

Users' profiles without their Windows are roots of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import field
from urllib.parse import unquote

from forensics.disk.tree import Entry, NotFound, Tree, Unreadable
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.collected_tree import CollectedTree
from forensics.sources.hive_names import is_named_as_hive
from forensics.sources.mapping_tree import UnionTree
from forensics.sources.profile_folders import FoundProfile, profile_at
from forensics.tables.machine import InstallationKind

_MAX_DEPTH = 32
"""Evidence: folders within folders that are searched for a Windows."""
_MAX_FOLDERS = 20_000
"""Evidence: folders of one collection that are searched for a Windows."""
_MAX_PROFILES = 500
"""Work: profiles that are looked at to tell a system drive from another folder."""
_DRIVE = re.compile(r"(?:[\\/]{2}[.?][\\/])?([A-Za-z])(?::|_)?[\\/]?")
_SHADOW = re.compile(r"HarddiskVolumeShadowCopy\d+", re.IGNORECASE)
_KAPE_SHADOW = re.compile(r"VSS\d+", re.IGNORECASE)
OLDER_STATE = sentence("collected from a volume shadow copy: an older state of a drive, not examined")
"""Why a folder of a collection is not examined."""
_ACCESSORS = ("ntfs", "lazy_ntfs", "mft", "raw_reg", "auto", "file", "ntfs_vss")
"""Velociraptor's ways to read one and the same drive, the most faithful first; the last also reads older states."""
_SYSTEM_VOLUME = "sysvol"
"""How acquire called the system drive before version 3.12, beside ``C:`` with the rest of the same drive."""


@dataclass(frozen=True, slots=True)
class WindowsRoot:
    """One system drive in a collection, or one profile without its Windows.

    Attributes:
        tree: The tree to walk.
        drive: Path of the drive in it; empty for the tree's root.
        windows: Path of the Windows folder in it, whether collected or not.
        label: Where it lies in the collection, for messages; empty at the top.
        is_loose: Its hives did not lie in it, but beside it.
        identity: Machine and volume, where the collector tells them: parts of one drive may lie in several archives.
        profile: Path of the one profile that it is; None for a drive.
        kept: Folders in the collection that are parts of that profile, where it is not one as a whole.
    """

    tree: Tree
    drive: str
    windows: str
    label: str
    is_loose: bool = False
    identity: tuple[str, str] | None = None
    profile: str | None = None
    kept: tuple[str, ...] = ()

    @property
    def kind(self) -> InstallationKind:
        """What it is: a drive that shows nothing but users' folders holds profiles alone."""
        if self.profile is not None:
            return "windows" if _holds_windows(self) else "profile"
        drive = self.windows.rpartition("/")[0]
        return "windows" if _has(self.tree, drive, "windows", "winnt", "programdata") else "profile"


@dataclass(frozen=True, slots=True)
class Layout:
    """What a collection holds.

    Attributes:
        roots: System drives, and profiles without one.
        shadows: Folders collected from volume shadow copies: older states of a drive, not machines of their own.
        other_drives: Drives without Windows, of a machine whose system drive is one of the roots.
        truncated: Not all folders were looked into.
    """

    roots: tuple[WindowsRoot, ...]
    shadows: tuple[str, ...] = ()
    other_drives: tuple[str, ...] = ()
    truncated: bool = False


def find_layout(tree: CollectedTree, is_volume: bool = False) -> Layout:
    """Search a collection breadth first; what lies inside a root is not searched further.

    Args:
        tree: The collection.
        is_volume: It is a whole volume, on which a machine may keep folders of its own that are named as those of a
            drive: only what is named as a drive itself, or holds hives, was collected.
    """
    search = _Search(tree, is_volume)
    search.run()
    drives: dict[str, dict[str, list[str]]] = {}
    for path in sorted(search.found):
        machine, letter = _drive_of(path)
        drives.setdefault(machine, {}).setdefault(letter, []).append(path)
    roots: list[WindowsRoot] = []
    others: list[str] = []
    for machine, letters in drives.items():
        shown = [_by_every_accessor(tree, machine, letter, paths) for letter, paths in letters.items()]
        found = [(_root(tree, paths), paths) for paths in shown]
        system = [root for root, _ in found if _holds_windows(root)]
        roots += system or [root for root, _ in found]
        others += [path for root, paths in found if system and root not in system for path in paths]
    roots += [_profile_root(tree, profile) for profile in sorted(search.profiles, key=lambda found: found.path)]
    return Layout(tuple(roots), tuple(sorted(search.shadows)), tuple(others), search.is_cut)


def is_shadow_copy(path: str) -> bool:
    """Tell whether a folder of a collection holds what was collected from a volume shadow copy.

    Velociraptor names it after the copy's device, percent-encoded or not; KAPE puts ``VSS1`` beside the drive's letter,
    or the letter in it.
    """
    folders = path.split("/")
    return _SHADOW.search(unquote(path)) is not None or any(_KAPE_SHADOW.fullmatch(folder) for folder in folders)


def is_named_shadow_copy(path: str) -> bool:
    """Tell whether a source that the user named is a shadow copy; folders further above have the user's own names."""
    *_, above, name = ["", *path.replace("\\", "/").rstrip("/").split("/")]
    kape = (above, name) if _DRIVE.fullmatch(unquote(name)) else (name,)
    return _SHADOW.search(unquote(path)) is not None or any(_KAPE_SHADOW.fullmatch(folder) for folder in kape)


@dataclass
class _Search:
    """Walks the folders of a collection.

    Attributes:
        tree: The collection.
        is_volume: As for :func:`find_layout`.
        found: Folders that look like a drive.
        profiles: Profiles that lie on none.
        shadows: Those of them, and folders by their name, that show an older state.
        is_cut: A bound was reached.
    """

    tree: CollectedTree
    is_volume: bool = False
    found: list[str] = field(default_factory=list)
    profiles: list[FoundProfile] = field(default_factory=list)
    shadows: list[str] = field(default_factory=list)
    is_cut: bool = False

    def run(self) -> None:
        pending, visited = [""], 0
        while pending and visited < _MAX_FOLDERS:
            path = pending.pop(0)
            visited += 1
            entries = list(_entries(self.tree, path))
            folders = [entry for entry in entries if entry.is_dir]
            if _SHADOW.search(unquote(path.rpartition("/")[2])):
                self.shadows.append(path)
            elif _is_root(self.tree, folders) and (not self.is_volume or _was_collected(self.tree, path, folders)):
                (self.shadows if is_shadow_copy(path) else self.found).append(path)
            elif (profile := profile_at(self.tree, path, entries)) is not None:
                if is_shadow_copy(path):
                    self.shadows.append(path)
                else:
                    self.profiles.append(profile)
                if profile.parts and path.count("/") < _MAX_DEPTH:
                    kept = profile.folders
                    pending += [entry.path for entry in folders if entry.path not in kept]
            elif path.count("/") < _MAX_DEPTH:
                pending += [entry.path for entry in folders]
            else:
                self.is_cut |= bool(folders)
        self.is_cut |= bool(pending)


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


def _was_collected(tree: Tree, path: str, folders: list[Entry]) -> bool:
    """Tell whether a folder that looks like a drive is named as one, or holds hives, in or beside its Windows.

    The root of a volume is no such folder: a Windows there is the volume's own.
    """
    places = [*(f"{folder.path}/System32/config" for folder in folders), *(folder.path for folder in folders), path]
    holds_hives = (is_named_as_hive(entry) for place in places for entry in _entries(tree, place))
    return bool(path) and (is_drive(path.rpartition("/")[2]) or is_shadow_copy(path) or any(holds_hives))


def is_drive(name: str) -> bool:
    """Tell whether a folder is named as collectors name that of a drive: ``C``, ``C:``, ``C_``, ``%5C%5C.%5CC%3A``."""
    return _DRIVE.fullmatch(unquote(name)) is not None


def machine_of(path: str) -> str:
    """Return the folder of the machine of which a folder looks like a drive; itself where it is not named as one."""
    return _drive_of(path)[0]


def is_accessor(name: str) -> bool:
    """Tell whether a folder is named after one of Velociraptor's ways to read a drive."""
    return name.casefold() in _ACCESSORS


def _has(tree: Tree, folder: str, *names: str) -> bool:
    return any(entry.name.casefold() in names for entry in _entries(tree, folder))


def _drive_of(path: str) -> tuple[str, str]:
    """Name the folder that holds one machine's drives, and the letter of the one that a root shows.

    Drives that several accessors read lie in a folder of each, which lie in that of the machine.
    """
    folder, _, name = path.rpartition("/")
    letter = _DRIVE.fullmatch("C" if name.casefold() == _SYSTEM_VOLUME else unquote(name))
    if letter is None:
        return path, ""
    above, _, accessor = folder.rpartition("/")
    return (above if accessor.casefold() in _ACCESSORS else folder), letter[1].upper()


def _by_every_accessor(tree: CollectedTree, machine: str, letter: str, paths: list[str]) -> list[str]:
    """Add to the folders that look like a drive what other accessors read of the same one, the most faithful first."""
    shown = dict.fromkeys(paths)
    if any(_accessor(path) for path in paths):
        shown |= dict.fromkeys(_read_by_accessors(tree, machine, letter))
    if any(path.rpartition("/")[2].casefold() == _SYSTEM_VOLUME for path in paths):
        shown |= dict.fromkeys(
            e.path for e in _entries(tree, machine) if e.is_dir and _drive_of(e.path) == (machine, letter)
        )
    for path in shown:
        # Only there: elsewhere a percent sign belongs to the name ("...%4Operational.evtx").
        if "%" in path.rsplit("/", 1)[-1]:
            tree.decode_below(path)
    return sorted(shown, key=lambda path: (_faith(path), path))


def _read_by_accessors(tree: Tree, machine: str, letter: str) -> Iterator[str]:
    for accessor in _entries(tree, machine):
        if accessor.is_dir and accessor.name.casefold() in _ACCESSORS:
            for drive in _entries(tree, accessor.path):
                if drive.is_dir and _drive_of(drive.path) == (machine, letter):
                    yield drive.path


def _accessor(path: str) -> str:
    name = path.split("/")[-2].casefold() if "/" in path else ""
    return name if name in _ACCESSORS else ""


def _faith(path: str) -> int:
    accessor = _accessor(path)
    return _ACCESSORS.index(accessor) if accessor else len(_ACCESSORS)


def _root(tree: Tree, paths: list[str]) -> WindowsRoot:
    if len(paths) > 1:
        union = UnionTree(tree, paths)
        return WindowsRoot(union, "", _windows(union, ""), " and ".join(paths))
    return WindowsRoot(tree, paths[0], _windows(tree, paths[0]), paths[0])


def _profile_root(tree: Tree, profile: FoundProfile) -> WindowsRoot:
    windows = f"{profile.path}/Windows" if profile.path else "Windows"
    shown = profile.tree(tree)
    return WindowsRoot(shown, "", windows, profile.path, profile=profile.path, kept=profile.folders)


def _windows(tree: Tree, drive: str) -> str:
    prefix = f"{drive}/" if drive else ""
    candidates = [e for e in _entries(tree, drive) if e.is_dir and e.name.casefold() in ("windows", "winnt")]
    candidates.sort(key=lambda entry: (not _has(tree, entry.path, "system32"), entry.name.casefold()))
    return candidates[0].path if candidates else f"{prefix}Windows"


def _holds_windows(root: WindowsRoot) -> bool:
    return _has(root.tree, root.windows, "system32")
