"""The one exception a parser may raise."""

from __future__ import annotations

from forensics.language import sentence


class FormatError(Exception):
    """Bytes that are not what their format says.

    Attributes:
        kind: Short machine-readable reason, such as ``truncated`` or ``bad_magic``.
        offset: Byte offset in the parsed buffer where the reason was seen.
        message: One sentence for a person; never holds key material.
    """

    def __init__(self, kind: str, offset: int, message: str) -> None:
        super().__init__(sentence("{message} (at byte {offset})", message=message, offset=offset))
        self.kind = kind
        self.offset = offset
        self.message = message
