"""Finds on a whole volume the few folders in which evidence may lie, by the names in its list of all files.

A data volume has very many files and seldom a collection. None of its folders is searched but those that lead to a
registry hive, an image or an archive, or are named as collectors name drives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO

from forensics.disk.tree import Entry, FindsNames, NameMark, NotFound, Tree, Unreadable, WantedNames
from forensics.formats.zip_names import zip_names
from forensics.late_methods import dataclass
from forensics.sources.file_kind import looks_like_a_source
from forensics.sources.layout import is_accessor, is_drive, is_shadow_copy
from forensics.sources.orc_collection import LIST
from forensics.sources.vm_files import is_configuration

MAX_HIVES = 5_000
"""Evidence: registry hives of a volume without Windows whose folders are searched."""
MAX_FILES = 500
"""Evidence: images and archives of a volume without Windows that are looked at."""
_HIVES = ("SYSTEM", "SOFTWARE", "SECURITY", "SAM")
_HIVE_SUFFIXES = (".hiv", ".hive", ".hve")
_LOGS = (".log", ".log1", ".log2")
_PLACE = re.compile(r"(.*?)(?:^|/)(?:windows|winnt)/system32/config(?:/.*)?", re.IGNORECASE | re.DOTALL)
_HOUSEKEEPING = frozenset(("$recycle.bin", "system volume information", "windows.old", "$extend"))
"""Folders at the root of a volume in which nothing was collected."""
_NO_MACHINES = frozenset(("winsxs", "windowsfilter"))
"""Folders in which Windows and its containers keep parts of a Windows, very many of them."""
_OF_KEYS = frozenset(
    ("crypto", "rsa", "dss", "keys", "machinekeys", "systemkeys", "pcpksp", "protect", "microsoft", "programdata")
)
_OF_DRIVE = frozenset(
    ("windows", "winnt", "system32", "programdata", "microsoft", "users", "documents and settings", "appdata")
)
_PROFILES = ("users", "documents and settings")
_HIVE_OF_USER = "ntuser.dat"
_PROFILE = re.compile(r"(?:^|/)protect/s-1-(?:5-21|12-1)-[0-9-]+/preferred$", re.IGNORECASE)
"""What a path ends with below the folder of a profile that holds its keys; one without master keys has none."""
_OF_PROFILE = frozenset(("crypto", "systemcertificates"))
_DEEP = 3
"""Evidence: folders within one that is named as a drive in which a Windows is looked for by the names of its own."""
_KEY = re.compile(r"[0-9a-f]{32}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SID = re.compile(r"S-1-\d+(-\d+){1,14}", re.IGNORECASE | re.ASCII)


def _utf16(text: str) -> bytes:
    return re.escape(text.encode("utf-16-le"))


def _whole_name(name: str) -> NameMark:
    """Mark a name that is this one and no longer: its length stands two bytes before it."""
    return NameMark(re.compile(b"%b(?<=\\x%02x[\0-\3]%b)" % (_utf16(name), len(name), _utf16(name))), 0, 2 * len(name))


_SUFFIXES = (
    "ZIP",
    "7Z",
    "TAR",
    "TGZ",
    "TZST",
    "VHD",
    "AVHD",
    "VMDK",
    "VDI",
    "QCOW",
    "E01",
    "RAW",
    "DD",
    "IMG",
    "OVA",
    "WIM",
    "ESD",
    "SWM",
)
_TELLING = (*_HIVES, LIST.upper())
TELLING_NAMES = WantedNames(
    re.compile(rf"\A(?:{'|'.join(map(re.escape, _TELLING))})\Z", re.IGNORECASE),
    tuple(map(_whole_name, _TELLING)),
    any_case=True,
)
_PREFERRED = "preferred"
PROFILE_NAMES = WantedNames(
    re.compile(rf"\A{_PREFERRED}\Z", re.IGNORECASE), (_whole_name(_PREFERRED.upper()),), any_case=True
)
FILE_NAMES = WantedNames(
    re.compile(r"\.[0-9a-z]+\Z", re.IGNORECASE),
    (NameMark(re.compile(rb"\.\0(?:%b)" % b"|".join(map(_utf16, (*_SUFFIXES, "VMCX", "HIV", "HVE")))), 0, 4),),
    any_case=True,
)


@dataclass(frozen=True, slots=True)
class NamedPlaces:
    """What of a volume is shown to a search for evidence.

    Attributes:
        files: Paths of files that may be evidence, lower case.
        folders: Paths of the folders that lead to them, lower case.
        with_loose: Those of the folders that hold hives outside a Windows folder, or a folder of such.
        with_lists: Those that hold a list of samples of DFIR-ORC.
        with_profiles: Those that hold the keys of users, as their master keys tell.
        more_hives: There may be hives that were not found.
        more_files: There are more images and archives than are looked at.
    """

    files: frozenset[str]
    folders: frozenset[str]
    with_loose: frozenset[str]
    with_lists: frozenset[str]
    with_profiles: frozenset[str]
    more_hives: bool
    more_files: bool

    def shows(self, folder: str, entry: Entry) -> bool:
        """Tell whether an entry of a folder is to be looked at."""
        path, name, above = entry.path.lower(), entry.name.lower(), folder.lower()
        if path in self.files or path in self.folders or self._is_of_list(above):
            return True
        if entry.is_dir and name in _OF_PROFILE and above in self.with_profiles:
            return True
        if not entry.is_dir:
            is_log = above in self.folders and name.endswith(_LOGS)
            return is_log or self._is_beside_hives(above) or (name == _HIVE_OF_USER and self._is_of_drive(above))
        if self._is_of_drive(path) or ((name in _OF_KEYS or _SID.fullmatch(name)) and self._is_beside_hives(path)):
            return True
        return self._is_of_drive(above) and (name in _OF_DRIVE or above.rpartition("/")[2] in _PROFILES)

    def _is_of_list(self, folder: str) -> bool:
        """Tell whether samples of DFIR-ORC lie in a folder: beside their list, or one folder below."""
        return bool(self.with_lists) and not self.with_lists.isdisjoint((folder, folder.rpartition("/")[0]))

    def _is_of_drive(self, path: str) -> bool:
        """Tell whether a folder is named as a drive, or as what read one, or lies in one that is."""
        parts, at = path.split("/"), -1
        for depth, part in enumerate(parts):
            is_known = depth == at + 1 if at >= 0 else depth == 0 or "/".join(parts[:depth]) in self.folders
            if (is_known and (is_drive(part) or is_shadow_copy(part))) or (
                "/".join(parts[:depth]) in self.folders and is_accessor(part)
            ):
                at = depth
        return at >= 0 and len(parts) - at <= _DEEP

    def _is_beside_hives(self, path: str) -> bool:
        """Tell whether a folder is one of keys that lies with loose hives, or beside the folder that holds them."""
        parts = path.split("/")
        first = next((at for at, part in enumerate(parts) if part in _OF_KEYS or _SID.fullmatch(part)), None)
        return first is not None and "/".join(parts[:first]) in self.with_loose


def named_places(tree: Tree) -> NamedPlaces | None:
    """Search the names of a volume; None where it has no list of them, or nothing in it is named as evidence."""
    if not isinstance(tree, FindsNames):
        return None
    hives, more_hives = _found(tree.paths_named(TELLING_NAMES, ()), MAX_HIVES)
    profiles, more_profiles = _found(tree.paths_named(PROFILE_NAMES, ()), MAX_HIVES)
    profiles = [path for path in profiles if _PROFILE.search(path)]
    files, more_files = _found(tree.paths_named(FILE_NAMES, ()), MAX_FILES)
    files = [path for path in files if _may_be_evidence(path.rpartition("/")[2])]
    hives += [path for path in files if path.endswith(_HIVE_SUFFIXES)]
    lists = {path.rpartition("/")[0] for path in hives if path.endswith(LIST)}
    loose = {path.rpartition("/")[0] for path in hives if not path.endswith(LIST)}
    loose = {folder for folder in loose if not _PLACE.fullmatch(folder)}
    above = {folder.rpartition("/")[0] for folder in loose} - {""}
    if not hives and not files and not profiles and not _named_drives(tree):
        return None
    found = [*hives, *files, *profiles]
    with_profiles = {_PROFILE.sub("", path) for path in profiles}
    folders = {"/".join(parts[:depth]) for parts in (path.split("/") for path in found) for depth in range(len(parts))}
    return NamedPlaces(
        frozenset(found),
        frozenset(folders),
        frozenset(loose | above),
        frozenset(lists),
        frozenset(with_profiles),
        more_hives or more_profiles,
        more_files,
    )


def may_be_collection(archive: BinaryIO) -> bool:
    """Tell whether a file in a zip archive is named as evidence is: in most archives of a server none is.

    Raises:
        Unreadable: It cannot be read.
    """
    names = zip_names(archive)
    return names is None or any(
        name.upper() in (*_TELLING, _HIVE_OF_USER.upper()) or _KEY.fullmatch(name) or _may_be_evidence(name)
        for name in names
    )


def _found(paths: Iterator[str | None], most: int) -> tuple[list[str], bool]:
    """Return paths in lower case, and whether there are more or some could not be told."""
    told = list(islice(paths, most + 1))
    named = [path.lower() for path in told[:most] if path is not None and not _is_housekeeping(path)]
    return named, len(told) > most or None in told


def _is_housekeeping(path: str) -> bool:
    folders = path.lower().split("/")[:-1]
    return bool(folders) and (folders[0] in _HOUSEKEEPING or not _NO_MACHINES.isdisjoint(folders))


def _may_be_evidence(name: str) -> bool:
    return looks_like_a_source(name) or is_configuration(name) or name.lower().endswith(_HIVE_SUFFIXES)


def _named_drives(tree: Tree) -> Iterable[Entry]:
    try:
        return [e for e in tree.entries("") if e.is_dir and (is_drive(e.name) or is_shadow_copy(e.name))]
    except (NotFound, Unreadable):
        return ()
