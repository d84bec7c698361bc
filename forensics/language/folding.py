"""Text folded by the columns of a terminal: Chinese and Japanese letters take two, and lines break between them.

References:
    https://www.unicode.org/reports/tr11/ (East Asian Width), https://www.unicode.org/reports/tr14/ (line breaking),
    https://www.w3.org/TR/jlreq/ (what begins and ends no line in Japanese)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_NO_BEGIN = frozenset(
    "、。，．・：；？！゛゜々ー〜…‥」』）］｝〕〉》】ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ,.:;?!)]}%"
)
"""What no line begins with."""
_NO_END = frozenset("「『（［｛〔〈《【([{")
"""What no line ends with."""
_PIECE = re.compile(r"\s+|[\x21-\x7e]+|\S")
"""Blanks, what is never broken, and any other letter alone."""


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def padded(text: str, size: int) -> str:
    """Return a text with blanks behind it, so that it takes so many columns at least."""
    return text + " " * (size - columns(text))


def folded(text: str, width: int, indent: str = "", hanging: str = "") -> list[str]:
    """Return a text in lines of no more than so many columns, where there are places to break it.

    Args:
        text: Without line ends; words, paths and numbers are not broken.
        width: Columns.
        indent: Put before the first line.
        hanging: Put before the lines that follow.
    """
    lines, line, blank, is_empty = [], indent, "", True
    for piece in _pieces(text):
        if piece.isspace():
            blank = "" if is_empty else " " * len(piece)
        elif is_empty or columns(line + blank + piece) <= width:
            line, blank, is_empty = line + blank + piece, "", False
        else:
            lines.append(line)
            line, blank = hanging + piece, ""
    return lines if is_empty else [*lines, line]


def _pieces(text: str) -> Iterator[str]:
    """Yield what is not folded in itself: what must not begin a line stays with what it follows, and the reverse."""
    held = ""
    for piece in _PIECE.findall(text):
        is_tied = not piece.isspace() and (piece[0] in _NO_BEGIN or held[-1:] in _NO_END)
        if held and (not is_tied or held.isspace()):
            yield held
            held = ""
        held += piece
    if held:
        yield held
