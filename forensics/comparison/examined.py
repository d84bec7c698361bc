"""Whether the place of a row in one case was there to read in the other: what was not is neither added nor removed."""

from __future__ import annotations

from forensics.case_tables import CaseTables
from forensics.tables.machine import MachineRow
from forensics.tables.record import CoverageRow

_WHOLE = ("disk", "disks", "volume")
_CONFIG = "/system32/config/"


class Examined:
    """What one case saw of one machine.

    Args:
        case: The case.
        machine: The machine.
    """

    def __init__(self, case: CaseTables, machine: MachineRow) -> None:
        self._machine = machine
        self._is_whole = any(s.kind in _WHOLE for s in case.sources if machine.machine_id in s.machine_ids)
        self._hives: dict[str, bool] = {}
        self._missing_keys: list[str] = []
        self._folders: dict[str, bool] = {}
        for row in case.rows("coverage"):
            if row.machine_id == machine.machine_id:
                self._take(row)

    def _take(self, row: CoverageRow) -> None:
        path = self.relative(row.source_path)
        if row.area == "hive" and "\\" in path:
            self._missing_keys.append(path.partition("\\")[2])
        elif row.area == "hive":
            # A hive that is not there was lost, and a torn one may lack its last changes: neither says what is gone.
            seen = row.outcome == "present" and row.detail != "in_transaction"
            self._hives[path] = self._hives[_hive_name(row.name.lower())] = seen
        elif row.area == "folder":
            self._folders[path] = row.outcome in ("present", "absent")

    def saw_hive(self, name: str) -> bool:
        """Tell whether one of the machine's hives was read as a whole."""
        return self._hives.get(_hive_name(name.lower()), False)

    def relative(self, path: str) -> str:
        """Return a path of this case in lower case, without a folder that stands for the system drive."""
        drive = (self._machine.system_root or "").rpartition("/")[0]
        return path.removeprefix(f"{drive}/").lower() if drive else path.lower()

    def saw_place(self, path: str) -> bool:
        """Tell whether a place of the other case was examined here.

        Args:
            path: Where a row of it was read, made relative there.
        """
        hive, backslash, key = path.partition("\\")
        if backslash:
            seen = self._hives.get(hive, self._hives.get(_hive_name(hive), self._is_whole))
            return seen and not any(key.startswith(missing) for missing in self._missing_keys)
        folder = path
        while "/" in folder:
            folder = folder.rpartition("/")[0]
            if folder in self._folders:
                return self._folders[folder]
        return self._is_whole


def _hive_name(path: str) -> str:
    """Name one of the machine's own hives, wherever its copy lies; the hive of a user is told by its path."""
    name = path.rpartition("/")[2]
    return f"{_CONFIG}{name}" if name in ("system", "software", "security", "sam", "default") else path
