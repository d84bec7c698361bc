"""Lists what a folder or pattern of a fleet means, and tells what each file is: by content here, by name on servers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import field
from pathlib import Path

from forensics.disk.configurations import configuration_kind
from forensics.disk.evidence_files import special_file
from forensics.disk.places import is_url, place_of
from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.late_methods import dataclass
from forensics.sources.evidence_search import MAX_FOLDERS, FoundEvidence, paths_of, search
from forensics.sources.file_kind import FileKind, looks_like_a_source
from forensics.sources.folder_tree import FolderTree, folder_tree
from forensics.sources.layout import WindowsRoot, machine_of
from forensics.sources.listed_files import listed_files
from forensics.sources.peek import Link, peek
from forensics.sources.upload_in_pieces import UploadInPieces
from forensics.sources.vm_files import is_configuration

_BY_NAME = "told by its name alone, as it lies on a server: name it itself to have it examined"
_OF_AN_EXPORT = ("virtual machines", "snapshots")
_IN_WINDOWS = re.compile(r"(.*?)/(?:windows|winnt)/system32/config/[^/]+", re.IGNORECASE | re.DOTALL)
_SEGMENT = re.compile(r"\.(?:e\d\d|\d{3})$", re.IGNORECASE)
_NAMES_OF_HIVES = ("system", "software", "security", "sam")


@dataclass(slots=True)
class Listed:
    """What folders and patterns came to.

    Attributes:
        files: Files that are examined, or told why not; None where it is not known what one is.
        bundles: Those of them that are configurations of virtual machines, and the kind of each.
        collections: Folders of one machine each.
        exports: Folders with loose hives, registry exports or machines of Hyper-V, and what else lies in them.
        parts_of_exports: The files that make them so.
        failed: What was not looked at, and why.
        not_evidence: Everything else, and how that is known where not by its content.
    """

    files: dict[Path, FileKind | None] = field(default_factory=dict)
    bundles: dict[Path, str] = field(default_factory=dict)
    collections: list[Path] = field(default_factory=list)
    exports: list[Path] = field(default_factory=list)
    parts_of_exports: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    not_evidence: dict[Path, str | None] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """There is nothing at all."""
        return not (self.files or self.collections or self.exports or self.failed or self.not_evidence)

    def add(self, other: Listed) -> None:
        """Take what another source came to; what was known to be evidence stays that."""
        self.files = {**other.files, **self.files}
        self.bundles |= other.bundles
        self.collections += other.collections
        self.exports += other.exports
        self.parts_of_exports += other.parts_of_exports
        for path, why in other.failed.items():
            self.failed.setdefault(path, why)
        for path, told in other.not_evidence.items():
            if path not in self.files:
                self.not_evidence.setdefault(path, told)

    def take(self, path: Path, kind: FileKind) -> None:
        """Take a file that is evidence."""
        if kind.reason:
            self.failed[path] = kind.reason
            return
        self.files[path] = kind
        if kind.kind in _BUNDLES:
            self.bundles[path] = kind.kind


_BUNDLES = ("vmx", "vmsd", "vbox", "ovf", "pvs", "libvirt", "utm")


def list_files(pattern: Path) -> Listed:
    """List the files that a pattern means, or a folder on a server."""
    found = listed_files(pattern)
    result = Listed(failed={place_of(place): why for place, why in found.left_out})
    if is_url(pattern):
        _by_name(result, found.files)
        return result
    by_folder: dict[Path, list[Path]] = {}
    for path in found.files:
        by_folder.setdefault(path.parent, []).append(path)
    for folder, paths in by_folder.items():
        tree = folder_tree(folder)
        entries = {str(entry.handle): entry for entry in tree.entries("") if not entry.is_dir}
        for path in paths:
            entry = entries.get(str(path))
            _by_content(result, path, peek(tree, entry) if entry is not None else FileKind("raw"))
    return result


def _by_content(result: Listed, path: Path, seen: FileKind | Link | None) -> None:
    if is_configuration(path.name):
        folder = path.parent.parent if path.parent.name.lower() in _OF_AN_EXPORT else path.parent
        result.exports.append(folder)
        result.parts_of_exports.append(path)
    elif seen is None:
        result.not_evidence[path] = _why_not_looked_at(path)
    elif isinstance(seen, Link):
        result.failed[path] = f"a symbolic link to {seen.target}: name that itself"
    elif seen.kind in ("hive", "reg", "windows_backup"):
        result.exports.append(path.parent)
        result.parts_of_exports.append(path)
    else:
        result.take(path, seen)


def list_folder(folder: Path) -> Listed:
    """List everything in a folder."""
    if is_url(folder):
        return list_files(folder)
    tree = folder_tree(folder)
    result = Listed()
    try:
        tree.entries("")
    except Unreadable as error:
        result.failed[folder] = f"it cannot be listed: {error}"
        return result
    found = search(tree)
    _take_found(result, tree, found)
    if not any((result.files, result.collections, result.exports, result.failed)):
        result.failed[folder] = "it holds nothing that is evidence of a Windows"
    _account(result, folder)
    return result


def _take_found(result: Listed, tree: FolderTree, found: FoundEvidence) -> None:
    for root in found.layout.roots:
        result.collections.append(_folder_of(tree, root))
    for file in (*found.files, *found.bundles):
        if file.kind.kind == "windows_backup":
            _by_content(result, _path(file.entry), file.kind)
        else:
            result.take(_path(file.entry), file.kind)
    for hives in found.hives:
        result.exports.append(_at(tree, hives.path))
        result.parts_of_exports += [_path(entry) for entry in (*hives.files.values(), *hives.left_out)]
    for path, exports in found.exports.items():
        result.exports.append(_at(tree, path))
        result.parts_of_exports += [_path(entry) for entry in exports]
    for entry in found.configurations:
        _by_content(result, _path(entry), None)
    for path, why in found.left_out:
        result.failed.setdefault(_at(tree, path), why)
    if found.layout.truncated:
        result.failed[_at(tree, "")] = "not all of its folders were searched for collections: name these themselves"
    for path, _ in found.links:
        result.not_evidence[_at(tree, path)] = "a symbolic link: what it leads to is examined where it lies"


def _folder_of(tree: FolderTree, root: WindowsRoot) -> Path:
    """Return the folder of the machine of a collection."""
    paths = list(paths_of(root)) or [root.drive]
    machines = {machine_of(path) if root.profile is None else path for path in paths}
    common = os.path.commonpath(machines) if all(machines) else ""
    return _at(tree, common)


def _path(entry: Entry) -> Path:
    handle = entry.handle
    return Path(str(handle.stored if isinstance(handle, UploadInPieces) else handle))


def _at(tree: FolderTree, path: str) -> Path:
    """Return what lies at a path of a tree; for folders that are one but for their case, the one that holds them."""
    try:
        entry = tree.entry(path)
    except (NotFound, Unreadable):
        return Path(tree.root) / path
    is_one = isinstance(entry.handle, str | UploadInPieces)
    return _path(entry) if is_one else _at(tree, path.rpartition("/")[0])


def _account(result: Listed, top: Path) -> None:
    """Take the files that the search passed over; it knows one alone of those whose names differ in their case."""
    closed = {*result.collections}
    known = {*result.files, *result.parts_of_exports, *result.failed, *result.not_evidence}
    folded = {str(path).casefold() for path in known}
    for path in _files_below(top, closed):
        if path in known:
            continue
        if str(path).casefold() in folded:
            result.take(path, FileKind("raw"))
        else:
            result.not_evidence[path] = _why_not_looked_at(path)


def _why_not_looked_at(path: Path) -> str | None:
    """Say of what is no file that it is none; None for a file, whose content told that it is no evidence."""
    try:
        return special_file(os.lstat(path).st_mode)
    except OSError as error:
        return f"not looked at: {error.strerror or error}"


def _files_below(top: Path, closed: set[Path]) -> Iterator[Path]:
    pending = [str(top)]
    for _ in range(MAX_FOLDERS):
        if not pending:
            return
        folder = pending.pop()
        if Path(folder) in closed:
            continue
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            else:
                yield Path(entry.path)


def _by_name(result: Listed, paths: Iterable[Path]) -> None:
    """Tell by its name what each file on a server is: to look into it would be a request for each."""
    machines = set()
    for path in paths:
        name, kind = path.name, configuration_kind(path.name, b" ")
        if (match := _IN_WINDOWS.fullmatch(str(path))) is not None:
            machines.add(match[1])
        elif is_configuration(name):
            _by_content(result, path, None)
        elif name.lower() in _NAMES_OF_HIVES or name.lower().endswith(".reg"):
            result.exports.append(path.parent)
            result.parts_of_exports.append(path)
        elif kind is not None or looks_like_a_source(_SEGMENT.sub(_first_segment, name)):
            result.take(path, FileKind(kind or _kind(name)))
        else:
            result.not_evidence[path] = _BY_NAME
    result.collections += [place_of(machine) for machine in sorted(machines)]


def _kind(name: str) -> str:
    suffix = name.rpartition(".")[2].lower()
    if _SEGMENT.search(name):
        return "e01" if suffix.startswith("e") else "raw"
    return {"zip": "zip", "7z": "7z", "tar": "tar", "vmdk": "vmdk", "e01": "e01"}.get(suffix, "raw")


def _first_segment(segment: re.Match[str]) -> str:
    return ".e01" if segment[0][1] in "eE" else ""
