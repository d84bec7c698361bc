"""What a dataset says, without what differs from run to run: times of writing, attempts, and keys made of these."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forensics.fleet.dataset import PER_DISK, Dataset
from forensics.fleet.machine_number import on_disk
from forensics.fleet.stored import connect

_LEAST_NUMBER = 1 << 13
_LEFT_OUT = {"disk": ("disk", "input", "attempt", "written", "seconds", "modified")}


def contents(folder: Path, inputs: Sequence[str] | None = None) -> dict[str, list[str]]:
    """Return the rows of every table, each as text, in an order of their own; machines by input and number there.

    Args:
        folder: The dataset.
        inputs: Of these alone, and without what spans machines; of all, if not given.
    """
    dataset = Dataset.open(folder)
    with connect(dataset) as connection:
        paths = dict(connection.execute("SELECT disk, path FROM main.disk").fetchall())
        numbers = {int(key[:12], 16): path for key, path in paths.items()}
        found = {}
        keys = [key for key, path in paths.items() if inputs is None or path in inputs]
        for table in ("disk", *PER_DISK):
            cursor = connection.execute(f'SELECT * FROM "{table}" WHERE disk IN (SELECT unnest(?::VARCHAR[]))', [keys])
            found[table] = _rows(cursor, _LEFT_OUT.get(table, ()), paths, numbers)
        for place in () if inputs is not None else sorted((folder / "across").glob("*.parquet")):
            cursor = connection.execute("SELECT * FROM read_parquet(?)", [str(place)])
            found[f"across/{place.stem}"] = _rows(cursor, ("shared_group",), paths, numbers)
    return found


def _rows(cursor: Any, left_out: tuple[str, ...], paths: dict[str, str], numbers: dict[int, str]) -> list[str]:
    names = [column[0] for column in cursor.description]

    def told(value: Any) -> Any:
        if isinstance(value, str) and value in paths:
            return paths[value]
        if isinstance(value, str) and value.isdecimal() and int(value) > _LEAST_NUMBER and int(value) >> 12 in numbers:
            return told(int(value))
        if isinstance(value, int) and value > _LEAST_NUMBER and value >> 12 in numbers:
            return [numbers[value >> 12], on_disk(value)]
        return [told(each) for each in value] if isinstance(value, list) else value

    rows = []
    for cells in cursor.fetchall():
        row = {name: told(cell) for name, cell in zip(names, cells, strict=True) if name not in left_out}
        rows.append(json.dumps(row, default=str, sort_keys=True))
    return sorted(rows)
