"""Text from a disk made safe for a terminal, and folded to its width."""

from __future__ import annotations

import textwrap
import unicodedata

LONGEST = 400
"""Characters of one value that a reader sees; a hostile subject may have a million."""


def plain(text: object) -> str:
    """Return one line without control characters, escape sequences' introducers and direction marks.

    White space, line ends included, becomes one space; other control, format (direction marks, zero-width characters)
    and surrogate characters go. What is longer than ``LONGEST`` characters is cut and ends in ``...``.
    """
    value = str(text)
    cut = value[: LONGEST * 2]
    kept = "".join(" " if c.isspace() else c for c in cut if c.isspace() or unicodedata.category(c)[0] != "C")
    line = " ".join(kept.split())
    return line if len(line) <= LONGEST and len(cut) == len(value) else line[:LONGEST] + "..."


def fold(text: str, width: int | None, indent: str = "", hanging: str = "") -> list[str]:
    """Fold a line to ``width`` columns; ``None`` (a pipe) leaves it whole. Paths and numbers are never broken.

    Args:
        text: One line, already plain.
        width: Columns of the terminal.
        indent: Put before the first line.
        hanging: Put before the lines that follow.
    """
    if width is None:
        return [indent + text]
    return textwrap.wrap(
        text,
        width=max(width, 40),
        initial_indent=indent,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [indent.rstrip()]
