"""A bucket of S3 or of what speaks as it does; credentials and endpoint are where AWS's own tools have them.

References:
    - Amazon S3 API Reference, GetObject (Range, If-Match, Content-Range)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from forensics.disk.remote.backends import ask, exactly, files_of
from forensics.disk.remote.errors import CHANGED, OTHER_BYTES, RemoteError
from forensics.disk.remote.server import CONNECT_LIMIT, TIME_LIMIT, Status


class S3Server:
    """A bucket.

    Args:
        scheme: Of its URLs.
        host: Its name.
        signed: Not used: a signed URL is one of a web server.
    """

    def __init__(self, scheme: str, host: str, signed: Mapping[str, str]) -> None:
        limits = {"connect_timeout": CONNECT_LIMIT, "read_timeout": TIME_LIMIT, "retries": {"max_attempts": 0}}
        self._files = files_of("s3", use_listings_cache=False, config_kwargs=limits)
        self._files.retries = 1  # requests are repeated in one place
        self._bucket = host

    def status(self, path: str) -> Status | None:
        return _status(self._files.info(f"{self._bucket}/{path}", refresh=True))

    def entries(self, folder: str) -> Iterable[Status]:
        return [_status(each) for each in self._files.ls(f"{self._bucket}/{folder}", detail=True, refresh=True)]

    def fetch(self, path: str, status: Status, start: int, end: int) -> bytes:
        return exactly(ask(self._files.loop, self._get, path, status, start, end), start, end)

    async def _get(self, path: str, status: Status, start: int, end: int) -> bytes:
        wanted = {"Range": f"bytes={start}-{end - 1}", "IfMatch": status.version}
        answer = await self._files._call_s3("get_object", Bucket=self._bucket, Key=path, **wanted)
        async with answer["Body"] as body:
            if answer.get("ETag") != status.version:
                raise RemoteError(CHANGED)
            if answer.get("ContentRange") != f"bytes {start}-{end - 1}/{status.size}":
                raise RemoteError(OTHER_BYTES)
            data: bytes = await body.read()
        return data


def _status(said: Mapping[str, Any]) -> Status:
    name = str(said["name"]).rstrip("/").rpartition("/")[2]
    if said.get("type") == "directory":
        return Status(name, True)
    return Status(name, False, int(said["size"]), said.get("LastModified"), str(said.get("ETag") or ""))
