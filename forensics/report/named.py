"""Names in a sentence, the first of them and how many more there are, and sentences after each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from forensics.language import joined, sentence, told


def named(names: Sequence[str], most: int) -> str:
    """Return names as they stand in a sentence, to be said in any language.

    Args:
        names: All of them.
        most: How many are named; the others are counted.
    """
    shown = joined(names[:most], ", ")
    return sentence("{names} and {count} more", names=shown, count=len(names) - most) if len(names) > most else shown


def sentences(said: Iterable[str]) -> str:
    """Return sentences of the spoken language after each other."""
    return told(joined(said))
