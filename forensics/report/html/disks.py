"""The table of disks at the head of a page of several: what was not examined says so in place of numbers."""

from __future__ import annotations

from forensics.case_tables import CaseTables
from forensics.language import _, listed, told
from forensics.report.disk_table.row import DiskRow
from forensics.report.disk_table.rows import disk_rows
from forensics.report.facts import day
from forensics.report.html.tables import Cell, TableView

MOST_DISKS = 3_000
"""Display: disks and machines in the table."""
MOST_NAMED = 3
"""Display: services that a cell names; the text names all."""
STATES = {"examined": "examined", "older_state": "older state", "not_examined": "not examined"}
_COLUMNS = (
    "State",
    "Machine, disk",
    "Not examined",
    "Role",
    "Services down",
    "Dead keys",
    "Can be saved",
    "Next end",
    "When moved or cloned",
)


def disk_table(case: CaseTables) -> TableView:
    """Return a row for each disk or machine, the worst first."""
    rows = sorted(disk_rows(case), key=lambda row: row.rank)
    cells = [_cells(row) for row in rows[:MOST_DISKS]]
    return TableView("disks", _("Disks and machines"), [_(name) for name in _COLUMNS], cells, 0, len(rows) - len(cells))


def _cells(row: DiskRow) -> list[Cell]:
    lacks = " ".join(told(reason) for reason in row.not_examined)
    head = [
        Cell(_(STATES[row.state]), "short" if row.state == "examined" else "short state-undecided"),
        Cell(row.machine or "–", "machine", below=row.source),
        Cell(lacks, "told state-undecided" if lacks else ""),
    ]
    if row.state == "not_examined":
        return [*head, *(Cell("–") for _ in range(6))]
    more = _(" and {count} more", count=len(row.down) - MOST_NAMED) if len(row.down) > MOST_NAMED else ""
    ends = f"{day(row.next_end)} {row.next_end_of or ''}" if row.next_end else "–"
    return [
        *head,
        Cell(listed(told(role) for role in row.roles), "issuer"),
        Cell(f"{len(row.down)}: {listed(row.down[:MOST_NAMED])}{more}", "told state-dead") if row.down else Cell("0"),
        Cell(str(row.dead), "state-dead" if row.dead else ""),
        Cell(str(row.savable), "state-usable" if row.savable else ""),
        Cell(ends, "told" if row.next_end else ""),
        Cell("; ".join(told(blocker) for blocker in row.blockers), "told" if row.blockers else ""),
    ]
