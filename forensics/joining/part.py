"""One of several cases that are joined, whose rows and sources may be taken out and numbered anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field, replace
from datetime import datetime

from forensics.case_tables import CaseTables
from forensics.late_methods import dataclass
from forensics.tables.hyperv import BitLockerRow, VmGuardianRow, VmRow
from forensics.tables.machine_numbers import renumbered
from forensics.tables.row import Row
from forensics.tables.source import SourceEntry, leaves
from forensics.tables.timestamps import format_utc, parse_utc

_NUMBER = re.compile(r"\d{1,9}")
_PARTED = re.compile(r"[#/\\]")


@dataclass
class Part:
    """One case.

    Attributes:
        rows: All of its rows.
        entries: Its sources.
        tool_version: Version that examined them, where they do not say another one.
        as_of: Date for which they were examined, likewise.
    """

    rows: list[Row]
    entries: list[SourceEntry]
    tool_version: str
    as_of: datetime
    _of_machine: dict[int, list[Row]] = field(init=False)
    _of_disk: dict[str, list[Row]] = field(init=False)
    _gone: list[tuple[SourceEntry, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._of_machine, self._of_disk = {}, {}
        for row in self.rows:
            if row.machine_id:
                self._of_machine.setdefault(row.machine_id, []).append(row)
            elif isinstance(row, VmRow) and row.on_disk is not None:
                self._of_disk.setdefault(row.on_disk, []).append(row)

    @classmethod
    def of(cls, case: CaseTables) -> Part:
        """Return a case as a part; it stays as it is."""
        rows = [row for table in case.whole.tables.values() for row in table]
        entries = [replace(entry, machine_ids=list(entry.machine_ids)) for entry in case.sources]
        return cls(rows, entries, case.tool_version, case.as_of)

    def rows_of(self, entry: SourceEntry) -> list[Row]:
        """Return the rows of the machines of an entry, and of the virtual machines on it that are of none."""
        of_machines = [row for number in entry.machine_ids for row in self._of_machine.get(number, [])]
        return [*of_machines, *self._of_disk.get(entry.path, [])]

    def age(self, entry: SourceEntry) -> tuple[list[int], datetime]:
        """Return what tells which of two examinations is the newer one: the version of the tool, then the date."""
        version = entry.examined_with or self.tool_version
        moment = _moment(entry.examined_for) if entry.examined_for else None
        return [int(number) for number in _NUMBER.findall(version)], moment or self.as_of

    def tell_when(self, tool_version: str, as_of: datetime) -> None:
        """Put into each entry which version examined it, and for which date, where the joined case says another one."""
        for entry in self.entries:
            version = entry.examined_with or self.tool_version
            moment = entry.examined_for or format_utc(self.as_of, fraction=True)
            entry.examined_with = version if version != tool_version else None
            entry.examined_for = moment if moment != format_utc(as_of, fraction=True) else None

    def forget(self, entry: SourceEntry, *, is_same_path: bool) -> None:
        """Have the machines of an entry taken out by :meth:`without_forgotten`.

        Args:
            entry: One of this part.
            is_same_path: What else was said of its path goes with them, since another part says it too.
        """
        self._gone.append((entry, is_same_path))

    def without_forgotten(self) -> None:
        """Take out what was forgotten."""
        if not self._gone:
            return
        numbers = {number for entry, _ in self._gone for number in entry.machine_ids}
        disks = {entry.path for entry, _ in self._gone}
        again = {entry.path for entry, is_same_path in self._gone if is_same_path}
        virtual = {_configuration(row) for row in self.rows if isinstance(row, VmRow) and row.on_disk in disks}
        nothing_left = not leaves(self.entries) and len(again) == len(disks)

        def stays(row: Row) -> bool:
            if row.machine_id:
                return row.machine_id not in numbers
            if isinstance(row, VmRow | VmGuardianRow) and _configuration(row) in virtual:
                return False
            if isinstance(row, BitLockerRow) and row.disk in again:
                return False
            return not nothing_left and not any(path in again for path in _above(row.source_path))

        self.rows = [row for row in self.rows if stays(row)]
        for entry in self.entries:
            entry.machine_ids = [number for number in entry.machine_ids if number not in numbers]

    def numbered(self, first: int) -> int:
        """Give the machines numbers that follow each other.

        Args:
            first: The first of them.

        Returns:
            The number after the last one.
        """
        numbers: dict[int, int] = {}
        known = {row.machine_id for row in self.rows} | {n for entry in self.entries for n in entry.machine_ids}
        for number in sorted(known - {0}):
            numbers[number] = first + len(numbers)
        next_one = first + len(numbers)

        def number_of(number: int) -> int:
            # One that was forgotten has no row to speak of.
            return numbers.get(number, 0)

        if any(old != new for old, new in numbers.items()):
            self.rows = [renumbered(row, number_of) for row in self.rows]
        for entry in self.entries:
            entry.machine_ids = [numbers[number] for number in entry.machine_ids]
        return next_one


def _configuration(row: VmRow | VmGuardianRow) -> tuple[int, str]:
    return row.machine_id, row.source_path if isinstance(row, VmRow) else row.configuration


def _above(place: str) -> Iterator[str]:
    """Yield a place, and all before what parts it: the paths of the disk, archive or folder in which it lies."""
    yield place
    for found in _PARTED.finditer(place):
        yield place[: found.start()]


def _moment(text: str) -> datetime | None:
    try:
        return parse_utc(text)
    except ValueError:
        return None
