"""The rows of an examination as facts look for them: by table, and by machine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from forensics.tables.row import Row

AnyRow = TypeVar("AnyRow", bound=Row)


class Tables:
    """Rows by class and machine.

    Args:
        rows: All of them.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows: dict[type[Row], dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            self._rows[type(row)][row.machine_id].append(row)

    def of(self, row_class: type[AnyRow], machine_id: int) -> list[AnyRow]:
        """Return the rows of one table that belong to a machine; 0 is the source itself."""
        rows: list[AnyRow] = self._rows[row_class].get(machine_id, [])  # type: ignore[assignment]
        return rows
