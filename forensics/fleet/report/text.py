"""The report of a fleet on a terminal: first what was not examined, then the worst rows, then what many share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from forensics.fleet.report import words
from forensics.fleet.report.report import FleetReport
from forensics.language import _, _n, listed, told
from forensics.report.disk_table.row import DiskRow, DiskState
from forensics.report.disk_table.text import LEGEND, table_lines
from forensics.report.findings import LONGEST_LINE
from forensics.report.folded_lines import fold
from forensics.tables.sanitise import sanitise

MOST_ROWS = 200
"""Display: rows of the text, the worst; the other formats have all."""
MOST_FAILED = 20
"""Display: inputs of which the text says why they were not examined."""
MOST_NAMED = 5
"""Display: machines that a group names in the text."""
MOST_MONTHS = 24
"""Display: months of the calendar in the text."""
MOST_OF_A_MONTH = 3
"""Display: certificates that a month names in the text."""
MOST_GROUPS = 20
"""Display: groups of clones in the text."""
_IN_TABLE = ("examined", "older_state", "failed", "not_examined")


def render_text(report: FleetReport, width: int | None) -> str:
    """Write the report.

    Args:
        report: The report.
        width: Columns to fold lines to; None for a pipe or a file, where lines stay whole.
    """
    return "".join(f"{line}\n" for line in _lines(report, width))


def _lines(report: FleetReport, width: int | None) -> Iterator[str]:
    def folded(text: str, indent: str = "") -> list[str]:
        return fold(sanitise(text, LONGEST_LINE), width, indent, f"{indent}  ")

    yield from folded(words.title(report))
    for sentence in words.stopped(report):
        yield from folded(_("RULE STOPPED: {sentence}", sentence=sentence))
    yield from folded(words.accounted(report.accounts))
    for sentence in words.lacking(report.accounts):
        yield from folded(_("NOT EXAMINED: {sentence}", sentence=sentence))
    for failed in report.failed[:MOST_FAILED]:
        yield from folded(f"- {_reason(failed.path, failed.reason)}", "  ")
    if len(report.failed) > MOST_FAILED:
        yield from folded(_("- and more: see --format csv, state failed and not_examined"), "  ")
    for sentence in filter(None, (words.across(report), words.selection(report))):
        yield from folded(sentence)
    yield ""
    yield from _table(report, width)
    yield from folded(_(LEGEND), "  ")
    if report.causes:
        yield ""
        yield from folded(_("WHAT IS THE MATTER, by rule; the severity is that of its worst finding"))
        for cause in report.causes:
            names = words.named(cause.named, cause.machines, MOST_NAMED)
            where = words.cause(cause) + (f": {names}" if names else "")
            severity = _(cause.severity).upper()
            yield from folded(listed([f"{severity} {words.rule_title(cause)} [{cause.rule}]", where]), "  ")
    if report.blocked:
        yield ""
        yield from folded(_("BEFORE A MIGRATION: what breaks when a disk is moved to another host, or cloned"))
        for blocked in report.blocked:
            names = words.named(blocked.named, blocked.count, MOST_NAMED)
            yield from folded(f"{_(blocked.title)}: {blocked.count}: {names}", "  ")
    if report.clones:
        yield ""
        yield _("WHO SHARES AN IDENTITY")
        for group in report.clones[:MOST_GROUPS]:
            relation = _(words.RELATIONS[group.relation]) if group.relation in words.RELATIONS else group.relation
            names = words.named(group.named, group.count, MOST_NAMED)
            yield from folded(
                _(
                    "{machines}, {relation} ({what}): {names}",
                    machines=words.machines(group.count),
                    relation=relation,
                    what=group.what,
                    names=names,
                ),
                "  ",
            )
        if len(report.clones) > MOST_GROUPS:
            more = len(report.clones) - MOST_GROUPS
            yield "  " + _n(
                "and {count} more group: see --format json", "and {count} more groups: see --format json", more
            )
    if report.keys_of_several:
        yield ""
        yield _("PRIVATE KEYS ON SEVERAL MACHINES of the fleet")
        for key in report.keys_of_several[:MOST_GROUPS]:
            names = words.named(key.named, key.machines, MOST_NAMED)
            yield from folded(f"{words.key_of_several(key)}: {names}", "  ")
        if (more := len(report.keys_of_several) - MOST_GROUPS) > 0:
            yield "  " + _n("and {count} more key: see --format json", "and {count} more keys: see --format json", more)
    yield from _ends(report, width)
    yield ""
    yield from folded(
        _("Of one disk all: keymortem fleet report DATASET --disk PATH; of the fleet: --format html -o FILE.")
    )


def _table(report: FleetReport, width: int | None) -> Iterator[str]:
    shown = [row for row in report.rows(MOST_ROWS) if row["state"] in _IN_TABLE]
    yield from table_lines([_row(row) for row in shown], width)
    if (more := report.count - MOST_ROWS) > 0:
        yield _("and {count} more: see --format csv, html or xlsx", count=more)


def _row(row: dict[str, Any]) -> DiskRow:
    state = "not_examined" if row["state"] == "failed" else row["state"]
    return DiskRow(
        source=words.source(row),
        kind="",
        state=cast(DiskState, state),
        machine=row["machine"],
        roles=row["roles"],
        down=row["down"],
        dead=row["dead"] or 0,
        savable=row["savable"] or 0,
        next_end=row["next_end"],
        blockers=list(map(told, row["blockers"])),
        not_examined=list(map(told, words.reasons(row))),
    )


def _reason(path: str, reason: str) -> str:
    return reason if reason.startswith(path) else f"{path}: {reason}"


def _ends(report: FleetReport, width: int | None) -> Iterator[str]:
    if not report.calendar:
        return
    yield ""
    yield _("ENDS, by month")
    for month in report.calendar[:MOST_MONTHS]:
        yield from fold(f"{month.month}: {words.month(month)}", width, "  ", "    ")
        for end in month.first[:MOST_OF_A_MONTH]:
            yield from fold(sanitise(words.end(end), LONGEST_LINE), width, "    - ", "      ")
    if (more := len(report.calendar) - MOST_MONTHS) > 0:
        yield "  " + _n(
            "and {count} later month: see --format json", "and {count} later months: see --format json", more
        )
    if shared := report.used_by_many:
        yield ""
        yield _("ONE CERTIFICATE, IN USE ON SEVERAL MACHINES")
        for end in shared[:MOST_GROUPS]:
            names = words.named(end.named, end.in_use, MOST_NAMED)
            yield from fold(sanitise(f"{words.end(end)}: {names}", LONGEST_LINE), width, "  ", "    ")
