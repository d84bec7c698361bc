"""What one examination knows of the servers on which its evidence lies: connections, listings, blocks, failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from forensics.disk.remote.blocks import Blocks, ReadAhead
from forensics.disk.remote.errors import CHANGED, GONE, RemoteError, UnreachableError
from forensics.disk.remote.server import UNKNOWN_SIZE, Server, Status, believed, persistently

if TYPE_CHECKING:
    from forensics.disk.remote.path import RemotePath

T = TypeVar("T")

MAX_LISTED = 100_000
"""Evidence: names of one folder on a server that are listed."""


class Session:
    """The servers of one examination.

    Args:
        signed: What stands behind the ``?`` of a URL, by the URL without it.

    Attributes:
        failures: Why a file, or a part of it, was not obtained, by its URL; that file is asked for no more.
        cut: Folders that hold more names than are listed.
    """

    def __init__(self, signed: Mapping[str, str] | None = None) -> None:
        self._signed = dict(signed or {})
        self._servers: dict[tuple[str, str], Server] = {}
        self._down: dict[tuple[str, str], UnreachableError] = {}
        self._statuses: dict[str, Status | None] = {}
        self._unlisted: dict[str, RemoteError] = {}
        self._folders: dict[str, dict[str, Status]] = {}
        self._ahead: dict[str, ReadAhead] = {}
        self.blocks = Blocks()
        self.failures: dict[str, str] = {}
        self.cut: set[str] = set()

    def status(self, path: RemotePath, is_whole: bool = False) -> Status | None:
        """Return what lies at a URL; None where nothing does.

        Args:
            path: The URL.
            is_whole: Ask the server again where a listing does not tell the size.

        Raises:
            RemoteError: The server does not say.
        """
        url = str(path)
        listed = self._folders.get(str(path.parent))
        if listed is not None:
            found = listed.get(path.name)
            if not is_whole or found is None or found.size != UNKNOWN_SIZE:
                return found
        if url not in self._statuses:
            try:
                found = self._ask(path, lambda server: server.status(path.inside))
                self._statuses[url] = None if found is None else believed(found)
            except FileNotFoundError:
                self._statuses[url] = None
        return self._statuses[url]

    def entries(self, folder: RemotePath) -> list[Status]:
        """Return what lies in a folder, at most MAX_LISTED names.

        Raises:
            RemoteError: The server does not say.
        """
        url = str(folder)
        if url in self._unlisted:
            raise self._unlisted[url]
        if url not in self._folders:
            above = self._folders.get(str(folder.parent))
            if above is not None and folder.name not in above:
                raise RemoteError(GONE)
            try:
                found = self._ask(folder, lambda server: list(islice(server.entries(folder.inside), MAX_LISTED + 1)))
            except FileNotFoundError:
                self._unlisted[url] = RemoteError(GONE)
                raise self._unlisted[url] from None
            except RemoteError as error:
                self._unlisted[url] = error
                raise
            if len(found) > MAX_LISTED:
                self.cut.add(url)
            # Names that a path cannot hold would be taken for others.
            named = (each for each in found[:MAX_LISTED] if each.name not in ("", ".", "..") and "/" not in each.name)
            self._folders[url] = {each.name: believed(each) for each in named if self._is_text(url, each.name)}
        return list(self._folders[url].values())

    def _is_text(self, folder: str, name: str) -> bool:
        """Tell whether a name can be asked for, and printed; one that cannot is told as what was not obtained."""
        told = name.encode("utf-8", "backslashreplace").decode()
        if told != name:
            self.failures[f"{folder}/{told}"] = "its name is no text that could be asked for: give it another one"
        return told == name

    def fetch(self, path: RemotePath, status: Status, start: int, end: int) -> bytes:
        """Return a part of a file; a file that failed once is given up.

        Raises:
            RemoteError: It was not obtained.
        """
        url = str(path)
        if url in self.failures:
            raise RemoteError(self.failures[url])
        try:
            return self._ask(path, lambda server: server.fetch(path.inside, status, start, end))
        except RemoteError as error:
            self.failures[url] = error.message
            raise
        except FileNotFoundError:
            self.failures[url] = CHANGED
            raise RemoteError(CHANGED) from None

    def ahead(self, path: RemotePath, status: Status) -> ReadAhead:
        """Return what is known of how a file is read, however often it is opened."""
        return self._ahead.setdefault(f"{path}\0{status.version}", ReadAhead())

    def _ask(self, path: RemotePath, question: Callable[[Server], T]) -> T:
        """Ask the server of a URL; one that did not answer once is given up."""
        key = (path.scheme, path.host)
        if key in self._down:
            raise self._down[key]
        try:
            return persistently(lambda: question(self._server(*key)))
        except UnreachableError as error:
            self._down[key] = error
            raise

    def _server(self, scheme: str, host: str) -> Server:
        if (scheme, host) not in self._servers:
            from forensics.disk.remote.backends import connect

            self._servers[scheme, host] = connect(scheme, host, self._signed)
        return self._servers[scheme, host]


_current: ContextVar[Session | None] = ContextVar("_current", default=None)


def current() -> Session:
    """Return the session of the examination that is running, or a new one that lasts."""
    session = _current.get()
    if session is None:
        session = Session()
        _current.set(session)
    return session


@contextmanager
def session_of(signed: Mapping[str, str]) -> Iterator[Session]:
    """Read from servers anew from here on: nothing is known of them but what is signed."""
    session = Session(signed)
    token = _current.set(session)
    try:
        yield session
    finally:
        _current.reset(token)
