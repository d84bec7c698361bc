"""Names of keys and values as a hive stores them: read, compared, and doubted where a bit of one is wrong.

References:
    - https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md
"""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache
from operator import mul

from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.registry.one_bit import is_likely_damage

_CELL_UNIT = 8
_LEFT_BY_HIVEX = bytes(_CELL_UNIT)
"""What hivex (virt-v2v, virt-customize) leaves behind a name of whole units: its record counts a byte twice."""
_SHORTEST = 4
_FACTORS = tuple(pow(37, power, 1 << 32) for power in range(255, -1, -1))
"""Weight of each character of a name of 256, the longest that Windows lets a key have."""


@lru_cache(1)  # each part of a list is asked for the same name
def name_hash(name: str) -> int:
    """Return the hash that ``lh`` lists keep of an ASCII key name."""
    return upper_hash(name.upper().encode("ascii"))


def upper_hash(upper: bytes) -> int:
    """Return that hash of a name in upper case, one byte a character."""
    if len(upper) > len(_FACTORS):
        total = 0
        for character in upper:
            total = (total * 37 + character) & 0xFFFFFFFF
        return total
    total = sum(map(mul, upper, _FACTORS[-len(upper) :] if upper else ()))
    return total & 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class StoredName:
    """The name of a key or value as its cell holds it.

    Attributes:
        area: The cell's content from where the name begins.
        size: Bytes of the name.
        is_compressed: One byte a character: UTF-16 without its zero high bytes.
    """

    area: bytes = field(repr=False)
    size: int
    is_compressed: bool

    @property
    def raw(self) -> bytes:
        """The bytes of the name."""
        return self.area[: self.size]

    @property
    def text(self) -> str:
        """The name; raises FormatError ``truncated``. Windows does not check names for lone surrogates."""
        if self.size > len(self.area):
            raise FormatError("truncated", 0, sentence("a name of {size} bytes leaves its cell", size=self.size))
        if self.is_compressed:
            return self.raw.decode("latin-1")
        return self.area[: self.size & ~1].decode("utf-16-le", "replace")

    def doubt(self, name: str, room: int) -> str | None:
        """Say what no whole cell has: of 335,000 keys and 680,000 values of real hives none had it.

        Args:
            name: :attr:`text`.
            room: Bytes that the cell has from where the name begins.
        """
        if room - self.size >= _CELL_UNIT and self.area[self.size : room] != _LEFT_BY_HIVEX:
            return sentence("a name of {size} bytes in a cell that has room for {room}", size=self.size, room=room)
        if name.isprintable():
            if not self.is_compressed and self.size and (self.size & 1 or max(name) < "\u0100"):
                return sentence("the name is not stored as such names are")
            return None
        return sentence("the name holds control characters") if any(c < " " for c in name) else None


def is_one_bit_off(stored: StoredName, wanted: str) -> bool:
    """Tell whether one wrong bit in a stored name, in its length or its flag, keeps it from being the one wanted.

    Names that count, short words and the shortest names are one bit away from each other where nothing is wrong.
    """
    size = len(wanted)
    # What follows a name that was made longer is told by what no name holds; a name that is longer may be another.
    if size < _SHORTEST or stored.size > size or (stored.size ^ size).bit_count() > 1 or not wanted.isascii():
        return False
    name = wanted.upper().encode("ascii")
    if not stored.is_compressed:
        return stored.size == size and stored.raw.upper() == name
    if stored.size != size:
        return stored.area[:size].upper() == name
    upper, half = stored.raw.upper(), size // 2
    # A hundred thousand other names of that length are told by both of their halves.
    if upper[:half] != name[:half] and upper[half:] != name[half:]:
        return False
    wrong = [at for at, (ours, theirs) in enumerate(zip(upper, name, strict=True)) if ours != theirs]
    if len(wrong) != 1:
        return False
    (at,) = wrong
    read = stored.raw.decode("latin-1")
    one_bit = any((ord(read[at]) ^ ord(letter)).bit_count() == 1 for letter in (wanted[at].upper(), wanted[at].lower()))
    return one_bit and is_likely_damage(read, wanted, at)


def fold_name(name: str) -> str:
    """Return a name for comparison as Windows compares: character by character in upper case.

    Python's own upper case makes two letters of some (``ß``), which Windows never does.
    """
    if name.isascii():
        return name.upper()
    return "".join(upper if len(upper := character.upper()) == 1 else character for character in name)
