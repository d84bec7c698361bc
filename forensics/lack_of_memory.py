"""A lack of memory on the machine of whoever examines: told as that, never as damage of what was being read.

Python has an exception for it, and some libraries have another way: zlib raises its own error with number -4, the
operating system ENOMEM, and what a library raises while it handles either is raised because of it.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from forensics.language import sentence

KIND = "too_much_memory"
"""Kind of the problem that it is."""
WHY = sentence("more memory was needed than there is, or than one source may take: fewer --jobs leave more to each")
_MOST_CAUSES = 16
"""Work: exceptions that are looked at, each the cause of the one before."""
_OF_ZLIB = "Error -4 "


def is_lack_of_memory(error: BaseException) -> bool:
    """Tell whether an exception was raised for lack of memory, whatever it calls itself."""
    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if cause is None:
            break
        if isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno == errno.ENOMEM):
            return True
        if type(cause).__module__ == "zlib" and str(cause).startswith(_OF_ZLIB):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def pass_on(error: BaseException) -> None:
    """Return where an exception says something of what was read; first line of whoever catches every exception.

    Raises:
        MemoryError: It was raised for lack of memory.
    """
    if is_lack_of_memory(error):
        raise MemoryError from error


@contextmanager
def suppressed() -> Iterator[None]:
    """Suppress whatever a reader throws, but a lack of memory."""
    try:
        yield
    except Exception as error:
        pass_on(error)


def kind_of(error: BaseException) -> str:
    """Return the kind of the problem that an exception is which nobody foresaw."""
    return KIND if is_lack_of_memory(error) else "unexpected"


def how(error: BaseException) -> str:
    """Return what stands behind "failed": never the exception's own text, which may quote what it was reading."""
    return (
        sentence("for lack of memory: {why}", why=WHY)
        if is_lack_of_memory(error)
        else sentence("with {error_type}", error_type=type(error).__name__)
    )
