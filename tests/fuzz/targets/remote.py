"""What servers answer: headers and pages of web servers, what libraries made of listings, and files of signed URLs."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import cycle, islice
from typing import Any

from forensics.disk.errors import SourceError
from forensics.disk.places import place_of
from forensics.disk.remote import server as requests
from forensics.disk.remote.address import checked, signed_urls
from forensics.disk.remote.azure import AzureServer
from forensics.disk.remote.blocks import MAX_FETCHED
from forensics.disk.remote.errors import GONE
from forensics.disk.remote.google import GoogleServer
from forensics.disk.remote.http import HttpServer, _Answer
from forensics.disk.remote.path import RemotePath
from forensics.disk.remote.s3 import S3Server
from forensics.disk.remote.server import Server
from forensics.disk.remote.session import session_of
from forensics.disk.remote.sftp import SftpServer
from forensics.disk.remote.smb import SmbServer
from forensics.disk.remote.stream import open_remote
from forensics.disk.tree import Unreadable
from forensics.fleet.identity import identity_of
from forensics.sources.folder_tree import folder_tree
from tests.fuzz import given_files
from tests.fuzz.target import Target, hold

_HOST = "files.test"
_BETWEEN = b"\n%%\n"
_SECRET = "hushhushhush"
_HTTP_WORDS = (
    *(b"Content-Range: bytes 0-0/", b"bytes */0", b"ETag: ", b"Last-Modified: Mon, 01 Jan 0001 00:00:00 -0000"),
    *(b"Content-Type: text/html", b"<a href='../x'>", b"%2e%2e%2f", b"&#47;", b"//other/a", b"?C=M", b"\xff"),
    *(_BETWEEN, b"206\n", b"416\n", b"404\n", b"503\n", b"99999999999999999999", b"Fri, 31 Dec 9999 23:59:59 -2359"),
)
_JSON_WORDS = (
    *(b'"name": "a/../b"', b'"size": -1', b'"size": 1e400', b'"mtime": 1e300', b'"type": "directory"', b"null", b"NaN"),
    *(b'"0001-01-01T00:00:00"', b'"9999-12-31T23:59:59-23:59"', b"[]", b"{}", b'"\\ud800"', b'"\\u0000"', b"true"),
)


class _Refused(Exception):
    """What a library raises for an answer that is none; its text holds what is secret."""

    def __init__(self, status: int) -> None:
        super().__init__(_SECRET)
        self.status = status


class _Scripted(HttpServer):
    """A web server that gives the answers of an input, one after the other and again."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers = cycle(answers)

    def _get(self, path: str, start: int | None, end: int) -> _Answer:
        head, _, body = next(self._answers).partition(b"\n\n")
        said, *lines = head.decode("latin-1").split("\n")
        status = int(said) if re.fullmatch("[1-5][0-9]{2}", said) else 200
        if status in (404, 410):
            raise FileNotFoundError(2, GONE)
        if status >= 400 and status != 416:
            raise _Refused(status)
        headers = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        limit = 0 if start is not None and status == 200 else end - (start or 0)
        # A server may lead elsewhere.
        return _Answer(status, headers.pop("URL", f"https://{_HOST}/{path}"), headers, body[:limit])


@contextmanager
def _at(server: Server) -> Iterator[RemotePath]:
    """Have a server at a URL, which is asked again without a wait."""
    wait, requests.FIRST_WAIT = requests.FIRST_WAIT, 0
    try:
        with session_of({}) as session:
            session._servers["https", _HOST] = server
            place = place_of(f"https://{_HOST}/a")
            assert isinstance(place, RemotePath)
            yield place
    finally:
        requests.FIRST_WAIT = wait


def _read(path: RemotePath) -> None:
    with open_remote(path) as file:
        size = file.seek(0, io.SEEK_END)
        for at in (0, size // 2, max(0, size - 100)):
            file.seek(at)
            hold(len(file.read(min(100, size - at))) == min(100, size - at), "fewer bytes than there are")


def _list(folder: RemotePath) -> None:
    for entry in islice(folder.iterdir(), 100):
        hold(entry.parent == folder and entry.name not in ("", ".", ".."), f"{entry} does not lie in {folder}")
    for each in folder_tree(folder).entries("")[:100]:
        hold("/" not in each.name, "a name with a folder in it")


def _use(server: Callable[[], Server]) -> None:
    """Do with a server what an examination does; each question may fail, and says why."""
    questions: tuple[Callable[[RemotePath], object], ...] = (
        lambda folder: (folder / "disk.vhdx").stat(),
        lambda folder: (folder.is_dir(), folder.is_file(), folder.exists()),
        _list,
        lambda folder: _read(folder / "disk.vhdx"),
        lambda folder: identity_of(f"{folder}/disk.vhdx"),
    )
    for question in questions:
        with _at(server()) as folder:
            try:
                question(folder)
            except (OSError, SourceError, Unreadable) as error:
                hold(str(error), "a refusal without a message")
                hold(_SECRET not in str(error), "a library's text is repeated")


def _web(data: bytes) -> None:
    answers = data.split(_BETWEEN)[:8]
    _use(lambda: _Scripted(answers))


def _web_seeds() -> Sequence[bytes]:
    said = b'ETag: "7"\nLast-Modified: Sun, 22 Nov 2026 00:00:00 GMT\nContent-Range: bytes 0-0/1\n\nx'
    page = (
        b"200\nContent-Type: text/html\nURL: https://files.test/a/\n\n<a href='disk.vhdx'>d</a>"
        b'<a href="/a/b/">b</a><a href="../">up</a><a href="?C=M">m</a><a href="https://files.test/a/c%20d">c</a>'
    )
    short = b'206\nETag: "7"\nContent-Range: bytes 0-99/100\n\n' + b"x" * 100
    return [
        b"206\n" + said,
        page,
        _BETWEEN.join([b"206\n" + said.replace(b"0-0/1", b"0-0/100"), short]),
        b"416\nContent-Range: bytes */0\n\n",
        _BETWEEN.join([b"200\nContent-Length: 0\n\n", b"503\n\n", b"404\n\n", b"403\n\n"]),
    ]


class _Files:
    """What fsspec's files of a kind of server say, as an input has it."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self._said = said
        self.loop = None

    def info(self, *_: object, **__: object) -> Any:
        if self._said.get("info") is None:
            raise FileNotFoundError(_SECRET)
        return _with_times(self._said["info"])

    def ls(self, *_: object, **__: object) -> Any:
        found = self._said.get("ls")
        if found is None:
            raise _Refused(404)
        return [_with_times(each) for each in found]


def _with_times(said: Any) -> Any:
    """Return what a library makes of an answer: some have times already taken apart."""
    if not isinstance(said, dict):
        return said
    made = dict(said)
    for name in ("LastModified", "last_modified", "mtime"):
        if isinstance(made.get(name), str):
            try:
                made[name] = datetime.fromisoformat(made[name])
            except ValueError:
                made[name] = None
    return made


_KINDS: Mapping[str, type[Any]] = {
    "s3": S3Server,
    "az": AzureServer,
    "gs": GoogleServer,
    "sftp": SftpServer,
    "smb": SmbServer,
}


def _server(kind: type[Any], said: Mapping[str, Any]) -> Server:
    class Fed(kind):  # type: ignore[misc]
        """Asks the input instead of a server."""

        def __init__(self) -> None:
            self._files, self._bucket, self._container = _Files(said), "b", "b"

        def fetch(self, path: str, status: Any, start: int, end: int) -> bytes:
            hold(0 <= start < end and end - start <= MAX_FETCHED, "a request for more than is fetched at once")
            return bytes(end - start)

    return Fed()


def _listing(data: bytes) -> None:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(said, dict) and isinstance(said.get("ls", []), list):
        kind = _KINDS.get(str(said.get("kind")), S3Server)
        _use(lambda: _server(kind, said))


def _listing_seeds() -> Sequence[bytes]:
    when = "2026-11-22T00:00:00+00:00"
    files: Mapping[str, dict[str, Any]] = {
        "s3": {"size": 100, "type": "file", "LastModified": when, "ETag": '"7"'},
        "az": {"size": 100, "type": "file", "last_modified": when, "etag": '"7"'},
        "gs": {"size": "100", "type": "file", "updated": "2026-11-22T00:00:00Z", "generation": "7"},
        "sftp": {"size": 100, "type": "file", "mtime": 1795305600},
        "smb": {"size": 100, "type": "file", "mtime": 1795305600.5},
    }
    made = []
    for kind, file in files.items():
        named = {"name": "b/a/disk.vhdx", **file}
        listed = [named, {"name": "b/a/folder/", "type": "directory"}]
        made.append(json.dumps({"kind": kind, "info": named, "ls": listed}).encode())
    return made


def _signed(data: bytes) -> None:
    """A file of signed URLs; what one of them is refused for never holds what stands behind the ``?``."""
    path = given_files.given("signed.txt", data)
    try:
        found = signed_urls(path)
    except SourceError as error:
        hold(error.kind and _SECRET not in error.message, "a signature is told")
        found = {}
    for plain, query in found.items():
        hold(query, "a URL without a signature")
        hold(plain.lower().startswith(("http://", "https://")), "no URL")
    for line in data.decode("utf-8", "replace").splitlines()[:8]:
        try:
            named = checked(line)
        except SourceError as error:
            hold(error.message, "a refusal without a message")
            is_secret = _SECRET in line.partition("?")[2] and line.count(_SECRET) == 1
            hold(not is_secret or _SECRET not in error.message, "a signature is told")
        else:
            is_kept = named == line or not re.match("[^#?]*[?][^#]", line)
            hold(is_kept or "://" not in line, "a signature was dropped")


def _signed_seeds() -> Sequence[bytes]:
    return [
        f"https://store.test/disks/web.vhdx?sv=1&sig={_SECRET}\n\nhttp://store.test:8080/a%20b?X-Amz={_SECRET}\n".encode(),
        f"https://user:{_SECRET}@store.test/a?b\n".encode(),
        f"\ufeffs3://bucket/a?{_SECRET}\nHTTPS://Store.Test/../a/./b?{_SECRET}#c\nhttps://[::1]:1/a?{_SECRET}".encode(),
        b"smb://user@server/share/a b\nsftp://server:22/a?b\n/local/file?x\n",
    ]


TARGETS = (
    Target("web-server", _web, _web_seeds, words=_HTTP_WORDS),
    Target("server-listing", _listing, _listing_seeds, words=_JSON_WORDS),
    Target(
        *("signed-urls", _signed, _signed_seeds),
        words=(b"?", b"@", b"://", b"https://", b"#", b"%3F", b"%2F..", b"\xe2\x80\xa8", b"\r", _SECRET.encode()),
        reads_files=True,
    ),
)
