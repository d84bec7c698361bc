"""A container of Azure's blob storage: page, block and append blobs; credentials are where adlfs looks for them.

References:
    - Azure Storage REST API, Get Blob (Range, ETag)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from forensics.disk.remote.backends import ask, exactly, files_of
from forensics.disk.remote.errors import CHANGED, RemoteError
from forensics.disk.remote.server import Status
from forensics.language import sentence

_HOSTS = (".blob.core.windows.net", ".dfs.core.windows.net")
_NO_ACCOUNT = sentence(
    "no storage account is named: set AZURE_STORAGE_ACCOUNT_NAME or AZURE_STORAGE_CONNECTION_STRING, or name "
    "abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH"
)


class AzureServer:
    """A container.

    Args:
        scheme: Of its URLs.
        host: Its name, or ``container@account.blob.core.windows.net``.
        signed: Not used: a signed URL is one of a web server.
    """

    def __init__(self, scheme: str, host: str, signed: Mapping[str, str]) -> None:
        self._container, _, server = host.partition("@")
        account = next((server.removesuffix(end) for end in _HOSTS if server.lower().endswith(end)), server)
        said = {"account_name": account} if account else {}
        try:
            self._files = files_of("abfs", use_listings_cache=False, **said)
        except ValueError:
            raise RemoteError(_NO_ACCOUNT) from None

    def status(self, path: str) -> Status | None:
        return _status(self._files.info(f"{self._container}/{path}", refresh=True))

    def entries(self, folder: str) -> Iterable[Status]:
        found = self._files.ls(f"{self._container}/{folder}", detail=True, invalidate_cache=True)
        return [_status(each) for each in found]

    def fetch(self, path: str, status: Status, start: int, end: int) -> bytes:
        return exactly(ask(self._files.loop, self._get, path, status, start, end), start, end)

    async def _get(self, path: str, status: Status, start: int, end: int) -> bytes:
        async with self._files.service_client.get_blob_client(self._container, path) as blob:
            # One request, whose answer tells the version of what it brings.
            answer = await blob.download_blob(offset=start, length=end - start, max_concurrency=1)
            if _tag(answer.properties.etag) != status.version:
                raise RemoteError(CHANGED)
            data: bytes = await answer.readall()
        return data


def _status(said: Mapping[str, Any]) -> Status:
    name = str(said["name"]).rstrip("/").rpartition("/")[2]
    if said.get("type") == "directory":
        return Status(name, True)
    return Status(name, False, int(said["size"]), said.get("last_modified"), _tag(said.get("etag")))


def _tag(said: object) -> str:
    """Return an ETag in quotes, which some answers lack."""
    return f'"{str(said or "").strip(chr(34))}"'
