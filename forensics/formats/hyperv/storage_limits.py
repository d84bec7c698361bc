"""What a reader of HyperVStorage files does at most, and how many of its complaints it keeps.

Every count, length and link in such a file may lie; these bounds are far above what a virtual machine's configuration
needs, and low enough that no file keeps the reader busy.
"""

from __future__ import annotations

from forensics.formats.errors import FormatError
from forensics.language import sentence

MIB = 1 << 20

MAX_OBJECTS = 1 << 17
"""Evidence: objects of one file."""
MAX_OBJECT_TABLES = 1024
"""Evidence: object tables of one file."""
MAX_KEY_TABLES = 16384
"""Evidence: key tables of one file."""
MAX_KEY_TABLE_BYTES = 32 * MIB
"""Evidence: bytes of all key tables of one file."""
MAX_KEYS = 1 << 16
"""Evidence: keys of one file."""
MAX_DEPTH = 64
"""Evidence: keys within keys."""
MAX_PATH = 2048
"""Evidence: characters of one key's path."""
MAX_PATH_CHARACTERS = 32 * MIB
"""Evidence: characters of all paths of one file."""
MAX_VALUE = 4 * MIB
"""Evidence: bytes of one value; of a larger one only the size is kept."""
MAX_VALUE_BYTES = 64 * MIB
"""Evidence: bytes of all values of one file."""
MAX_LOG_ENTRIES = 4096
"""Evidence: entries of one file's log."""
MAX_LOG_BYTES = 16 * MIB
"""Evidence: bytes that one file's log replays."""
MAX_HISTORY_WORK = MIB
"""Evidence: steps in the search of one file for values of earlier times."""
MAX_HISTORY_VALUES = 4096
"""Evidence: values of earlier times in one file."""
MAX_ERRORS = 500
"""Display: faults of one file that are told one by one."""


class Budget:
    """Something that runs out.

    Args:
        amount: How much there is.
    """

    def __init__(self, amount: int) -> None:
        self.left = amount

    def spend(self, amount: int) -> bool:
        """Take ``amount``; False, and nothing is taken, when so much is not left."""
        if amount > self.left:
            return False
        self.left -= amount
        return True


class ErrorRows:
    """The complaints about one file, at most ``MAX_ERRORS``; a last one says that there were more."""

    def __init__(self) -> None:
        self._rows: list[FormatError] = []

    def add(self, kind: str, offset: int, message: str) -> FormatError:
        """Keep a complaint (as :class:`FormatError` takes it) and return it."""
        return self.keep(FormatError(kind, offset, message))

    def keep(self, error: FormatError) -> FormatError:
        """Keep a complaint and return it."""
        if len(self._rows) < MAX_ERRORS:
            self._rows.append(error)
        elif len(self._rows) == MAX_ERRORS:
            self._rows.append(
                FormatError("too_many_errors", error.offset, sentence("there are more errors than are listed"))
            )
        return error

    @property
    def rows(self) -> tuple[FormatError, ...]:
        """What was kept, in order."""
        return tuple(self._rows)
