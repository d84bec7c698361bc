"""Lines folded to the width of a terminal, of text that nothing from a disk can steer."""

from __future__ import annotations

from forensics.language.folding import columns, folded
from forensics.tables.sanitise import LONGEST, sanitise


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
    width = max(width, 40)
    if len(text) != columns(text):
        return folded(text, width, indent, hanging) or [indent.rstrip()]
    import textwrap

    return textwrap.wrap(
        text,
        width=width,
        initial_indent=indent,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [indent.rstrip()]


class FoldedText:
    """A text under construction.

    Args:
        width: Columns to fold lines to; None leaves them whole.
        longest: Characters of one line.

    Attributes:
        lines: What stands so far, without ends of lines.
    """

    def __init__(self, width: int | None, longest: int = LONGEST) -> None:
        self.width = width
        self.lines: list[str] = []
        self._longest = longest

    def add(self, text: str, indent: str = "", hanging: str | None = None) -> None:
        """Add a line, sanitised and folded; what follows its first fold is indented by two more, or by ``hanging``."""
        safe = sanitise(text, self._longest)
        self.lines += fold(safe, self.width, indent, indent + "  " if hanging is None else hanging)

    def whole(self) -> str:
        """Return all lines, each ended by a newline."""
        return "\n".join(self.lines) + "\n"
