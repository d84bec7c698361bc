"""What a dataset knows of each input: whether that still holds, and how often it was written."""

from __future__ import annotations

from forensics.fleet.dataset import Dataset
from forensics.fleet.disk_record import Failure, State
from forensics.fleet.stored import connect
from forensics.late_methods import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """The last row of an input.

    Attributes:
        input: Key of what was examined.
        state: What became of it.
        failure: What failed.
        attempt: How often it had been written before.
        read_with: The input with which it was read.
    """

    input: str
    state: State
    failure: Failure | None
    attempt: int
    read_with: str | None


def known_inputs(dataset: Dataset) -> dict[str, Known]:
    """Return what is known of every input, by its path."""
    with connect(dataset, tables=()) as connection:
        rows = connection.execute("SELECT path, input, state, failure, attempt, read_with FROM main.disk").fetchall()
    return {path: Known(*values) for path, *values in rows}
