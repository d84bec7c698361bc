"""Users' profiles without their Windows: whose they are, and which computers made their keys.

The SID is told by the folders of its keys; the names of its file and folders tell it only as likely. A name is told by
its registry: Windows notes it there, and a hive bears the path from which it was last loaded.

References:
    Microsoft, FSLogix: Configuration settings (SIDDirNamePattern, VHDNamePattern).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from forensics.collectors.guard import guard
from forensics.collectors.profiles import Profile, folder_exists, hive_path, sid_folders
from forensics.collectors.registry_view import RegistryView
from forensics.language import sentence
from forensics.registry.hives import RegistryHive
from forensics.sources.installation import Installation
from forensics.sources.mapping_tree import MappingTree
from forensics.sources.profile_folders import accounts_named
from forensics.tables.certificate import KeyFileRow
from forensics.tables.machine import MachineRow

_EXPLORER = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer"
_NO_NAMES = frozenset({"", "profile", "default", "user"})
_NEAREST = 3
"""Names of files and folders above a profile that may say whose it is."""


def with_owner(installation: Installation, profile: Profile) -> Profile:
    """Return a profile with its SID and name, as far as it tells them itself."""
    sids = _sids_of_keys(installation, profile)
    sid, name = accounts_named(_names(installation, profile))
    known = profile.sid or (sids[0] if len(sids) == 1 else sid if sid in sids else None)
    found = replace(profile, sid=known or sid, is_likely=known is None and sid is not None)
    return replace(found, name=_name_in_registry(installation, found) or name or _own_folder(installation, found))


def describe(machine: MachineRow, profiles: Sequence[Profile], key_files: Iterable[KeyFileRow]) -> None:
    """Fill what the row of profiles alone says of them: whose they are, and for which computers keys are named.

    Args:
        machine: The row.
        profiles: The profiles.
        key_files: Their key files.
    """
    machine.profiles_of = [told(profile) for profile in profiles]
    machine.key_guids = sorted({file.name_guid for file in key_files if file.name_guid is not None})
    machine.machine_guid = machine.key_guids[0] if len(machine.key_guids) == 1 else None


def told(profile: Profile) -> str:
    """Write whose a profile is."""
    if profile.sid is None:
        return profile.name or sentence("a user whose SID is not known")
    sid: str = sentence("likely {sid}", sid=profile.sid) if profile.is_likely else profile.sid
    return sentence("{name} ({sid})", name=profile.name, sid=sid) if profile.name else sid


def _sids_of_keys(installation: Installation, profile: Profile) -> list[str]:
    """Return the SIDs in whose folders there are master keys, or else keys."""
    for folder in ("Microsoft/Protect", "Microsoft/Crypto/RSA", "Microsoft/Crypto/DSS"):
        path = f"{profile.roaming}/{folder}"
        if folder_exists(installation, path) and (found := sid_folders(installation, path)):
            return [entry.name.upper() for entry in found]
    return []


def _names(installation: Installation, profile: Profile) -> list[str]:
    """Return the names of the profile's folder and of what it lies in, the nearest first."""
    of_source = installation.source_path.replace("\\", "/").rstrip("/")
    inside = "" if of_source.endswith(f"/{profile.path}") else profile.path
    return [name for name in reversed(f"{of_source}/{inside}".split("/")) if name][:_NEAREST]


def _name_in_registry(installation: Installation, profile: Profile) -> str | None:
    path = hive_path(installation, profile)
    if path is None or profile.elsewhere:
        return None
    hive = installation.hive_at(path, f"NTUSER.DAT of {profile.sid or profile.path}")
    with guard(installation, path):
        name = RegistryView(installation, hive).text(_EXPLORER, "Logon User Name")
        if name is None and isinstance(hive, RegistryHive):
            # The path may have lost its beginning; a name with something before it is whole.
            *above, folder, _ = hive.file_name.replace("/", "\\").split("\\") if "\\" in hive.file_name else ("", "")
            name = folder if above else None
        return None if name is None or name.lower() in _NO_NAMES else name
    return None


def _own_folder(installation: Installation, profile: Profile) -> str | None:
    """Return the name of the folder; that in which parts of a profile lie is not named for its user."""
    if isinstance(installation.own_tree, MappingTree) and not profile.path.startswith("Users/"):
        return None
    return profile.folder if profile.folder.lower() not in _NO_NAMES and profile.folder.upper() != profile.sid else None
