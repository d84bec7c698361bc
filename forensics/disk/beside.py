"""Finds the files of an image that lie with it by what it, or their names, say: no link leads out of their folder."""

from __future__ import annotations

import os
from pathlib import Path

from forensics.disk.errors import SourceError
from forensics.disk.places import is_url
from forensics.language import sentence


def leads_away(path: Path, other: Path) -> bool:
    """Tell whether a file beside another one is a symbolic link that leads out of their folder.

    Somebody may have made a folder of links to the files of an image, which lie together: where the named one leads is
    their folder too.

    Args:
        path: The file that the user named, or that was found in a folder.
        other: What stands beside it.
    """
    if is_url(other) or not other.is_symlink():
        return False
    folders = {os.path.realpath(path.parent), os.path.dirname(os.path.realpath(path))}
    return os.path.dirname(os.path.realpath(other)) not in folders


def below(folder: Path, written: str) -> Path | None:
    """Return the file at a path that evidence writes, relative to a folder, in any system's notation.

    Returns:
        None for a path that is absolute or leads upwards, has a link on its way, or leads to no file.
    """
    parts = written.replace("\\", "/").split("/")
    if not parts[0] or ":" in parts[0] or ".." in parts or "\0" in written:
        return None
    place = folder
    try:
        for part in parts:
            place = place / part
            if place.is_symlink():
                return None
        return place if place.is_file() else None
    except (OSError, ValueError):  # a name that no file can have
        return None


def refuse_stand_in(path: Path, other: Path) -> None:
    """Refuse to go without a file of an image in whose place a link stands that leads away, or what is no file.

    Args:
        path: As for :func:`leads_away`.
        other: Likewise; where nothing stands there, nothing is raised.

    Raises:
        SourceError: ``missing_part``; the message names it.
    """
    if leads_away(path, other):
        what = sentence("is a symbolic link that leads out of the folder, which is not followed")
    elif not other.is_file() and (other.exists() or (not is_url(other) and other.is_symlink())):
        what = sentence("is no file")
    else:
        return
    raise SourceError("missing_part", sentence("{name} {what}: put the file itself there", name=other.name, what=what))
