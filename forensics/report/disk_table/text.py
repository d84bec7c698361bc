"""The table of disks on a terminal: what was not examined says so where its numbers would stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forensics.case_tables import CaseTables
from forensics.report.accounted import has_several_disks
from forensics.report.disk_table.roles import short_roles
from forensics.report.disk_table.row import DiskRow
from forensics.report.disk_table.rows import disk_rows
from forensics.report.facts import day
from forensics.report.findings import LONGEST_LINE
from forensics.report.first_screen.entries import columns, cut
from forensics.report.folded_lines import fold
from forensics.tables.sanitise import sanitise

_LEAST = {"DISK": 12, "MACHINE": 9, "ROLE": 8}
"""Columns of a terminal for what is a text."""
_NARROWEST = 4
_NUMBERS = ("DOWN", "DEAD", "SAVE", "NEXT END", "MOVE", "GAPS")
LEGEND = (
    "DOWN services down, DEAD keys that Windows would not open, SAVE keys that can still be had, MOVE what breaks when "
    "the disk is moved or cloned, GAPS what was not examined, or in part: with GAPS a 0 is not known to be all."
)
NO_DATE = "-"
MOST_DISKS = 1_000
"""Display: disks and machines of the table at the head of a text."""


def table_lines(rows: Sequence[DiskRow], width: int | None) -> list[str]:
    """Return the heading and a line for each row.

    Args:
        rows: In the order in which they are told.
        width: Columns of the terminal, to which texts are cut; None leaves them whole.
    """
    told = [_texts(row, width) for row in rows]
    sizes = _sizes(told, width)
    lines = [_line(("DISK", "MACHINE", "ROLE", *_NUMBERS), sizes)]
    for row, cells in zip(rows, told, strict=True):
        if row.state == "not_examined":
            reason = f"NOT EXAMINED: {'; '.join(row.not_examined)}"
            name = _padded(cells[0], sizes[0])
            lines.append(f"{name} {cut(reason, None if width is None else width - sizes[0] - 1)}")
        else:
            lines.append(_line(cells, sizes))
    return lines


def head_table(case: CaseTables, width: int | None) -> list[str]:
    """Return the table with what its numbers stand for, and what its headings mean; nothing for a case of one disk."""
    if not has_several_disks(case.sources):
        return []
    rows = sorted(disk_rows(case), key=lambda row: row.rank)
    shown = rows[:MOST_DISKS]
    heading, *told = table_lines(shown, width)
    lines = [heading]
    for line, row in zip(told, shown, strict=True):
        lines.append(line)
        lines += [
            part for detail in details(row) for part in fold(sanitise(detail, LONGEST_LINE), width, "    ", "      ")
        ]
    if more := len(rows) - len(shown):
        lines.append(f"and {more} more: see --format json")
    return [*lines, *fold(LEGEND, width, "  ", "  "), ""]


def details(row: DiskRow) -> Iterator[str]:
    """Yield what the numbers of a row stand for, a line each."""
    if row.down:
        yield f"down: {', '.join(row.down)}"
    if row.next_end:
        unused = "" if row.next_end_in_use else ", which nothing is known to use"
        yield f"ends next: {day(row.next_end)} {row.next_end_of or 'a certificate without subject'}{unused}"
    if row.blockers:
        yield f"when moved or cloned: {'; '.join(row.blockers)}"
    for reason in row.not_examined if row.state != "not_examined" else ():
        yield f"not examined: {reason}"


def _texts(row: DiskRow, width: int | None) -> tuple[str, ...]:
    path = row.source if width is None else row.source.replace("\\", "/").rsplit("/", 1)[-1]
    roles = short_roles(row.roles)
    if row.state == "older_state":
        roles = f"OLDER STATE{f', {roles}' if roles else ''}"
    numbers = (row.dead, row.savable)
    return (
        sanitise(path),
        sanitise(row.machine or "-"),
        sanitise(roles or "-"),
        str(len(row.down)),
        *map(str, numbers),
        day(row.next_end) if row.next_end else NO_DATE,
        str(len(row.blockers)),
        str(len(row.not_examined)),
    )


def _sizes(told: Sequence[tuple[str, ...]], width: int | None) -> list[int]:
    named = [max([least, *(columns(cells[at]) for cells in told)]) for at, least in enumerate(_LEAST.values())]
    numbers = [10 if name == "NEXT END" else 4 for name in _NUMBERS]
    if width is None:
        return named + numbers
    free = width - sum(numbers) - len(numbers) - len(named) + 1
    for least in (list(_LEAST.values()), [_NARROWEST] * len(named)):
        while sum(named) > free and any(size > most for size, most in zip(named, least, strict=True)):
            # What has the most to give gives way.
            at = max(range(len(named)), key=lambda n: named[n] - least[n])
            named[at] -= 1
    return named + numbers


def _line(cells: Sequence[str], sizes: Sequence[int]) -> str:
    names, numbers = cells[: len(_LEAST)], cells[len(_LEAST) :]
    parts = [_padded(cell, size) for cell, size in zip(names, sizes, strict=False)]
    parts += [cell.rjust(size) for cell, size in zip(numbers, sizes[len(_LEAST) :], strict=True)]
    return " ".join(parts).rstrip()


def _padded(text: str, size: int) -> str:
    shown = cut(text, size)
    return shown + " " * (size - columns(shown))
