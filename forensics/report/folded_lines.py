"""Lines folded to the width of a terminal."""

from __future__ import annotations

import textwrap


def fold(text: str, width: int | None, indent: str = "", hanging: str = "") -> list[str]:
    """Fold a line to ``width`` columns; ``None`` (a pipe) leaves it whole. Paths and numbers are never broken.

    Args:
        text: One line, already sanitised.
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
