"""What opening a source can say."""

from __future__ import annotations


class SourceError(Exception):
    """The source cannot be opened; the message is for the user and says what to do next."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
