"""``Preferred``: which master key of a Protect folder protects new data, and until when."""

from __future__ import annotations

from datetime import datetime

from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.formats.filetime import filetime
from forensics.language import sentence
from forensics.late_methods import dataclass


@dataclass(frozen=True, slots=True)
class Preferred:
    """The preferred master key.

    Attributes:
        guid: Lower case.
        renew_after: When Windows makes the next one (creation and 90 days), UTC; the old one stays valid for reading.
    """

    guid: str
    renew_after: datetime | None


def parse_preferred(data: bytes) -> Preferred:
    """Parse a Preferred file.

    Raises:
        FormatError: ``bad_length`` unless it has 24 bytes.
    """
    if len(data) != 24:
        raise FormatError("bad_length", 0, sentence("a Preferred file has 24 bytes, not {count}", count=len(data)))
    cursor = Cursor(data)
    return Preferred(str(cursor.guid()), filetime(cursor.u64()))
