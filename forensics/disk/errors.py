"""What opening a source can say."""

from __future__ import annotations

from forensics.language import joined, said_by, sentence

_COPY = sentence("copy it again, and compare its size and hash with the original's")
_NEXT = {
    "truncated": _COPY,
    "damaged": sentence("{copy}; of an original that is so itself take an older copy, or a backup", copy=_COPY),
    "bad_header": sentence("{copy}; or let the program that made it convert it to raw", copy=_COPY),
    "too_small": sentence("name the image itself"),
}
_SAID = ("again", "put ", "convert ")
"""Words of which one stands in every message that says what to do with a damaged file."""


class SourceError(Exception):
    """The source cannot be opened; the message is for the user and says what to do next."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def with_next_step(error: SourceError, name: str) -> SourceError:
    """Return the error for a disk image, with its name, and with what can be done where it does not say.

    Args:
        error: What is wrong with it.
        name: The image.
    """
    message = (
        error.message if name in error.message else sentence("{name}: {message}", name=name, message=error.message)
    )
    kind = error.kind.removeprefix("vhdx_")
    is_damage = error.kind != kind or kind in _NEXT
    if is_damage and not any(word in message for word in _SAID):
        message = joined([message, _NEXT.get(kind, _NEXT["damaged"])], "; ")
    return SourceError(error.kind, message)


def unreadable(name: str, error: OSError) -> SourceError:
    """Return the error for a file or folder of the examiner's own machine that cannot be read."""
    why = error.strerror or said_by(error)
    if isinstance(error, PermissionError):
        why = joined([why, sentence("run keymortem as a user who may read it, or copy it")], "; ")
    return SourceError("unreadable", sentence("{name} cannot be read: {why}", name=name, why=why))
