"""The cells of a case file, each checked to be what its column holds, and the rows made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from types import NoneType
from typing import Any

from forensics.language import Sentence
from forensics.tables.registry import ColumnSpec, column_specs
from forensics.tables.row import Row
from forensics.tables.timestamps import parse_utc

MAX_ITEMS = 200_000
"""Format: items of one list in a case file."""

_TEXTS = ({str}, {str, NoneType})
"""Types of the cells of a column with text that may not be empty, and that may."""
_NUMBER = re.compile(r"-?0x[0-9a-f]{1,32}")
_WRONG = (ValueError, TypeError, OverflowError, RecursionError)


def rows_of(row_class: type[Row], cells: Sequence[Sequence[Any]], told: Mapping[str, Sentence]) -> list[Row]:
    """Make rows of a table.

    Args:
        row_class: Of these.
        cells: Row by row, in the order of the table's columns.
        told: The sentences that texts are, by their English text.

    Raises:
        ValueError: A cell is not what its column holds; it names the first that is not.
    """
    specs = column_specs(row_class.table)
    try:
        columns = [_column(each, spec, told) for each, spec in zip(zip(*cells, strict=True), specs, strict=True)]
    except _WRONG:
        for given in cells:
            _check_row(row_class.table, specs, given)
        raise
    # To hand all columns to each row by their names takes several times as long.
    rows = [row_class.__new__(row_class) for _ in cells]
    for spec, values in zip(specs, columns, strict=True):
        for _ in map(setattr, rows, repeat(spec.name), values):
            pass
    return rows


def _column(cells: Sequence[Any], spec: ColumnSpec, told: Mapping[str, Sentence]) -> Iterable[Any]:
    if spec.kind == "list":
        return [[] if cell == "[]" else _value(cell, spec) for cell in cells]
    # Most cells are empty, or say what others say.
    values = {cell: cell for cell in set(cells)}
    if spec.kind != "text" or spec.possible_values or not {*map(type, values)} <= _TEXTS[spec.nullable]:
        values = {cell: _value(cell, spec) for cell in values}
    if spec.kind == "text" and told:
        values = {cell: told.get(value, value) for cell, value in values.items()}
    return map(values.__getitem__, cells)


def _check_row(table: str, specs: Iterable[ColumnSpec], cells: Iterable[Any]) -> None:
    for spec, cell in zip(specs, cells, strict=True):
        try:
            _value(cell, spec)
        except _WRONG as error:
            raise ValueError(f"column {spec.name} of table {table}: {error}") from error


def _value(cell: Any, spec: ColumnSpec) -> Any:
    if cell is None:
        if not spec.nullable:
            raise ValueError("a value is missing")
        return None
    value = _READERS[spec.kind](cell)
    if spec.possible_values:
        for word in value if spec.kind == "list" else [value]:
            if word not in spec.possible_values:
                raise ValueError(f"{str(word)[:40]!a} is none of its words")
    return value


def text(cell: Any) -> str:
    """Return what a cell with text holds.

    Raises:
        TypeError: It holds something else.
    """
    if not isinstance(cell, str):
        raise TypeError("a value is no text")
    return cell


def integer(cell: Any) -> int:
    """Return what a cell with a number holds; one that SQLite has no room for is text.

    Raises:
        TypeError: It holds something else.
    """
    if isinstance(cell, int):
        return cell
    if isinstance(cell, str) and _NUMBER.fullmatch(cell):
        return int(cell, 16)
    raise TypeError("a value is no number")


def _boolean(cell: Any) -> bool:
    if cell not in (0, 1) or isinstance(cell, float):
        raise TypeError("a value is neither 0 nor 1")
    return bool(cell)


def items(cell: Any, kind: type) -> list[Any]:
    """Return what a cell with a list holds.

    Raises:
        TypeError: It holds something else.
        ValueError: It is no JSON, or has too many items.
    """
    found = json.loads(text(cell))
    if not isinstance(found, list) or not all(type(item) is kind for item in found):
        raise TypeError("a value is no list of what it should hold")
    if len(found) > MAX_ITEMS:
        raise ValueError(f"a list has more than {MAX_ITEMS} items")
    return found


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "text": text,
    "integer": integer,
    "boolean": _boolean,
    "datetime": lambda cell: parse_utc(text(cell)),
    "list": lambda cell: items(cell, str),
}
