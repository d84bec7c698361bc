"""Which files of a fleet belong together: disks that build on each other, parts of one image, disks of one machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from forensics.disk.lineage import CHECKPOINT, parents_of_each
from forensics.disk.places import is_url
from forensics.fleet.disk_record import State
from forensics.sources.file_kind import DISKS, FileKind

_ORC = re.compile(r"(?:DFIR-)?ORC_([^_]+_.+)_[^_]+\.7z", re.IGNORECASE | re.DOTALL)
"""Archives of DFIR-ORC: kind of system, computer, and what the archive holds of it."""
_EXTENT = re.compile(r"(.+?)-(?:flat|delta|sesparse|[fs]\d{3})\.vmdk", re.IGNORECASE | re.DOTALL)
_NUMBERED = re.compile(r"(.+)\.(\d{3,4}|[e-z]\d\d)", re.IGNORECASE | re.DOTALL)


class Families:
    """For each file that is read with another one, that one.

    Attributes:
        head_of: The file with which one is read.
        given_too: Files that are named to the examination beside it.
    """

    def __init__(self) -> None:
        self.head_of: dict[Path, Path] = {}
        self.given_too: set[Path] = set()
        self._parents: set[Path] = set()
        self._members: dict[Path, list[Path]] | None = None

    def put(self, path: Path, head: Path, is_parent: bool = False) -> None:
        """Have a file read with another one, unless it is read with one already or that would lead in a circle."""
        if path in self.head_of or self._last(head) == path:
            return
        self.head_of[path] = head
        self._members = None
        if is_parent:
            self._parents.add(path)

    def members(self, head: Path) -> Sequence[Path]:
        """Return the files that are read with one that is read with no other."""
        if self._members is None:
            self._members = {}
            for path in self.head_of:
                self._members.setdefault(self._last(path), []).append(path)
        return self._members.get(head, ())

    def state(self, path: Path) -> State:
        """Return what becomes of a file that is read with another one."""
        return "read_as_parent" if path in self._parents else "read_with"

    def _last(self, path: Path) -> Path:
        while path in self.head_of:
            path = self.head_of[path]
        return path


def families_of(files: Mapping[Path, FileKind | None], bundles: Mapping[Path, str]) -> Families:
    """Find out which files belong together.

    Args:
        files: What each is as far as that is known: None where it was named, and not looked at.
        bundles: Those of them that are configurations of virtual machines, and the kind of each.
    """
    families = Families()
    disks = [path for path, kind in files.items() if path not in bundles and (kind is None or kind.kind in DISKS)]
    _put_parts(families, disks, files)
    of_machine = _disks_of(bundles, files) if bundles else {}
    heads: dict[Path, Path] = {}
    for configuration, own in of_machine.items():
        first = next((heads[disk] for disk in own if disk in heads), None)
        if first is not None:
            families.put(configuration, first)
            continue
        for disk in own:
            heads[disk] = configuration
    whole = [disk for disk in disks if disk not in families.head_of]
    for child, parents in parents_of_each([disk for disk in whole if _may_have_family(disk)]).items():
        for parent in parents:
            if parent not in heads:
                families.put(parent, child, is_parent=True)
    for disk, configuration in heads.items():
        families.put(disk, configuration)
    for each in [path for path, kind in bundles.items() if kind == "vmsd"]:
        # The list of a VMware machine's snapshots tells nothing without its configuration.
        if bundles.get(vmx := each.with_suffix(".vmx")) == "vmx":
            families.put(each, vmx)
    _put_orc(families, files)
    return families


def _may_have_family(disk: Path) -> bool:
    # Each header on a server is a request.
    return not is_url(disk) or CHECKPOINT.fullmatch(disk.name) is not None


def _put_parts(families: Families, disks: Iterable[Path], files: Mapping[Path, FileKind | None]) -> None:
    from forensics.sources.disk_parts import parts_of_others

    by_folder: dict[Path, dict[Path, str]] = {}
    for disk in disks:
        kind = files[disk]
        by_folder.setdefault(disk.parent, {})[disk] = kind.kind if kind is not None else _kind_by_name(disk)
    for kinds in by_folder.values():
        names = {path.name.lower(): path for path in kinds}
        is_far = any(map(is_url, kinds))
        parts = {path for path in kinds if _first_by_name(path, names)} if is_far else parts_of_others(kinds)
        for part in sorted(parts):
            if (first := _first_by_name(part, names)) is not None:
                families.put(part, first)


def _kind_by_name(path: Path) -> str:
    suffix = path.suffix.lower()
    return "vmdk" if suffix == ".vmdk" else "e01" if re.fullmatch(r"\.e\d\d", suffix) else "raw"


def _first_by_name(part: Path, names: Mapping[str, Path]) -> Path | None:
    """Return the file beside a part by which its image is opened."""
    if (match := _EXTENT.fullmatch(part.name)) is not None:
        return names.get(f"{match[1]}.vmdk".lower())
    if (match := _NUMBERED.fullmatch(part.name)) is None:
        return None
    width = len(match[2])
    firsts = ("e01",) if match[2][0].isalpha() else (f"{0:0{width}d}", f"{1:0{width}d}")
    found = next((names[key] for first in firsts if (key := f"{match[1]}.{first}".lower()) in names), None)
    return found if found != part else None


def _disks_of(bundles: Mapping[Path, str], files: Mapping[Path, FileKind | None]) -> dict[Path, list[Path]]:
    """Return for each configuration the disks among the files that it names."""
    from forensics.disk.unlock import Unlock
    from forensics.sources.bundles import read_bundles
    from forensics.sources.choices import Choices
    from forensics.sources.folder_tree import folder_tree
    from forensics.sources.pieces import Pieces
    from forensics.sources.same_evidence import SeenEvidence
    from forensics.sources.source import Source

    found: dict[Path, list[Path]] = {}
    known = {str(path): path for path in files}
    by_folder: dict[Path, list[Path]] = {}
    for configuration in bundles:
        by_folder.setdefault(configuration.parent, []).append(configuration)
    for folder, configurations in by_folder.items():
        tree = folder_tree(folder)
        beside = {str(entry.handle): entry for entry in tree.entries("") if not entry.is_dir and entry.link is None}
        disks = [entry for handle, entry in beside.items() if handle in known and known[handle] not in bundles]
        for configuration in configurations:
            found[configuration] = []
            if bundles[configuration] == "vmsd" or str(configuration) not in beside:
                continue
            source = Source(str(folder))
            pieces = Pieces(source, Unlock(), Choices(), 1, lambda line: None, SeenEvidence())
            asked = [(beside[str(configuration)], bundles[configuration])]
            for bundle in read_bundles(pieces, tree, asked, disks):
                named = [str(disk.entry.handle) for disk in bundle.disks if disk.entry is not None]
                found[configuration] += [known[handle] for handle in named if handle in known]
    return found


def _put_orc(families: Families, files: Iterable[Path]) -> None:
    """Have the archives that DFIR-ORC made of one computer examined together."""
    first: dict[tuple[Path, str], Path] = {}
    for path in files:
        if (match := _ORC.fullmatch(path.name)) is None:
            continue
        head = first.setdefault((path.parent, match[1].lower()), path)
        if head != path:
            families.put(path, head)
            families.given_too.add(path)
