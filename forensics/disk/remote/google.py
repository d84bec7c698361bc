"""A bucket of Google Cloud Storage; credentials are where Google's own tools have them.

References:
    - Cloud Storage JSON API, Objects: get (alt=media, generation)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from forensics.disk.remote.backends import ask, exactly, files_of
from forensics.disk.remote.errors import CHANGED, OTHER_BYTES, RemoteError
from forensics.disk.remote.server import Status


class GoogleServer:
    """A bucket.

    Args:
        scheme: Of its URLs.
        host: Its name.
        signed: Not used: a signed URL is one of a web server.
    """

    def __init__(self, scheme: str, host: str, signed: Mapping[str, str]) -> None:
        self._files = files_of("gs", use_listings_cache=False)
        self._bucket = host

    def status(self, path: str) -> Status | None:
        return _status(self._files.info(f"{self._bucket}/{path}"))

    def entries(self, folder: str) -> Iterable[Status]:
        return [_status(each) for each in self._files.ls(f"{self._bucket}/{folder}", detail=True, refresh=True)]

    def fetch(self, path: str, status: Status, start: int, end: int) -> bytes:
        return exactly(ask(self._files.loop, self._get, path, status, start, end), start, end)

    async def _get(self, path: str, status: Status, start: int, end: int) -> bytes:
        # A generation is one content: where the object was replaced, the server has no such generation.
        url = self._files.url(f"{self._bucket}/{path}")
        wanted = {"Range": f"bytes={start}-{end - 1}"}
        answer, data = await self._files._call("GET", url, headers=wanted, generation=status.version)
        said = {name.lower(): value for name, value in answer.items()}
        generation = said.get("x-goog-generation")
        if generation is None:
            generation = str((await self._files._info(f"{self._bucket}/{path}")).get("generation"))
        if generation != status.version:
            raise RemoteError(CHANGED)
        if said.get("content-range") != f"bytes {start}-{end - 1}/{status.size}":
            raise RemoteError(OTHER_BYTES)
        return bytes(data)


def _status(said: Mapping[str, Any]) -> Status:
    name = str(said["name"]).rstrip("/").rpartition("/")[2]
    if said.get("type") == "directory":
        return Status(name, True)
    written = said.get("updated")
    modified = datetime.fromisoformat(written.replace("Z", "+00:00")) if isinstance(written, str) else written
    return Status(name, False, int(said["size"]), modified, str(said.get("generation") or ""))
