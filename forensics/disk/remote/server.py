"""What is asked of a server that holds evidence, and how often."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar

from forensics.disk.remote.errors import RemoteError, UnreachableError, why
from forensics.lack_of_memory import pass_on
from forensics.language import sentence
from forensics.late_methods import dataclass

T = TypeVar("T")

TIME_LIMIT = 60
"""Evidence: seconds that one request may take."""
CONNECT_LIMIT = 20
"""Evidence: seconds that a connection may take to be made."""
MAX_TRIES = 5
"""Evidence: times that one request is made when the server does not answer it, or is busy."""
FIRST_WAIT = 0.5
"""Work: seconds before a request is made for the second time; twice as long before each further one."""
LARGEST_FILE = (1 << 63) - 1
"""Format: bytes of a file, as far as a place in one can be told."""
UNKNOWN_SIZE = -1
KINDS = ("file", "directory")
"""What is taken of a folder, as fsspec calls it: a link may lead anywhere on its server."""


@dataclass(frozen=True, slots=True)
class Status:
    """One file or folder of a server.

    Attributes:
        name: Its name in its folder.
        is_dir: A folder, or what object storage shows as one.
        size: Bytes; UNKNOWN_SIZE where a listing does not tell.
        modified: When it was written, where the server says.
        version: What is another one as soon as its content is.
    """

    name: str
    is_dir: bool
    size: int = 0
    modified: datetime | None = None
    version: str = ""


def believed(status: Status) -> Status:
    """Return what a server says of a file, as far as it can be: a size and a time that there are, else none."""
    size = status.size if 0 <= status.size <= LARGEST_FILE else UNKNOWN_SIZE
    modified = status.modified
    try:
        if modified is not None:
            modified.timestamp()
    except (AttributeError, OverflowError, ValueError, OSError):
        modified = None  # what no clock shows, or a library did not take apart
    if (size, modified) == (status.size, status.modified):
        return status
    return replace(status, size=size, modified=modified)


class Server(Protocol):
    """A server, or a bucket. Paths begin behind the host or bucket. What fails raises what its library raises."""

    def status(self, path: str) -> Status | None:
        """Return what lies at a path; None where nothing does."""

    def entries(self, folder: str) -> Iterable[Status]:
        """Return what lies in a folder."""

    def fetch(self, path: str, status: Status, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` to before ``end`` of the version that ``status`` tells.

        Raises:
            RemoteError: The file is another one now, or the server sends something else.
        """


def persistently(request: Callable[[], T]) -> T:
    """Make a request, several times where the server does not answer or is busy.

    Raises:
        RemoteError: It failed; UnreachableError where the server did not answer.
        FileNotFoundError: There is no such file or folder.
    """
    for number in range(MAX_TRIES):
        try:
            return request()
        except RemoteError:
            raise
        except Exception as error:
            pass_on(error)
            reason = why(error)
            if reason.is_gone:
                # Not the library's error, whose text may hold what is secret.
                raise FileNotFoundError(2, reason.message) from None
            if not reason.is_passing:
                raise RemoteError(reason.message) from None
        if number < MAX_TRIES - 1:
            time.sleep(FIRST_WAIT * 2**number * random.uniform(0.75, 1.25))
    raise UnreachableError(
        sentence(
            "{message}, asked {max_tries} times: examine it again when it can be reached",
            message=reason.message,
            max_tries=MAX_TRIES,
        )
    )
