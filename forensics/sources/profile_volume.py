"""A volume that is a user's profile, or holds one: a container of FSLogix, or the user profile disk of a session host.

Unlike what was copied onto a volume, it is whole: what is not in it is absent from the profile, and its access lists
are those that Windows gave it.
"""

from __future__ import annotations

from forensics.disk.disk import Disk
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.tree import NotFound, Unreadable
from forensics.language import sentence
from forensics.sources.installation import Installation
from forensics.sources.profile_folders import profile_at
from forensics.sources.source import Source
from forensics.tables.outcome import Outcome

_FSLOGIX = "Profile"


def add_profile(
    source: Source, disk: Disk, tree: NtfsTree, name: str, path: str, first_machine_id: int
) -> Installation | None:
    """Add the profile that a volume without Windows is, or holds at its root, and say so in coverage.

    Args:
        source: Takes it.
        disk: The disk.
        tree: The volume.
        name: What the volume is called.
        path: How rows name it.
        first_machine_id: Number of the first installation of the source.

    Returns:
        The profile; None where there is none.
    """
    profile = _profile_of(tree)
    if profile is None:
        return None
    from forensics.registry.hives import open_hive

    found = Installation(
        machine_id=first_machine_id + len(source.installations),
        source_path=disk.path,
        tree=tree,
        windows=f"{profile}/Windows" if profile else "Windows",
        drive="",
        open_hive=open_hive,
        disk_volumes=() if disk.volumes is None else disk.volumes,
        volume=None if path == disk.path else name,
        kind="profile",
        profile=profile,
    )
    source.add(found)
    form = f"NTFS '{tree.label}'" if tree.label else "NTFS"
    detail = sentence("{form}, a user's profile, without its Windows", form=form)
    if profile:
        detail = sentence("{form}, a user's profile in {folder}, without its Windows", form=form, folder=profile)
    damage = tree.damage("")
    outcome = (
        Outcome("partial", sentence("{detail}; its root folder is damaged: {damage}", detail=detail, damage=damage))
        if damage
        else None
    )
    source.coverage.tell("volume", name, outcome or Outcome("present", detail), path)
    return found


def _profile_of(tree: NtfsTree) -> str | None:
    """Return the path of the profile on a volume; parts of one lie there because somebody copied them."""
    for path in ("", _FSLOGIX):
        try:
            found = profile_at(tree, path, tree.entries(path))
        except (NotFound, Unreadable):
            continue
        if found is not None and not found.parts:
            return found.path
    return None
