"""A share of a Windows or Samba server; credentials are those of fsspec's configuration, or Kerberos'.

References:
    - [MS-SMB2], section 2.2.19 (READ Request)
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import Any

from forensics.disk.remote.backends import exactly, files_of
from forensics.disk.remote.errors import CHANGED, RemoteError
from forensics.disk.remote.server import CONNECT_LIMIT, KINDS, Status
from forensics.lack_of_memory import pass_on

_NO_SUCH_FILE = 0xC000000F


class SmbServer:
    """A server; the first part of a path is the share.

    Args:
        scheme: Of its URLs.
        host: Its name, with user and port where the URL has them.
        signed: Not used.
    """

    def __init__(self, scheme: str, host: str, signed: Mapping[str, str]) -> None:
        user, _, server = host.rpartition("@")
        name, _, port = server.partition(":") if server.count(":") == 1 else (server, "", "")
        said: dict[str, Any] = {"username": user} if user else {}
        said |= {"port": int(port)} if port.isdecimal() else {}
        _import_smbclient()
        self._files = files_of("smb", host=name, timeout=CONNECT_LIMIT, **said)
        self._open: dict[str, Any] = {}

    def status(self, path: str) -> Status | None:
        try:
            return _status(path, self._files.info(f"/{path}"))
        except OSError as error:
            if getattr(error, "ntstatus", None) == _NO_SUCH_FILE:
                return None
            raise

    def entries(self, folder: str) -> Iterable[Status]:
        found = self._files.ls(f"/{folder}", detail=True)
        return [_status(str(each["name"]), each) for each in found if each["type"] in KINDS]

    def fetch(self, path: str, status: Status, start: int, end: int) -> bytes:
        file = self._open.get(path)
        if file is None:
            # Whoever writes to it is not kept from it; that it changed is seen below.
            file = self._files.open(f"/{path}", "rb", block_size=0, share_access="rwd")
            self._open[path] = file
        try:
            file.seek(start)
            data = bytearray()
            while len(data) < end - start and (part := file.read(end - start - len(data))):
                data += part
            now = self.status(path)
        except Exception as error:
            pass_on(error)
            self._open.pop(path, None)
            raise
        if now is None or now.version != status.version:
            raise RemoteError(CHANGED)
        return exactly(bytes(data), start, end)


def _import_smbclient() -> None:
    """Import smbprotocol's package of that name.

    Python looks beside the command that runs first, and there pip puts ``smbclient.py``, a program of impacket.
    """
    if "smbclient" in sys.modules:
        return
    places = [place for place in sys.path if not os.path.isfile(os.path.join(place, "smbclient.py"))]
    found = PathFinder.find_spec("smbclient", places)
    if found is None or found.loader is None:
        raise ImportError("smbclient")
    sys.modules["smbclient"] = module = module_from_spec(found)
    found.loader.exec_module(module)


def _status(path: str, said: Mapping[str, Any]) -> Status:
    name = path.rstrip("/").rpartition("/")[2]
    if said.get("type") == "directory":
        return Status(name, True)
    written, size = float(said["mtime"]), int(said["size"])
    return Status(name, False, size, datetime.fromtimestamp(written, UTC), f"{size} {written}")
