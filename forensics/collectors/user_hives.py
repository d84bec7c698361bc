"""The registry of each user whose profile lies in the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forensics.collectors.profiles import Profile
from forensics.collectors.registry_view import RegistryView
from forensics.sources.installation import Installation


def user_hives(installation: Installation, profiles: Sequence[Profile]) -> Iterator[tuple[Profile, RegistryView]]:
    """Yield each profile with its NTUSER.DAT; SYSTEM's own, the hive DEFAULT, is not among them."""
    for profile in profiles:
        nobody = profile.sid is None and profile.outcome != "present"
        if profile.elsewhere or profile.scope == "system" or nobody:
            continue
        name = f"NTUSER.DAT of {profile.sid or profile.path}"
        view = RegistryView(installation, installation.hive_at(f"{profile.path}/NTUSER.DAT", name))
        if view.hive is not None:
            yield profile, view
