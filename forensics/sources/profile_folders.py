"""Users' profiles without their Windows: containers of FSLogix, user profile disks, roaming profiles, copied folders.

A folder is taken for a profile by what it holds: NTUSER.DAT beside application data, or keys, master keys and
certificates where Windows keeps those of a user.

References:
    Microsoft, FSLogix: Container types, and Configuration settings (SIDDirNamePattern, VHDNamePattern).
    Microsoft, Remote Desktop Services: User profile disks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from forensics.disk.tree import Entry, NotFound, Tree, Unreadable
from forensics.late_methods import dataclass
from forensics.sources.mapping_tree import MappingTree

OFFICE_CONTAINER = "ODFC"
"""Folder at the root of FSLogix's container for Office."""

_HIVES = frozenset({"ntuser.dat", "ntuser.man"})
_APPLICATION_DATA = frozenset({"appdata", "application data", "local settings"})
_PARTS = ("Crypto", "Protect", "SystemCertificates")
_MICROSOFT = "AppData/Roaming/Microsoft"
_OF_ACCOUNT = re.compile(r"S-1-(5-21(-\d+){4}|12-1(-\d+){4})", re.IGNORECASE | re.ASCII)
_OF_WINDOWS = frozenset({"s-1-5-18", "s-1-5-19", "s-1-5-20", "machinekeys"})
_THUMBPRINT = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)
_NO_USER = frozenset({"systemprofile", "localservice", "networkservice", "default", "default user", "all users"})
_CONTAINER = re.compile(r"Profile[_-](?P<user>.+?)\.vhdx?(\.[a-z0-9]{2,4})?", re.IGNORECASE | re.DOTALL)
_ROAMING = re.compile(r"(?P<user>.+)\.V[1-9]\d?", re.IGNORECASE | re.DOTALL)
_NO_NAME = re.compile(r"(uvhd)?[-_. ]*(vhdx?)?(\.[a-z0-9]{2,4})?", re.IGNORECASE)
_LOOKED_AT = 1_000
"""Work: files of a folder that are asked whether they are named as certificates."""


@dataclass(frozen=True, slots=True)
class FoundProfile:
    """A profile in a tree.

    Attributes:
        path: The folder that is the profile, or in which parts of one lie.
        parts: Those parts, by where they belong in a profile; empty where it is one as a whole.
    """

    path: str
    parts: Mapping[str, Entry] = field(default_factory=dict)

    @property
    def folders(self) -> tuple[str, ...]:
        """Paths of the folders that are its parts, where it is not one as a whole."""
        return tuple(entry.path for entry in self.parts.values())

    def tree(self, tree: Tree) -> Tree:
        """Return a tree in which the profile has the shape that Windows gives it."""
        placed = {f"{self.path}/{place}" if self.path else place: entry for place, entry in self.parts.items()}
        return MappingTree(tree, placed) if placed else tree


def profile_at(tree: Tree, path: str, entries: Sequence[Entry]) -> FoundProfile | None:
    """Tell whether a folder is a profile, or holds a part of one that has keys.

    Args:
        tree: The tree.
        path: The folder; of what is named directly the root.
        entries: What it holds.
    """
    if path.rpartition("/")[2].casefold() in _NO_USER:
        return None
    folders = {entry.name.casefold(): entry for entry in entries if entry.is_dir}
    if _is_whole(tree, entries, folders):
        return FoundProfile(path)
    for name, place in (("roaming", "AppData/Roaming"), ("microsoft", _MICROSOFT)):
        if name in folders and _holds_keys(tree, folders, name):
            return FoundProfile(path, {place: folders[name]})
    if _are_keys(tree, folders):
        named = ((part, folders.get(part.casefold())) for part in _PARTS)
        return FoundProfile(path, {f"{_MICROSOFT}/{part}": entry for part, entry in named if entry is not None})
    return FoundProfile(path, {f"{_MICROSOFT}/Crypto": tree.entry(path)}) if _is_of_user(tree, folders) else None


def accounts_named(names: Iterable[str]) -> tuple[str | None, str | None]:
    """Return the SID and the name of a user in names of files and folders, the nearest to the profile first.

    FSLogix names folders ``SID_user`` or ``user_SID`` and files ``Profile_user.VHDX``, Windows a user profile disk
    ``UVHD-SID.vhdx`` and a roaming profile ``user.V6``.
    """
    sid: str | None = None
    user: str | None = None
    for number, name in enumerate(names):
        found = _OF_ACCOUNT.search(name)
        if found is not None:
            sid = sid or found[0].upper()
            rest = (name[: found.start()] + name[found.end() :]).strip("_-. ")
            user = user or (rest if _NO_NAME.fullmatch(rest) is None else None)
        elif (disk := _CONTAINER.fullmatch(name)) is not None:
            user = user or disk["user"]
        elif not number and (roaming := _ROAMING.fullmatch(name)) is not None:
            user = user or roaming["user"]
    return sid, user


def _is_whole(tree: Tree, entries: Sequence[Entry], folders: dict[str, Entry]) -> bool:
    has_hive = any(not entry.is_dir and entry.name.casefold() in _HIVES for entry in entries)
    if has_hive and _APPLICATION_DATA & folders.keys():
        return True
    # Without the hive, as where somebody copied what he knew of, the keys must tell.
    if "appdata" in folders:
        roaming = _folders(tree, folders["appdata"])
        return "roaming" in roaming and _holds_keys(tree, roaming, "roaming")
    return "application data" in folders and _holds_keys(tree, folders, "application data")


def _holds_keys(tree: Tree, folders: dict[str, Entry], name: str) -> bool:
    below = _folders(tree, folders[name])
    if name == "microsoft":
        return _are_keys(tree, below)
    return "microsoft" in below and _are_keys(tree, _folders(tree, below["microsoft"]))


def _are_keys(tree: Tree, folders: dict[str, Entry]) -> bool:
    """Tell whether folders are those in which Windows keeps keys, master keys or certificates of a user."""
    if "crypto" in folders:
        of_user = _is_of_user(tree, _folders(tree, folders["crypto"]))
        if of_user is not None:
            return of_user
    if "protect" in folders and any(map(_is_account, _folders(tree, folders["protect"]))):
        return True
    my = _folders(tree, folders["systemcertificates"]).get("my") if "systemcertificates" in folders else None
    stored = _folders(tree, my).get("certificates") if my is not None else None
    return stored is not None and any(_THUMBPRINT.fullmatch(e.name) for e in _entries(tree, stored)[:_LOOKED_AT])


def _is_of_user(tree: Tree, crypto: dict[str, Entry]) -> bool | None:
    """Tell whether folders are those of a user's Crypto; None where nothing in them tells whose they are."""
    named = {name for kind in ("rsa", "dss") if kind in crypto for name in _folders(tree, crypto[kind])}
    if named & _OF_WINDOWS or "systemkeys" in crypto:
        return False
    return True if any(map(_is_account, named)) else None


def _is_account(name: str) -> bool:
    return _OF_ACCOUNT.fullmatch(name) is not None


def _folders(tree: Tree, folder: Entry) -> dict[str, Entry]:
    return {entry.name.casefold(): entry for entry in _entries(tree, folder) if entry.is_dir}


def _entries(tree: Tree, folder: Entry) -> Sequence[Entry]:
    try:
        return tree.entries(folder)
    except (NotFound, Unreadable):
        return ()
