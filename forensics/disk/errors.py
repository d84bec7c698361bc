"""What opening a source can say."""

from __future__ import annotations


class SourceError(Exception):
    """The source cannot be opened; the message is for the user and says what to do next."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def unreadable(name: str, error: OSError) -> SourceError:
    """Return the error for a file or folder of the examiner's own machine that cannot be read."""
    advice = "; run keymortem as a user who may read it, or copy it" if isinstance(error, PermissionError) else ""
    return SourceError("unreadable", f"{name} cannot be read: {error.strerror or error}{advice}")
