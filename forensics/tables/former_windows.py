"""Table former_windows: what Setup left of an earlier Windows, and which keys lie only there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from forensics.late_methods import dataclass
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row, column


@dataclass(kw_only=True, slots=True)
class FormerWindowsRow(Row):
    """One former Windows beside the present one, or alone."""

    table: ClassVar[str] = "former_windows"
    description: ClassVar[str] = (
        "A former Windows (Windows.old) against the Windows that took its place; machine_id is that of the latter, 0 "
        "where it is not on the same volume; `former` names the former one"
    )

    former: int = column("Its `machine.machine_id`", names_machine=True)
    folder: str = column("Folder in which it lies, as Windows writes it")
    computer_name: str | None = column("Name of the computer then", None)
    product_name: str | None = column("Product", None)
    build: str | None = column("CurrentBuild", None)
    machine_guid: str | None = column("Its MachineGuid", None)
    last_seen_alive: datetime | None = column("As in table machine, UTC", None)
    same_machine_guid: bool | None = column(
        "The present Windows has its MachineGuid, as after an upgrade; null: one of the two is not known", None
    )
    same_dpapi_system: bool | None = column("The present Windows has its DPAPI_SYSTEM; null: as above", None)
    keys: int = column("Number of private keys that its own secrets, or those that were given, open", 0)
    locked: int = column("Number of its users' keys that wait for a password", 0)
    only_there: list[str] = column(
        "Certificates, and key files of none, whose private key opens there and nowhere in the present Windows, 50 at "
        "most",
        factory=list,
    )
    keys_only_there: int = column("Number of these keys", 0)
    locked_only_there: int = column("Number of users' keys only there that wait for a password", 0)


def former_last(rows: Iterable[Row]) -> list[Row]:
    """Return the rows of former installations behind all others, so that these have the same place with and without."""
    given = list(rows)
    others = without_former(given)
    if len(others) == len(given):
        return given
    kept = {id(row) for row in others}
    return [*others, *(row for row in given if id(row) not in kept)]


def without_former(rows: Iterable[Row]) -> list[Row]:
    """Return the rows that are of no former installation."""
    given = list(rows)
    former = {row.machine_id for row in given if isinstance(row, MachineRow) and row.kind == "former"}
    return [row for row in given if row.machine_id not in former]
