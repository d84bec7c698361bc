"""Whether what ``covered`` asks for is ever written to table coverage."""

from __future__ import annotations

from collections.abc import Collection

from forensics.tables.coverage_names import ANY_TEXT, NAMES

_WILDCARD = "%"
LONGEST_NAME = 260
"""Format: characters of the name of a place that a rule asks for."""


def never_written(areas: Collection[str], name: str) -> str | None:
    """Say in a sentence why no row of coverage has this name; None where one may.

    Args:
        areas: The areas that are asked for, which exist.
        name: The name, in which ``%`` stands for any text.
    """
    known = [place for area, names in NAMES.items() if area in areas for place in names]
    if name in known:
        return None
    if len(name) <= LONGEST_NAME and any(share_a_text(name.lower(), place.lower()) for place in known):
        return None
    listed = ", ".join(place.replace(ANY_TEXT, "...") for place in known)
    return f"no place in area {' or '.join(areas)} is called '{name[:LONGEST_NAME]}'; there are {listed}"


def share_a_text(asked: str, known: str) -> bool:
    """Tell whether any text fits both patterns: one with ``%`` for any text, the other with ``*``."""
    # reached[i]: the first i characters of what is asked and all of the known ones so far fit a text.
    reached = _skip_wildcards(asked, {0})
    for character in known:
        if character == ANY_TEXT:
            reached = set(range(min(reached, default=len(asked) + 1), len(asked) + 1))
            continue
        stay = {at for at in reached if asked[at : at + 1] == _WILDCARD}
        step = {at + 1 for at in reached if asked[at : at + 1] in (character, _WILDCARD)}
        reached = _skip_wildcards(asked, stay | step)
    return len(asked) in reached


def _skip_wildcards(asked: str, reached: set[int]) -> set[int]:
    """Add what is reached when wildcards stand for nothing."""
    found = set(reached)
    for at in sorted(reached):
        while asked[at : at + 1] == _WILDCARD:
            at += 1
            found.add(at)
    return found
