"""What a collector sees of a hive, whichever form it was read from."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.registry.lost_places import VALUE_LOST
from forensics.tables.outcome import ABSENT, PRESENT, Outcome


@dataclass(frozen=True, slots=True)
class Value:
    """One registry value with its raw data."""

    name: str
    type: int
    data: bytes

    @property
    def text(self) -> str | None:
        """REG_SZ or REG_EXPAND_SZ up to the first NUL; None for other types."""
        if self.type not in (1, 2):
            return None
        return self.data[: len(self.data) & ~1].decode("utf-16-le", "replace").split("\0", 1)[0]

    @property
    def number(self) -> int | None:
        """REG_DWORD or REG_QWORD; None for other types."""
        if self.type == 4 and len(self.data) >= 4:
            return int(struct.unpack_from("<I", self.data)[0])
        if self.type == 11 and len(self.data) >= 8:
            return int(struct.unpack_from("<Q", self.data)[0])
        return None

    @property
    def texts(self) -> list[str]:
        """REG_MULTI_SZ; empty for other types."""
        if self.type != 7:
            return []
        return [t for t in self.data[: len(self.data) & ~1].decode("utf-16-le", "replace").split("\0") if t]


class Key(Protocol):
    """One registry key; look-ups are case-insensitive."""

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> str:
        """Path in the hive, without its root, ``\\``-separated."""

    @property
    def timestamp(self) -> datetime | None: ...

    @property
    def class_name(self) -> str | None: ...

    def subkeys(self) -> Iterator[Key]:
        """Yield sub-keys, bounded; a broken one is a problem of the hive, not an exception."""

    def subkeys_beginning(self, start: str) -> Iterator[Key]:
        """Yield the sub-keys whose names begin so, at little more than the cost of those."""

    def subkey(self, path: str) -> Key | None:
        """Return the key at a ``\\``-separated path below this one."""

    def values(self) -> Iterator[Value]:
        """Yield values, bounded in count and size."""

    def value(self, name: str) -> Value | None:
        """Return a value; the empty name is the default value."""


_IN_PART = {
    "in_transaction": sentence(
        "it was being written when it was copied, and its logs are not here: what it says may be old"
    ),
    "exported": sentence("an export, which holds some of its keys"),
}


def seen(hive: Hive) -> Outcome:
    """Say whether a hive holds all that the machine knew."""
    if hive.state in _IN_PART:
        return Outcome("partial", _IN_PART[hive.state])
    return Outcome("present", sentence("replayed")) if hive.state == "replayed" else PRESENT


_NO_KEY = sentence("this copy of the hive does not hold the key")
_SOME_KEYS = sentence("this copy of the hive holds some of its keys only")
_DAMAGED = sentence("a list of sub-keys above it is damaged")


def seen_of_key(hive: Hive, path: str) -> Outcome:
    """Say what a hive shows of the key at a path: one that a torn hive or an export lacks is not absent."""
    is_there = hive.key(path) is not None
    if hive.state == "in_transaction":
        return seen(hive) if is_there else Outcome("not_examined", seen(hive).why)
    if is_there and not hive.covers_values(path):
        return Outcome("partial", VALUE_LOST)
    if hive.covers(f"{path}\\any key" if is_there else path):
        return PRESENT if is_there else ABSENT
    if hive.state == "exported":
        return Outcome("partial", _SOME_KEYS) if is_there else Outcome("not_examined", _NO_KEY)
    return Outcome("partial" if is_there else "not_examined", _DAMAGED)


class Hive(Protocol):
    """One hive, its logs replayed where it had any.

    Attributes:
        source_path: Where it was read.
        state: ``clean``, ``replayed``, ``in_transaction`` (dirty, no usable log) or ``exported`` (parts of it).
    """

    source_path: str
    state: str

    def key(self, path: str) -> Key | None:
        """Return the key at a ``\\``-separated path from the hive root."""

    def covers(self, path: str) -> bool:
        """Tell whether a key missing at ``path`` is really absent (False in a partial .reg export)."""

    def covers_values(self, path: str) -> bool:
        """Tell whether a value that was asked for and not found in the key at ``path`` is really absent."""

    def lose_value(self, path: str) -> None:
        """Remember that a value of the key at ``path`` is missing that is never missing in a whole hive."""

    def lost_places(self) -> Iterator[tuple[str, str]]:
        """Yield the paths of keys not all of which could be read, each with the reason."""
