"""Rows that a page shows a few at a time: the first are drawn, the others are data for its script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from forensics.tables.sanitise import sanitise

LONGEST = 4000
"""Display: characters of one value that a page shows."""
PAGE = 100
"""Display: rows that are drawn at a time; a page without scripts shows the first so many."""
_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_SHORTEST = 4
"""Characters of a text that is worth a number."""


def packed(rows: Sequence[Sequence[Any]]) -> Markup:
    """Return rows of texts, lists and numbers as JSON that may stand in a script element.

    Args:
        rows: Each a list; a text that stands in several is written once.

    Returns:
        ``{"words": [...], "rows": [...]}``. In the rows a number where a text is expected is its place among the words.
    """
    counts: dict[str, int] = {}
    _count(rows, counts)
    words = {text: place for place, text in enumerate(t for t, n in counts.items() if n > 1 and len(t) >= _SHORTEST)}
    texts = [sanitise(text, LONGEST) for text in words]
    return data_of({"words": texts, "rows": [_numbered(row, words) for row in rows]})


def data_of(value: Any) -> Markup:
    """Return a value as JSON that may stand in a script element: nothing in it ends that, or is markup."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Markup(text.translate(_ESCAPES))


def _count(values: Sequence[Any], counts: dict[str, int]) -> None:
    for value in values:
        if isinstance(value, str):
            counts[value] = counts.get(value, 0) + 1
        elif isinstance(value, list):
            _count(value, counts)


def _numbered(values: Sequence[Any], words: dict[str, int]) -> list[Any]:
    row: list[Any] = []
    for value in values:
        if isinstance(value, str):
            row.append(words[value] if value in words else sanitise(value, LONGEST))
        else:
            row.append(_numbered(value, words) if isinstance(value, list) else value)
    return row
