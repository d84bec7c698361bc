"""Counts disks without Windows as examined where another case has one, as one examination of all does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from forensics.sources.holdings import NO_WINDOWS, were_seen_whole
from forensics.tables.machine import MachineRow
from forensics.tables.record import CoverageRow
from forensics.tables.row import Row
from forensics.tables.source import SourceEntry


def count_data_disks(entries: Sequence[SourceEntry], rows: Iterable[Row]) -> None:
    """Take the error from each disk that was read whole and holds no Windows, unless there is nothing else.

    Args:
        entries: Of all cases; they are changed.
        rows: Of all cases.
    """
    waiting = [entry for entry in entries if (entry.error or "").startswith(NO_WINDOWS)]
    if not waiting:
        return
    volumes: dict[str, list[CoverageRow]] = {}
    any_machine = False
    for row in rows:
        any_machine = any_machine or isinstance(row, MachineRow)
        if isinstance(row, CoverageRow) and row.area == "volume" and not row.machine_id:
            volumes.setdefault(row.source_path.rpartition("#")[0] or row.source_path, []).append(row)
    for entry in waiting:
        here = volumes.get(entry.path, [])
        if any_machine and any(row.outcome == "present" for row in here) and were_seen_whole(here):
            entry.error = None
