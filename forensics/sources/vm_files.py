"""Finds the files of virtual machines, and of their guardians, in a tree: bounded, breadth first."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field

from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.language import said_by, sentence
from forensics.late_methods import dataclass
from forensics.sources.searched_tree import SearchedTree
from forensics.tables.windows_path import is_moved_aside

HYPER_V_FOLDER = "ProgramData/Microsoft/Windows/Hyper-V"
INVENTORY = "data.vmcx"
MAX_FILES = 2_000
"""Evidence: files of one kind taken from one place."""

_MAX_FOLDERS = 6_000
"""Evidence: folders of one place that are searched for virtual machines."""
_MAX_DEPTH = 64
"""Evidence: folders within folders that are searched for virtual machines."""
_NEAR = 2
_MAX_UNREADABLE = 100
"""Display: folders that could not be listed and are told one by one."""
_DRIVE = re.compile(r"(?:\\\\\?\\)?([A-Za-z]):\\(.*)", re.DOTALL)
# Profiles of wireless networks are named so too, with braces.
_GUID_XML = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.xml", re.IGNORECASE)
_NO_VMS_IN = frozenset(
    (
        "windows",
        "winnt",
        "program files",
        "program files (x86)",
        "$recycle.bin",
        "system volume information",
        "recovery",
        "perflogs",
        "$winreagent",
        "$windows.~bt",
        "$windows.~q",
        "$windows.~ws",
        "appdata",
    )
)
_KINDS = {
    ".vmcx": "configurations",
    ".vmrs": "states",
    ".vmgs": "states",
    ".xml": "documents",
    ".cer": "certificates",
    ".crt": "certificates",
    ".der": "certificates",
    ".pem": "certificates",
    ".pfx": "pfx",
    ".p12": "pfx",
    ".vhdx": "disks",
    ".avhdx": "disks",
    ".vhd": "disks",
    ".avhd": "disks",
    ".vhds": "disks",
}


_OF_MACHINES = ("configurations", "states", "disks")


@dataclass(slots=True)
class VmFiles:
    """What a place holds.

    Attributes:
        configurations: ``.vmcx`` files, and ``.xml`` files that may be such of Windows Server 2012.
        states: ``.vmrs`` and ``.vmgs`` files.
        documents: ``.xml`` files.
        certificates: Certificate files.
        pfx: PKCS #12 files.
        disks: Virtual disks.
        truncated: Not all folders were looked into, or not all files of virtual machines taken.
        full: Other kinds of which not all files were taken.
        unreadable: Folders that could not be listed, with the kind of problem and the reason.
    """

    configurations: list[Entry] = field(default_factory=list)
    states: list[Entry] = field(default_factory=list)
    documents: list[Entry] = field(default_factory=list)
    certificates: list[Entry] = field(default_factory=list)
    pfx: list[Entry] = field(default_factory=list)
    disks: list[Entry] = field(default_factory=list)
    truncated: bool = False
    full: set[str] = field(default_factory=set)
    unreadable: list[tuple[str, str, str]] = field(default_factory=list)

    def has_room(self, entry: Entry) -> bool:
        """Tell whether a file is of one of these kinds and not beyond what is taken of it."""
        kind = _kind(entry.name)
        if kind is None:
            return False
        is_full = len(getattr(self, kind)) >= MAX_FILES
        if is_full and kind in _OF_MACHINES:
            self.truncated = True
        elif is_full:
            self.full.add(kind)
        return not is_full

    def take(self, entry: Entry) -> None:
        """Keep a file for which there is room."""
        files: list[Entry] = getattr(self, str(_kind(entry.name)))
        files.append(entry)


def has_hyper_v(place: SearchedTree) -> bool:
    """Tell whether a place holds the folder in which a Hyper-V host keeps its list of virtual machines, with content.

    An empty folder is no host's: Windows makes it without the role too.
    """
    try:
        return bool(place.tree.entries(below_drive(place, HYPER_V_FOLDER)))
    except (NotFound, Unreadable):
        return False


def find_vm_files(place: SearchedTree) -> VmFiles:
    """Search a place; on a volume with Windows the folders that hold programs are left out.

    Where the user named one configuration, only the folders near it are searched.
    """
    found = VmFiles()
    deepest = _MAX_DEPTH if place.wanted is None else _NEAR
    pending: deque[tuple[Entry | str, int]] = deque([(place.start, 0)])
    if place.windows:
        pending.append((below_drive(place, HYPER_V_FOLDER), 1))
    visited: set[str] = set()
    while pending:
        folder, depth = pending.popleft()
        path = (folder if isinstance(folder, str) else folder.path).lower()
        if path in visited:
            continue
        if len(visited) >= _MAX_FOLDERS:
            found.truncated = True
            break
        visited.add(path)
        for entry in _entries(place, folder, found):
            if not entry.is_dir:
                if found.has_room(entry):
                    found.take(_exact(place, entry))
            elif _left_out(place, entry):
                continue
            elif depth < deepest:
                pending.append((entry, depth + 1))
            else:
                found.truncated = found.truncated or place.wanted is None
    return found


def below_drive(place: SearchedTree, path: str) -> str:
    """Return a path of the system drive as its tree has it."""
    return f"{place.drive}/{path}" if place.drive else path


def on_drive(windows_path: str) -> tuple[str, str] | None:
    """Split a Windows path into its drive letter, upper case, and its path from there, ``/``-separated.

    A path below ``ClusterStorage`` is on a volume of its own, which has no letter: the first part is empty then, and
    the second begins at that volume. None for what is no such path.
    """
    match = _DRIVE.fullmatch(windows_path.replace("/", "\\"))
    if match is None:
        return None
    parts = [part for part in match[2].split("\\") if part]
    if not parts or ".." in parts or "." in parts:
        return None
    if parts[0].lower() == "clusterstorage":
        return ("", "/".join(parts[2:])) if len(parts) > 2 else None
    return match[1].upper(), "/".join(parts)


def _left_out(place: SearchedTree, entry: Entry) -> bool:
    if not place.windows:
        return False
    # ProgramData is entered where Hyper-V keeps its files, not elsewhere.
    is_closed = entry.name.lower() in _NO_VMS_IN or is_moved_aside(entry.name)
    return is_closed or entry.path.lower() == below_drive(place, "ProgramData").lower()


def _entries(place: SearchedTree, folder: Entry | str, found: VmFiles) -> Iterable[Entry]:
    try:
        # A whole volume lists names a good deal faster than all that is known of the files.
        skim: Callable[[Entry | str], Sequence[Entry]] = getattr(place.tree, "skim", place.tree.entries)
        return skim(folder)
    except NotFound:
        return ()
    except Unreadable as error:
        path = folder if isinstance(folder, str) else folder.path
        if len(found.unreadable) < _MAX_UNREADABLE:
            found.unreadable.append((path, error.kind, said_by(error)))
        elif len(found.unreadable) == _MAX_UNREADABLE:
            found.unreadable.append(
                (
                    path,
                    "too_many",
                    sentence("more than {max_unreadable} folders could not be listed", max_unreadable=_MAX_UNREADABLE),
                )
            )
        return ()


def _exact(place: SearchedTree, entry: Entry) -> Entry:
    """Return an entry with its size and times; they are those of the listing where it cannot be looked up."""
    if not hasattr(place.tree, "skim"):
        return entry
    try:
        return place.tree.entry(entry.path)
    except (NotFound, Unreadable):
        return entry


def is_configuration(name: str) -> bool:
    """Tell whether a file bears the name of a virtual machine's configuration: Windows Server 2012 wrote GUID.xml."""
    return name.lower().endswith(".vmcx") or _GUID_XML.fullmatch(name) is not None


def _kind(name: str) -> str | None:
    if _GUID_XML.fullmatch(name):
        return "configurations"
    dot = name.rfind(".")
    return _KINDS.get(name[dot:].lower()) if dot >= 0 else None
