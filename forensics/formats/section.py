"""One section of a file whose damage must not cost the other sections."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError

_Parsed = TypeVar("_Parsed")


def parse_section(
    cursor: Cursor, size: int, parse: Callable[[bytes], _Parsed]
) -> tuple[_Parsed | None, FormatError | None]:
    """Take a section and parse it.

    Returns:
        What ``parse`` returned, or its error with the offset counted from the start of the file; both are None for an
        empty section.
    """
    start = cursor.offset
    data = cursor.take(size)
    if not data:
        return None, None
    try:
        return parse(data), None
    except FormatError as error:
        return None, FormatError(error.kind, start + error.offset, error.message)
