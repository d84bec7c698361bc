"""Gives the machines of rows other numbers, because they are put together with rows of other examinations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from typing import Any, TypeVar

from forensics.tables.registry import ROW_CLASSES
from forensics.tables.row import NAMES_MACHINE, Row

AnyRow = TypeVar("AnyRow", bound=Row)


def renumbered(row: AnyRow, number_of: Callable[[int], int]) -> AnyRow:
    """Return a row whose columns name machines by their other numbers.

    Args:
        row: It stays as it is.
        number_of: The other number of a machine; it is not asked for 0, which is no machine.
    """
    numbers: dict[str, Any] = {}
    for name in _columns(row.table):
        number = getattr(row, name)
        numbers[name] = number_of(number) if number else number
    return replace(row, **numbers)


@cache
def _columns(table: str) -> tuple[str, ...]:
    """Return the columns of a table that hold a `machine.machine_id`."""
    return tuple(field.name for field in fields(ROW_CLASSES[table]) if field.metadata[NAMES_MACHINE])
