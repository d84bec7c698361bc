"""Application data that are not where Windows makes them: on a share, by Folder Redirection, or on another drive.

A user's keys, master keys and own certificates go with the roaming application data, the computer's keys with the
shared ones. What then lies in the usual place is what was left behind.

References:
    Microsoft Learn, Deploy Folder Redirection with Offline Files; Key Storage and Retrieval.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from forensics.collectors.profiles import (
    SHELL_FOLDERS,
    Profile,
    folder_exists,
    hive_path,
    path_on_any_drive,
    program_data,
    system_root,
)
from forensics.collectors.registry_view import RegistryView
from forensics.sources.installation import Installation

_OF_USER = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\User Shell Folders"
_ROOTED = re.compile(r"\\\\|[A-Za-z]:")


def with_moved_data(installation: Installation, profiles: Sequence[Profile]) -> list[Profile]:
    """Return profiles with the folders that they use for application data, and note those that this tree has not."""
    software = RegistryView.of_machine(installation, "SOFTWARE")
    shared = software.text(SHELL_FOLDERS, "Common AppData") or ""
    if _ROOTED.match(shared) and path_on_any_drive(installation, shared, system_root(software)) is None:
        installation.moved.add(program_data(installation))
    return [with_own_data(installation, profile) for profile in profiles]


def with_own_data(installation: Installation, profile: Profile) -> Profile:
    """Do the same for what belongs to one user."""
    hive = hive_path(installation, profile) if profile.scope == "user" else None
    if hive is None or profile.elsewhere or installation.kind == "profile":
        return profile
    view = RegistryView(installation, installation.hive_at(hive, f"NTUSER.DAT of {profile.sid or profile.path}"))
    stored = view.text(_OF_USER, "AppData") or ""
    here = path_on_any_drive(installation, stored, system_root(RegistryView.of_machine(installation, "SOFTWARE")))
    if here is not None and folder_exists(installation, here):
        return replace(profile, roaming=here)
    if here is None and _ROOTED.match(stored):
        installation.moved.add(profile.roaming)
    return profile
