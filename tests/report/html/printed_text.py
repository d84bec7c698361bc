"""The text of a page that Chromium printed."""

from __future__ import annotations

import io
import re
from typing import Any

from tests.oracles import other_reader

_SHOWN = re.compile(rb"/(\w+) [\d.]+ Tf|<(\w+)> Tj")
_MAPPED = re.compile(rb"^<(\w+)> (?:<(\w+)> )?<(\w+)>$", re.MULTILINE)


def printed_text(pdf: bytes) -> str:
    """Return the characters of a PDF in the order in which they are painted, without blanks.

    pypdf finds its pages and fonts; its ``extract_text`` asks of each character where it stands, too, which takes fifty
    times as long.

    Args:
        pdf: The file as Skia writes it: glyphs of four hexadecimal digits, and their characters in ``ToUnicode``.
    """
    pages = other_reader("pypdf", "pypdf").PdfReader(io.BytesIO(pdf)).pages
    return "".join("".join(map(_painted, pages)).split())


def _painted(page: Any) -> str:
    fonts = {name[1:].encode(): _characters(font) for name, font in page["/Resources"].get("/Font", {}).items()}
    characters: dict[int, str] = {}
    painted: list[str] = []
    for font, shown in _SHOWN.findall(page.get_contents().get_data()):
        if font:
            characters = fonts[font]
        else:
            painted += [characters[int(shown[at : at + 4], 16)] for at in range(0, len(shown), 4)]
    return "".join(painted)


def _characters(font: Any) -> dict[int, str]:
    """Return the character of each glyph of a font."""
    table = font["/ToUnicode"].get_data().partition(b"endcodespacerange")[2]
    return {
        glyph: chr(int(character, 16) + glyph - int(first, 16))
        for first, last, character in _MAPPED.findall(table)
        for glyph in range(int(first, 16), int(last or first, 16) + 1)
    }
