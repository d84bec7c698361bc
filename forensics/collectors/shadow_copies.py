"""Volume shadow copies, by the files of a volume that hold them: counted, not read.

References:
    https://github.com/libyal/libvshadow/blob/main/documentation/Volume%20Shadow%20Snapshot%20(VSS)%20format.asciidoc
"""

from __future__ import annotations

from forensics.disk.tree import NotFound, Tree, Unreadable

FOLDER = "System Volume Information"
_STORE = "}{3808876b-c176-4e48-b7ae-04046e6cc752}"
"""End of the name of a file that holds one copy; the catalog of all has the last GUID alone."""


def count_shadow_copies(tree: Tree) -> int:
    """Return how many shadow copies a volume has; 0 too where its folder of them cannot be listed."""
    if not tree.complete:
        return 0
    try:
        return sum(entry.name.lower().endswith(_STORE) for entry in tree.entries(FOLDER))
    except (NotFound, Unreadable):
        return 0


def not_searched(count: int) -> str:
    """Say that shadow copies were not searched."""
    copies = "its shadow copy was" if count == 1 else f"its {count} shadow copies were"
    return f"{copies} not searched: older states of the volume, in which a file that is gone may still be"
