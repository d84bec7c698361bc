"""Text from a disk, sanitised so that it is safe to show: one line, no control characters, no endless values."""

from __future__ import annotations

import unicodedata

LONGEST = 400
"""Characters of one value that a reader sees; a hostile subject may have a million."""


def sanitise(text: object, longest: int = LONGEST) -> str:
    """Return one line without control characters, escape sequences' introducers and direction marks.

    White space, line ends included, becomes one space; other control, format (direction marks, zero-width characters)
    and surrogate characters go. What is longer than ``longest`` characters is cut and ends in ``...``.

    Examples:
        >>> import forensics
        >>> forensics.sanitise("a name\\x1b[2J")
        'a name[2J'
    """
    value = str(text)
    if value.isprintable() and len(value) <= longest:
        # Nearly all values: no character of it is of a kind that goes, and no white space but plain blanks.
        return " ".join(value.split())
    cut = value[: longest * 2]
    kept = "".join(" " if c.isspace() else c for c in cut if c.isspace() or unicodedata.category(c)[0] != "C")
    line = " ".join(kept.split())
    return line if len(line) <= longest and len(cut) == len(value) else line[:longest] + "..."
