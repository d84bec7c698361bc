"""Numbers of things in words: the one place where a noun is put into singular or plural."""

from __future__ import annotations


def counted(number: int, one: str, many: str) -> str:
    """Return the words for a number of things.

    Args:
        number: How many.
        one: The words for 1, with ``{}`` where the number stands: ``{} key hangs``.
        many: Those for every other number, 0 among them: ``{} keys hang``.
    """
    return (one if number == 1 else many).format(number)
