"""Paths as the examined Windows itself writes them, wherever its drive lay in the source."""

from __future__ import annotations

import re
from collections.abc import Iterable

from forensics.tables.machine import MachineRow

UNKNOWN_DRIVE = "%SystemDrive%"
"""What stands for the letter where the source does not tell it: Windows puts it in by itself."""
OWN_PROFILE = "%USERPROFILE%"
"""What stands for the folder of a profile without its Windows: in its user's session Windows puts it in."""
_USUAL_DRIVE = "C:"
_ASIDE = re.compile(
    r"(?:^|/)(?:windows\.old(?: ?\([0-9]{1,3}\)|\.[0-9]{3})?|\$windows\.~bt/newos|\$windows\.~q/data)$", re.IGNORECASE
)
_OTHER_VOLUME = re.compile(r"partition [0-9]+(?=/)")
"""What a path begins with that lies on another volume of the disk, whose letter is not known."""

_OTHER_DRIVE = re.compile(r"[A-Z]:/")
"""What a path begins with that Windows finds on another drive of the disk."""


def is_moved_aside(folder: str) -> bool:
    """Tell whether a folder, by its path, is one into which Setup puts a whole Windows that is not in use."""
    return _ASIDE.search(folder.replace("\\", "/").rstrip("/")) is not None


def windows_path(path: str, root: str = "", drive: str | None = None) -> str:
    """Write a path of the source as its Windows does; on another volume the volume's name stands for the letter.

    Args:
        path: Path in the source, below the system drive.
        root: Path of the system drive in the source, such as ``uploads/auto/C%3A``; empty where it is the whole source.
        drive: Its letter, such as ``C:``; None where that is not known.
    """
    other = _OTHER_VOLUME.match(path)
    if other is not None:
        return f"{other[0]}:" + path[other.end() :].replace("/", "\\")
    if root and path.lower().startswith(f"{root.lower()}/"):
        path = path[len(root) + 1 :]
    elif _OTHER_DRIVE.match(path) is not None:
        return path.replace("/", "\\")
    return f"{drive or UNKNOWN_DRIVE}\\" + path.lstrip("/").replace("/", "\\")


def windows_folder(system_root: str | None, drive: str | None) -> str:
    """Write the folder into which Setup put a Windows, as Windows does.

    Args:
        system_root: Path of its Windows folder in the source.
        drive: Letter of its drive.
    """
    folder = system_root or ""
    if not is_moved_aside(folder):
        folder = folder.rpartition("/")[0]
    aside = _ASIDE.search(folder)
    return windows_path(folder[aside.start() :] if aside else folder, "", drive)


class WindowsPaths:
    """Writes paths of several installations, each as its own Windows does.

    Args:
        machines: Rows of table ``machine``. Paths of an installation that is not among them, as in the example of a
            rule, are told on drive C.
    """

    def __init__(self, machines: Iterable[MachineRow] = ()) -> None:
        self._drives: dict[int, tuple[str, str | None]] = {}
        for row in machines:
            self.add(row.machine_id, row.system_root, row.drive, row.profile_folder)

    def add(
        self, machine_id: int, system_root: str | None, drive: str | None, profile_folder: str | None = None
    ) -> None:
        """Take the drive of one installation, or the folder of the one profile that it is, from what its row says."""
        if profile_folder is not None:
            self._drives[machine_id] = (profile_folder, OWN_PROFILE)
            return
        root = (system_root or "").rpartition("/")[0]
        # A Windows that an upgrade moved aside: its files lie there, and on its drive lie those of another.
        aside = _ASIDE.search(root)
        self._drives[machine_id] = (root[: aside.start()] if aside else root, drive)

    def of(self, machine_id: int | None, path: str | None) -> str | None:
        """Write a path of one installation; None stays None."""
        if path is None:
            return None
        root, drive = self._drives.get(machine_id or 0, ("", _USUAL_DRIVE))
        return windows_path(path, root, drive)
