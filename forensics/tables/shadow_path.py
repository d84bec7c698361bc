"""How rows name a file in a shadow copy: by its path, and the copy in which it lies."""

from __future__ import annotations

import re
from datetime import datetime

from forensics.tables.deleted_path import is_deleted
from forensics.tables.timestamps import format_utc

_IN_COPY = re.compile(r" \(shadow copy ([0-9a-f-]{36})(?: of [^()]+)?\)$")


def shadow_path(path: str, identifier: str, created: datetime | None) -> str:
    """Return what rows call a file in a shadow copy.

    Args:
        path: Its path on the volume as it was then.
        identifier: GUID of the copy, lower case.
        created: When the copy was made, UTC.
    """
    of = f" of {format_utc(created.replace(microsecond=0))}" if created is not None else ""
    return f"{path} (shadow copy {identifier}{of})"


def shadow_copy_of(path: str | None) -> str | None:
    """Return the GUID of the shadow copy in which a file in a row lies; None of any other file."""
    found = _IN_COPY.search(path or "")
    return found[1] if found else None


def is_past(path: str | None) -> bool:
    """Tell whether a file in a row is none of the present volume, so that no command of Windows can name it."""
    return is_deleted(path) or shadow_copy_of(path) is not None
