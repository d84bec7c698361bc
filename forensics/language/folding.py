"""Text folded by the columns of a terminal: Chinese and Japanese letters take two, and lines break between them.

References:
    https://www.unicode.org/reports/tr11/ (East Asian Width), https://www.unicode.org/reports/tr14/ (line breaking)
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

_NO_BEGIN = frozenset("、。」』)）]・:;,.!?ーっゃゅょッャュョ")
"""What no line begins with."""
_NO_END = frozenset("「『(（[")
"""What no line ends with."""


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def folded(text: str, width: int) -> list[str]:
    """Return a text in lines of no more than so many columns, where there are places to break it.

    Args:
        text: Without line ends.
        width: Columns.
    """
    lines, line = [], ""
    for piece in _pieces(text):
        if line and columns(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return [*lines, line.rstrip()] if line.strip() else lines


def _pieces(text: str) -> Iterator[str]:
    """Yield what is not broken: words with the blank behind them, wide letters with what must not begin a line."""
    piece = ""
    for before, letter in zip(f" {text}", text, strict=False):
        is_wide = columns(letter) == 2
        breaks = before == " " or (
            (is_wide or columns(before) == 2) and letter not in _NO_BEGIN and before not in _NO_END
        )
        if piece and breaks and letter != " ":
            yield piece
            piece = ""
        piece += letter
    if piece:
        yield piece
