"""A file on a server, read in blocks that are fetched when they are needed."""

from __future__ import annotations

import io
from typing import BinaryIO, cast

from forensics.disk.remote.blocks import BLOCK, MAX_FETCHED, Key
from forensics.disk.remote.errors import NO_SIZE, RemoteError
from forensics.disk.remote.path import RemotePath
from forensics.disk.remote.server import UNKNOWN_SIZE, Status
from forensics.disk.remote.session import Session, current
from forensics.disk.sized_stream import SizedStream
from forensics.language import sentence


def open_remote(path: RemotePath, buffering: int = -1) -> BinaryIO:
    """Open a file on a server, read-only.

    Args:
        path: Its URL.
        buffering: As of :func:`open`.

    Raises:
        OSError: It is not there, is a folder, or the server does not say what it is.
    """
    session = current()
    path.stat()
    status = session.status(path, is_whole=True)
    if status is None or status.is_dir:
        raise IsADirectoryError(21, sentence("it is a folder"), str(path))
    if status.size == UNKNOWN_SIZE:
        raise RemoteError(NO_SIZE)
    file = RemoteFile(session, path, status)
    return cast(BinaryIO, file if buffering == 0 else io.BufferedReader(file))


class RemoteFile(SizedStream):
    """A file on a server in the version that was there when it was first asked for.

    Args:
        session: Asks the server, and keeps blocks.
        path: Its URL.
        status: What the server says of it.
    """

    def __init__(self, session: Session, path: RemotePath, status: Status) -> None:
        super().__init__(status.size)
        self._session, self._path, self._status = session, path, status
        self._url = str(path)
        self._ahead = session.ahead(path, status)

    @property
    def name(self) -> str:
        """Its URL."""
        return self._url

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        end = min(self._at + len(view), self._status.size)
        at = self._at
        while at < end:
            block = self._block(at // BLOCK, -(-end // BLOCK))
            part = block[at % BLOCK : at % BLOCK + end - at]
            view[at - self._at : at - self._at + len(part)] = part
            at += len(part)
        count = max(0, end - self._at)
        self._at += count
        return count

    def _key(self, number: int) -> Key:
        return self._url, self._status.version, number

    def _block(self, number: int, stop: int) -> bytes:
        """Return a block; one that is not kept is fetched with those up to ``stop`` that are not, and some more."""
        block = self._session.blocks.get(self._key(number))
        if block is not None:
            return block
        last = min(stop, number + MAX_FETCHED // BLOCK)
        until = next((n for n in range(number, last) if self._key(n) in self._session.blocks), last)
        end = min(number + self._ahead.count(number, until - number), -(-self._status.size // BLOCK))
        start = number * BLOCK
        data = self._session.fetch(self._path, self._status, start, min(end * BLOCK, self._status.size))
        for n in range(number, end):
            self._session.blocks.put(self._key(n), data[(n - number) * BLOCK : (n - number + 1) * BLOCK])
        return data[:BLOCK]
