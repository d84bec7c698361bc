"""The URL of a file or folder on a server as a Path, so that what lies beside a disk is found there as it is here."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.disk.remote.errors import GONE
from forensics.disk.remote.server import UNKNOWN_SIZE, Status
from forensics.disk.remote.session import current
from forensics.language import sentence

if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())

_SERVERS = 0x6B6D
"""What stands for the device of files on servers."""


class RemotePath(_Path):
    """A URL without what is secret in it. What it does not ask the server for is an error, and never a local file."""

    def __str__(self) -> str:
        scheme, *rest = self.parts or ("",)
        return f"{scheme}//{'/'.join(rest)}"

    def __fspath__(self) -> str:
        raise OSError(errno.EINVAL, sentence("it lies on a server"), str(self))

    @property
    def scheme(self) -> str:
        """The part before ``://``, in lower case."""
        return self.parts[0].rstrip(":").lower() if self.parts else ""

    @property
    def host(self) -> str:
        """The server, or the bucket or container."""
        return self.parts[1] if len(self.parts) > 1 else ""

    @property
    def inside(self) -> str:
        """The path on the server, in the bucket or container."""
        return "/".join(self.parts[2:])

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        status = self._status(is_whole=True)
        if status is None:
            raise FileNotFoundError(errno.ENOENT, GONE, str(self))
        mode = stat.S_IFDIR if status.is_dir else stat.S_IFREG
        modified = int(status.modified.timestamp()) if status.modified else 0
        said = hashlib.sha256(f"{self}\0{status.version}".encode("utf-8", "backslashreplace")).digest()
        identity = int.from_bytes(said[:7], "big") | 1
        return os.stat_result((mode, identity, _SERVERS, 1, 0, 0, status.size, modified, modified, modified))

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        return self._status() is not None

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        status = self._status()
        return status is not None and not status.is_dir

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        status = self._status()
        return status is not None and status.is_dir

    def is_symlink(self) -> bool:
        return False

    def is_block_device(self) -> bool:
        return False

    def absolute(self) -> RemotePath:
        return self

    def resolve(self, strict: bool = False) -> RemotePath:
        return self

    def iterdir(self) -> Generator[RemotePath, None, None]:
        """Yield what the folder holds; raises RemoteError where the server does not say."""
        return (self / entry.name for entry in current().entries(self))

    def listed(self) -> list[Status]:
        """Return what the folder holds."""
        return current().entries(self)

    def _status(self, is_whole: bool = False) -> Status | None:
        status = current().status(self)
        if is_whole and status is not None and status.size == UNKNOWN_SIZE:
            return current().status(self, is_whole=True)
        return status
