"""What was not examined, or only in part, with the reason: one line for all things of a kind that have one reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from forensics.case_tables import CaseTables
from forensics.language import _, listed, sentence, told
from forensics.report.words import word
from forensics.tables.record import CoverageRow
from forensics.tables.sanitise import sanitise


def gaps(case: CaseTables, on_machine: Callable[[int], str], most: int) -> Iterator[str]:
    """Yield a line for each reason, in the spoken language: a triage zip lacks dozens of things for one.

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
        names = list(dict.fromkeys(sanitise(r.source_path if alike[r.name] > 1 else told(r.name)) for r in rows))
        shown = listed(names[:most])
        if len(names) > most:
            shown = _("{names} and {count} more (see --format json)", names=shown, count=len(names) - most)
        yield f"{why}: {shown}"


def _gap(row: CoverageRow, on_machine: Callable[[int], str]) -> str:
    lacks = sentence("not in this source") if row.outcome == "not_examined" else word("unreadable")
    what = _("{area}, {why}", area=word(row.area), why=told(row.detail or lacks))
    return sanitise(f"{on_machine(row.machine_id)}{what}")
