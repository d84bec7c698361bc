"""How rows name a file that is deleted: by the path that it had, and the file record that still describes it."""

from __future__ import annotations

import re

_DELETED = re.compile(r" \(deleted, file record \d+\)")


def deleted_path(path: str, record: int) -> str:
    """Return what rows call a deleted file.

    Args:
        path: The path that it had.
        record: Number of its record in $MFT.
    """
    return f"{path} (deleted, file record {record})"


def is_deleted(path: str | None) -> bool:
    """Tell whether a path in a row is that of a deleted file, which no command of Windows can name."""
    return path is not None and _DELETED.search(path) is not None
