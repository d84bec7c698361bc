"""What changed between two examinations, as one HTML file that loads nothing and runs nothing."""

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
    place_of,
    places,
    sources,
    unexamined,
)
from forensics.language import spoken_language
from forensics.report.accounted import head_lines
from forensics.report.html.catalogue import Catalogue
from forensics.report.html.page import fill_page


def render_comparison_html(comparison: Comparison) -> str:
    """Write the comparison as an HTML document that looks like the report; every text from the disks is escaped."""
    values = {
        "before": sources(comparison.before),
        "after": sources(comparison.after),
        "not_examined": [
            f"{side}: {sentence}"
            for side, case in (("Before", comparison.before), ("After", comparison.after))
            for sentence in head_lines(case.sources)
        ],
        "machines": [_machine(machine, len(comparison.machines) > 1) for machine in comparison.machines],
    }
    return fill_page("comparison.html.j2", Catalogue(spoken_language()), values)


def _machine(machine: MachineComparison, with_place: bool) -> dict[str, Any]:
    row = machine.after or machine.before
    assert row is not None
    view: dict[str, Any] = {"name": row.computer_name or "A Windows without a name"}
    if machine.before is None or machine.after is None:
        only = "after" if machine.after else "before"
        return view | {
            "only": only,
            "place": place_of(row),
            "headline": [],
            "fates": [],
            "tables": [],
            "unexamined": "",
        }
    return view | {
        "only": "",
        "place": places(machine) if with_place else "",
        "headline": list(headline(machine)),
        "fates": [fate for name, title in FATES.items() if (fate := _fate(machine, name, title))["count"]],
        "tables": [table for name, title in TABLES.items() if (table := _table(machine, name, title))[1]],
        "unexamined": unexamined(machine) if machine.unexamined else "",
    }


def _fate(machine: MachineComparison, name: str, title: str) -> dict[str, Any]:
    changes = [key for key in machine.keys if key.fate == name]
    causes = [
        (cause, [{"name": key_name(key), "notes": list(key_notes(key))} for key in keys])
        for cause, keys in by_cause(changes)
    ]
    return {"name": name.replace(" ", "-"), "title": title, "count": len(changes), "causes": causes}


def _table(machine: MachineComparison, name: str, title: str) -> tuple[str, int, list[str]]:
    found = [difference for difference in machine.differences if difference.table == name]
    return title, len(found), [line for difference in found for line in difference_told(difference)]
