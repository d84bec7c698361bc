"""What a dataset knows of each input: whether that still holds, and how often it was written."""

from __future__ import annotations

import os
import re

from forensics.fleet.dataset import Dataset
from forensics.fleet.disk_record import Failure, State
from forensics.fleet.stored import connect
from forensics.late_methods import dataclass

_ESCAPED = re.compile(r"\\u(dc[89a-f][0-9a-f])")


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
    return {
        _as_named(path): Known(key, state, failure, attempt, read_with and _as_named(read_with))
        for path, key, state, failure, attempt, read_with in rows
    }


def _as_named(path: str) -> str:
    """Return a path as the system names it: bytes of a name that are no UTF-8 stand escaped in a table."""
    if "\\udc" not in path or os.path.lexists(path):
        return path
    return _ESCAPED.sub(lambda escaped: chr(int(escaped[1], 16)), path)
