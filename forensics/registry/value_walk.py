"""Looks up values of keys by name: each value is read once, however many names are asked for.

A key is walked as far as a name asks for, and what was met on the way is kept for the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from forensics.registry.cells import KeyValue
from forensics.registry.names import fold_name, is_one_bit_off

MOST_KEPT = 64 << 20
"""Work: bytes of the values of one hive that are kept, reckoned roughly; of a key that has more, none are."""

_OBJECTS = 500
_Found = tuple[int, KeyValue]


class ValueWalks:
    """The walks through the values of the keys of one hive."""

    def __init__(self) -> None:
        self._walks: dict[tuple[int, ...], ValueWalk] = {}
        self._room = MOST_KEPT

    def of(self, key: tuple[int, ...], values: Callable[[], Iterator[_Found]]) -> ValueWalk:
        """Return the walk through the values of a key, which goes on where one was begun.

        Args:
            key: The cells from the root to it.
            values: Begins a new walk: the cell and the value of each, broken ones being reported when they are met.
        """
        walk = self._walks.get(key)
        if walk is None or walk.is_over:
            walk = self._walks[key] = ValueWalk(values(), self.has_room)
        return walk

    def has_room(self, size: int) -> bool:
        """Tell whether so many bytes more are kept; where they are not, all are forgotten."""
        self._room -= size
        if self._room >= 0:
            return True
        self._walks.clear()
        self._room = MOST_KEPT
        return False


class ValueWalk:
    """A walk through the values of one key.

    Args:
        values: The cell and the value of each, in their order.
        has_room: Tells whether so many bytes more are kept.

    Attributes:
        is_over: It can answer no more, because it failed or not all that it met could be kept.
    """

    def __init__(self, values: Iterator[_Found], has_room: Callable[[int], bool]) -> None:
        self.is_over = False
        self._values = values
        self._has_room = has_room
        self._kept: list[_Found] = []
        self._by_name: dict[str, _Found] = {}

    def find(self, name: str) -> tuple[_Found | None, list[_Found]]:
        """Return the first value of a name, and where there is none those whose names are one bit away from it."""
        wanted = fold_name(name)
        found = self._by_name.get(wanted)
        if found is not None:
            return found, []
        close = [each for each in self._kept if is_one_bit_off(each[1].stored, name)]
        try:
            for each in self._values:
                folded = fold_name(each[1].name)
                self._keep(folded, each)
                if folded == wanted:
                    return each, []
                if is_one_bit_off(each[1].stored, name):
                    close.append(each)
        except BaseException:
            self.is_over = True
            raise
        return None, close

    def _keep(self, folded: str, value: _Found) -> None:
        if not self.is_over and self._has_room(_OBJECTS + len(value[1].stored.area)):
            self._kept.append(value)
            self._by_name.setdefault(folded, value)
        else:
            self.is_over = True
            self._kept.clear()
            self._by_name.clear()
