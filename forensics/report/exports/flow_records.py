"""A case as a stream of flow.record records, which ``rdump`` and its adapters read.

References:
    https://docs.dissect.tools/en/latest/tools/rdump.html
"""

from __future__ import annotations

import gzip
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, cast

from forensics.case_tables import CaseTables
from forensics.report.exports.flat import flat_tables

_TYPES = {"text": "string", "integer": "varint", "boolean": "boolean", "datetime": "datetime", "list": "string[]"}


def write_records(case: CaseTables, path: Path, suffix: str = "") -> int:
    """Write every row as a record of ``keymortem/TABLE``; returns how many.

    Args:
        case: The case.
        path: The file.
        suffix: Of the name that it will have: ``.gz`` and ``.zst`` are compressed.

    Raises:
        OSError: It cannot be written.
    """
    from flow.record import RecordDescriptor, RecordOutput

    count = 0
    with _opened(path, suffix) as file, closing(RecordOutput(file)) as writer:
        for table in flat_tables(case):
            fields = [(_TYPES[column.kind], column.name) for column in table.columns]
            descriptor = RecordDescriptor(f"keymortem/{table.name}", fields)
            for row in table.rows:
                writer.write(descriptor(*map(_value, row), _generated=case.as_of))
                count += 1
    return count


def _opened(path: Path, suffix: str) -> BinaryIO:
    if suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "wb"))
    if suffix == ".zst":
        from forensics.formats.zstandard import zstd

        return cast(BinaryIO, zstd.open(path, "wb"))
    return path.open("wb")


def _value(value: Any) -> Any:
    """Broken UTF-16 from a disk cannot be packed as it is."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return [_value(item) for item in value] if isinstance(value, list) else value
