"""Every profile of an installation: those ProfileList names, and every folder below Users."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Literal

from forensics.collectors.guard import guard
from forensics.collectors.machine import CURRENT_VERSION
from forensics.collectors.registry_view import RegistryView
from forensics.disk.tree import Entry, NotFound
from forensics.formats.filetime import filetime
from forensics.lack_of_memory import pass_on, suppressed
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.registry.hive import Key
from forensics.sources.installation import Installation
from forensics.sources.link_targets import collected_drives
from forensics.tables.outcome import NOT_COLLECTED, Outcome

SYSTEM_SID = "S-1-5-18"
SERVICE_PROFILES = {"S-1-5-19": "LocalService", "S-1-5-20": "NetworkService"}
PROFILE_LIST = f"{CURRENT_VERSION}\\ProfileList"

MAX_PROFILES = 2_000
"""Evidence: profiles of one installation, and folders of accounts in one folder."""

_SID = re.compile(r"S-1-\d+(-\d+){1,14}", re.IGNORECASE | re.ASCII)
_DRIVE = re.compile(r"([A-Za-z]):[\\/]*(.*)", re.DOTALL)
_SET_ASIDE = ".bak"
_TEMPORARY_STATE = 0x800
_TEMPORARY_FOLDER = re.compile(r"TEMP(\..*)?", re.IGNORECASE | re.DOTALL)
_XP_USERS = "Documents and Settings"
_XP_DATA = "Application Data"
SHELL_FOLDERS = "Microsoft\\Windows\\CurrentVersion\\Explorer\\Shell Folders"
_NO_ACCOUNT = frozenset({"all users", "public", "default", "default user", "default.migrated"})


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile folder.

    Attributes:
        sid: Whose it is; None when neither ProfileList nor its own Protect and Crypto folders tell.
        path: Its folder in the tree; as ProfileList spells it when it lies elsewhere.
        outcome: What can be said of that folder.
        scope: ``system``, ``service`` or ``user``.
        roaming: Path of its roaming application data.
        local: Path of its local application data.
        listed: ProfileList names it.
        set_aside: ProfileList names it under ``<SID>.bak``: Windows could not load it the last time.
        temporary: Windows made it for one session, in place of the user's own.
        last_load: Last time it was loaded, UTC.
        source_path: Where it was found.
        source_time: Timestamp of its ProfileList key, UTC.
        elsewhere: It lies on a drive that this tree is not, or only its hive is known.
        name: What it says itself of the name of its user, where that is all there is.
        is_likely: Its SID is told by the name of its file or folder only.
    """

    sid: str | None
    path: str
    outcome: Outcome
    scope: Literal["system", "service", "user"]
    roaming: str
    local: str
    listed: bool = False
    set_aside: bool = False
    temporary: bool = False
    last_load: datetime | None = None
    source_path: str = ""
    source_time: datetime | None = None
    elsewhere: bool = False
    name: str | None = None
    is_likely: bool = False

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return self.path.replace("\\", "/").rpartition("/")[2]

    @property
    def is_xp(self) -> bool:
        """The profile has the layout of Windows XP, which knew neither CNG nor AppData."""
        return not self.roaming.endswith("AppData/Roaming")


def is_sid(name: str) -> bool:
    """Tell whether a folder or key is named like a SID."""
    return _SID.fullmatch(name) is not None


def folder_exists(installation: Installation, path: str) -> bool:
    """Tell whether a folder is in the tree, without recording anything."""
    with suppressed():
        return installation.tree.entry(path).is_dir
    return False


def may_exist(installation: Installation, path: str) -> bool:
    """Tell whether a folder is in the tree, or cannot be looked for there."""
    try:
        return installation.tree.entry(path).is_dir
    except NotFound:
        return False
    except Exception as error:  # whatever the libraries behind a tree raise
        pass_on(error)
        return True


def is_xp_layout(installation: Installation) -> bool:
    """Tell whether profiles lie in ``Documents and Settings``, which is only a junction since Vista."""
    return folder_exists(installation, _xp_users(installation)) and not folder_exists(
        installation, installation.on_drive("Users")
    )


def _xp_users(installation: Installation) -> str:
    """Return where Windows XP has its profiles: a folder that is called otherwise in most languages."""
    software = RegistryView.of_machine(installation, "SOFTWARE")
    if (software.text(CURRENT_VERSION, "CurrentVersion") or "").startswith("5."):
        stored = software.text(PROFILE_LIST, "ProfilesDirectory")
        path = tree_path(installation, stored, system_root(software)) if stored else None
        if path is not None:
            return path
    return installation.on_drive(_XP_USERS)


def program_data(installation: Installation) -> str:
    """Return the folder of application data that all users share, by its name in the language of Windows."""
    software = RegistryView.of_machine(installation, "SOFTWARE")
    stored = software.text(SHELL_FOLDERS, "Common AppData") or ""
    path = path_on_any_drive(installation, stored, system_root(software))
    if path is not None and folder_exists(installation, path):
        return path
    xp = is_xp_layout(installation)
    return f"{_xp_users(installation)}/All Users/{_XP_DATA}" if xp else installation.on_drive("ProgramData")


def sid_folders(installation: Installation, path: str) -> list[Entry]:
    """Return the sub-folders of ``path`` that are named by a SID."""
    found = [e for e in installation.listing(path).entries if e.is_dir and is_sid(e.name)]
    if len(found) > MAX_PROFILES:
        message = sentence(
            "only the first {max_profiles} of {count} folders of accounts were looked into",
            max_profiles=MAX_PROFILES,
            count=len(found),
        )
        installation.cut("folder", path, path, message)
    return found[:MAX_PROFILES]


def hive_path(installation: Installation, profile: Profile) -> str | None:
    """Return where the registry of a profile's user lies; None when this source cannot hold it."""
    alone = installation.user_hives.get(profile.sid or "")
    nobody = profile.sid is None and not profile.outcome.is_there
    return alone or (None if profile.elsewhere or nobody else below(profile.path, "NTUSER.DAT"))


def below(folder: str, path: str) -> str:
    """Return a path below a folder, which may be the root of its tree."""
    return f"{folder}/{path}" if folder else path


def knows_all_profiles(installation: Installation) -> bool:
    """Tell whether ProfileList was read whole: an account that it does not name has no profile here."""
    software = RegistryView.of_machine(installation, "SOFTWARE")
    return software.key(PROFILE_LIST) is not None and software.saw(PROFILE_LIST).is_whole


def collect_profiles(installation: Installation) -> list[Profile]:
    """Return every profile once: SYSTEM, the service accounts, ProfileList, then folders that nobody lists.

    Without their Windows there are the folders alone.
    """
    found: dict[str, Profile] = {}
    with guard(installation, PROFILE_LIST):
        for profile in _listed(installation):
            found.setdefault(installation.really(profile.path).lower(), profile)
    for sid, path in _built_in(installation).items() if installation.kind != "profile" else ():
        if all(p.sid != sid for p in found.values()):
            profile = _profile(installation, sid, path)
            found.setdefault(installation.really(path).lower(), profile)
    for entry in _unlisted(installation):
        place = installation.really(entry.path).lower()
        if place in found:
            continue
        if len(found) >= MAX_PROFILES:
            users = entry.path.rpartition("/")[0]
            installation.cut(
                "folder",
                users,
                users,
                sentence("only {max_profiles} profiles were looked into", max_profiles=MAX_PROFILES),
            )
            break
        found[place] = _profile(installation, None, entry.path)
    profiles = [_with_sid(installation, profile) for profile in found.values()]
    if installation.kind == "profile":
        from forensics.collectors.profiles_alone import with_owner

        profiles = [with_owner(installation, profile) for profile in profiles]
    return profiles + list(_hives_alone(installation, {profile.sid for profile in profiles}))


def _listed(installation: Installation) -> Iterator[Profile]:
    software = RegistryView.of_machine(installation, "SOFTWARE")
    root = system_root(software)
    keys = list(software.subkeys(PROFILE_LIST, MAX_PROFILES))
    names = {key.name.lower() for key in keys}
    # A profile that failed to load is renamed <SID>.bak; the key of the same SID that Windows uses goes first.
    for key in sorted(keys, key=lambda k: k.name.lower().endswith(_SET_ASIDE)):
        set_aside = key.name.lower().endswith(_SET_ASIDE)
        sid = (key.name[: -len(_SET_ASIDE)] if set_aside else key.name).upper()
        stored = software.text(key, "ProfileImagePath")
        if not is_sid(sid) or stored is None:
            continue
        path = path_on_any_drive(installation, stored, root)
        yield replace(
            _profile(installation, sid, path) if path is not None else _profile_elsewhere(sid, stored),
            listed=True,
            set_aside=set_aside,
            temporary=_is_temporary(software, key, stored, f"{sid.lower()}{_SET_ASIDE}" in names and not set_aside),
            last_load=_two_words(software, key.name, "LocalProfileLoadTime")
            or _two_words(software, key.name, "ProfileLoadTime"),
            source_path=software.where(key, "ProfileImagePath"),
            source_time=key.timestamp,
        )


def system_root(software: RegistryView) -> str:
    """Return Windows' folder as Windows names it."""
    return software.text(CURRENT_VERSION, "SystemRoot") or "C:\\Windows"


def _is_temporary(software: RegistryView, key: Key, stored: str, has_own: bool) -> bool:
    """Tell by the state that Windows notes, or by the folder where the user's own profile was set aside for it."""
    if (software.number(key, "State") or 0) & _TEMPORARY_STATE:
        return True
    folder = stored.replace("/", "\\").rstrip("\\").rpartition("\\")[2]
    return has_own and _TEMPORARY_FOLDER.fullmatch(folder) is not None


def _two_words(software: RegistryView, key_name: str, prefix: str) -> datetime | None:
    path = f"{PROFILE_LIST}\\{key_name}"
    high, low = (software.number(path, f"{prefix}{half}") for half in ("High", "Low"))
    return filetime(high << 32 | low) if high is not None and low is not None else None


def tree_path(installation: Installation, stored: str, system_root: str) -> str | None:
    """Turn a path as Windows spells it into a path of the tree; None for one on another drive, or a share.

    Args:
        installation: Whose tree.
        stored: The path, with ``%SystemRoot%`` or ``%SystemDrive%`` or neither.
        system_root: Windows' folder as Windows names it.
    """
    path = stored.replace("/", "\\").rstrip("\\")
    lower = path.lower()
    if lower.startswith("%systemroot%\\"):
        return installation.in_windows(path[len("%systemroot%\\") :].replace("\\", "/"))
    if lower.startswith("%systemdrive%\\"):
        return installation.on_drive(path[len("%systemdrive%\\") :].replace("\\", "/"))
    if lower.startswith(f"{system_root.lower()}\\"):
        return installation.in_windows(path[len(system_root) + 1 :].replace("\\", "/"))
    drive = _DRIVE.match(path)
    if drive and drive[1].upper() == system_root[:1].upper():
        return installation.on_drive(drive[2].replace("\\", "/"))
    return None


def path_on_any_drive(installation: Installation, stored: str, system_root: str) -> str | None:
    """Do the same for one on another drive too, where that is among what is examined."""
    path = tree_path(installation, stored, system_root)
    drive = _DRIVE.fullmatch(stored.rstrip("\\/"))
    if path is not None or drive is None:
        return path
    letter, inside = f"{drive[1].upper()}:", drive[2].replace("\\", "/")
    if not installation.own_tree.complete:
        letter = next((at for name, at in collected_drives(installation) if name == letter), "")
    return f"{letter}/{inside}" if letter and folder_exists(installation, letter) else None


def _built_in(installation: Installation) -> dict[str, str]:
    paths = {SYSTEM_SID: installation.in_windows("System32/config/systemprofile")}
    for sid, name in SERVICE_PROFILES.items():
        xp = is_xp_layout(installation)
        paths[sid] = f"{_xp_users(installation)}/{name}" if xp else installation.in_windows(f"ServiceProfiles/{name}")
    return paths


def _unlisted(installation: Installation) -> Iterator[Entry]:
    if installation.profile is not None:
        yield installation.tree.entry(installation.profile)
        if installation.kind == "profile":
            return
    for path in (installation.on_drive("Users"), _xp_users(installation)):
        if folder_exists(installation, path):
            yield from (e for e in installation.listing(path).entries if e.is_dir and e.name.lower() not in _NO_ACCOUNT)


def _hives_alone(installation: Installation, known: Collection[str | None]) -> Iterator[Profile]:
    """Users of whom the source holds the hive and no profile folder."""
    for sid, hive in installation.user_hives.items():
        if sid not in known:
            yield replace(_profile_elsewhere(sid or None, f"unknown:{hive}"), source_path=hive)


def _profile_elsewhere(sid: str | None, path: str) -> Profile:
    return Profile(
        sid=sid,
        path=path,
        outcome=NOT_COLLECTED,
        scope=_scope(sid),
        roaming=f"{path}/AppData/Roaming",
        local=f"{path}/AppData/Local",
        elsewhere=True,
    )


def _scope(sid: str | None) -> Literal["system", "service", "user"]:
    return "system" if sid == SYSTEM_SID else "service" if sid in SERVICE_PROFILES else "user"


def _profile(installation: Installation, sid: str | None, path: str) -> Profile:
    with suppressed():
        path = installation.tree.entry(path).path
    place = installation.really(path).lower()
    in_windows = path.lower().startswith(f"{installation.windows.lower()}/")
    xp = (
        _XP_USERS.lower() in place.split("/")
        or place.startswith(f"{_xp_users(installation).lower()}/")
        or (in_windows and is_xp_layout(installation))
        or _is_xp(installation, path)
    )
    # One word in the language of Windows, for each account as for what they share.
    data = program_data(installation).rpartition("/")[2] if xp and installation.profile is None else _XP_DATA
    return Profile(
        sid=sid,
        path=path,
        outcome=installation.listing(path).outcome,
        scope=_scope(sid),
        roaming=below(path, data if xp else "AppData/Roaming"),
        local=below(path, f"Local Settings/{data}" if xp else "AppData/Local"),
        source_path=path,
    )


def _is_xp(installation: Installation, path: str) -> bool:
    """Tell the layout of a profile that was taken out of its Windows."""
    if installation.profile is None or folder_exists(installation, below(path, "AppData")):
        return False
    return folder_exists(installation, below(path, _XP_DATA))


def _with_sid(installation: Installation, profile: Profile) -> Profile:
    """A folder that no list names belongs to the one account whose keys lie in it."""
    if profile.sid is not None or profile.elsewhere:
        return profile
    for folder in ("Microsoft/Protect", "Microsoft/Crypto/RSA"):
        path = f"{profile.roaming}/{folder}"
        sids = {e.name.upper() for e in sid_folders(installation, path)} if folder_exists(installation, path) else set()
        if len(sids) == 1:
            return replace(profile, sid=sids.pop())
    return profile
