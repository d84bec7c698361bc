"""The table of disks on a terminal: what was not examined says so where its numbers would stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forensics.case_tables import CaseTables
from forensics.language import _, joined, message, sentence, told
from forensics.language.folding import columns, padded
from forensics.report.accounted import has_several_disks
from forensics.report.disk_table.roles import short_roles
from forensics.report.disk_table.row import DiskRow
from forensics.report.disk_table.rows import disk_rows
from forensics.report.facts import day
from forensics.report.findings import LONGEST_LINE
from forensics.report.first_screen.entries import cut
from forensics.report.folded_lines import fold
from forensics.tables.sanitise import sanitise

_LEAST = {message("DISK"): 12, message("MACHINE"): 9, message("ROLE"): 8}
"""Columns of a terminal for what is a text."""
_NARROWEST = 4
_NEXT_END = message("NEXT END")
_NUMBERS = (
    message("DOWN"),
    message("DEAD"),
    message("SAVE"),
    _NEXT_END,
    message("MOVE"),
    message("GAPS"),
)
LEGEND = message(
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
    texts = [_texts(row, width) for row in rows]
    sizes = _sizes(texts, width)
    lines = [_line([_(heading) for heading in (*_LEAST, *_NUMBERS)], sizes)]
    for row, cells in zip(rows, texts, strict=True):
        if row.state == "not_examined":
            reason = _("NOT EXAMINED: {why}", why=joined(row.not_examined, "; "))
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
    heading, *texts = table_lines(shown, width)
    lines = [heading]
    for line, row in zip(texts, shown, strict=True):
        lines.append(line)
        lines += [
            part for detail in details(row) for part in fold(sanitise(detail, LONGEST_LINE), width, "    ", "      ")
        ]
    if more := len(rows) - len(shown):
        lines.append(_("and {count} more: see --format json", count=more))
    return [*lines, *fold(_(LEGEND), width, "  ", "  "), ""]


def details(row: DiskRow) -> Iterator[str]:
    """Yield what the numbers of a row stand for, a line each, in the spoken language."""
    if row.down:
        yield _("down: {names}", names=joined(row.down, ", "))
    if row.next_end:
        date, name = day(row.next_end), row.next_end_of or sentence("a certificate without subject")
        if row.next_end_in_use:
            yield _("ends next: {date} {name}", date=date, name=name)
        else:
            yield _("ends next: {date} {name}, which nothing is known to use", date=date, name=name)
    if row.blockers:
        yield _("when moved or cloned: {what}", what=joined(row.blockers, "; "))
    for reason in row.not_examined if row.state != "not_examined" else ():
        yield _("not examined: {why}", why=told(reason))


def _texts(row: DiskRow, width: int | None) -> tuple[str, ...]:
    path = row.source if width is None else row.source.replace("\\", "/").rsplit("/", 1)[-1]
    roles = short_roles(row.roles)
    if row.state == "older_state":
        roles = joined(filter(None, (sentence("OLDER STATE"), roles)), ", ")
    numbers = (row.dead, row.savable)
    return (
        sanitise(path),
        sanitise(told(row.machine or "-")),
        sanitise(told(roles or "-")),
        str(len(row.down)),
        *map(str, numbers),
        day(row.next_end) if row.next_end else NO_DATE,
        str(len(row.blockers)),
        str(len(row.not_examined)),
    )


def _sizes(told: Sequence[tuple[str, ...]], width: int | None) -> list[int]:
    named = [max([least, *(columns(cells[at]) for cells in told)]) for at, least in enumerate(_LEAST.values())]
    numbers = [max(10 if name == _NEXT_END else 4, columns(_(name))) for name in _NUMBERS]
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
    parts += [" " * (size - columns(cell)) + cell for cell, size in zip(numbers, sizes[len(_LEAST) :], strict=True)]
    return " ".join(parts).rstrip()


def _padded(text: str, size: int) -> str:
    return padded(cut(text, size), size)
