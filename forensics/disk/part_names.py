"""Names of the parts of a file that was cut: ``disk.001``, ``disk.002`` (or from ``.000``); ``disk.aa``, ``disk.ab``.

Letters count only from the first part on, ``.aa``: as extensions of other files they mean other things.
"""

from __future__ import annotations

import re

_NUMBERED = re.compile(r"(.*\.)(\d{3,4})", re.DOTALL)
_LETTERED = re.compile(r"(.*\.)([a-z]{2,3})", re.DOTALL)
_LETTERS = 26


def numbered(name: str) -> tuple[str, int, int] | None:
    """Return what comes before the number of a part, its digits and the number; None for another name."""
    match = _NUMBERED.fullmatch(name)
    return (match[1], len(match[2]), int(match[2])) if match else None


def lettered(name: str) -> tuple[str, int, int] | None:
    """Return what comes before the letters of a part, how many, and its number from 0; None for another name."""
    match = _LETTERED.fullmatch(name)
    if match is None:
        return None
    number = 0
    for letter in match[2]:
        number = number * _LETTERS + ord(letter) - ord("a")
    return match[1], len(match[2]), number


def letters(number: int, count: int) -> str:
    """Return the letters of a part by its number from 0."""
    found = ""
    for _ in range(count):
        number, at = divmod(number, _LETTERS)
        found = chr(ord("a") + at) + found
    return found


def following(name: str) -> str | None:
    """Return the name of the second part where a name is that of a first one."""
    part = numbered(name)
    if part is not None and part[2] in (0, 1):
        return f"{part[0]}{part[2] + 1:0{part[1]}d}"
    part = lettered(name)
    return f"{part[0]}{letters(1, part[1])}" if part is not None and part[2] == 0 else None


def is_part_of(name: str, first: str) -> bool:
    """Tell whether a name is that of a later part of the file of which another one is the first."""
    for split in (numbered, lettered):
        mine, of_first = split(name), split(first)
        if mine is not None and of_first is not None:
            return mine[:2] == of_first[:2] and mine[2] > of_first[2]
    return False
