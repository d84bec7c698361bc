"""Searches a folder or archive for everything in it that is evidence: collections, hives, disks, archives, exports.

Each file is told by its content. What lies inside a collected system drive is that collection's content, as a file on a
disk is the disk's, and is not looked at; nor is what lies in the folders of a profile.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import field, replace
from urllib.parse import unquote

from forensics.disk.configurations import CONFIGURATIONS
from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.language import Sentence, sentence, sentence_n
from forensics.late_methods import dataclass
from forensics.sources.collected_tree import CollectedTree
from forensics.sources.file_kind import FileKind, looks_like_a_disk
from forensics.sources.hive_names import is_named_as_hive
from forensics.sources.joined_evidence import join
from forensics.sources.layout import OLDER_STATE, Layout, WindowsRoot, find_layout, is_shadow_copy
from forensics.sources.loose_hives import (
    BACKUP,
    HiveFolder,
    hives_in,
    is_backup,
    is_other_hive,
    not_placed,
)
from forensics.sources.loose_keys import KeyFolder, key_folders
from forensics.sources.mapping_tree import UnionTree
from forensics.sources.orc_collection import orc_collection
from forensics.sources.parts_left import parts_without_the_first
from forensics.sources.peek import Link, peek
from forensics.sources.vm_files import is_configuration
from forensics.tables.windows_path import is_moved_aside

MAX_FOLDERS = 20_000
"""Evidence: folders that are searched for evidence, those inside a collected Windows not counted."""
MAX_FILES = 200_000
"""Evidence: files whose content is looked at to tell whether they are evidence."""
MAX_DEPTH = 32
"""Evidence: folders within folders that are searched for evidence."""
MAX_LINKS = 100
"""Display: symbolic links that lead out of a folder and are named one by one."""

_LOGS = (".LOG", ".LOG1", ".LOG2")
_DRIVE = re.compile(r"(?:[\\/]{2}[.?][\\/])?[A-Za-z](?::|_)?[\\/]?", re.IGNORECASE)
_ON_EVERY_VOLUME = frozenset(("$recycle.bin", "system volume information", "pagefile.sys", "hiberfil.sys", "$mft"))
_OF_A_PROFILE = "ntuser"
_OF_A_DRIVE = frozenset(
    (
        "windows",
        "winnt",
        "$windows.~bt",
        "$windows.~q",
        "program files",
        "program files (x86)",
        "programdata",
        "users",
        "documents and settings",
        "perflogs",
        "recovery",
        "inetpub",
        "clusterstorage",
        "boot",
        "efi",
    )
)


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A file that is evidence.

    Attributes:
        entry: The file.
        kind: What it is, and why it cannot be examined where that is known already.
    """

    entry: Entry
    kind: FileKind


@dataclass(slots=True)
class FoundEvidence:
    """What a search came to.

    Attributes:
        layout: The system drives of collections, and profiles without one.
        files: Disks, archives, and what is evidence but cannot be examined.
        hives: Folders that hold loose hives.
        exports: Registry exports by the path of their folder.
        keys: Folders of keys that lie in no collected Windows.
        configurations: Of virtual machines of Hyper-V.
        bundles: Configurations of other virtual machines, and of backups.
        left_out: Path of what was not searched or followed, and why.
        links: Symbolic links to something inside: path of the link, and where it leads.
    """

    layout: Layout
    files: list[EvidenceFile] = field(default_factory=list)
    hives: list[HiveFolder] = field(default_factory=list)
    exports: dict[str, list[Entry]] = field(default_factory=dict)
    keys: list[KeyFolder] = field(default_factory=list)
    configurations: list[Entry] = field(default_factory=list)
    bundles: list[EvidenceFile] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Nothing was found that is evidence, or may be."""
        layout = self.layout
        found = (layout.roots, layout.shadows, self.files, self.hives, self.exports, self.configurations)
        return not any(found) and not self.left_out


def search(tree: CollectedTree, layout: Layout | None = None) -> FoundEvidence:
    """Search a folder or archive; its folders are listed once, breadth first.

    Args:
        tree: The folder or archive.
        layout: The system drives in it, where they are known already.
    """
    layout = layout or find_layout(tree)
    walk = _Search(tree, FoundEvidence(layout))
    walk.run()
    if not walk.found.files:  # the machines of a collected drive are not what was collected
        walk.found.bundles = [b for b in walk.found.bundles if not any(_lies_on(b.entry.path, d) for d in walk.drives)]
    join(walk.found, tree)
    return walk.found


def paths_of(root: WindowsRoot) -> tuple[str, ...]:
    """Return the folders of a collection that together show one system drive, or a profile or its parts."""
    if root.profile is not None:
        return root.kept or (root.profile,)
    return root.tree.roots if isinstance(root.tree, UnionTree) else (root.drive,)


class _Search:
    def __init__(self, tree: CollectedTree, found: FoundEvidence) -> None:
        self.tree = tree
        self.found = found
        layout = found.layout
        of_drives = [path for root in layout.roots if root.profile is None for path in paths_of(root)]
        self.drives = {*of_drives, *layout.other_drives}
        self.profiles = {path for root in layout.roots if root.profile is not None for path in paths_of(root)}
        self.shadows = frozenset(layout.shadows)
        self.samples: set[str] = set()
        self.files = 0
        self.links = 0

    def run(self) -> None:
        pending = deque([("", 0)])
        visited = 0
        while pending:
            path, depth = pending.popleft()
            if visited >= MAX_FOLDERS:
                reason = sentence(
                    "not searched: only the first {max_folders} folders were, name it itself", max_folders=MAX_FOLDERS
                )
                self.found.left_out.append((path, reason))
                if pending:
                    more = sentence_n(
                        "not searched either: {count} folder", "not searched either: {count} folders", len(pending)
                    )
                    self.found.left_out.append(
                        (sentence("{path} and others", path=pending[0][0]) if len(pending) > 1 else pending[0][0], more)
                    )
                return
            visited += 1
            folders = self._folder(path)
            if depth < MAX_DEPTH:
                pending.extend((folder, depth + 1) for folder in folders)
            elif folders:
                reason = sentence(
                    "not searched: more than {max_depth} folders within folders, name it itself", max_depth=MAX_DEPTH
                )
                self.found.left_out += [(folder, reason) for folder in folders]

    def _folder(self, path: str) -> list[str]:
        """Look at the files of a folder, and return the folders in it that are to be searched."""
        if path in self.shadows:
            return []
        try:
            entries = self.tree.entries(path)
        except NotFound:
            return []
        except Unreadable as error:
            reason = sentence(
                "the folder cannot be read: {error}; whether evidence lies there is not known", error=error
            )
            self.found.left_out.append((path, reason))
            return []
        if path in self.profiles:
            self._files(path, [e for e in entries if not e.is_dir and not e.name.casefold().startswith(_OF_A_PROFILE)])
            return []
        is_drive = path in self.drives
        if is_drive and _is_closed(path, entries):
            return []
        self._files(path, [entry for entry in entries if not entry.is_dir])
        folders = [entry for entry in entries if entry.is_dir and not (is_drive and _is_of_a_drive(entry.name))]
        return [folder.path for folder in folders if not self._keys(folder)]

    def _keys(self, folder: Entry) -> bool:
        """Take a folder of keys; what lies on a collected drive, or is older, is not loose."""
        if is_shadow_copy(folder.path) or folder.path in self.profiles:
            return False
        if any(_lies_on(folder.path, drive) for drive in self.drives):
            return False
        keys = key_folders(self.tree, folder)
        self.found.keys += keys
        return bool(keys)

    def _files(self, path: str, entries: Sequence[Entry]) -> None:
        """Take what is evidence among the files of a folder."""
        self._orc_samples(path, entries)
        hives: list[Entry] = []
        before = len(self.found.files)
        for entry in entries:
            if self.files >= MAX_FILES:
                reason = sentence(
                    "from here on not searched: only the first {max_files} files were, name it itself",
                    max_files=MAX_FILES,
                )
                self.found.left_out.append((path, reason))
                break
            self.files += 1
            self._file(path, entry, hives)
        if hives:
            self._hives(path, hives, entries)
        known = {file.entry.path for file in self.found.files[before:]} | {entry.path for entry in hives}
        self.found.left_out += parts_without_the_first(entries, known)

    def _orc_samples(self, path: str, entries: Sequence[Entry]) -> None:
        """Take what DFIR-ORC collected, where a list tells what its files are."""
        collection = orc_collection(self.tree, path, entries)
        if collection is not None:
            layout = self.found.layout
            self.found.layout = replace(layout, roots=(*layout.roots, *collection.roots))
            self.samples |= collection.samples
            if collection.older:
                self.found.left_out.append((f"{path}/shadow copies" if path else "shadow copies", OLDER_STATE))

    def _hives(self, path: str, hives: Sequence[Entry], entries: Sequence[Entry]) -> None:
        """Take the hives of a folder, with the logs beside them, unless they show an older state."""
        taken = {entry.path for entry in hives}
        beside = [e for e in entries if e.name.upper().endswith(_LOGS) or (is_named_as_hive(e) and e.path not in taken)]
        folder = hives_in(self.tree, path, [*hives, *beside])
        if folder.files and is_shadow_copy(path):
            self.found.left_out.append((path, OLDER_STATE))
        elif folder.files and is_backup(path):
            self.found.left_out.append((path, BACKUP))
        elif folder.files:
            self.found.hives.append(folder)
        self._unknown_hives(folder, hives)

    def _file(self, path: str, entry: Entry, hives: list[Entry]) -> None:
        if self.samples and entry.path.casefold() in self.samples:
            return
        seen = peek(self.tree, entry)
        if isinstance(seen, Link):
            self._link(entry, seen)
        elif is_configuration(entry.name):
            self.found.configurations.append(entry)
        elif seen is None:
            return
        elif seen.kind == "hive":
            hives.append(entry)
        elif seen.kind == "reg":
            self.found.exports.setdefault(path, []).append(entry)
        elif seen.kind in CONFIGURATIONS:
            self.found.bundles.append(EvidenceFile(entry, seen))
        else:
            self.found.files.append(EvidenceFile(entry, seen))

    def _link(self, entry: Entry, link: Link) -> None:
        # What is left of a link that leads in a circle is a link.
        if looks_like_a_disk(entry.name) and (not os.path.lexists(link.target) or os.path.islink(link.target)):
            self.found.left_out.append((entry.path, _gone(link.target)))
            return
        if link.is_inside:
            self.found.links.append((entry.path, link.target))
            return
        self.links += 1
        if self.links <= MAX_LINKS:
            reason = sentence(
                "a symbolic link to {target}, outside this folder: not followed, name that itself", target=link.target
            )
            if not os.path.lexists(link.target):
                reason = _gone(link.target)
            self.found.left_out.append((entry.path, reason))
        elif self.links == MAX_LINKS + 1:
            reason = sentence(
                "a symbolic link, as are more than {max_links} others that lead out of this folder: not followed",
                max_links=MAX_LINKS,
            )
            self.found.left_out.append((entry.path, reason))

    def _unknown_hives(self, folder: HiveFolder, hives: Sequence[Entry]) -> None:
        taken = {entry.path for entry in (*folder.files.values(), *folder.left_out)}
        for entry in hives:
            if entry.path not in taken and not is_other_hive(self.tree, entry):
                self.found.left_out.append((entry.path, not_placed(self.tree, entry)))


def _is_of_a_drive(name: str) -> bool:
    return name.casefold() in _OF_A_DRIVE or is_moved_aside(name)


def _lies_on(path: str, drive: str) -> bool:
    return not drive or path.startswith(f"{drive}/")


def _is_closed(path: str, entries: Sequence[Entry]) -> bool:
    """Tell whether a folder is a drive as such, by its name or by what only a volume has: no disk lies beside it."""
    name = unquote(path.rpartition("/")[2])
    return bool(_DRIVE.fullmatch(name)) or any(entry.name.casefold() in _ON_EVERY_VOLUME for entry in entries)


def _gone(target: str) -> Sentence:
    return sentence(
        "a symbolic link to {target}, which is not there or cannot be reached: copy that here", target=target
    )
