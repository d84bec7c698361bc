"""Volume shadow copies, by the files of a volume that hold them: counted, not read.

References:
    https://github.com/libyal/libvshadow/blob/main/documentation/Volume%20Shadow%20Snapshot%20(VSS)%20format.asciidoc
"""

from __future__ import annotations

from forensics.disk.tree import KeepsJournal, NotFound, Tree, Unreadable, damage_of

FOLDER = "System Volume Information"
_STORE = "}{3808876b-c176-4e48-b7ae-04046e6cc752}"
"""End of the name of a file that holds one copy; the catalog of all has the last GUID alone."""


def count_shadow_copies(tree: Tree) -> int | None:
    """Return how many shadow copies a volume has; None where its folder of them cannot be listed whole.

    What was copied out of a volume, a WIM or a collection, has none of it.
    """
    if not isinstance(tree, KeepsJournal):
        return 0
    try:
        count = sum(entry.name.lower().endswith(_STORE) for entry in tree.entries(FOLDER))
    except NotFound:
        return 0
    except Unreadable:
        return None
    return None if not count and damage_of(tree, FOLDER) is not None else count


def not_searched(count: int | None) -> str:
    """Say that shadow copies were not searched, by their number."""
    if count is None:
        return "whether it has shadow copies, in which a file that is gone may still be, could not be read"
    copies = "its shadow copy was" if count == 1 else f"its {count} shadow copies were"
    return f"{copies} not searched: older states of the volume, in which a file that is gone may still be"
