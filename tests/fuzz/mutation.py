"""Changes inputs by chance, for systems without atheris and for the tests: seeded, so that a run can be repeated."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Sequence

MAX_INPUT = 1 << 20
"""Work: bytes of one mutated input; longer ones are cut."""
_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, (1 << 64) - 1)
_HEAD = 256


class Mutator:
    """Makes inputs of others.

    Args:
        seeds: What is changed.
        words: What means something to the target.
        seed: Where chance begins.
    """

    def __init__(self, seeds: Sequence[bytes], words: Sequence[bytes], seed: str) -> None:
        self._seeds, self._words = list(seeds), list(words)
        self._chance = random.Random(seed)
        self._written = [_written(data) for data in self._seeds]
        self._now: Sequence[int] = ()
        self._changes: list[Callable[[bytearray], None]] = [
            *(self._bit, self._bit, self._byte, self._field, self._field, self._near),
            *(self._delete, self._repeat, self._insert, self._cut, self._splice, self._move),
        ]
        if words:
            self._changes += [self._word, self._word]

    def next(self) -> bytes:
        """Return one more input."""
        chance = self._chance
        number = int(chance.random() * len(self._seeds))
        data, self._now = bytearray(self._seeds[number]), self._written[number]
        for _ in range(1 + min(7, int(chance.expovariate(0.7)))):
            chance.choice(self._changes)(data)
        return bytes(data[:MAX_INPUT])

    def _place(self, data: bytearray) -> int:
        """Choose where: headers as often as all the rest, and rather what is not empty."""
        size, where = len(data), self._chance.random()
        if where < 0.5 and self._now:
            return min(self._now[int(self._chance.random() * len(self._now))], max(0, size - 1))
        most = min(size, _HEAD) if where < 0.75 else size
        return int(self._chance.random() * most)

    def _size(self) -> int:
        return 1 << int(self._chance.random() * 4)

    def _bit(self, data: bytearray) -> None:
        if data:
            data[self._place(data)] ^= 1 << int(self._chance.random() * 8)

    def _byte(self, data: bytearray) -> None:
        if data:
            data[self._place(data)] = int(self._chance.random() * 256)

    def _field(self, data: bytearray) -> None:
        size, number = self._size(), self._chance.choice(_NUMBERS)
        at = self._place(data) & -size
        order = "little" if self._chance.random() < 0.7 else "big"
        data[at : at + size] = (number & (1 << 8 * size) - 1).to_bytes(size, order)  # type: ignore[arg-type]

    def _near(self, data: bytearray) -> None:
        """Change a number by a little, or by a power of two."""
        size = self._size()
        at = self._place(data) & -size
        if at + size > len(data):
            return
        order = "little" if self._chance.random() < 0.7 else "big"
        by = self._chance.choice((-1, 1, 8, -8, 1 << int(self._chance.random() * 8 * size)))
        number = int.from_bytes(data[at : at + size], order) + by  # type: ignore[arg-type]
        data[at : at + size] = (number & (1 << 8 * size) - 1).to_bytes(size, order)  # type: ignore[arg-type]

    def _delete(self, data: bytearray) -> None:
        at = self._place(data)
        del data[at : at + 1 + int(self._chance.expovariate(0.1))]

    def _repeat(self, data: bytearray) -> None:
        at = self._place(data)
        piece = data[at : at + 1 + int(self._chance.expovariate(0.03))]
        times = self._chance.choice((1, 1, 1, 2, 8, 64))
        data[at:at] = (piece * times)[:4096]

    def _insert(self, data: bytearray) -> None:
        at = self._place(data)
        data[at:at] = self._chance.randbytes(self._size())

    def _cut(self, data: bytearray) -> None:
        del data[self._place(data) :]

    def _splice(self, data: bytearray) -> None:
        """Go on as another seed does."""
        other = self._chance.choice(self._seeds)
        at = self._place(data)
        data[at:] = other[at if self._chance.random() < 0.5 else self._place(bytearray(other)) :]

    def _move(self, data: bytearray) -> None:
        """Put a piece over another place."""
        size = 1 + int(self._chance.expovariate(0.05))
        piece = data[(at := self._place(data)) : at + size]
        to = self._place(data)
        data[to : to + len(piece)] = piece

    def _word(self, data: bytearray) -> None:
        word, at = self._chance.choice(self._words), self._place(data)
        end = at if self._chance.random() < 0.5 else at + len(word)
        data[at:end] = word


def _written(data: bytes) -> array[int]:
    """Return the places that are not in the midst of zeros, of an input that is long."""
    if len(data) <= 4 * _HEAD:
        return array("L")
    return array("L", [at for at in range(len(data)) if any(data[max(0, at - 4) : at + 4])])
