"""Which profiles without Windows are those of a Windows of the same run, whose folder Users is on a data disk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from forensics.language import sentence
from forensics.tables.machine import MachineRow
from forensics.tables.record import CoverageRow
from forensics.tables.row import Row

_IN_USERS = re.compile(r"(?:users|documents and settings)/[^/]+", re.IGNORECASE)
WHY = sentence(
    "profiles of users: beside a Windows they are examined where its links lead to them; name "
    "this disk by itself to examine them alone"
)


def moved_users(rows: Iterable[Row]) -> tuple[list[MachineRow], list[Row]]:
    """Return the profiles in Users at the root of a volume, where the run has a Windows, and what is said of them.

    Args:
        rows: All rows of the run.
    """
    kept = list(rows)
    machines = [row for row in kept if isinstance(row, MachineRow)]
    if all(machine.kind != "windows" for machine in machines):
        return [], []
    volumes = _paths_of_volumes(kept)
    moved = [m for m in machines if m.kind == "profile" and m.source in volumes and _is_in_users(m)]
    places = dict.fromkeys((m.source or "", m.source_path.partition("/")[0]) for m in moved)
    told: list[Row] = [
        CoverageRow(
            machine_id=0,
            area="folder",
            name=sentence("profiles of users"),
            outcome="not_examined",
            detail=WHY,
            source_path=f"{source}/{folder}",
        )
        for source, folder in places
    ]
    return moved, told


def is_read_by_a_windows(source: str, rows: Iterable[Row]) -> bool:
    """Tell whether something on a volume of a disk was read over a link of a Windows on another one."""
    return any(row.machine_id and row.source_path.startswith(f"{source}#") for row in rows)


def _paths_of_volumes(rows: Sequence[Row]) -> set[str]:
    return {r.source_path.partition("#")[0] for r in rows if isinstance(r, CoverageRow) and r.area == "volume"}


def _is_in_users(machine: MachineRow) -> bool:
    return _IN_USERS.fullmatch(machine.profile_folder or "") is not None
