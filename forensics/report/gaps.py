"""What was not examined, or only in part, with the reason: one line for all things of a kind that have one reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from forensics.case_tables import CaseTables
from forensics.tables.record import CoverageRow
from forensics.tables.sanitise import sanitise


def gaps(case: CaseTables, on_machine: Callable[[int], str], most: int) -> Iterator[str]:
    """Yield a line for each reason: a triage zip lacks dozens of things for one.

    Args:
        case: The case.
        on_machine: Writes the machine before what is told of it.
        most: Names in one line.
    """
    found: dict[str, list[CoverageRow]] = {}
    for row in case.rows("coverage"):
        if row.outcome in ("not_examined", "unreadable", "partial"):
            found.setdefault(_gap(row, on_machine), []).append(row)
    for why, rows in found.items():
        alike = Counter(row.name for row in rows)
        # Several folders have a file of one name: then the path says which of them is meant.
        names = list(dict.fromkeys(sanitise(r.source_path if alike[r.name] > 1 else r.name) for r in rows))
        more = f" and {len(names) - most} more (see --format json)" if len(names) > most else ""
        yield f"{why}: {', '.join(names[:most])}{more}"


def _gap(row: CoverageRow, on_machine: Callable[[int], str]) -> str:
    why = row.detail or ("not in this source" if row.outcome == "not_examined" else "unreadable")
    return sanitise(f"{on_machine(row.machine_id)}{row.area}, {why}")
