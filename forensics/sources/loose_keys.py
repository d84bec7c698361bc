"""Folders of keys and master keys that lie beside loose hives: put back where Windows keeps them.

Only a folder that is named as Windows names it and holds files named as keys or master keys is taken for one.

References:
    Microsoft, Key Storage and Retrieval: Key Directories and Files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from forensics.disk.tree import Entry, NotFound, Tree, Unreadable
from forensics.language import sentence
from forensics.late_methods import dataclass

AMBIGUOUS = sentence(
    "keys beside the hives of more than one machine: put them into the folder of the hives to which they belong"
)
"""Why a folder of keys is not examined."""
WITHOUT_HIVES = sentence("keys without the hives of their machine: put SYSTEM, SOFTWARE, SECURITY and SAM beside them")
"""Why a folder of keys is not examined."""
TAKEN = sentence("another folder was taken as this one; examine it with its own hives")
"""Why a folder of keys is not examined."""

_CRYPTO = "ProgramData/Microsoft/Crypto"
_MACHINE_FOLDERS = {"machinekeys": "MachineKeys", "systemkeys": "SystemKeys", "keys": "Keys", "pcpksp": "PCPKSP"}
_USERS = "Users/"
_ALGORITHMS = {"rsa": "RSA", "dss": "DSS"}
_SYSTEM, _SERVICES = "S-1-5-18", {"S-1-5-19": "LocalService", "S-1-5-20": "NetworkService"}
_SID = re.compile(r"S-1-\d+(-\d+){1,14}", re.IGNORECASE | re.ASCII)
_GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEY = re.compile(rf"[0-9a-f]{{32}}_{_GUID}|.*\.PCPKEY", re.IGNORECASE | re.DOTALL)
_MASTER_KEY = re.compile(rf"{_GUID}|Preferred", re.IGNORECASE)
_LOOKED_AT = 1_000
"""Work: files of a folder that are asked whether they are named as keys."""


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """A folder of keys or master keys.

    Attributes:
        entry: The folder.
        place: Where Windows keeps it, such as ``ProgramData/Microsoft/Crypto/RSA/MachineKeys``.
    """

    entry: Entry
    place: str

    @property
    def is_of_user(self) -> bool:
        """It is a user's, so that it says something without the hives of a machine."""
        return self.place.startswith(_USERS)


def key_folders(tree: Tree, folder: Entry) -> list[KeyFolder]:
    """Tell whether a folder holds keys, by its name and those of its files.

    Returns:
        The places of which it is one; two where keys and master keys of an account were copied into one folder.
    """
    name = folder.name.casefold()
    is_sid = _SID.fullmatch(folder.name) is not None
    if name not in _MACHINE_FOLDERS and not is_sid:
        return []
    above = folder.path.split("/")[-2].casefold() if "/" in folder.path else ""
    files = _names(tree, folder, with_folders=name == "pcpksp" or is_sid)
    holds_keys = any(_KEY.fullmatch(file) for file in files)
    if not is_sid:
        algorithm = f"{_ALGORITHMS.get(above, 'RSA')}/" if name == "machinekeys" else ""
        return [KeyFolder(folder, f"{_CRYPTO}/{algorithm}{_MACHINE_FOLDERS[name]}")] if holds_keys else []
    sid, found = folder.name.upper(), []
    if holds_keys:
        algorithm = _ALGORITHMS.get(above, "RSA")
        of_machine = sid == _SYSTEM or sid in _SERVICES
        crypto = _CRYPTO if of_machine else f"{_roaming(sid)}/Crypto"
        found.append(KeyFolder(folder, f"{crypto}/{algorithm}/{sid}"))
    if any(_MASTER_KEY.fullmatch(file) for file in files):
        protect = "Windows/System32/Microsoft" if sid == _SYSTEM else _roaming(sid)
        found.append(KeyFolder(folder, f"{protect}/Protect/{sid}"))
    return found


def hives_beside(path: str, hives: Iterable[str]) -> list[str]:
    """Return which of the folders with loose hives a folder belongs to: those nearest to it, one where it is clear.

    Args:
        path: The folder.
        hives: Folders with loose hives.
    """
    known = list(hives)
    above = path
    while above:
        above = above.rpartition("/")[0]
        below = [folder for folder in known if folder == above or not above or folder.startswith(f"{above}/")]
        if above in below:
            return [above]
        if below:
            return below
    return []


def of_one_user(folders: Sequence[KeyFolder], hives: Iterable[str]) -> Sequence[KeyFolder]:
    """Put the keys of the one account that there is beside the hive of one user into that user's profile.

    Args:
        folders: Folders of keys that belong to the hives.
        hives: Where Windows keeps the hives.
    """
    owners = {place.split("/")[1] for place in hives if place.startswith(_USERS)}
    others = [place for place in hives if not place.startswith(_USERS)]
    sids = {folder.place.split("/")[1] for folder in folders if folder.is_of_user}
    if others or len(owners) != 1 or len(sids) != 1:
        return folders
    old, new = f"{_USERS}{sids.pop()}/", f"{_USERS}{owners.pop()}/"
    return [replace(f, place=new + f.place.removeprefix(old)) if f.is_of_user else f for f in folders]


def places(folders: Sequence[KeyFolder]) -> tuple[dict[str, Entry], list[KeyFolder]]:
    """Return the folders by where Windows keeps them, and those whose place another one has."""
    found: dict[str, Entry] = {}
    left: list[KeyFolder] = []
    for folder in folders:
        if folder.place in found:
            left.append(folder)
        else:
            found[folder.place] = folder.entry
    return found, left


def _roaming(sid: str) -> str:
    profile = f"Windows/ServiceProfiles/{_SERVICES[sid]}" if sid in _SERVICES else f"{_USERS}{sid}"
    return f"{profile}/AppData/Roaming/Microsoft"


def _names(tree: Tree, folder: Entry, with_folders: bool) -> list[str]:
    """Return names of files of a folder, and where that is asked for of those in its own folders."""
    try:
        entries = tree.entries(folder)[:_LOOKED_AT]
    except (NotFound, Unreadable):
        return []
    names = [entry.name for entry in entries if not entry.is_dir]
    if with_folders:
        names += [name for entry in entries if entry.is_dir for name in _names(tree, entry, False)]
    return names
