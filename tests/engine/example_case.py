"""The rows of all examples of all rules in one case, each example on machines of its own."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from forensics.engine.examples import example_rows
from forensics.engine.loader import load_packs
from forensics.engine.rule import Packs
from forensics.tables.registry import ROW_CLASSES
from forensics.tables.row import NAMES_MACHINE, columns

STEP = 10
"""Between the machines of one example and those of the next."""

Values = dict[str, list[dict[str, Any]]]


class Examples(NamedTuple):
    """The examples.

    Attributes:
        packs: The rules, with their examples.
        together: The rows of all, as SQL values.
        apart: The same rows, by example; those of example ``n`` are of the machines ``n * STEP`` and following.
    """

    packs: Packs
    together: Values
    apart: list[Values]


@cache
def examples() -> Examples:
    """Return the examples of the built-in rules, which no test may change."""
    packs = load_packs(examples=True)
    together: Values = {}
    apart: list[Values] = []
    for rule in packs.rules:
        for tables in example_rows(rule):
            number = len(apart) * STEP
            for table, rows in tables.items():
                naming = [f.name for f in columns(ROW_CLASSES[table]) if f.metadata[NAMES_MACHINE]]
                for row in rows:
                    row |= {name: row[name] + number for name in naming if row.get(name) is not None}
                together.setdefault(table, []).extend(rows)
            apart.append(tables)
    return Examples(packs, together, apart)
