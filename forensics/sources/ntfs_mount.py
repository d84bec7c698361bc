"""What ntfs-3g tells of a mounted NTFS volume beside its files: access lists, and where links lead as Windows has it.

It shows both as extended attributes of the name space ``system``, which an ordinary file system does not store: a copy
of the files has neither. The kernel's own driver (ntfs3) shows access lists under another name, which is not read.

References:
    NTFS-3G, Extended Attributes (``system.ntfs_acl``, ``system.ntfs_reparse_data``).
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from forensics.disk.links import Link
from forensics.disk.ntfs.reparse import parse_link
from forensics.disk.tree import NotObtained
from forensics.language import sentence

ACCESS_LIST = "system.ntfs_acl"
REPARSE_DATA = "system.ntfs_reparse_data"

_NO_SUCH_THING = frozenset({errno.ENODATA, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
_USUAL_NAMES = ("windows", "winnt")


class NtfsMounts:
    """Reads the access lists of volumes that are mounted in a folder, or as that folder.

    Only those of a volume with Windows at its root are the machine's: on another one they are those of whoever copied
    the files there.

    Args:
        root: The folder; nothing outside of it is looked at.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._is_windows: dict[int, bool] = {}

    def access_list(self, path: str) -> bytes | None:
        """Return the self-relative security descriptor of a file or folder; None where none is shown.

        Raises:
            NotObtained: It is there and could not be got.
        """
        return _attribute(path, ACCESS_LIST) if self._is_of_windows(path) else None

    def _is_of_windows(self, path: str) -> bool:
        try:
            device = os.lstat(path).st_dev
            if device not in self._is_windows:
                self._is_windows[device] = _holds_windows(_mount_point(path, self._root, device))
            return self._is_windows[device]
        except OSError:
            return False


def link_at(path: str) -> Link | None:
    """Return where a link leads as Windows has it; None where that is not shown."""
    try:
        data = _attribute(path, REPARSE_DATA)
    except NotObtained:
        return None
    return parse_link(data) if data else None


def _attribute(path: str, name: str) -> bytes | None:
    get = getattr(os, "getxattr", None)  # Linux has it
    if get is None:
        return None
    try:
        return bytes(get(path, name, follow_symlinks=False)) or None
    except OSError as error:
        if error.errno in _NO_SUCH_THING:
            return None
        raise NotObtained(sentence("{name}: {strerror}", name=name, strerror=error.strerror or error)) from error


def _mount_point(path: str, root: str, device: int) -> str | None:
    """Return where the volume that holds a path is mounted; None where that is outside the folder."""
    at = path
    while at != root:
        above = os.path.dirname(at)
        if os.lstat(above).st_dev != device:
            return at
        at = above
    return root if os.path.ismount(root) else None


def _holds_windows(mount_point: str | None) -> bool:
    if mount_point is None:
        return False
    with os.scandir(mount_point) as found:
        windows = [item.path for item in found if item.name.lower() in _USUAL_NAMES and not item.is_symlink()]
    for folder in windows:
        with os.scandir(folder) as found:
            if any(item.name.lower() == "system32" for item in found):
                return True
    return False
