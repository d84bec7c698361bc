"""A web server that sends parts of files: a signed URL of an object store, nginx, a datastore behind a proxy.

Passwords and proxies are where ``.netrc`` and the environment have them.

References:
    - RFC 9110, sections 8.8 (validators), 14.2 (Range), 14.4 (Content-Range), 15.3.7 (206)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from forensics.disk.remote.backends import ask, exactly, files_of
from forensics.disk.remote.errors import CHANGED, GONE, IGNORES_RANGES, OTHER_BYTES, RemoteError
from forensics.disk.remote.server import CONNECT_LIMIT, TIME_LIMIT, UNKNOWN_SIZE, Status
from forensics.language import sentence
from forensics.late_methods import dataclass

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_NOTHING = re.compile(r"bytes \*/0")
_REFERENCE = re.compile(r"<a\s[^>]*?href\s*=\s*[\"']([^\"'<>]+)[\"']", re.IGNORECASE)
_MAX_INDEX = 16 << 20
"""Format: bytes of the page in which a web server lists a folder."""
_LISTS_NOTHING = sentence("the server does not list its folders")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a server answered, with as much of its data as was wanted."""

    status: int
    url: str
    headers: Mapping[str, str]
    data: bytes


class HttpServer:
    """A web server.

    Args:
        scheme: ``http`` or ``https``.
        host: With the port where the URL has one.
        signed: What stands behind the ``?`` of a URL, by the URL without it.
    """

    def __init__(self, scheme: str, host: str, signed: Mapping[str, str]) -> None:
        from aiohttp import ClientTimeout

        limits = ClientTimeout(total=TIME_LIMIT, connect=CONNECT_LIMIT)
        self._files = files_of("http", encoded=True, client_kwargs={"trust_env": True, "timeout": limits})
        self._top = f"{scheme}://{host}/"
        self._signed = signed

    def status(self, path: str) -> Status | None:
        name = path.rpartition("/")[2]
        answer = self._get(path, 0, 1)
        if answer.status == 206:
            return Status(name, False, _size(answer, 0, 1), _modified(answer), _version(answer))
        if answer.status == 416 and _NOTHING.fullmatch(answer.headers.get("Content-Range", "")):
            return Status(name, False, 0, _modified(answer), "empty")
        if urlsplit(answer.url).path.endswith("/") and _is_page(answer):
            return Status(name, True)
        if answer.headers.get("Content-Length") == "0":
            return Status(name, False, 0, _modified(answer), "empty")
        raise RemoteError(IGNORES_RANGES)

    def entries(self, folder: str) -> Iterable[Status]:
        try:
            answer = self._get(f"{folder.rstrip('/')}/" if folder else "", None, _MAX_INDEX)
        except FileNotFoundError:
            raise RemoteError(_LISTS_NOTHING) from None
        if not _is_page(answer):
            raise RemoteError(_LISTS_NOTHING)
        above = urlsplit(answer.url)
        found: dict[str, Status] = {}
        for written in _REFERENCE.findall(answer.data.decode("utf-8", "replace")):
            target = urlsplit(urljoin(answer.url, unescape(written)))
            below = target.path.removeprefix(above.path)
            if target.netloc != above.netloc or target.query or below == target.path:
                continue
            name = unquote(below.rstrip("/"))
            if name and "/" not in name:
                found[name] = Status(name, below.endswith("/"), UNKNOWN_SIZE)
        return found.values()

    def fetch(self, path: str, status: Status, start: int, end: int) -> bytes:
        answer = self._get(path, start, end)
        if answer.status != 206:
            raise RemoteError(CHANGED if answer.status == 416 else IGNORES_RANGES)
        size = _size(answer, start, end)
        if size != status.size or _version(answer) != status.version:
            raise RemoteError(CHANGED)
        return exactly(answer.data, start, end)

    def _get(self, path: str, start: int | None, end: int) -> _Answer:
        return ask(self._files.loop, self._answer, path, start, end)

    async def _answer(self, path: str, start: int | None, end: int) -> _Answer:
        """Ask for a part of a file, or for a page where ``start`` is None; more than that is not taken in."""
        query = self._signed.get(f"{self._top}{path}", "")
        url = self._files.encode_url(self._top + quote(path, safe="/-._~") + (f"?{query}" if query else ""))
        session: Any = await self._files.set_session()
        headers = {"Accept-Encoding": "identity"}
        if start is not None:
            headers["Range"] = f"bytes={start}-{end - 1}"
        async with session.get(url, headers=headers) as answer:
            if answer.status >= 400 and answer.status != 416:
                if answer.status in (404, 410):
                    raise FileNotFoundError(2, GONE)
                if answer.status == 403 and answer.url.path.endswith("/"):
                    raise RemoteError(_LISTS_NOTHING)
                answer.raise_for_status()
            if url.scheme == "https" and answer.url.scheme != "https":
                raise RemoteError(
                    sentence("the server leads to one that does not encrypt: name that itself if it is the right one")
                )
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise RemoteError(OTHER_BYTES)
            is_whole = start is not None and answer.status == 200
            limit = 0 if is_whole else end - (start or 0)
            data = bytearray()
            while len(data) < limit and (part := await answer.content.read(limit - len(data))):
                data += part
            if is_whole:
                answer.close()  # nobody waits for the rest
            return _Answer(answer.status, str(answer.url.with_query(None)), answer.headers, bytes(data))


def _is_page(answer: _Answer) -> bool:
    return answer.status == 200 and answer.headers.get("Content-Type", "").startswith("text/html")


def _size(answer: _Answer, start: int, end: int) -> int:
    """Return the size of the whole file; raises RemoteError where the part is not the one that was asked for."""
    said = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if said is None or (int(said[1]), int(said[2])) != (start, end - 1):
        raise RemoteError(OTHER_BYTES)
    return int(said[3])


def _version(answer: _Answer) -> str:
    """Return by what another content would be known; raises RemoteError where the server tells nothing of the kind."""
    said = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
    if said is None:
        raise RemoteError(
            sentence(
                "the server tells neither ETag nor Last-Modified, so that a change while it is read would "
                "not be seen: copy it here and examine that"
            )
        )
    return said


def _modified(answer: _Answer) -> Any:
    try:
        return parsedate_to_datetime(answer.headers.get("Last-Modified", ""))
    except (TypeError, ValueError):
        return None
