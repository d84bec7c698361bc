"""What changed between two examinations, as one HTML file that loads nothing and runs only the script in it."""

from __future__ import annotations

from typing import Any

from forensics.comparison.compare import Comparison, MachineComparison
from forensics.comparison.render import (
    FATES,
    TABLES,
    by_cause,
    difference_told,
    headline,
    key_name,
    key_notes,
    only_on_one_side,
    places,
    sources,
    unexamined,
)
from forensics.language import _, told
from forensics.report.accounted import head_lines
from forensics.report.html.page import fill_page
from forensics.version import __version__

MOST_LISTED = 2_000
"""Display: differences of one table that the page lists."""


def render_comparison_html(comparison: Comparison) -> str:
    """Write the comparison as an HTML document that looks like the report; every text from the disks is escaped."""
    machines = [_machine(machine, len(comparison.machines) > 1) for machine in comparison.machines]
    values = {
        "version": __version__,
        "title": _title(machines),
        "before": sources(comparison.before),
        "after": sources(comparison.after),
        "not_examined": [
            _("{side}: {sentence}", side=_(side), sentence=told(sentence))
            for side, case in (("Before", comparison.before), ("After", comparison.after))
            for sentence in head_lines(case.sources)
        ],
        "machines": machines,
    }
    return fill_page("comparison.html.j2", values)


def _title(machines: list[dict[str, Any]]) -> str:
    """Say what matters first of all machines."""
    died = sum(fate["count"] for machine in machines for fate in machine["fates"] if fate["name"] == "died")
    if died:
        return _("1 private key died") if died == 1 else _("{count} private keys died", count=died)
    if any(fate["name"] == "undecided-now" for machine in machines for fate in machine["fates"]):
        return _("No private key is known to have died")
    return _("No private key died") if any(not machine["only"] for machine in machines) else _("Nothing was compared")


def _machine(machine: MachineComparison, with_place: bool) -> dict[str, Any]:
    row = machine.after or machine.before
    assert row is not None
    view: dict[str, Any] = {"name": row.computer_name or _("a Windows without a name")}
    if machine.before is None or machine.after is None:
        only = only_on_one_side(row, machine.before is None)
        return view | {"only": only, "place": "", "headline": [], "fates": [], "tables": [], "unexamined": ""}
    return view | {
        "only": "",
        "place": places(machine) if with_place else "",
        "headline": [told(sentence) for sentence in headline(machine)],
        "fates": [fate for name, title in FATES.items() if (fate := _fate(machine, name, title))["count"]],
        "tables": [table for name, title in TABLES.items() if (table := _table(machine, name, title))[1]],
        "unexamined": unexamined(machine) if machine.unexamined else "",
    }


def _fate(machine: MachineComparison, name: str, title: str) -> dict[str, Any]:
    changes = [key for key in machine.keys if key.fate == name]
    causes = [
        (told(cause), [{"name": key_name(key), "notes": [told(n) for n in key_notes(key)]} for key in keys])
        for cause, keys in by_cause(changes)
    ]
    return {"name": name.replace(" ", "-"), "title": _(title), "count": len(changes), "causes": causes}


def _table(machine: MachineComparison, name: str, title: str) -> tuple[str, int, list[str], int]:
    found = [difference for difference in machine.differences if difference.table == name]
    lines = [line for difference in found[:MOST_LISTED] for line in difference_told(difference)]
    return _(title), len(found), lines, max(0, len(found) - MOST_LISTED)
