"""SQL functions that may take long for one row, written anew: each looks at the clock, so that none outlasts its rule.

SQLite looks at the clock between the steps of its own machine only, never inside a function: its ``trim`` takes minutes
for one text of 256 KiB, and ``replace``, ``instr`` and ``LIKE`` seconds. These say the same of every text, and take
time in proportion to it. ``group_concat`` ends at a bound instead of making the whole rule fail.

References:
    https://www.sqlite.org/lang_corefunc.html, https://www.sqlite.org/lang_aggfunc.html
    https://www.sqlite.org/lang_expr.html#the_like_glob_regexp_match_and_extract_operators
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from functools import lru_cache

MOST_JOINED = 256 << 10
"""Display: characters that ``group_concat`` joins in one value; the other items are counted."""
LONGEST_PATTERN = 1000
"""Format: characters of the pattern of a LIKE."""
MOST_REPLACED = 1 << 20
"""Format: characters of what ``replace`` gives."""

_MANY = 1000
"""Work: characters from which a call looks at the clock."""

Value = str | int | float | bytes | None


def add_clocked(connection: sqlite3.Connection, look: Callable[[], None]) -> None:
    """Put the functions in the place of SQLite's.

    Args:
        connection: A database; LIKE becomes case-sensitive on it, as in DuckDB, so that a pack says the same on both.
        look: It looks at the clock, and raises when the time is over.

    What is out of bounds is an OverflowError, of which SQLite makes "string or blob too big".
    """

    def clocked(function: Callable[..., Value]) -> Callable[..., Value]:
        def call(*values: Value) -> Value:
            if None in values:
                return None
            texts = [value if isinstance(value, str) else _text(value) for value in values]
            if len(texts[0]) > _MANY or len(texts[1]) > _MANY:
                look()
            return function(*texts)

        return call

    any_like = clocked(_like)

    def like(pattern: Value, text: Value) -> Value:
        # It is asked more often than all others together, nearly always of short texts.
        if (
            isinstance(pattern, str)
            and isinstance(text, str)
            and len(pattern) <= LONGEST_PATTERN
            and len(text) <= _MANY
        ):
            return _matcher(pattern, None)(text)
        return any_like(pattern, text)

    class Joined(_Joined):
        def step(self, value: Value, separator: Value = ",") -> None:
            look()
            super().step(value, separator)

    named: tuple[tuple[str, int, Callable[..., Value]], ...] = (
        ("like", 2, like),
        ("like", 3, any_like),
        ("instr", 2, clocked(lambda text, wanted: text.find(wanted) + 1)),
        ("replace", 3, clocked(lambda text, old, new: _replaced(text, old, new))),
        ("trim", 2, clocked(lambda text, characters: _trimmed(text, characters, True, True))),
        ("ltrim", 2, clocked(lambda text, characters: _trimmed(text, characters, True, False))),
        ("rtrim", 2, clocked(lambda text, characters: _trimmed(text, characters, False, True))),
    )
    for name, count, function in named:
        connection.create_function(name, count, function, deterministic=True)
    for count in (1, 2):
        connection.create_aggregate("group_concat", count, Joined)  # type: ignore[arg-type]


def _text(value: Value) -> str:
    """Return a value as SQLite makes text of it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, float):
        return str(value)
    text = f"{value:.15g}"
    return text if not text.lstrip("-").isdigit() else f"{text}.0"


def _replaced(text: str, old: str, new: str) -> str:
    if not old:
        return text
    # SQLite refuses what comes out when it is too long; that must not first be made.
    if len(new) > len(old) and len(text) + text.count(old) * (len(new) - len(old)) > MOST_REPLACED:
        raise OverflowError
    return text.replace(old, new)


def _trimmed(text: str, characters: str, left: bool, right: bool) -> str:
    unwanted = set(characters)
    start, end = 0, len(text)
    while left and start < end and text[start] in unwanted:
        start += 1
    while right and start < end and text[end - 1] in unwanted:
        end -= 1
    return text[start:end]


def _like(pattern: str, text: str, escape: str | None = None) -> int:
    if len(pattern) > LONGEST_PATTERN or (escape is not None and len(escape) != 1):
        raise OverflowError
    return int(_matcher(pattern, escape)(text))


@lru_cache(500)
def _matcher(pattern: str, escape: str | None) -> Callable[[str], bool]:
    """Return what tells whether a text matches a pattern."""
    match _pieces(pattern, escape):
        # Nearly all patterns are of these two kinds.
        case ("", str(wanted), ""):
            return lambda text: wanted in text
        case (str(start), ""):
            return lambda text: text.startswith(start)
        case pieces:
            return lambda text: _matches(pieces, text)


def _pieces(pattern: str, escape: str | None) -> tuple[str | re.Pattern[str], ...]:
    """Return what stands between the ``%`` of a pattern: text, or an expression where it has ``_``."""
    pieces: list[str | re.Pattern[str]] = []
    piece: list[tuple[str, bool]] = []
    for character, is_wild in (*_characters(pattern, escape), ("%", True)):
        if not (is_wild and character == "%"):
            piece.append((character, is_wild))
            continue
        if any(wild for _, wild in piece):
            expression = "".join("." if wild else re.escape(one) for one, wild in piece)
            pieces.append(re.compile(expression, re.DOTALL))
        else:
            pieces.append("".join(one for one, _ in piece))
        piece = []
    return tuple(pieces)


def _characters(pattern: str, escape: str | None) -> Iterator[tuple[str, bool]]:
    """Yield the characters of a pattern, and whether each is ``%`` or ``_`` as wildcards."""
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            # A pattern that ends with the escape matches nothing; a character that text cannot hold does neither.
            yield next(characters, "\udc00"), False
        else:
            yield character, character in "%_"


def _matches(pieces: tuple[str | re.Pattern[str], ...], text: str) -> bool:
    first, *between = pieces
    at = _end_of(first, text, 0, anchored=True)
    if at is None or not between:
        return at == len(text)
    *middle, last = between
    for piece in middle:
        # The first place that fits leaves most for the others: there is no need to try another.
        at = _end_of(piece, text, at)
        if at is None:
            return False
    length = len(last) if isinstance(last, str) else _length(last)
    start = len(text) - length
    return start >= at and _end_of(last, text, start, anchored=True) is not None


def _end_of(piece: str | re.Pattern[str], text: str, start: int, anchored: bool = False) -> int | None:
    """Return where a piece of a pattern ends in a text, as early as it can be found from a place on."""
    if isinstance(piece, str):
        found = (start if text.startswith(piece, start) else -1) if anchored else text.find(piece, start)
        return found + len(piece) if found >= 0 else None
    match = piece.match(text, start) if anchored else piece.search(text, start)
    return match.end() if match else None


@lru_cache(500)
def _length(piece: re.Pattern[str]) -> int:
    """Return how many characters an expression of single characters matches."""
    return len(re.sub(r"\\(.)", r"\1", piece.pattern, flags=re.DOTALL))


class _Joined:
    """``group_concat``: text with a separator before each item but the first; NULL is left out."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._more = 0
        self._separator = ","

    def step(self, value: Value, separator: Value = ",") -> None:
        """Take one item."""
        if value is None:
            return
        text, self._separator = _text(value), "" if separator is None else _text(separator)
        added = len(text) + len(self._separator)
        if self._more or self._size + added > MOST_JOINED:
            self._more += 1
            return
        self._size += added
        if self._parts:
            self._parts.append(self._separator)
        self._parts.append(text)

    def finalize(self) -> str | None:
        """Return the text."""
        if self._more:
            self._parts.append(f"{self._separator if self._parts else ''}… and {self._more} more")
        return "".join(self._parts) if self._parts else None
