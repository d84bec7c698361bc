"""What could not be examined, what went wrong while reading, and what was examined at all."""

from __future__ import annotations

from collections import Counter

from forensics.case_tables import CaseTables
from forensics.language import _, told
from forensics.late_methods import dataclass
from forensics.report.facts import Facts
from forensics.report.html.machines import name_of
from forensics.report.profiles import is_profile
from forensics.tables.outcome import NOT_COLLECTED
from forensics.tables.record import ProblemRow

MOST_PROBLEMS = 500
"""Display: problems that the page lists."""
MOST_NAMES = 100
"""Display: things of one kind that were not examined; the rest is counted."""
MOST_READ = 500
"""Display: things that were examined."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Things of one kind that were missing for one reason."""

    machine: str
    area: str
    why: str
    names: list[str]
    more: int


@dataclass(frozen=True, slots=True)
class SourceView:
    """One source and what identifies it."""

    path: str
    kind: str
    size: str
    sha256: str
    machines: list[str]
    error: str


@dataclass(frozen=True, slots=True)
class Gaps:
    """The last parts of the report."""

    gaps: list[Gap]
    problems: list[ProblemRow]
    problem_kinds: list[tuple[str, int]]
    more_problems: int
    sources: list[SourceView]
    read: list[tuple[str, str, str, str]]


def gaps_of(case: CaseTables) -> Gaps:
    """Return what a case says of its own limits."""
    problems: list[ProblemRow] = case.rows("problem")
    return Gaps(
        gaps=_gaps(case),
        problems=problems[:MOST_PROBLEMS],
        problem_kinds=Counter(row.kind for row in problems).most_common(),
        more_problems=max(0, len(problems) - MOST_PROBLEMS),
        sources=_sources(case),
        read=_read(case),
    )


def _gaps(case: CaseTables) -> list[Gap]:
    facts, several = Facts(case), len(case.rows("machine")) > 1
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    for row in case.rows("coverage"):
        if row.outcome in ("not_examined", "unreadable", "partial"):
            why = row.detail or ((NOT_COLLECTED.why or "") if row.outcome == "not_examined" else "unreadable")
            machine = facts.machine_name(row.machine_id) if several and row.machine_id else ""
            found.setdefault((machine, row.area, why), {})[row.name] = None
    return [
        Gap(machine, _(area), told(why), list(names)[:MOST_NAMES], max(0, len(names) - MOST_NAMES))
        for (machine, area, why), names in found.items()
    ]


def _sources(case: CaseTables) -> list[SourceView]:
    names = {row.machine_id: row.computer_name or f"{row.machine_id}" for row in case.rows("machine")}
    names |= {row.machine_id: name_of(row) for row in case.rows("machine") if is_profile(row)}
    views = []
    for entry in case.sources:
        size = _("{bytes} bytes", bytes=f"{entry.size:,}") if entry.size is not None else _("not a single file")
        hashed = entry.sha256 or (_("not hashed (--hash does)") if entry.size is not None else "–")
        machines = [names.get(number, str(number)) for number in entry.machine_ids]
        views.append(SourceView(entry.path, entry.kind, size, hashed, machines, told(entry.error or "")))
    return views


def _read(case: CaseTables) -> list[tuple[str, str, str, str]]:
    """Return the hives, logs and files that were read: area, name, place, and what was done to read them."""
    rows = (
        row
        for row in case.rows("coverage")
        if row.outcome in ("present", "partial") and row.area in ("hive", "log", "file")
    )
    read = ((_(r.area), r.name, r.source_path, told(r.detail or "")) for r in rows)
    return list(dict.fromkeys(read))[:MOST_READ]
