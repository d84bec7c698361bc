"""Where evidence lies: a path of this machine, or the URL of a file or folder on a server.

Whoever has a path as text, because rows or a user named it, makes a ``Path`` of it here: of a URL that is one whose
files :func:`forensics.disk.evidence_files.open_evidence` reads from the server. Nothing of servers is imported for the
paths of this machine.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_url(place: str | Path) -> bool:
    """Tell whether a place is one on a server; letters of drives are no schemes."""
    return _URL.match(str(place)) is not None


def place_of(place: str | Path) -> Path:
    """Return the path of a file or folder, on this machine or on a server.

    Args:
        place: As rows name it, or as a user did after :func:`forensics.disk.remote.address.checked` saw it.
    """
    if isinstance(place, Path):
        return place
    if _URL.match(place) is None:
        return Path(place)
    from forensics.disk.remote.path import RemotePath

    return RemotePath(place)


def not_listed(path: Path) -> str | None:
    """Say why it is not known what lies beside a file; None where it is, as for every file of this machine."""
    if not is_url(path):
        return None
    try:
        path.parent.iterdir()
    except OSError as error:
        return error.strerror
    return None


def absolute(path: Path) -> str:
    """Return a path without ``..`` in it, as it is compared; that of a server is whole already."""
    return str(path) if is_url(path) else os.path.abspath(path)
