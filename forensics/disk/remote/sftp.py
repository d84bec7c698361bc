"""A server of SSH's file transfer; keys, users and known hosts are where OpenSSH has them: ``~/.ssh``, the agent.

References:
    - draft-ietf-secsh-filexfer-02 (SSH_FXP_READ, SSH_FXP_FSTAT)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from forensics.disk.remote.backends import ask, exactly, files_of
from forensics.disk.remote.errors import CHANGED, RemoteError
from forensics.disk.remote.server import CONNECT_LIMIT, KINDS, Status
from forensics.lack_of_memory import pass_on


class SftpServer:
    """A server.

    Args:
        scheme: Of its URLs.
        host: Its name or alias in ``~/.ssh/config``, with user and port where the URL has them.
        signed: Not used.
    """

    def __init__(self, scheme: str, host: str, signed: Mapping[str, str]) -> None:
        user, _, server = host.rpartition("@")
        name, _, port = server.partition(":") if server.count(":") == 1 else (server, "", "")
        said: dict[str, Any] = {"username": user} if user else {}
        said |= {"port": int(port)} if port.isdecimal() else {}
        # sshfs trusts every server unless it is told where the known ones are; () are those of OpenSSH.
        self._files = files_of("ssh", host=name, known_hosts=(), connect_timeout=CONNECT_LIMIT, **said)
        self._open: dict[str, Any] = {}

    def status(self, path: str) -> Status | None:
        return _status(self._files.info(f"/{path}"))

    def entries(self, folder: str) -> Iterable[Status]:
        found = self._files.ls(f"/{folder}", detail=True)
        return [_status(each) for each in found if each["type"] in KINDS]

    def fetch(self, path: str, status: Status, start: int, end: int) -> bytes:
        return exactly(ask(self._files.loop, self._get, path, status, start, end), start, end)

    async def _get(self, path: str, status: Status, start: int, end: int) -> bytes:
        if path not in self._open:
            async with self._files._pool.get() as channel:
                self._open[path] = await channel.open(f"/{path}", "rb")
        file = self._open[path]
        try:
            data = await file.read(end - start, start)
            now = await file.stat()
        except Exception as error:
            pass_on(error)
            self._open.pop(path, None)
            raise
        if f"{now.size} {int(now.mtime or 0)}" != status.version:
            raise RemoteError(CHANGED)
        return bytes(data)


def _status(said: Mapping[str, Any]) -> Status:
    name = str(said["name"]).rstrip("/").rpartition("/")[2]
    if said.get("type") == "directory":
        return Status(name, True)
    modified = said["mtime"]
    written = int(modified.timestamp() if isinstance(modified, datetime) else modified)
    size = int(said["size"])
    return Status(name, False, size, datetime.fromtimestamp(written, UTC), f"{size} {written}")
