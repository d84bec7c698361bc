"""Reads values of one hive for the collectors: guarded, and with the place each value was read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime

from forensics.collectors.guard import guard
from forensics.formats.filetime import filetime
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.registry.hive import Hive, Key, Value, seen_of_key
from forensics.sources.installation import Installation
from forensics.tables.outcome import PRESENT, Outcome

REG_SZ, REG_EXPAND_SZ, REG_DWORD, REG_QWORD = 1, 2, 4, 11

MAX_SUBKEYS = 20_000
"""Evidence: sub-keys of one registry key, where no bound of its own is set."""


def place(hive: Hive, key: Key | str, value: str | None = None) -> str:
    """Return the provenance of a key or value: ``hive-path\\key!value``."""
    path = f"{hive.source_path}\\{key if isinstance(key, str) else key.path}"
    return path if value is None else f"{path}!{value or '(default)'}"


@dataclass(frozen=True, slots=True)
class RegistryView:
    """One hive, or the lack of it; every look-up that fails is a problem and reads as None.

    Attributes:
        installation: Where problems are recorded.
        hive: The hive, None when it could not be opened.
    """

    installation: Installation
    hive: Hive | None

    @classmethod
    def of_machine(cls, installation: Installation, name: str) -> RegistryView:
        """View one of SYSTEM, SOFTWARE, SECURITY, SAM, DEFAULT."""
        return cls(installation, installation.hive(name))

    def where(self, key: Key | str, value: str | None = None) -> str:
        """Return the provenance of a key or value."""
        return place(self.hive, key, value) if self.hive else str(key)

    def key(self, path: str) -> Key | None:
        """Return a key, None when it is not there."""
        with guard(self.installation, self.where(path)):
            return self.hive.key(path) if self.hive else None
        return None

    @property
    def is_torn(self) -> bool:
        """The hive was being written and its logs were not there: what it does not hold may stand in them."""
        return self.hive is not None and self.hive.state == "in_transaction"

    def saw(self, path: str) -> Outcome:
        """Say what was seen of a key: one that a torn hive or an export lacks was not in this copy, never absent."""
        if self.hive is None:
            return Outcome("not_examined", sentence("its hive was not read"))
        with guard(self.installation, self.where(path)):
            shown = seen_of_key(self.hive, path)
            return self.installation.coverage.less_what_was_cut(self.hive.source_path, path, shown)
        return Outcome("unreadable", sentence("reading it failed"))

    def tell(self, path: str) -> None:
        """Record in coverage what was seen of a key, where the row of its hive does not say it."""
        if self.hive is None or self.is_torn:
            return
        outcome = self.saw(path)
        if self.hive.state == "exported" or not outcome.is_whole:
            self.installation.coverage.tell("hive", path, outcome, self.where(path))

    def cut(self, key: Key | str, message: str, kind: str = "too_many", value: str | None = None) -> None:
        """Record that not all of a key, or not the value named, was read or kept: see :meth:`Installation.cut`."""
        name = key if isinstance(key, str) else key.path
        self.installation.cut("hive", name, self.where(key, value), message, kind)

    def is_cut(self, path: str) -> bool:
        """Tell whether not all of a key was read because of a bound."""
        if self.hive is None:
            return False
        return not self.installation.coverage.less_what_was_cut(self.hive.source_path, path, PRESENT).is_whole

    def subkeys(self, parent: Key | str, limit: int = MAX_SUBKEYS, beginning: str = "") -> Iterator[Key]:
        """Yield at most ``limit`` sub-keys, of those whose names begin so; more are a problem."""
        key = self.key(parent) if isinstance(parent, str) else parent
        if key is None:
            return
        with guard(self.installation, self.where(key)):
            for count, subkey in enumerate(key.subkeys_beginning(beginning) if beginning else key.subkeys()):
                if count == limit:
                    self.cut(key, sentence("only the first {limit} sub-keys were read", limit=limit))
                    return
                yield subkey

    def value(self, parent: Key | str, name: str) -> Value | None:
        """Return a value, None when key or value are not there."""
        key = self.key(parent) if isinstance(parent, str) else parent
        if key is None:
            return None
        with guard(self.installation, self.where(key, name)):
            return key.value(name)
        return None

    def expect(self, key: Key, name: str) -> None:
        """Report that a key lacks a value which holds something in every Windows: it was lost, and is not absent."""
        if self.hive is not None and self.data(key, name) is None:
            self.doubt(key, name, "no_value", sentence("every Windows has this value here, and it cannot be read"))

    def text(self, parent: Key | str, name: str) -> str | None:
        """Return a REG_SZ or REG_EXPAND_SZ; None when missing, of another type, or empty."""
        value = self.value(parent, name)
        if value is not None:
            self._check_type(parent, value, (REG_SZ, REG_EXPAND_SZ))
        return (value.text or None) if value else None

    def number(self, parent: Key | str, name: str) -> int | None:
        """Return a REG_DWORD or REG_QWORD; None when missing or of another type."""
        value = self.value(parent, name)
        if value is None:
            return None
        self._check_type(parent, value, (REG_QWORD if len(value.data) == 8 else REG_DWORD,))
        if value.type in (REG_DWORD, REG_QWORD) and value.number is None:
            self.doubt(parent, name, "bad_length", sentence("a number of {count} bytes", count=len(value.data)))
        return value.number

    def _check_type(self, parent: Key | str, value: Value, wanted: tuple[int, ...]) -> None:
        if value.type not in wanted and any((value.type ^ kind).bit_count() == 1 for kind in wanted):
            self.doubt(
                parent,
                value.name,
                "bad_type",
                sentence("its type {type} is one bit away from what stands here", type=value.type),
            )

    def doubt(self, parent: Key | str, name: str, kind: str, message: str) -> None:
        """Report that a value is damaged or lost: the key was seen in part."""
        if self.hive is not None:
            self.installation.problem(self.where(parent, name), kind, message)
            self.hive.lose_value(parent if isinstance(parent, str) else parent.path)

    def data(self, parent: Key | str, name: str) -> bytes | None:
        """Return raw data; None when missing or empty."""
        value = self.value(parent, name)
        return (value.data or None) if value else None

    def time(self, parent: Key | str, name: str) -> datetime | None:
        """Return an 8-byte FILETIME; None when missing, zero or of another length."""
        data = self.data(parent, name)
        return filetime(int(struct.unpack("<Q", data)[0])) if data and len(data) == 8 else None
