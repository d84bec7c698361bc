"""What every table has in common: documented columns and the place each row was read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, field, fields
from datetime import datetime
from typing import Any, ClassVar

from forensics.late_methods import dataclass

NAMES_MACHINE = "names_machine"


def column(doc: str, default: Any = MISSING, factory: Any = MISSING, *, names_machine: bool = False) -> Any:
    """Declare a column with its one-line documentation.

    Args:
        doc: One line for `keymortem tables`, with the unit where there is one.
        default: Value of a column that may stay empty.
        factory: Makes the default of a list column.
        names_machine: It holds a `machine.machine_id`, which changes where cases are put together.
    """
    metadata = {"doc": doc, NAMES_MACHINE: names_machine}
    if factory is not MISSING:
        return field(default_factory=factory, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(kw_only=True, slots=True)
class Row:
    """Base of every table row."""

    table: ClassVar[str]
    description: ClassVar[str]
    spans_machines: ClassVar[bool] = False
    """Its rows are made over all machines that were examined together."""

    machine_id: int = column(
        "Which Windows installation (`machine.machine_id`) the row belongs to; 0 is the source itself",
        names_machine=True,
    )
    source_path: str = column("Where it was read: path in the image, or hive key and value")
    source_time: datetime | None = column("Timestamp of that file or registry key, UTC", None)


def columns(row_class: type[Row]) -> Iterator[Field[Any]]:
    """Yield the columns of a table, its own first and provenance last."""
    own = [f for f in fields(row_class) if f.name not in ("machine_id", "source_path", "source_time")]
    common = {f.name: f for f in fields(row_class)}
    yield common["machine_id"]
    yield from own
    yield common["source_path"]
    yield common["source_time"]
