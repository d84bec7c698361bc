"""Names that one wrong bit keeps apart: whether the one that was read can be a name of its own.

Registries have no checksums. Yet that two names differ in one bit is no proof of damage: names that count (``web1``,
``web3``) and short words (``Acme CSP``, ``Acme KSP``) do so where nothing is wrong.
"""

from __future__ import annotations

import re

_MICROSOFT = "microsoft "
_WORD = re.compile("[A-Za-z]{4,}")
_RANDOM = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,}", re.IGNORECASE)


def one_bit_apart(read: str, other: str) -> int | None:
    """Return the place of the one character that differs, in one bit of its UTF-16 code; None for other pairs."""
    if len(read) != len(other):
        return None
    wrong = [at for at, (ours, theirs) in enumerate(zip(read, other, strict=True)) if ours != theirs]
    if len(wrong) != 1:
        return None
    (at,) = wrong
    codes = [int.from_bytes(text[at].encode("utf-16-le", "surrogatepass"), "little") for text in (read, other)]
    return at if (codes[0] ^ codes[1]).bit_count() == 1 else None


def is_likely_damage(read: str, other: str, at: int) -> bool:
    """Tell whether nobody gives a name that differs so from one that is known.

    Args:
        read: What was read.
        other: What is known from elsewhere.
        at: Where they differ.

    Returns:
        True where the character read is none that names hold, or stands inside a word, in what was made at random, or
        in a name of Microsoft's, of which none is near another but by its number.
    """
    ours, theirs = read[at], other[at]
    if not theirs.isascii():
        return not ours.isprintable()
    if not ours.isascii() or not ours.isprintable():
        return True
    if _around(_RANDOM, other, at) is not None:
        return True
    if other.lower().startswith(_MICROSOFT):
        return not (ours.isdigit() and theirs.isdigit())
    # Another letter makes it no word; a number or mark before or after a word may be meant.
    word = _around(_WORD, other, at)
    return word is not None and (ours.isalpha() or word.start() < at < word.end() - 1)


def _around(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str] | None:
    return next((found for found in pattern.finditer(text) if found.start() <= at < found.end()), None)
