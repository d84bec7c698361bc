"""Tables as Arrow has them: lists are lists of strings, times are microseconds in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from forensics.tables.registry import ColumnSpec

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_KEPT = 128
"""Work: tables whose types are made once."""


def arrow_schema(columns: Sequence[ColumnSpec]) -> pa.Schema:
    """Return the types of columns, with what they mean."""
    return _schema(tuple(columns))


@lru_cache(maxsize=_MOST_KEPT)
def _schema(columns: tuple[ColumnSpec, ...]) -> pa.Schema:
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "integer": pa.int64(),
        "boolean": pa.bool_(),
        "datetime": pa.timestamp("us", tz="UTC"),
        "list": pa.list_(pa.string()),
    }
    return pa.schema([pa.field(c.name, types[c.kind], metadata={"doc": c.meaning}) for c in columns])


def arrow_table(columns: Sequence[ColumnSpec], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Make a table.

    Args:
        columns: Its columns.
        rows: Cells in the order of the columns: None, text, int, bool, aware datetime, or list of text.
    """
    import pyarrow as pa

    schema = arrow_schema(columns)
    cells = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    clean = [map(_CLEAN.get(spec.kind, _same), column) for spec, column in zip(columns, cells, strict=True)]
    arrays = [pa.array(list(column), type=field.type) for column, field in zip(clean, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _same(value: object) -> object:
    return value


def _utf8(value: object) -> object:
    """Names on a disk may be broken UTF-16, which no UTF-8 column can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return [_utf8(item) for item in value] if isinstance(value, list) else value


def _63_bits(value: object) -> object:
    """A hostile REG_QWORD may have 64 bits, which no column of integers holds: it is as good as not read."""
    return value if not isinstance(value, int) or -(1 << 63) <= value < 1 << 63 else None


_CLEAN = {"text": _utf8, "list": _utf8, "integer": _63_bits}
