"""The registry of each user whose profile lies in the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forensics.collectors.profiles import Profile, hive_path
from forensics.collectors.registry_view import RegistryView
from forensics.sources.installation import Installation


def user_hives(installation: Installation, profiles: Sequence[Profile]) -> Iterator[tuple[Profile, RegistryView]]:
    """Yield each profile with its NTUSER.DAT; SYSTEM's own, the hive DEFAULT, is not among them."""
    for profile in profiles:
        path = hive_path(installation, profile)
        if path is None or profile.scope == "system":
            continue
        view = RegistryView(installation, installation.hive_at(path, f"NTUSER.DAT of {profile.sid or profile.path}"))
        if view.hive is not None:
            yield profile, view
