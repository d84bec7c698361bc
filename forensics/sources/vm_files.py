"""Finds the files of virtual machines, and of their guardians, in a tree: bounded, breadth first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from forensics.sources.place import Place
from forensics.sources.tree import Entry, NotFound, Unreadable
from forensics.structure import dataclass, field

HYPER_V_FOLDER = "ProgramData/Microsoft/Windows/Hyper-V"
INVENTORY = "data.vmcx"
MAX_FILES = 2_000
"""Files of one kind taken from one place."""

_MAX_FOLDERS = 6_000
_MAX_DEPTH = 16
_NO_VMS_IN = frozenset(
    (
        "windows",
        "winnt",
        "windows.old",
        "program files",
        "program files (x86)",
        "$recycle.bin",
        "system volume information",
        "recovery",
        "perflogs",
        "$winreagent",
        "$windows.~bt",
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


@dataclass(slots=True)
class VmFiles:
    """What a place holds.

    Attributes:
        configurations: ``.vmcx`` files.
        states: ``.vmrs`` and ``.vmgs`` files.
        documents: ``.xml`` files.
        certificates: Certificate files.
        pfx: PKCS #12 files.
        disks: Virtual disks.
        truncated: Not all folders were looked into.
        unreadable: Folders that could not be listed, with the reason.
    """

    configurations: list[Entry] = field(default_factory=list)
    states: list[Entry] = field(default_factory=list)
    documents: list[Entry] = field(default_factory=list)
    certificates: list[Entry] = field(default_factory=list)
    pfx: list[Entry] = field(default_factory=list)
    disks: list[Entry] = field(default_factory=list)
    truncated: bool = False
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def has_hyper_v(place: Place) -> bool:
    """Tell whether a place holds the folder in which a Hyper-V host keeps its list of virtual machines."""
    try:
        return place.tree.entry(_below(place.drive, HYPER_V_FOLDER)).is_dir
    except (NotFound, Unreadable):
        return False


def find_vm_files(place: Place) -> VmFiles:
    """Search a place; on a volume with Windows the folders that hold programs are left out."""
    found = VmFiles()
    pending = deque([(place.start, 0)])
    if place.windows:
        pending.append((_below(place.drive, HYPER_V_FOLDER), 1))
    visited: set[str] = set()
    while pending:
        path, depth = pending.popleft()
        if path.lower() in visited:
            continue
        if len(visited) >= _MAX_FOLDERS:
            found.truncated = True
            break
        visited.add(path.lower())
        for entry in _entries(place, path, found):
            if not entry.is_dir:
                _take(found, entry)
            elif depth < _MAX_DEPTH and not _left_out(place, entry):
                pending.append((entry.path, depth + 1))
    return found


def _left_out(place: Place, entry: Entry) -> bool:
    if not place.windows:
        return False
    # ProgramData is entered where Hyper-V keeps its files, not elsewhere.
    return entry.name.lower() in _NO_VMS_IN or entry.path.lower() == _below(place.drive, "ProgramData").lower()


def _entries(place: Place, path: str, found: VmFiles) -> Iterable[Entry]:
    try:
        return place.tree.entries(path)
    except NotFound:
        return ()
    except Unreadable as error:
        found.unreadable.append((path, str(error)))
        return ()


def _take(found: VmFiles, entry: Entry) -> None:
    dot = entry.name.rfind(".")
    kind = _KINDS.get(entry.name[dot:].lower()) if dot >= 0 else None
    if kind is None:
        return
    files: list[Entry] = getattr(found, kind)
    if len(files) < MAX_FILES:
        files.append(entry)
    else:
        found.truncated = True


def _below(drive: str, path: str) -> str:
    return f"{drive}/{path}" if drive else path
