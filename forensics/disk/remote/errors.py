"""Why a file on a server cannot be read, in words of our own: texts of libraries quote URLs with all that is secret."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from forensics.language import sentence
from forensics.late_methods import dataclass

_REFUSED, _GONE, _CHANGED, _BUSY = (401, 403), (404, 410), (412, 416), (408, 425, 429)
_NOT_LET_IN = ("Authentication", "Credential", "KeyImport", "Logon", "PermissionDenied")
"""In the names of errors that libraries raise where a server knows nobody by what it is told."""
_MAX_CAUSES = 8
"""Work: errors behind an error that are asked for the server's answer."""


class RemoteError(OSError):
    """A file on a server, or a part of it, was not obtained; the message is for the user and says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(errno.EIO, message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class UnreachableError(RemoteError):
    """The server did not answer, however often it was asked."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a request failed.

    Attributes:
        message: For the user; it stands behind "cannot be read:".
        is_passing: Asking again may succeed.
        is_gone: There is no such file.
    """

    message: str
    is_passing: bool = False
    is_gone: bool = False


CHANGED = sentence(
    "it changed on the server while it was read: examine a copy or a snapshot of it, which nobody writes to"
)
REFUSED = sentence(
    "the server refuses to let it be read: check the credentials that its backend takes from its environment or files, "
    "and until when a signed URL holds"
)
GONE = sentence("it is not on the server, or no longer: check its name")
IGNORES_RANGES = sentence("the server sends the whole where a part alone was asked for: copy it here and examine that")
NO_SIZE = sentence("the server tells no size that a file can have: copy it here and examine that")
OTHER_BYTES = sentence("the server sends other bytes than those that were asked for: copy it here and examine that")


def why(error: BaseException) -> Reason:
    """Say why a request failed; nothing of the error's own text is repeated."""
    status = next((code for cause in _causes(error) if (code := _status(cause)) is not None), None)
    number = error.errno if isinstance(error, OSError) and status is None else None
    if status in _REFUSED or number in (errno.EACCES, errno.EPERM) or isinstance(error, PermissionError):
        return Reason(REFUSED)
    if status in _GONE or number == errno.ENOENT or (status is None and isinstance(error, FileNotFoundError)):
        return Reason(GONE, is_gone=True)
    if status in _CHANGED:
        return Reason(CHANGED)
    if status is not None:
        is_passing = status in _BUSY or status >= 500
        return Reason(sentence("the server answers with status {status}", status=status), is_passing)
    name = type(error).__name__
    if isinstance(error, TimeoutError):
        return Reason(sentence("the server does not answer in time"), is_passing=True)
    if any(word in name for word in _NOT_LET_IN):
        return Reason(REFUSED)
    if "HostKey" in name:
        return Reason(
            sentence("the key of the server is not the one that known_hosts has: make sure which server this is")
        )
    if isinstance(error, (OSError, EOFError)) or any(word in name for word in ("Connect", "Disconnect", "Request")):
        return Reason(sentence("the connection to the server fails ({name})", name=name), is_passing=True)
    return Reason(sentence("the request fails ({name})", name=name))


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


def _status(error: BaseException) -> int | None:
    """Return the status of the server's answer, wherever a library keeps it."""
    answer = getattr(error, "response", None)
    if isinstance(answer, dict):  # botocore
        found = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        found = next(
            (v for n in ("status", "status_code", "code") if isinstance(v := getattr(error, n, None), int)), None
        )
    return found if isinstance(found, int) and 100 <= found < 600 else None
