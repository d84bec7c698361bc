"""What an examiner may call the user whose master keys a password is to open."""

from __future__ import annotations

from collections.abc import Iterable

from forensics.collectors.evidence import MasterKeyEvidence
from forensics.tables.machine import UserRow


def names_by_owner(users: Iterable[UserRow], master_keys: Iterable[MasterKeyEvidence]) -> dict[str, list[str]]:
    """Return what an examiner may call the owners of master keys, by SID.

    A user who was moved to another account has those of the SID that he had in his profile: they go by his names, too.
    """
    users = list(users)
    names = {user.sid: names_of(user) for user in users}
    found = {(item.row.owner_sid, item.row.path.rpartition("/")[0].lower()) for item in master_keys}
    for sid, folder in sorted((sid, folder) for sid, folder in found if sid is not None):
        for user in users:
            if user.sid != sid and any(folder.startswith(f"{path.lower()}/") for path in profiles_of(user)):
                names[sid] = list(dict.fromkeys([*names.get(sid, [sid.lower()]), *names_of(user)]))
    return names


def profiles_of(user: UserRow) -> list[str]:
    """Return the paths of a user's profile folders."""
    return [path for path in (user.profile_path, user.temporary_profile, *user.other_profiles) if path]


def names_of(user: UserRow) -> list[str]:
    """Return what an examiner may call a user, lower case: SID, account name, and the name of each profile folder."""
    named = (path.replace("\\", "/").rpartition("/")[2] for path in profiles_of(user))
    return list(dict.fromkeys(name.lower() for name in (user.sid, user.name, *named) if name))
